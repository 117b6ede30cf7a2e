/* The native modules of a bundle (vm.h, vm_bundle).  For bundle.c alone. */
#ifndef BCTRACE_BUNDLE_H
#define BCTRACE_BUNDLE_H

#include "Python.h"
#include "vm.h"

/* Loads a native module; if it cannot be, says why, once for each. */
PyObject *bctrace_load_native(const struct vm_bundle *bundle, const struct vm_module *module);

/* Has the binary's own extension modules loaded in place of those in the bundle's folder.  What a freezer copies of them may be for
 * Windows, or want a libpython of its own. */
void bctrace_replace_natives(const struct vm_bundle *bundle);

#endif
