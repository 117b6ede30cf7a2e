/* What is called: the code, the function and the arguments behind a callable object; see "Objects" in vm.h. */
#include "vm_reading.h"

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
    vm_say(&text, type->tp_name);
    return text.len == strlen(name) && memcmp(text.bytes, name, text.len) == 0;
}

void
vm_say_foreign(struct vm_text *out, const PyObject *pointer)
{
    Py_ssize_t offset = Py_TYPE(pointer)->tp_dictoffset;
    PyObject *const *dict = (PyObject *const *)((const char *)pointer + offset);

    if (offset > 0 && can(dict, sizeof *dict))
        vm_say_str(out, vm_item(*dict, "__name__"));
}

static void
say_made(const PyObject *object, struct vm_callee *out)
{
    const PyTypeObject *type = c_type_of(Py_TYPE(object));

    if (type == NULL)
        return;
    if (type == &PyCFuncPtr_Type) {
        out->how = VM_FOREIGN;
        vm_say_foreign(&out->name, object);
        /* One that was made of an address, as ctypes.memmove is, has no name but its type's. */
        if (out->name.len == 0)
            vm_say_class(&out->name, (const PyObject *)Py_TYPE(object));
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
        vm_say(&out->name, "re.compile");
        return;
    }
    if (out->how == VM_PARTIAL)
        vm_say_class(&out->name, (const PyObject *)Py_TYPE(object));
}

void
vm_callee(const struct _object *object, uint32_t kind, struct vm_callee *out)
{
    memset(out, 0, sizeof *out);
    switch (kind) {
    case VM_METHOD:
        out->first = ((const PyMethodObject *)object)->im_self;
        if (out->first != NULL)
            vm_say_method(&out->name, (const PyMethodObject *)object);
        break;
    case VM_BUILTIN:
        if (!vm_is_of_module((const PyCFunctionObject *)object)) {
            out->first = ((const PyCFunctionObject *)object)->m_self;
            vm_say_builtin(&out->name, (const PyCFunctionObject *)object);
        }
        break;
    case VM_WRAPPER:
        out->first = ((const struct wrapper *)object)->self;
        vm_say_descriptor(&out->name, (const PyDescrObject *)((const struct wrapper *)object)->descr);
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
