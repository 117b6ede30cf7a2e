/* See "Objects" in vm.h.  Nothing here runs Python, changes a reference count or sets an error.  A pointer is followed only to memory
 * that can be read: bytecode that CPython does not verify can make an object of any address. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "longintrepr.h"
#include "bctrace_memory.h"
#include "vm.h"

#define PAGE ((uintptr_t)1 << BCTRACE_PAGE_BITS)

/* -- Reading ------------------------------------------------------------------------------------------------------------ */

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

    return LIKELY(len <= rest_of_page(address) && bctrace_is_known(begin)) ||
        LIKELY(begin >= vm_heap.begin && begin < vm_heap.end && len <= vm_heap.end - begin);
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
static int
is_type(const PyTypeObject *type)
{
    return can(type, sizeof *type) &&
        (Py_TYPE(type) == &PyType_Type ||
         (can(Py_TYPE(type), sizeof *type) && PyType_FastSubclass(Py_TYPE(type), Py_TPFLAGS_TYPE_SUBCLASS)));
}

/* Whether an object is of a type with one of the Py_TPFLAGS_..._SUBCLASS. */
static int
is_of(const PyObject *object, long flag)
{
    return can(object, sizeof *object) && is_type(Py_TYPE(object)) && PyType_FastSubclass(Py_TYPE(object), flag);
}

/* -- Dicts and sets ----------------------------------------------------------------------------------------------------- */

/* As string_hash in Objects/stringobject.c. */
static long
hash_of(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t len = strlen(text);
    unsigned long hash = _Py_HashSecret.prefix;

    hash ^= (unsigned long)*byte << 7;
    for (size_t at = 0; at < len; at++)
        hash = (1000003 * hash) ^ byte[at];
    hash ^= len;
    hash ^= _Py_HashSecret.suffix;
    return (long)hash == -1 ? -2 : (long)hash;
}

static int
is_str(const PyObject *object, const char *text)
{
    size_t len = strlen(text);

    return can(object, sizeof(PyStringObject)) && Py_TYPE(object) == &PyString_Type && Py_SIZE(object) == (Py_ssize_t)len &&
        can(PyString_AS_STRING(object), len) && memcmp(PyString_AS_STRING(object), text, len) == 0;
}

/* What a dict has for a str key; NULL where it is behind more than 64 others.  The probing is that of lookdict_string in
 * Objects/dictobject.c. */
static const PyObject *
item(const PyObject *object, const char *key)
{
    const PyDictObject *dict = (const PyDictObject *)object;
    size_t at, mask, perturb;
    long hash = hash_of(key);

    if (object == NULL || !is_of(object, Py_TPFLAGS_DICT_SUBCLASS) || !has(object, sizeof *dict))
        return NULL;
    mask = (size_t)dict->ma_mask;
    at = perturb = (size_t)hash;
    for (int tries = 0; tries < 64; tries++) {
        const PyDictEntry *entry = &dict->ma_table[at & mask];

        if (!can(entry, sizeof *entry) || entry->me_key == NULL)
            return NULL;
        if (entry->me_hash == hash && is_str(entry->me_key, key))
            return entry->me_value;
        at = (at << 2) + at + perturb + 1;
        perturb >>= 5;
    }
    return NULL;
}

/* What stands in a set's table for a member that is gone: private to Objects/setobject.c. */
static const PyObject *dummy;

/* The first entry of a dict at or behind *position that is in use; NULL with *position beyond `end` or the table, or where it is not
 * there: then *position is -1. */
static const PyDictEntry *
next_in_dict(const PyDictObject *dict, ptrdiff_t *position, ptrdiff_t end)
{
    for (; *position <= dict->ma_mask && *position < end; ++*position) {
        const PyDictEntry *entry = &dict->ma_table[*position];

        if (!can(entry, sizeof *entry)) {
            *position = -1;
            return NULL;
        }
        if (entry->me_value != NULL)
            return entry;
    }
    return NULL;
}

static const setentry *
next_in_set(const PySetObject *set, ptrdiff_t *position, ptrdiff_t end)
{
    for (; *position <= set->mask && *position < end; ++*position) {
        const setentry *entry = &set->table[*position];

        if (!can(entry, sizeof *entry)) {
            *position = -1;
            return NULL;
        }
        if (entry->key != NULL && entry->key != dummy)
            return entry;
    }
    return NULL;
}

ptrdiff_t
vm_entries(const struct _object *object, ptrdiff_t *position, ptrdiff_t end, struct vm_entry *out, ptrdiff_t most)
{
    ptrdiff_t count = 0;

    for (; count < most; count++, ++*position) {
        if (Py_TYPE(object) == &PyDict_Type) {
            const PyDictEntry *entry = next_in_dict((const PyDictObject *)object, position, end);

            if (entry == NULL)
                break;
            out[count] = (struct vm_entry){ entry->me_key, entry->me_value };
        } else {
            const setentry *entry = next_in_set((const PySetObject *)object, position, end);

            if (entry == NULL)
                break;
            out[count] = (struct vm_entry){ entry->key, NULL };
        }
    }
    return *position < 0 ? -1 : count;
}

/* How a dict of strs looks them up: lookdict_string of Objects/dictobject.c, which is private. */
static PyDictEntry *(*str_lookup)(PyDictObject *, PyObject *, long);

int
vm_has_str_keys(const struct _object *dict)
{
    return ((const PyDictObject *)dict)->ma_lookup == str_lookup;
}

static int
is_hashed_by_address(const PyObject *key, int depth)
{
    const struct _object *const *items;
    struct vm_seen seen;

    vm_look(key, &seen);
    switch (seen.kind) {
    case VM_FALSE: case VM_TRUE: case VM_INT: case VM_LONG: case VM_FLOAT: case VM_COMPLEX: case VM_STR: case VM_UNICODE:
        return 0;
    case VM_TUPLE:
        items = seen.data;
        for (size_t at = 0; at < seen.number; at++)
            if (depth == 0 || at == 16 || !can(&items[at], sizeof *items) || is_hashed_by_address(items[at], depth - 1))
                return 1;
        return 0;
    default:
        return 1;
    }
}

int
vm_is_hashed_by_address(const struct _object *key)
{
    return is_hashed_by_address(key, 3);
}

/* -- Types -------------------------------------------------------------------------------------------------------------- */

/* As in Objects/descrobject.c and Objects/moduleobject.c, which keep these structs to themselves. */
struct wrapper { PyObject_HEAD PyWrapperDescrObject *descr; PyObject *self; };
struct module { PyObject_HEAD PyObject *md_dict; };

/* Types that are told apart, by address: what an object of one is, and how much of it is looked at.  A few in many places, so that the
 * first place decides nearly always. */
struct known_type { const PyTypeObject *type; uint32_t kind; uint32_t size; };
#define KNOWN_TYPES 256
static struct known_type known_types[KNOWN_TYPES];

/* The entry of a type; one without a type where it is not known. */
static inline struct known_type *
find_type(const PyTypeObject *type)
{
    /* 2^64 divided by the golden ratio: types are of nearly one size and lie side by side. */
    unsigned char at = (uintptr_t)type * 0x9e3779b97f4a7c15 >> 56;

    /* What is no type that is known ends at an entry that is free, for there are many. */
    while (known_types[at].type != type && known_types[at].type != NULL)
        at++;
    return &known_types[at];
}

static void
know_type(const PyTypeObject *type, uint32_t kind, uint32_t size)
{
    if (type != NULL)
        *find_type(type) = (struct known_type){ type, kind, size };
}

static void
know_types(void)
{
    know_type(&PyInt_Type, VM_INT, sizeof(PyIntObject));
    know_type(&PyLong_Type, VM_LONG, offsetof(PyLongObject, ob_digit));
    know_type(&PyFloat_Type, VM_FLOAT, sizeof(PyFloatObject));
    know_type(&PyComplex_Type, VM_COMPLEX, sizeof(PyComplexObject));
    know_type(&PyString_Type, VM_STR, offsetof(PyStringObject, ob_sval));
    know_type(&PyUnicode_Type, VM_UNICODE, sizeof(PyUnicodeObject));
    know_type(&PyTuple_Type, VM_TUPLE, offsetof(PyTupleObject, ob_item));
    know_type(&PyList_Type, VM_LIST, sizeof(PyListObject));
    know_type(&PyDict_Type, VM_DICT, sizeof(PyDictObject));
    know_type(&PySet_Type, VM_SET, sizeof(PySetObject));
    know_type(&PyFrozenSet_Type, VM_FROZENSET, sizeof(PySetObject));
    know_type(&PyFunction_Type, VM_FUNCTION, sizeof(PyFunctionObject));
    know_type(&PyMethod_Type, VM_METHOD, sizeof(PyMethodObject));
    know_type(&PyCFunction_Type, VM_BUILTIN, sizeof(PyCFunctionObject));
    know_type(&PyWrapperDescr_Type, VM_DESCRIPTOR, sizeof(PyDescrObject));
    know_type(&PyType_Type, VM_TYPE, sizeof(PyTypeObject));
    know_type(&PyClass_Type, VM_CLASS, sizeof(PyClassObject));
    know_type(&PyInstance_Type, VM_INSTANCE, sizeof(PyInstanceObject));
    know_type(&PyModule_Type, VM_MODULE, sizeof(struct module));
    know_type(&PyCode_Type, VM_CODE, sizeof(PyCodeObject));
    know_type(&PyGen_Type, VM_GENERATOR, sizeof(PyGenObject));
    /* Types with one object, or two. */
    know_type(&PyBool_Type, VM_TRUE, sizeof(PyIntObject));
    know_type(Py_TYPE(Py_None), VM_NONE, sizeof(PyObject));
    know_type(Py_TYPE(Py_Ellipsis), VM_ELLIPSIS, sizeof(PyObject));
    know_type(Py_TYPE(Py_NotImplemented), VM_NOT_IMPLEMENTED, sizeof(PyObject));
}

/* Types that have no name in the API: those of None.__repr__, str.join and dict's fromkeys. */
static void
know_nameless_types(void)
{
    const PyObject *join = item(PyString_Type.tp_dict, "join"), *fromkeys = item(PyDict_Type.tp_dict, "fromkeys");
    PyObject *repr = PyObject_GetAttrString(Py_None, "__repr__");

    know_type(repr == NULL ? NULL : Py_TYPE(repr), VM_WRAPPER, sizeof(struct wrapper));
    know_type(join == NULL ? NULL : Py_TYPE(join), VM_DESCRIPTOR, sizeof(PyDescrObject));
    know_type(fromkeys == NULL ? NULL : Py_TYPE(fromkeys), VM_DESCRIPTOR, sizeof(PyDescrObject));
    Py_XDECREF(repr);
}

/* Learns what stands in the table of a set for a member that is gone. */
static void
know_dummy(void)
{
    PyObject *set = PySet_New(NULL);

    if (set != NULL && PySet_Add(set, Py_None) == 0 && PySet_Discard(set, Py_None) == 1) {
        const PySetObject *emptied = (const PySetObject *)set;

        for (Py_ssize_t at = 0; at <= emptied->mask; at++)
            if (emptied->table[at].key != NULL)
                dummy = emptied->table[at].key;
    }
    Py_XDECREF(set);
}

void
vm_prepare_objects(void)
{
    know_types();
    know_nameless_types();
    know_dummy();
    str_lookup = ((const PyDictObject *)PyString_Type.tp_dict)->ma_lookup;
    PyErr_Clear();
}

/* -- Objects ------------------------------------------------------------------------------------------------------------ */

/* The functions below are made twice: `quick` ones give up, with 0, where it takes a call to find out what is there. */
#define TWICE static inline __attribute__((always_inline)) int

TWICE
is_there(const void *address, size_t len, int quick)
{
    return quick ? is_known(address, len) : can(address, len);
}

TWICE
set_count(struct vm_seen *out, Py_ssize_t count)
{
    out->number = (uint64_t)count;
    if (count < 0)
        out->kind = VM_BAD;
    return 1;
}

/* Content of so many items of this size.  Memory is there or not by pages, so where the first byte is, the rest of the page is too. */
TWICE
set_content(struct vm_seen *out, Py_ssize_t count, const void *data, size_t size, int quick)
{
    size_t rest = rest_of_page(data) / size;
    int is_first_there = count > 0 && is_there(data, 1, quick);

    out->data = data;
    if (is_first_there)
        out->known = rest < (size_t)count ? rest : (size_t)count;
    return set_count(out, count) && (is_first_there || count <= 0 || !quick);
}

/* An object of a type that is not known. */
TWICE
look_at_other(const PyObject *object, struct vm_seen *out, int quick)
{
    const PyTypeObject *type = out->type;

    if (quick && !(is_known(type, sizeof *type) && Py_TYPE(type) == &PyType_Type && !PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS)))
        return 0;
    if (!quick && !is_type(type))
        return 1;
    out->kind = VM_OTHER;
    if (!quick && PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS))
        out->kind = has(object, sizeof(PyTypeObject)) ? VM_TYPE : VM_BAD;
    return 1;
}

/* An object of a known type, which can be read. */
TWICE
look_at_known(const PyObject *object, uint32_t kind, struct vm_seen *out, int quick)
{
    Py_ssize_t size;

    out->kind = kind;
    switch (kind) {
    case VM_INT:
        out->number = (uint64_t)PyInt_AS_LONG(object);
        break;
    case VM_FLOAT:
        memcpy(&out->number, &((const PyFloatObject *)object)->ob_fval, sizeof out->number);
        break;
    case VM_COMPLEX:
        return set_content(out, 2, &((const PyComplexObject *)object)->cval, sizeof(double), quick);
    case VM_STR:
        return set_content(out, Py_SIZE(object), PyString_AS_STRING(object), 1, quick);
    case VM_UNICODE:
        return set_content(out, PyUnicode_GET_SIZE(object), PyUnicode_AS_UNICODE(object), sizeof(Py_UNICODE), quick);
    case VM_LONG:
        size = Py_SIZE(object);
        out->is_negative = size < 0;
        return set_content(out, size < 0 ? (Py_ssize_t)-(size_t)size : size, ((const PyLongObject *)object)->ob_digit, sizeof(digit),
                           quick);
    case VM_TUPLE:
        return set_content(out, Py_SIZE(object), ((const PyTupleObject *)object)->ob_item, sizeof(PyObject *), quick);
    case VM_LIST:
        return set_content(out, Py_SIZE(object), ((const PyListObject *)object)->ob_item, sizeof(PyObject *), quick);
    case VM_DICT:
        return set_count(out, ((const PyDictObject *)object)->ma_used);
    case VM_SET: case VM_FROZENSET:
        return set_count(out, ((const PySetObject *)object)->used);
    case VM_TRUE:
        out->kind = object == Py_True ? VM_TRUE : object == Py_False ? VM_FALSE : VM_OTHER;
        break;
    case VM_NONE:
        out->kind = object == Py_None ? VM_NONE : VM_OTHER;
        break;
    case VM_ELLIPSIS:
        out->kind = object == Py_Ellipsis ? VM_ELLIPSIS : VM_OTHER;
        break;
    case VM_NOT_IMPLEMENTED:
        out->kind = object == Py_NotImplemented ? VM_NOT_IMPLEMENTED : VM_OTHER;
        break;
    case VM_TYPE:
        if (object == PyExc_StopIteration)
            out->kind = VM_STOP_ITERATION;
        break;
    }
    return 1;
}

TWICE
look(const PyObject *object, struct vm_seen *out, int quick)
{
    const struct known_type *known;

    memset(out, 0, sizeof *out);
    if (!is_there(object, sizeof *object, quick)) {
        out->kind = object == NULL ? VM_MISSING : VM_BAD;
        return !quick;
    }
    out->type = Py_TYPE(object);
    known = find_type(out->type);
    if (known->type == NULL)
        return look_at_other(object, out, quick);
    if (known->size > rest_of_page(object) && (quick || !vm_can_read(object, known->size)))
        return !quick;
    return look_at_known(object, known->kind, out, quick);
}

static __attribute__((noinline)) void
look_slowly(const PyObject *object, struct vm_seen *out)
{
    look(object, out, 0);
}

void
vm_look(const struct _object *object, struct vm_seen *out)
{
    if (!look(object, out, 1))
        look_slowly(object, out);
}

void
vm_look_at_part(const struct _object *object, struct vm_seen *out)
{
    vm_look(object, out);
    if (out->kind != VM_OTHER || !has(object, offsetof(PyStringObject, ob_sval)))
        return;
    if (PyType_FastSubclass((PyTypeObject *)out->type, Py_TPFLAGS_TUPLE_SUBCLASS))
        look_at_known(object, VM_TUPLE, out, 0);
    else if (PyType_FastSubclass((PyTypeObject *)out->type, Py_TPFLAGS_STRING_SUBCLASS))
        look_at_known(object, VM_STR, out, 0);
}

const struct _object *
vm_called_code(const struct _object *callable, uint32_t kind)
{
    const PyCodeObject *code;

    if (kind == VM_METHOD) {
        struct vm_seen function;

        callable = ((const PyMethodObject *)callable)->im_func;
        vm_look(callable, &function);
        kind = function.kind;
    }
    if (kind != VM_FUNCTION)
        return NULL;
    code = (const PyCodeObject *)((const PyFunctionObject *)callable)->func_code;
    return can(code, sizeof *code) && !(code->co_flags & CO_GENERATOR) ? (const PyObject *)code : NULL;
}

int
vm_is_interned(const struct _object *object)
{
    return PyString_CHECK_INTERNED(object);
}

/* -- Names -------------------------------------------------------------------------------------------------------------- */

static void
say_bytes(struct vm_text *out, const char *text, size_t len)
{
    out->bytes = (const unsigned char *)text;
    out->len = len;
}

/* A C string; nothing where it does not end in memory that can be read. */
static void
say(struct vm_text *out, const char *text)
{
    size_t len = 0;

    while (text != NULL && len < VM_LONGEST_NAME) {
        size_t rest = rest_of_page(text + len), most = VM_LONGEST_NAME - len, part = rest < most ? rest : most, found;

        if (!can(text + len, 1))
            return;
        found = strnlen(text + len, part);
        len += found;
        if (found < part)
            break;
    }
    say_bytes(out, text, len);
}

/* A C string, without what is before its last dot. */
static void
say_behind_dot(struct vm_text *out, const char *text)
{
    const unsigned char *dot;

    say(out, text);
    dot = memrchr(out->bytes, '.', out->len);
    if (dot != NULL)
        say_bytes(out, (const char *)dot + 1, out->bytes + out->len - dot - 1);
}

/* The text of a str, or of an object of a type that is derived from it: as such it may be a name. */
static void
say_str(struct vm_text *out, const PyObject *object)
{
    size_t len;

    if (!can(object, offsetof(PyStringObject, ob_sval)))
        return;
    if (Py_TYPE(object) != &PyString_Type && !is_of(object, Py_TPFLAGS_STRING_SUBCLASS))
        return;
    len = Py_SIZE(object) < 0 ? 0 : Py_SIZE(object);
    if (len > VM_LONGEST_NAME)
        len = VM_LONGEST_NAME;
    if (can(PyString_AS_STRING(object), len))
        say_bytes(out, PyString_AS_STRING(object), len);
}

static void
say_class(struct vm_text *out, const PyObject *object)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    if (seen.kind == VM_TYPE || seen.kind == VM_STOP_ITERATION)
        say(out, ((const PyTypeObject *)object)->tp_name);
    else if (seen.kind == VM_CLASS)
        say_str(out, ((const PyClassObject *)object)->cl_name);
}

static int
is_class(const PyObject *object)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    return seen.kind == VM_TYPE || seen.kind == VM_CLASS || seen.kind == VM_STOP_ITERATION;
}

/* The class that a method belongs to: that of its object, which may be a class itself. */
static void
say_class_of(struct vm_text *out, const PyObject *self)
{
    if (is_class(self))
        say_class(out, self);
    else if (can(self, sizeof *self))
        say_class(out, (const PyObject *)Py_TYPE(self));
}

/* Whether a C function belongs to a module and not to an object. */
static int
is_of_module(const PyCFunctionObject *function)
{
    struct vm_seen seen;

    vm_look(function->m_self, &seen);
    return function->m_module != NULL || seen.kind == VM_MISSING || seen.kind == VM_MODULE;
}

static void
say_method(struct vm_text *out, const PyMethodObject *method)
{
    struct vm_text unused;
    struct vm_seen function;

    vm_look(method->im_func, &function);
    /* A method of a method ends here, so that none of itself goes on for ever. */
    if (function.kind != VM_METHOD)
        vm_name(method->im_func, function.kind, &unused, out);
}

static void
say_builtin(struct vm_text *out, const PyCFunctionObject *function)
{
    if (can(function->m_ml, sizeof *function->m_ml))
        say(out, function->m_ml->ml_name);
}

static void
say_descriptor(struct vm_text *out, const PyDescrObject *descriptor)
{
    if (can(descriptor, sizeof *descriptor))
        say_str(out, descriptor->d_name);
}

void
vm_type_name(const struct _object *object, struct vm_text *out)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    out->bytes = NULL;
    out->len = 0;
    if (seen.kind == VM_BAD || seen.kind == VM_MISSING)
        say(out, seen.kind == VM_BAD ? "bad" : "NULL");
    else
        say_behind_dot(out, Py_TYPE(object)->tp_name);
}

void
vm_name(const struct _object *object, uint32_t kind, struct vm_text *owner, struct vm_text *name)
{
    owner->bytes = name->bytes = NULL;
    owner->len = name->len = 0;
    switch (kind) {
    case VM_FUNCTION:
        say_str(name, ((const PyFunctionObject *)object)->func_name);
        break;
    case VM_METHOD: {
        const PyMethodObject *method = (const PyMethodObject *)object;

        say_method(name, method);
        say_class(owner, method->im_self != NULL && is_class(method->im_self) ? method->im_self : method->im_class);
        break;
    }
    case VM_BUILTIN: {
        const PyCFunctionObject *function = (const PyCFunctionObject *)object;

        say_builtin(name, function);
        if (is_of_module(function))
            say_str(owner, function->m_module);
        else
            say_class_of(owner, function->m_self);
        break;
    }
    case VM_WRAPPER: {
        const struct wrapper *wrapper = (const struct wrapper *)object;

        say_descriptor(name, (const PyDescrObject *)wrapper->descr);
        say_class_of(owner, wrapper->self);
        break;
    }
    case VM_DESCRIPTOR:
        say_class(owner, (const PyObject *)((const PyDescrObject *)object)->d_type);
        say_descriptor(name, (const PyDescrObject *)object);
        break;
    case VM_TYPE: case VM_STOP_ITERATION: case VM_CLASS:
        say_class(name, object);
        break;
    case VM_INSTANCE:
        say_class(name, (const PyObject *)((const PyInstanceObject *)object)->in_class);
        break;
    case VM_MODULE:
        say_str(name, item(((const struct module *)object)->md_dict, "__name__"));
        break;
    case VM_GENERATOR:
        object = ((const PyGenObject *)object)->gi_code;
        if (!can(object, sizeof(PyCodeObject)))
            break;
        /* fall through */
    case VM_CODE:
        say_str(name, ((const PyCodeObject *)object)->co_name);
        break;
    case VM_MISSING: case VM_BAD:
        vm_type_name(object, name);
        break;
    default:
        say_behind_dot(name, Py_TYPE(object)->tp_name);
    }
}

/* -- Calls -------------------------------------------------------------------------------------------------------------- */

/* As in Modules/_functoolsmodule.c and Modules/operator.c; partial and methodcaller begin alike. */
struct partial { PyObject_HEAD PyObject *function, *arguments, *keywords, *dict, *weak_references; };
struct method_caller { PyObject_HEAD PyObject *name, *arguments, *keywords; };
struct getter { PyObject_HEAD Py_ssize_t count; PyObject *what; };

/* As in Modules/_sre.h, before the pattern's own code. */
struct pattern {
    PyObject_VAR_HEAD
    Py_ssize_t groups;
    PyObject *groupindex, *indexgroup, *source;
    int flags;
    PyObject *weak_references;
    Py_ssize_t code_size;
    Py_UCS4 code[1];
};

/* Modules/_ctypes/_ctypes.c, if that is built in. */
extern PyTypeObject PyCFuncPtr_Type __attribute__((weak));

/* The type that C code has defined which a type is, or is derived from; NULL where it takes more than 64 steps to it. */
static const PyTypeObject *
c_type_of(const PyTypeObject *type)
{
    for (int steps = 0; steps < 64 && is_type(type); steps++) {
        if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE))
            return type;
        type = type->tp_base;
    }
    return NULL;
}

int
vm_makes_new(const struct _object *callable)
{
    const PyTypeObject *metatype = Py_TYPE(callable), *base;

    if (metatype == &PyClass_Type)
        return 1;
    /* Another metaclass may have a __call__ of its own, and a __new__ in Python can return anything. */
    if (!is_type(metatype) || metatype->tp_call != PyType_Type.tp_call)
        return 0;
    base = c_type_of((const PyTypeObject *)callable);
    return base != NULL && base->tp_new != NULL && ((const PyTypeObject *)callable)->tp_new == base->tp_new;
}

int
vm_is_made(const struct _object *object)
{
    const PyTypeObject *type = Py_TYPE(object);
    newfunc new = type->tp_new;

    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || new == PyBaseObject_Type.tp_new ||
        new == ((PyTypeObject *)PyExc_BaseException)->tp_new || new == PyList_Type.tp_new || new == PyDict_Type.tp_new ||
        new == PySet_Type.tp_new)
        return 1;
    /* Some types written in C return an object that exists: tuple its argument, numpy's dtype the one of that name. */
    return type != &PyTuple_Type && type != &PyFrozenSet_Type && object->ob_refcnt == 1;
}

static int
is_named(const PyTypeObject *type, const char *name, size_t size)
{
    struct vm_text text = { NULL, 0 };

    if (type->tp_basicsize != (Py_ssize_t)size)
        return 0;
    say(&text, type->tp_name);
    return text.len == strlen(name) && memcmp(text.bytes, name, text.len) == 0;
}

/* The name under which a function pointer of ctypes was looked up: ctypes/__init__.py's CDLL sets it. */
static void
say_foreign(struct vm_text *out, const PyObject *pointer)
{
    Py_ssize_t offset = Py_TYPE(pointer)->tp_dictoffset;
    PyObject *const *dict = (PyObject *const *)((const char *)pointer + offset);

    if (offset > 0 && can(dict, sizeof *dict))
        say_str(out, item(*dict, "__name__"));
}

static void
say_made(const PyObject *object, struct vm_callee *out)
{
    const PyTypeObject *type = c_type_of(Py_TYPE(object));

    if (type == NULL)
        return;
    if (type == &PyCFuncPtr_Type) {
        say_foreign(&out->name, object);
        if (out->name.len != 0)
            out->how = VM_FOREIGN;
    } else if ((is_named(type, "functools.partial", sizeof(struct partial)) ||
                is_named(type, "operator.methodcaller", sizeof(struct method_caller))) &&
               has(object, sizeof(struct method_caller))) {
        const struct method_caller *caller = (const struct method_caller *)object;

        out->how = VM_PARTIAL;
        out->first = caller->name;
        out->rest = caller->arguments;
        out->keywords = caller->keywords;
    } else if ((is_named(type, "operator.itemgetter", sizeof(struct getter)) ||
                is_named(type, "operator.attrgetter", sizeof(struct getter))) && has(object, sizeof(struct getter))) {
        const struct getter *getter = (const struct getter *)object;

        out->how = VM_PARTIAL;
        *(getter->count == 1 ? &out->first : &out->rest) = getter->what;
    } else if (is_named(type, "_sre.SRE_Pattern", sizeof(struct pattern)) && has(object, sizeof(struct pattern))) {
        out->how = VM_PARTIAL;
        out->first = ((const struct pattern *)object)->source;
        say(&out->name, "re.compile");
        return;
    }
    if (out->how == VM_PARTIAL)
        say_class(&out->name, (const PyObject *)Py_TYPE(object));
}

void
vm_callee(const struct _object *object, uint32_t kind, struct vm_callee *out)
{
    memset(out, 0, sizeof *out);
    switch (kind) {
    case VM_METHOD:
        out->first = ((const PyMethodObject *)object)->im_self;
        if (out->first != NULL)
            say_method(&out->name, (const PyMethodObject *)object);
        break;
    case VM_BUILTIN:
        if (!is_of_module((const PyCFunctionObject *)object)) {
            out->first = ((const PyCFunctionObject *)object)->m_self;
            say_builtin(&out->name, (const PyCFunctionObject *)object);
        }
        break;
    case VM_WRAPPER:
        out->first = ((const struct wrapper *)object)->self;
        say_descriptor(&out->name, (const PyDescrObject *)((const struct wrapper *)object)->descr);
        break;
    case VM_OTHER:
        if (Py_TYPE(object) == &_PyWeakref_CallableProxyType && has(object, sizeof(PyWeakReference))) {
            out->first = ((const PyWeakReference *)object)->wr_object;
            vm_type_name(object, &out->name);
            out->how = VM_PROXY;
            return;
        }
        say_made(object, out);
        return;
    }
    if (out->first != NULL)
        out->how = VM_BOUND;
}

/* -- Exceptions --------------------------------------------------------------------------------------------------------- */

void
vm_exception_name(const struct _object *type, struct vm_text *out)
{
    struct vm_seen seen;

    say(out, "?");
    vm_look(type, &seen);
    if (seen.kind == VM_CLASS)
        say_str(out, ((const PyClassObject *)type)->cl_name);
    else if (seen.kind == VM_TYPE || seen.kind == VM_STOP_ITERATION)
        say_behind_dot(out, ((const PyTypeObject *)type)->tp_name);
}

const struct _object *
vm_exception_message(const struct _object *value)
{
    const struct _object *const *items, *given = value;
    struct vm_seen args;

    if (value == NULL || value == Py_None)
        return NULL;
    if (is_of(value, Py_TPFLAGS_BASE_EXC_SUBCLASS)) {
        if (!has(value, sizeof(PyBaseExceptionObject)))
            return NULL;
        given = ((const PyBaseExceptionObject *)value)->args;
    } else if (!is_of(value, Py_TPFLAGS_TUPLE_SUBCLASS)) {
        return value;
    }
    /* A tuple is what the exception will be made with: PyErr_NormalizeException, Python/errors.c. */
    vm_look_at_part(given, &args);
    if (args.kind != VM_TUPLE || args.number == 0)
        return NULL;
    items = args.data;
    if (args.number > 1)
        return given;
    return can(items, sizeof *items) ? *items : NULL;
}

/* -- Code objects and frames -------------------------------------------------------------------------------------------- */

ptrdiff_t
vm_code_length(const struct _object *code, const unsigned char *first_instr)
{
    const PyObject *string;
    ptrdiff_t len;

    if (!can(code, sizeof(PyCodeObject)))
        return -1;
    string = ((const PyCodeObject *)code)->co_code;
    /* Where the program has put another string there since the frame began, the running one is the object whose text this is. */
    if (string == NULL || first_instr != (const unsigned char *)PyString_AS_STRING(string))
        string = (const PyObject *)(first_instr - offsetof(PyStringObject, ob_sval));
    if (!can(string, sizeof(PyStringObject)))
        return -1;
    if (Py_TYPE(string) != &PyString_Type &&
        (string != ((const PyCodeObject *)code)->co_code || !is_of(string, Py_TPFLAGS_STRING_SUBCLASS)))
        return -1;
    len = Py_SIZE(string);
    return len >= 0 && len <= VM_LONGEST_CODE && can(first_instr, len) ? len : -1;
}

const struct _object *
vm_code_part(const struct _object *object, enum vm_code_part part)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    if (!can(code, sizeof *code))
        return NULL;
    switch (part) {
    case VM_CODE_NAME: return code->co_name;
    case VM_CODE_FILENAME: return code->co_filename;
    case VM_CODE_CONSTS: return code->co_consts;
    case VM_CODE_NAMES: return code->co_names;
    case VM_CODE_VARNAMES: return code->co_varnames;
    case VM_CODE_CELLVARS: return code->co_cellvars;
    case VM_CODE_FREEVARS: return code->co_freevars;
    case VM_CODE_LNOTAB: return code->co_lnotab;
    case VM_CODE_CODE: return code->co_code;
    }
    return NULL;
}

void
vm_code_numbers(const struct _object *object, struct vm_code_numbers *out)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    memset(out, 0, sizeof *out);
    if (!can(code, sizeof *code))
        return;
    out->first_line = code->co_firstlineno;
    out->flags = code->co_flags;
    out->argcount = code->co_argcount;
    out->nlocals = code->co_nlocals;
    out->stacksize = code->co_stacksize;
}

int
vm_frame_room(const struct _frame *frame, struct vm_frame_room *out)
{
    const PyCodeObject *code = frame->f_code;
    size_t size = Py_SIZE(frame) < 0 ? 0 : Py_SIZE(frame);

    out->locals = frame->f_localsplus;
    out->stack = frame->f_valuestack;
    /* What was allocated, which co_stacksize may be wrong about: a zombie or recycled frame keeps its size. */
    out->end = frame->f_localsplus + size;
    out->constant_count = can(code->co_consts, sizeof(PyVarObject)) ? Py_SIZE(code->co_consts) : 0;
    out->local_count = code->co_nlocals;
    return size <= PTRDIFF_MAX / sizeof *out->locals && out->stack >= out->locals && out->stack <= out->end &&
        can(out->locals, size * sizeof *out->locals);
}
