import sys


class Sink(object):
    def __init__(self):
        self.parts = []

    def write(self, text):
        self.parts.append(text)


sink = Sink()
print >>sink, 'to', 'sink',
print >>sink
print >>sink, 1, 2
print sink.parts
print 'no newline',
print 'next', 3,
print
print >>None, 'to stdout'
print >>sys.stderr, 'to stderr'
print
print ('tuple', 1), ('one')
print '%s' % ('x',), 1L, 2.5, 1j, None, True, Ellipsis
sys.stdout.write('written\n')
