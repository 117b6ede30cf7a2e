/* What types, classes and functions tell of themselves (25-classes.patch): see "Objects" in vm.h. */
#ifndef BCTRACE_CLASSES_H
#define BCTRACE_CLASSES_H

/* A type or class, or a function, has got another name, or ends.  Needs the GIL. */
void bctrace_class_changed(void) __attribute__((visibility("hidden")));
void bctrace_function_changed(void) __attribute__((visibility("hidden")));

#endif
