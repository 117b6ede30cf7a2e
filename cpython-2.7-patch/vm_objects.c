/* See "Objects" in vm.h.  Nothing here runs Python, changes a reference count or sets an error.  A pointer is followed only to memory
 * that can be read: bytecode that CPython does not verify can make an object of any address. */
#include "vm_reading.h"
#include "bctrace_classes.h"
#include "code.h"
#include "longintrepr.h"

/* -- Types -------------------------------------------------------------------------------------------------------------- */

/* Types that are told apart, by address: what an object of one is, and how much of it is looked at.  A few in many places, so that the
 * first place decides nearly always. */
struct known_type { const PyTypeObject *type; uint32_t kind; uint32_t size; };
#define KNOWN_TYPES 256
static struct known_type known_types[KNOWN_TYPES];

/* Where a type is looked for first.  2^64 divided by the golden ratio: types are of nearly one size and lie side by side. */
static inline unsigned char
place_of(const PyTypeObject *type)
{
    return (uintptr_t)type * 0x9e3779b97f4a7c15 >> 56;
}

/* The entry of a type; one without a type where it is not known. */
static inline struct known_type *
find_type(const PyTypeObject *type)
{
    unsigned char at = place_of(type);

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
    const PyObject *join = vm_item(PyString_Type.tp_dict, "join"), *fromkeys = vm_item(PyDict_Type.tp_dict, "fromkeys");
    PyObject *repr = PyObject_GetAttrString(Py_None, "__repr__");

    know_type(repr == NULL ? NULL : Py_TYPE(repr), VM_WRAPPER, sizeof(struct wrapper));
    know_type(join == NULL ? NULL : Py_TYPE(join), VM_DESCRIPTOR, sizeof(PyDescrObject));
    know_type(fromkeys == NULL ? NULL : Py_TYPE(fromkeys), VM_DESCRIPTOR, sizeof(PyDescrObject));
    Py_XDECREF(repr);
}

/* Types that were found to be such, as long as no class has ended since: objects of them are VM_OTHER.  Each has one place. */
static const PyTypeObject *other_types[KNOWN_TYPES];

uint64_t vm_class_changes, vm_function_changes;

void
bctrace_class_changed(void)
{
    vm_class_changes++;
    vm_function_changes++;
    memset(other_types, 0, sizeof other_types);
}

void
bctrace_function_changed(void)
{
    vm_function_changes++;
}

void
vm_prepare_objects(void)
{
    know_types();
    know_nameless_types();
    vm_prepare_dicts();
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
    if (!quick && PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS)) {
        out->kind = has(object, sizeof(PyTypeObject)) ? VM_TYPE : VM_BAD;
        return 1;
    }
    out->kind = VM_OTHER;
    other_types[place_of(type)] = type;
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
    case VM_INSTANCE:
        out->type = ((const PyInstanceObject *)object)->in_class;
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
    if (object == NULL) {
        out->kind = VM_MISSING;
        return 1;
    }
    if (!is_there(object, sizeof *object, quick)) {
        out->kind = VM_BAD;
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

struct vm_glance
vm_glance(const struct _object *object)
{
    struct vm_glance glance = { VM_BAD, 0 };

    if (is_known(object, sizeof(PyFloatObject))) {
        const PyTypeObject *type = Py_TYPE(object);

        if (type == &PyInt_Type)
            return (struct vm_glance){ VM_INT, (uint64_t)PyInt_AS_LONG(object) };
        if (type == &PyFloat_Type) {
            glance.kind = VM_FLOAT;
            memcpy(&glance.number, &((const PyFloatObject *)object)->ob_fval, sizeof glance.number);
            return glance;
        }
        if (type != NULL && type == other_types[place_of(type)])
            return (struct vm_glance){ VM_OTHER, (uintptr_t)type };
        if (type == &PyInstance_Type && sizeof(PyInstanceObject) <= rest_of_page(object))
            return (struct vm_glance){ VM_INSTANCE, (uintptr_t)((const PyInstanceObject *)object)->in_class };
        return glance;
    }
    if (object == Py_None)
        glance.kind = VM_NONE;
    else if (object == Py_True || object == Py_False)
        glance.kind = object == Py_True ? VM_TRUE : VM_FALSE;
    return glance;
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

/* Whether an object is one that has no name of its own, as far as that is quick. */
static int
is_instance(const PyObject *object)
{
    return is_known(object, sizeof *object) &&
        (Py_TYPE(object) == &PyInstance_Type || Py_TYPE(object) == other_types[place_of(Py_TYPE(object))]);
}

static int
look_at_method(const PyMethodObject *method, struct vm_function *out)
{
    if (!is_known(method->im_func, sizeof(PyFunctionObject)) || Py_TYPE(method->im_func) != &PyFunction_Type)
        return 0;
    /* Of anything else nothing says when it ends. */
    if (!is_known(method->im_class, sizeof(PyObject)) ||
        (Py_TYPE(method->im_class) != &PyType_Type && Py_TYPE(method->im_class) != &PyClass_Type))
        return 0;
    /* The owner may be the object itself, if that is a class: see vm_name. */
    if (method->im_self != NULL && !is_instance(method->im_self))
        return 0;
    *out = (struct vm_function){ method->im_func, method->im_class, method->im_self };
    return 1;
}

static int
look_at_builtin(const PyCFunctionObject *function, struct vm_function *out)
{
    const PyTypeObject *type;

    if (function->m_module != NULL || function->m_self == NULL || !is_known(function->m_self, sizeof(PyObject)))
        return 0;
    type = Py_TYPE(function->m_self);
    switch (find_type(type)->kind) {
    case VM_INT: case VM_LONG: case VM_FLOAT: case VM_STR: case VM_UNICODE: case VM_TUPLE: case VM_LIST: case VM_DICT: case VM_SET:
    case VM_FROZENSET: case VM_GENERATOR:
        *out = (struct vm_function){ function->m_ml, type, function->m_self };
        return 1;
    }
    return 0;
}

int
vm_look_at_function(const struct _object *object, uint32_t kind, struct vm_function *out)
{
    switch (kind) {
    case VM_FUNCTION:
        *out = (struct vm_function){ object, NULL, NULL };
        return 1;
    case VM_METHOD:
        return look_at_method((const PyMethodObject *)object, out);
    case VM_BUILTIN:
        return look_at_builtin((const PyCFunctionObject *)object, out);
    }
    return 0;
}

const struct _object *
vm_called_code(const struct _object *callable, uint32_t kind)
{
    const PyCodeObject *code;

    if (kind == VM_METHOD) {
        callable = ((const PyMethodObject *)callable)->im_func;
        if (!can(callable, sizeof(PyFunctionObject)) || Py_TYPE(callable) != &PyFunction_Type)
            return NULL;
    } else if (kind != VM_FUNCTION) {
        return NULL;
    }
    code = (const PyCodeObject *)((const PyFunctionObject *)callable)->func_code;
    return can(code, sizeof *code) && !(code->co_flags & CO_GENERATOR) ? (const PyObject *)code : NULL;
}

int
vm_is_interned(const struct _object *object)
{
    return PyString_CHECK_INTERNED(object);
}
