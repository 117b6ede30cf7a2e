/* Stand-ins for modules that are missing (vm.h, vm_stand_in).  20-stand-ins.patch has one line for each place that asks. */
#ifndef BCTRACE_STAND_IN_H
#define BCTRACE_STAND_IN_H

#include "Python.h"

/* Whether there are any. */
extern int bctrace_has_stand_ins __attribute__((visibility("hidden")));

/* Whether the library shall know types of ctypes that only Windows has. */
extern int bctrace_has_windows_types __attribute__((visibility("hidden")));

/* A new reference to what stands in for the module of this name, which nothing could find in `parent` (None: at the top); NULL, with the
 * error as it was, if nothing does. */
PyObject *bctrace_stand_in_module(const char *name, PyObject *parent) __attribute__((visibility("hidden")));

/* A module was imported: sets those of its attributes that are missing and have stand-ins. */
void bctrace_stand_in_attributes(const char *name, PyObject *module) __attribute__((visibility("hidden")));

/* -- Between the files that make stand-ins -------------------------------------------------------------------------------- */

/* Makes the types ready; -1 with an error. */
int bctrace_ready_stand_ins(void) __attribute__((visibility("hidden")));

/* A new reference to the stand-in of this text, the same one each time. */
PyObject *bctrace_make_stand_in(const char *text) __attribute__((visibility("hidden")));

/* The same for a module. */
PyObject *bctrace_make_stand_in_module(const char *name) __attribute__((visibility("hidden")));

/* Whether an object is a stand-in, or an instance of one or of a class that descends from one. */
int bctrace_is_stand_in(PyObject *object) __attribute__((visibility("hidden")));

/* Whether it is a class among those. */
int bctrace_is_stand_in_class(PyObject *object) __attribute__((visibility("hidden")));

/* Whether it is a stand-in or an instance of one, and not of a class of the program's. */
int bctrace_is_pure_stand_in(PyObject *object) __attribute__((visibility("hidden")));

/* The stand-in that a class is or descends from, borrowed; NULL: only from their base. */
PyTypeObject *bctrace_stand_in_origin(PyTypeObject *type) __attribute__((visibility("hidden")));

/* What both types of stand_ins.c have in common. */
PyObject *bctrace_stand_in_repr(PyObject *self) __attribute__((visibility("hidden")));
PyObject *bctrace_stand_in_str(PyObject *self) __attribute__((visibility("hidden")));
long bctrace_stand_in_hash(PyObject *self) __attribute__((visibility("hidden")));
PyObject *bctrace_stand_in_compare(PyObject *self, PyObject *other, int operation) __attribute__((visibility("hidden")));
PyObject *bctrace_stand_in_iterate(PyObject *self) __attribute__((visibility("hidden")));
PyObject *bctrace_stand_in_next(PyObject *self) __attribute__((visibility("hidden")));
extern PyNumberMethods bctrace_stand_in_numbers __attribute__((visibility("hidden")));
extern PySequenceMethods bctrace_stand_in_sequence __attribute__((visibility("hidden")));
extern PyMappingMethods bctrace_stand_in_mapping __attribute__((visibility("hidden")));
extern PyBufferProcs bctrace_stand_in_buffer __attribute__((visibility("hidden")));

/* A new reference to the text of a stand-in. */
PyObject *bctrace_stand_in_text(PyObject *object) __attribute__((visibility("hidden")));

/* The same text, which lives as long as the process, borrowed; NULL: it has none. */
PyObject *bctrace_lasting_text(PyObject *object) __attribute__((visibility("hidden")));

/* A new reference to the text of any object, short, and made without running code of the program's. */
PyObject *bctrace_describe(PyObject *object) __attribute__((visibility("hidden")));

/* What is done with a stand-in. */
enum { BCTRACE_IMPORT, BCTRACE_ATTRIBUTE, BCTRACE_CALL, BCTRACE_USE };

/* Write into the trace what was done: a text of that kind; a use of objects, the other of which can be NULL; an attribute or item that
 * was set, or deleted if `value` is NULL; a call.  The text can be NULL: there was no memory for it. */
void bctrace_report_stand_in(int kind, PyObject *text) __attribute__((visibility("hidden")));
void bctrace_report_use(const char *before, PyObject *one, const char *between, PyObject *other) __attribute__((visibility("hidden")));
void bctrace_report_change(PyObject *of, const char *between, const char *name, PyObject *value) __attribute__((visibility("hidden")));
void bctrace_report_call(PyObject *of, PyObject *arguments, PyObject *keywords) __attribute__((visibility("hidden")));

/* The opcode that the running frame executes, and its operand; -1 if no frame runs. */
int bctrace_running_opcode(int *operand) __attribute__((visibility("hidden")));

/* Whether the answer at this place is the other one this time: at every fifth question, so that loops end. */
int bctrace_is_other_answer(void) __attribute__((visibility("hidden")));

/* What the running code binds when it imports all names of a stand-in: a list of those that it uses and does not have. */
PyObject *bctrace_wanted_names(void) __attribute__((visibility("hidden")));

/* Whether the call that runs applies a decorator to this function or class. */
int bctrace_is_decorating(PyObject *decorated) __attribute__((visibility("hidden")));

#endif
