/* See "Values" in vm.h.  Exact built-in types only; nothing here runs Python, changes a reference count or sets an error, and every
 * name is read from C fields or found in a dict by a probe of its own, which compares exact strs and nothing else. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "vm.h"

/* -- Frames ------------------------------------------------------------------------------------------------------------- */

void
vm_frame_room(const struct _frame *frame, struct vm_frame_room *out)
{
    out->locals = frame->f_localsplus;
    out->stack = frame->f_valuestack;
    /* What was allocated, which co_stacksize may be wrong about: a zombie or recycled frame keeps its size. */
    out->end = frame->f_localsplus + Py_SIZE(frame);
}

/* -- Dicts --------------------------------------------------------------------------------------------------------------- */

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

/* What a dict has for a str key; NULL where it is behind more than 64 others.  The probing is that of lookdict_string in
 * Objects/dictobject.c. */
static const PyObject *
item(const PyObject *object, const char *key)
{
    const PyDictObject *dict = (const PyDictObject *)object;
    size_t at, mask, perturb;
    long hash = hash_of(key);

    if (object == NULL || !PyDict_Check(object))
        return NULL;
    mask = (size_t)dict->ma_mask;
    at = perturb = (size_t)hash;
    for (int tries = 0; tries < 64; tries++) {
        const PyDictEntry *entry = &dict->ma_table[at & mask];

        if (entry->me_key == NULL)
            return NULL;
        if (entry->me_hash == hash && PyString_CheckExact(entry->me_key) && strcmp(PyString_AS_STRING(entry->me_key), key) == 0)
            return entry->me_value;
        at = (at << 2) + at + perturb + 1;
        perturb >>= 5;
    }
    return NULL;
}

/* -- Objects ------------------------------------------------------------------------------------------------------------ */

/* The type of str.join and its like, which has no name in the API. */
static const PyTypeObject *method_descriptor;
/* How a dict of strs looks them up: lookdict_string of Objects/dictobject.c, which is private. */
static PyDictEntry *(*str_lookup)(PyDictObject *, PyObject *, long);

void
vm_prepare_values(void)
{
    const PyObject *join = item(PyString_Type.tp_dict, "join");

    method_descriptor = join == NULL ? NULL : Py_TYPE(join);
    str_lookup = ((const PyDictObject *)PyString_Type.tp_dict)->ma_lookup;
}

static enum vm_kind
kind_of_named(const PyTypeObject *type)
{
    return type == &PyFunction_Type ? VM_FUNCTION
        : type == &PyMethod_Type ? VM_METHOD
        : type == &PyCFunction_Type ? VM_BUILTIN
        : type == &PyInstance_Type ? VM_INSTANCE
        : type == &PyModule_Type ? VM_MODULE
        : type == &PyClass_Type ? VM_CLASS
        : type == &PyWrapperDescr_Type || type == method_descriptor ? VM_DESCRIPTOR
        : VM_OTHER;
}

void
vm_look(const struct _object *object, struct vm_seen *out)
{
    const PyTypeObject *type;

    out->number = 0;
    out->data = NULL;
    out->type = NULL;
    if (object == NULL) {
        out->kind = VM_MISSING;
        return;
    }
    type = Py_TYPE(object);
    out->type = type;
    if (type == &PyInt_Type) {
        out->kind = VM_INT;
        out->number = (uint64_t)PyInt_AS_LONG(object);
    } else if (type == &PyString_Type) {
        out->kind = VM_STR;
        out->number = PyString_GET_SIZE(object);
        out->data = PyString_AS_STRING(object);
    } else if (type == &PyFloat_Type) {
        out->kind = VM_FLOAT;
        memcpy(&out->number, &((const PyFloatObject *)object)->ob_fval, sizeof out->number);
    } else if (type == &PyTuple_Type) {
        out->kind = VM_TUPLE;
        out->number = PyTuple_GET_SIZE(object);
        out->data = ((const PyTupleObject *)object)->ob_item;
    } else if (type == &PyList_Type) {
        out->kind = VM_LIST;
        out->number = PyList_GET_SIZE(object);
        out->data = ((const PyListObject *)object)->ob_item;
    } else if (type == &PyDict_Type) {
        out->kind = VM_DICT;
        out->number = ((const PyDictObject *)object)->ma_used;
    } else if (type == &PyUnicode_Type) {
        out->kind = VM_UNICODE;
        out->number = PyUnicode_GET_SIZE(object);
        out->data = PyUnicode_AS_UNICODE(object);
    } else {
        out->kind = vm_kind(object);
        if (out->kind == VM_SET || out->kind == VM_FROZENSET)
            out->number = ((const PySetObject *)object)->used;
        else if (out->kind == VM_OTHER)
            out->kind = PyType_Check(object) ? VM_TYPE : object == Py_NotImplemented ? VM_NOT_IMPLEMENTED : kind_of_named(type);
    }
}

int
vm_makes_new(const struct _object *callable)
{
    newfunc new;

    /* Another metaclass may have a __call__ of its own. */
    if (Py_TYPE(callable) != &PyType_Type)
        return PyClass_Check(callable);
    new = ((const PyTypeObject *)callable)->tp_new;
    return new != NULL && (new == PyBaseObject_Type.tp_new || new == ((PyTypeObject *)PyExc_BaseException)->tp_new ||
                           new == PyList_Type.tp_new || new == PyDict_Type.tp_new || new == PySet_Type.tp_new);
}

int
vm_has_str_keys(const struct _object *dict)
{
    return ((const PyDictObject *)dict)->ma_lookup == str_lookup;
}

static int
is_hashed_by_address(const PyObject *key, int depth)
{
    switch (vm_kind(key)) {
    case VM_FALSE: case VM_TRUE: case VM_INT: case VM_LONG: case VM_FLOAT: case VM_COMPLEX: case VM_STR: case VM_UNICODE:
        return 0;
    case VM_TUPLE:
        for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(key); at++)
            if (depth == 0 || at == 16 || is_hashed_by_address(PyTuple_GET_ITEM(key, at), depth - 1))
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

/* -- Names -------------------------------------------------------------------------------------------------------------- */

static void
say(struct vm_text *out, const char *text)
{
    out->bytes = (const unsigned char *)text;
    out->len = text == NULL ? 0 : strlen(text);
}

static void
say_str(struct vm_text *out, const PyObject *object)
{
    if (object != NULL && PyString_Check(object)) {
        out->bytes = (const unsigned char *)PyString_AS_STRING(object);
        out->len = PyString_GET_SIZE(object);
    }
}

static void
say_class(struct vm_text *out, const PyObject *object)
{
    if (object != NULL && PyType_Check(object))
        say(out, ((const PyTypeObject *)object)->tp_name);
    else if (object != NULL && PyClass_Check(object))
        say_str(out, ((const PyClassObject *)object)->cl_name);
}

static void
name_builtin(const PyCFunctionObject *function, struct vm_text *owner, struct vm_text *name)
{
    const PyObject *self = function->m_self;

    say(name, function->m_ml->ml_name);
    if (self == NULL || PyModule_CheckExact(self))
        say_str(owner, function->m_module);
    else
        say_class(owner, PyType_Check(self) ? self : (const PyObject *)Py_TYPE(self));
}

void
vm_name(const struct _object *object, enum vm_kind kind, struct vm_text *owner, struct vm_text *name)
{
    owner->bytes = name->bytes = NULL;
    owner->len = name->len = 0;
    switch (kind) {
    case VM_FUNCTION:
        say_str(name, ((const PyFunctionObject *)object)->func_name);
        break;
    case VM_METHOD: {
        const PyMethodObject *method = (const PyMethodObject *)object;
        struct vm_seen function;
        struct vm_text unused;

        vm_look(method->im_func, &function);
        if (function.kind != VM_METHOD)
            vm_name(method->im_func, function.kind, &unused, name);
        say_class(owner, method->im_class);
        break;
    }
    case VM_BUILTIN:
        name_builtin((const PyCFunctionObject *)object, owner, name);
        break;
    case VM_DESCRIPTOR:
        say_class(owner, (const PyObject *)((const PyDescrObject *)object)->d_type);
        say_str(name, ((const PyDescrObject *)object)->d_name);
        break;
    case VM_TYPE: case VM_CLASS:
        say_class(name, object);
        break;
    case VM_INSTANCE:
        say_class(name, (const PyObject *)((const PyInstanceObject *)object)->in_class);
        break;
    case VM_MODULE: {
        /* The struct is private to Objects/moduleobject.c; its only field is the dict. */
        const PyObject *dict = ((const struct { PyObject_HEAD PyObject *md_dict; } *)object)->md_dict;

        say_str(name, item(dict, "__name__"));
        break;
    }
    case VM_CODE:
        say_str(name, ((const PyCodeObject *)object)->co_name);
        break;
    default:
        say(name, vm_type_name(object));
    }
}
