/* What the files of vm_*.c share: how memory is read that the program can have changed, and names.  See "Objects" in vm.h. */
#ifndef VM_READING_H
#define VM_READING_H

#include "Python.h"
#include "bctrace_memory.h"
#include "vm.h"

#define PAGE ((uintptr_t)1 << BCTRACE_PAGE_BITS)

/* Bytes from an address to the end of its page. */
static inline size_t
rest_of_page(const void *address)
{
    return PAGE - ((uintptr_t)address & (PAGE - 1));
}

#define LIKELY(x) __builtin_expect(!!(x), 1)

/* Whether so many bytes are known to be there, which takes a few machine instructions; where they are not they may be there all the
 * same. */
static inline int
is_known(const void *address, size_t len)
{
    uintptr_t begin = (uintptr_t)address;

    if (LIKELY(len <= rest_of_page(address) && bctrace_is_known(begin)))
        return 1;
    if (vm_heap.end == 0)
        vm_find_heap_end();
    return begin >= vm_heap.begin && begin < vm_heap.end && len <= vm_heap.end - begin;
}

/* Whether so many bytes can be read there. */
static inline int
can(const void *address, size_t len)
{
    return is_known(address, len) || vm_can_read(address, len);
}

/* The same of an object whose first bytes were found to be readable. */
static inline int
has(const void *object, size_t len)
{
    return LIKELY(len <= rest_of_page(object)) || vm_can_read(object, len);
}

/* Whether an object's type, as it says, is one.  What this accepts can be read, nothing more. */
static inline int
is_type(const PyTypeObject *type)
{
    return can(type, sizeof *type) &&
        (Py_TYPE(type) == &PyType_Type ||
         (can(Py_TYPE(type), sizeof *type) && PyType_FastSubclass(Py_TYPE(type), Py_TPFLAGS_TYPE_SUBCLASS)));
}

/* Whether an object is of a type with one of the Py_TPFLAGS_..._SUBCLASS. */
static inline int
is_of(const PyObject *object, long flag)
{
    return can(object, sizeof *object) && is_type(Py_TYPE(object)) && PyType_FastSubclass(Py_TYPE(object), flag);
}

/* As in Objects/descrobject.c and Objects/moduleobject.c, which keep these structs to themselves. */
struct wrapper { PyObject_HEAD PyWrapperDescrObject *descr; PyObject *self; };
struct module { PyObject_HEAD PyObject *md_dict; };

#pragma GCC visibility push(hidden)

/* What a dict has for a str key; NULL where it is behind more than 64 others. */
const PyObject *vm_item(const PyObject *dict, const char *key);

/* Learns what Objects/dictobject.c and Objects/setobject.c keep to themselves. */
void vm_prepare_dicts(void);

/* Each of these sets a name, which stays as it is where there is none to read. */

/* A C string; nothing where it does not end in memory that can be read. */
void vm_say(struct vm_text *out, const char *text);
/* The text of a str, or of an object of a type that is derived from it: as such it may be a name. */
void vm_say_str(struct vm_text *out, const PyObject *object);
void vm_say_class(struct vm_text *out, const PyObject *object);
void vm_say_method(struct vm_text *out, const PyMethodObject *method);
void vm_say_builtin(struct vm_text *out, const PyCFunctionObject *function);
/* The name under which a function pointer of ctypes was looked up, if it was: ctypes/__init__.py's CDLL sets it. */
void vm_say_foreign(struct vm_text *out, const PyObject *pointer);
void vm_say_descriptor(struct vm_text *out, const PyDescrObject *descriptor);

/* Whether a C function belongs to a module and not to an object. */
int vm_is_of_module(const PyCFunctionObject *function);

#pragma GCC visibility pop

#endif
