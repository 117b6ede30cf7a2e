/* Stand-ins: what a program gets in place of a module that is missing, and of all that it would find there.  A stand-in is a class, so
 * that it can be raised, caught, subclassed and asked for its instances; calling it makes an instance, whose attributes are stand-ins
 * again.  Each has a text, which says how the program came to it, such as `win32api.RegOpenKey()`.  No bytecode is in them. */
#include "Python.h"
#include "bctrace_stand_in.h"
#include "opcode.h"

/* Stand-ins that differ; beyond that all others are one. */
enum { MOST = 20000, LONGEST = 300 };

static PyTypeObject metatype, base;

#define is_class bctrace_is_stand_in_class
#define is_pure bctrace_is_pure_stand_in
#define origin bctrace_stand_in_origin

/* All stand-ins by their texts. */
static PyObject *known;

int
bctrace_is_stand_in_class(PyObject *object)
{
    return PyType_IsSubtype(Py_TYPE(object), &metatype);
}

int
bctrace_is_stand_in(PyObject *object)
{
    return is_class(object) || PyType_IsSubtype(Py_TYPE(object), &base);
}

/* The stand-in that a class is or descends from, borrowed; NULL: only from their base. */
PyTypeObject *
bctrace_stand_in_origin(PyTypeObject *type)
{
    Py_ssize_t place;

    for (place = 0; type->tp_mro != NULL && place < PyTuple_GET_SIZE(type->tp_mro); place++) {
        PyTypeObject *one = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, place);
        if (Py_TYPE(one) == &metatype && one->tp_flags & Py_TPFLAGS_HEAPTYPE
            && PyDict_GetItem(known, ((PyHeapTypeObject *)one)->ht_name) == (PyObject *)one)
            return one;
    }
    return NULL;
}

/* Whether it is a stand-in or an instance of one, and not of a class of the program's. */
int
bctrace_is_pure_stand_in(PyObject *object)
{
    PyTypeObject *type = is_class(object) ? (PyTypeObject *)object : Py_TYPE(object);

    return bctrace_is_stand_in(object) && origin(type) == type;
}

PyObject *
bctrace_stand_in_text(PyObject *object)
{
    PyTypeObject *type = is_class(object) ? (PyTypeObject *)object : Py_TYPE(object), *from = origin(type);

    if (from == NULL)
        return PyString_FromString("?");
    return PyString_FromFormat("%s%s", PyString_AS_STRING(((PyHeapTypeObject *)from)->ht_name), is_class(object) ? "" : "()");
}

PyObject *
bctrace_make_stand_in(const char *text)
{
    PyObject *name, *arguments, *stand_in;
    int is_full = PyDict_Size(known) >= MOST || strlen(text) > LONGEST;

    stand_in = PyDict_GetItemString(known, is_full ? "..." : text);
    Py_XINCREF(stand_in);
    if (stand_in != NULL)
        return stand_in;
    name = PyString_FromString(is_full ? "..." : text);
    arguments = name == NULL ? NULL : Py_BuildValue("(O(O){ss})", name, &base, "__module__", "missing");
    stand_in = arguments == NULL ? NULL : PyType_Type.tp_new(&metatype, arguments, NULL);
    if (stand_in != NULL && PyDict_SetItem(known, name, stand_in) < 0)
        Py_CLEAR(stand_in);
    Py_XDECREF(arguments);
    Py_XDECREF(name);
    return stand_in;
}

/* -- Attributes ------------------------------------------------------------------------------------------------------------ */

static int
is_special(const char *name)
{
    size_t length = strlen(name);

    return length > 4 && strncmp(name, "__", 2) == 0 && strcmp(name + length - 2, "__") == 0;
}

/* The stand-in for an attribute; special ones are missing, but for those that modules have. */
static PyObject *
make_attribute(PyObject *self, const char *name)
{
    static const char *const of_modules[] = {"__version__", "__author__", "__file__", NULL};
    const char *const *row = of_modules;
    PyObject *text, *whole = NULL, *made = NULL;

    if (is_special(name)) {
        while (*row != NULL && strcmp(*row, name) != 0)
            row++;
        if (*row == NULL || !is_class(self) || !is_pure(self)) {
            PyErr_Format(PyExc_AttributeError, "stand-in has no attribute '%.400s'", name);
            return NULL;
        }
    }
    text = bctrace_stand_in_text(self);
    whole = text == NULL ? NULL : PyString_FromFormat("%s.%s", PyString_AS_STRING(text), name);
    if (whole != NULL) {
        bctrace_report_stand_in("", whole, NULL, NULL);
        made = bctrace_make_stand_in(PyString_AS_STRING(whole));
    }
    Py_XDECREF(text);
    Py_XDECREF(whole);
    return made;
}

/* Whether an attribute is what C code gives all exceptions or all classes, which is not meant. */
static int
is_inherited(PyObject *self, const char *name)
{
    if (is_special(name))
        return 0;
    if (is_class(self))
        return PyDict_GetItemString(((PyTypeObject *)PyExc_BaseException)->tp_dict, name) != NULL || strcmp(name, "mro") == 0;
    return (strcmp(name, "args") == 0 || strcmp(name, "message") == 0)
        && PyTuple_Check(((PyBaseExceptionObject *)self)->args)
        && PyTuple_GET_SIZE(((PyBaseExceptionObject *)self)->args) == 0;
}

static PyObject *
get_attribute(PyObject *self, PyObject *attribute)
{
    const char *name = PyString_Check(attribute) ? PyString_AS_STRING(attribute) : "";
    PyObject *found = NULL;

    if (strcmp(name, "__all__") == 0 && is_class(self) && is_pure(self))
        return bctrace_wanted_names();
    if (strcmp(name, "__path__") == 0 && is_class(self) && is_pure(self))
        return PyList_New(0);
    if (!is_inherited(self, name))
        found = (is_class(self) ? PyType_Type.tp_getattro : PyObject_GenericGetAttr)(self, attribute);
    if (found != NULL || !PyString_Check(attribute))
        return found;
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return NULL;
        PyErr_Clear();
    }
    return make_attribute(self, name);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------- */

/* The bases of a class that is made: instances of stand-ins become their classes. */
static PyObject *
real_bases(PyObject *bases)
{
    PyObject *real = PyTuple_New(PyTuple_GET_SIZE(bases));
    Py_ssize_t place;

    for (place = 0; real != NULL && place < PyTuple_GET_SIZE(bases); place++) {
        PyObject *one = PyTuple_GET_ITEM(bases, place);
        if (!is_class(one) && PyType_IsSubtype(Py_TYPE(one), &base))
            one = (PyObject *)Py_TYPE(one);
        Py_INCREF(one);
        PyTuple_SET_ITEM(real, place, one);
    }
    return real;
}

/* The bases without those that cannot stand beside a stand-in, such as Exception before it. */
static PyObject *
fewer_bases(PyObject *bases)
{
    PyObject *fewer = PyList_New(0), *tuple;
    Py_ssize_t place;

    for (place = 0; fewer != NULL && place < PyTuple_GET_SIZE(bases); place++) {
        PyObject *one = PyTuple_GET_ITEM(bases, place);
        int is_above = PyType_Check(one) && PyType_IsSubtype(&base, (PyTypeObject *)one) && one != (PyObject *)&base;
        if (!is_above && PyList_Append(fewer, one) < 0)
            Py_CLEAR(fewer);
    }
    tuple = fewer == NULL ? NULL : PyList_AsTuple(fewer);
    Py_XDECREF(fewer);
    return tuple;
}

/* The bases without stand-ins, for a class that also descends from a built-in type whose objects have another layout. */
static PyObject *
other_bases(PyObject *bases)
{
    PyObject *other = PyList_New(0), *tuple;
    Py_ssize_t place;

    for (place = 0; other != NULL && place < PyTuple_GET_SIZE(bases); place++)
        if (!is_class(PyTuple_GET_ITEM(bases, place)) && PyList_Append(other, PyTuple_GET_ITEM(bases, place)) < 0)
            Py_CLEAR(other);
    tuple = other == NULL ? NULL : PyList_AsTuple(other);
    Py_XDECREF(other);
    return tuple;
}

static PyObject *
new_class(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *(*const ways[])(PyObject *) = {real_bases, fewer_bases, other_bases};
    PyObject *name, *bases, *members, *made = NULL, *again;
    size_t way;

    if (!PyArg_ParseTuple(arguments, "OO!O!:stand_in", &name, &PyTuple_Type, &bases, &PyDict_Type, &members))
        return NULL;
    bases = real_bases(bases);
    for (way = 0; bases != NULL && made == NULL && way < 3; way++) {
        PyObject *next = ways[way](bases);
        Py_DECREF(bases);
        bases = next;
        again = bases == NULL ? NULL : PyTuple_Pack(3, name, bases, members);
        if (again == NULL)
            break;
        PyErr_Clear();
        made = way < 2 ? PyType_Type.tp_new(type, again, NULL) : PyObject_Call((PyObject *)&PyType_Type, again, NULL);
        Py_DECREF(again);
        if (made == NULL && !PyErr_ExceptionMatches(PyExc_TypeError))
            break;
    }
    Py_XDECREF(bases);
    return made;
}

/* Whether a call gives a stand-in what a metaclass is given. */
static int
is_making_class(PyObject *arguments)
{
    int operand;

    return PyTuple_GET_SIZE(arguments) == 3 && bctrace_running_opcode(&operand) == BUILD_CLASS
        && PyTuple_Check(PyTuple_GET_ITEM(arguments, 1)) && PyDict_Check(PyTuple_GET_ITEM(arguments, 2));
}

static PyObject *
call(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *text, *stand_in, *made = NULL, *only = PyTuple_GET_SIZE(arguments) == 1 ? PyTuple_GET_ITEM(arguments, 0) : NULL;

    if (is_class(self) && !is_pure(self))
        return PyType_Type.tp_call(self, arguments, keywords);
    if (is_making_class(arguments))
        return new_class(&metatype, arguments, NULL);
    text = bctrace_stand_in_text(self);
    bctrace_report_stand_in("", text, arguments, keywords);
    if (only != NULL && (keywords == NULL || PyDict_Size(keywords) == 0) && bctrace_is_decorating(only)) {
        Py_XDECREF(text);
        Py_INCREF(only);
        return only;
    }
    stand_in = text == NULL ? NULL : bctrace_make_stand_in(PyString_AS_STRING(text));
    if (stand_in != NULL)
        made = ((PyTypeObject *)PyExc_Exception)->tp_new((PyTypeObject *)stand_in, arguments, NULL);
    Py_XDECREF(stand_in);
    Py_XDECREF(text);
    return made;
}

/* An instance of a class of the program's: its initializer is the stand-in's. */
static int
initialize(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *text = PyString_FromFormat("%s.__init__", PyString_AS_STRING(((PyHeapTypeObject *)(
        origin(Py_TYPE(self)) == NULL ? Py_TYPE(self) : origin(Py_TYPE(self))))->ht_name));

    bctrace_report_stand_in("", text, arguments, keywords);
    Py_XDECREF(text);
    return text == NULL ? -1 : 0;
}

/* -- The types ------------------------------------------------------------------------------------------------------------- */

static PyObject *
enter(PyObject *self, PyObject *arguments)
{
    PyObject *text = bctrace_stand_in_text(self);

    bctrace_report_stand_in("with ", text, NULL, NULL);
    Py_XDECREF(text);
    Py_INCREF(self);
    return self;
}

static PyObject *leave(PyObject *self, PyObject *arguments) { Py_RETURN_FALSE; }
static PyObject *no_length(PyObject *self, PyObject *arguments) { return PyInt_FromLong(0); }

static PyMethodDef methods[] = {
    {"__enter__", enter, METH_VARARGS, NULL},
    {"__exit__", leave, METH_VARARGS, NULL},
    {"__length_hint__", no_length, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject metatype = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "stand_in",
    .tp_as_number = &bctrace_stand_in_numbers, .tp_as_sequence = &bctrace_stand_in_sequence,
    .tp_as_mapping = &bctrace_stand_in_mapping, .tp_as_buffer = &bctrace_stand_in_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_NEWBUFFER | Py_TPFLAGS_CHECKTYPES,
    .tp_repr = bctrace_stand_in_repr, .tp_str = bctrace_stand_in_str, .tp_hash = bctrace_stand_in_hash,
    .tp_call = call, .tp_getattro = get_attribute, .tp_richcompare = bctrace_stand_in_compare,
    .tp_iter = bctrace_stand_in_iterate, .tp_methods = methods, .tp_new = new_class,
};

static PyTypeObject base = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "missing.StandIn",
    .tp_basicsize = sizeof(PyBaseExceptionObject),
    .tp_as_number = &bctrace_stand_in_numbers, .tp_as_sequence = &bctrace_stand_in_sequence,
    .tp_as_mapping = &bctrace_stand_in_mapping, .tp_as_buffer = &bctrace_stand_in_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_NEWBUFFER | Py_TPFLAGS_CHECKTYPES,
    .tp_repr = bctrace_stand_in_repr, .tp_str = bctrace_stand_in_str, .tp_hash = bctrace_stand_in_hash,
    .tp_call = call, .tp_getattro = get_attribute, .tp_richcompare = bctrace_stand_in_compare,
    .tp_iter = bctrace_stand_in_iterate, .tp_methods = methods, .tp_init = initialize,
};

int
bctrace_ready_stand_ins(void)
{
    metatype.tp_base = &PyType_Type;
    base.tp_base = (PyTypeObject *)PyExc_Exception;
    known = PyDict_New();
    if (known == NULL || PyType_Ready(&metatype) < 0)
        return -1;
    Py_TYPE(&base) = &metatype;
    return PyType_Ready(&base);
}
