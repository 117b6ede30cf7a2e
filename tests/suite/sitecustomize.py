"""Lets `import json.tests` and the like find the tests that the standard library's packages have inside them: they are not
embedded, so they are taken from the tree that BCTRACE_SUITE_LIB names.  The packages around them stay the embedded ones."""
import imp
import os
import sys

TESTS = ('ctypes.test', 'distutils.tests', 'email.test', 'json.tests', 'lib2to3.tests', 'sqlite3.test', 'unittest.test')


class TestsFinder(object):

    def find_module(self, fullname, path=None):
        return self if fullname in TESTS else None

    def load_module(self, fullname):
        folder = os.path.join(os.environ['BCTRACE_SUITE_LIB'], fullname.replace('.', '/'))
        return imp.load_module(fullname, None, folder, ('', '', imp.PKG_DIRECTORY))


sys.meta_path.append(TestsFinder())
