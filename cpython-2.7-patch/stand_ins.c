/* Stand-ins: what a program gets in place of a module that is missing, and of all that it would find there.  A stand-in is a class, so
 * that it can be raised, caught, subclassed and asked for its instances; calling it makes an instance, whose attributes are stand-ins
 * again.  Each has a text, which says how the program came to it, such as `win32api.RegOpenKey()`.  No bytecode is in them. */
#include "Python.h"
#include "bctrace_stand_in.h"
#include "opcode.h"

/* Stand-ins that differ, beyond which all others are one; and bytes of a text, which is cut there. */
enum { MOST = 20000, LONGEST = 300 };

static PyTypeObject metatype, base;

/* A class that the metatype makes: a stand-in with its text, or a class of the program's that descends from one, without. */
struct made { PyHeapTypeObject type; PyObject *text; int is_module; };

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

/* The text of a class; NULL if it is no stand-in.  The program can rename a class, but not this. */
static PyObject *
text_of(PyTypeObject *type)
{
    return is_class((PyObject *)type) ? ((struct made *)type)->text : NULL;
}

PyTypeObject *
bctrace_stand_in_origin(PyTypeObject *type)
{
    Py_ssize_t place;

    for (place = 0; type->tp_mro != NULL && place < PyTuple_GET_SIZE(type->tp_mro); place++) {
        PyTypeObject *one = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, place);
        if (one != &base && text_of(one) != NULL)
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
    return PyString_FromFormat("%s%s", PyString_AS_STRING(text_of(from)), is_class(object) ? "" : "()");
}

PyObject *
bctrace_lasting_text(PyObject *object)
{
    PyTypeObject *from = origin(is_class(object) ? (PyTypeObject *)object : Py_TYPE(object));

    return from == NULL ? NULL : text_of(from);
}

PyObject *
bctrace_make_stand_in(const char *whole)
{
    PyObject *name, *arguments, *stand_in;
    char text[LONGEST + 1];

    snprintf(text, sizeof text, "%s", whole);
    if (strlen(whole) > LONGEST)
        strcpy(text + LONGEST - 3, "...");
    if (PyDict_Size(known) >= MOST && PyDict_GetItemString(known, text) == NULL)
        strcpy(text, "...");
    stand_in = PyDict_GetItemString(known, text);
    Py_XINCREF(stand_in);
    if (stand_in != NULL)
        return stand_in;
    name = PyString_FromString(text);
    arguments = name == NULL ? NULL : Py_BuildValue("(O(O){ss})", name, &base, "__module__", "missing");
    stand_in = arguments == NULL ? NULL : PyType_Type.tp_new(&metatype, arguments, NULL);
    if (stand_in != NULL) {
        Py_INCREF(name);
        ((struct made *)stand_in)->text = name;
        if (PyDict_SetItem(known, name, stand_in) < 0)
            Py_CLEAR(stand_in);
    }
    Py_XDECREF(arguments);
    Py_XDECREF(name);
    return stand_in;
}

PyObject *
bctrace_make_stand_in_module(const char *name)
{
    PyObject *stand_in = bctrace_make_stand_in(name);

    if (stand_in != NULL)
        ((struct made *)stand_in)->is_module = 1;
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
        bctrace_report_stand_in(BCTRACE_ATTRIBUTE, whole);
        made = bctrace_make_stand_in(PyString_AS_STRING(whole));
    }
    Py_XDECREF(text);
    Py_XDECREF(whole);
    return made;
}

/* Whether an attribute is what C code gives all exceptions or all classes, which is not meant. */
static int
is_inherited(PyObject *self, PyObject *attribute)
{
    const char *name = PyString_AS_STRING(attribute);
    PyTypeObject *type = is_class(self) ? (PyTypeObject *)self : Py_TYPE(self);
    PyObject *found, *arguments;

    if (is_special(name))
        return 0;
    found = _PyType_Lookup(type, attribute);
    if (is_class(self) && found == NULL)
        return strcmp(name, "mro") == 0;
    if (found != NULL && strcmp(name, "next") == 0)
        return found == PyDict_GetItem(base.tp_dict, attribute);
    if (found == NULL || found != PyDict_GetItem(((PyTypeObject *)PyExc_BaseException)->tp_dict, attribute))
        return 0;
    arguments = is_class(self) ? NULL : ((PyBaseExceptionObject *)self)->args;
    return (strcmp(name, "args") != 0 && strcmp(name, "message") != 0) || arguments == NULL || !PyTuple_Check(arguments)
        || PyTuple_GET_SIZE(arguments) == 0;
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
    if (strcmp(name, "__bases__") == 0 && !is_class(self))
        return PyObject_GetAttr((PyObject *)Py_TYPE(self), attribute); /* isinstance takes it for a class */
    if (!PyString_Check(attribute) || !is_inherited(self, attribute))
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

/* What is set stays.  A function that is set in a module is not a method of it. */
static int
set_attribute(PyObject *self, PyObject *attribute, PyObject *value)
{
    PyObject *text, *set = value;
    int result;

    if (is_pure(self) && PyString_Check(attribute)) {
        text = bctrace_stand_in_text(self);
        bctrace_report_change(text, ".", PyString_AS_STRING(attribute), value);
        Py_XDECREF(text);
    }
    if (value != NULL && PyFunction_Check(value) && is_class(self) && ((struct made *)self)->is_module)
        set = PyStaticMethod_New(value);
    else
        Py_XINCREF(set);
    if (value != NULL && set == NULL)
        return -1;
    result = (is_class(self) ? PyType_Type.tp_setattro : PyObject_GenericSetAttr)(self, attribute, set);
    Py_XDECREF(set);
    return result;
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
    bctrace_report_call(text, arguments, keywords);
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
    PyTypeObject *from = origin(Py_TYPE(self));
    PyObject *text = PyString_FromFormat("%s.__init__", from == NULL ? "?" : PyString_AS_STRING(text_of(from)));

    bctrace_report_call(text, arguments, keywords);
    Py_XDECREF(text);
    return text == NULL ? -1 : ((PyTypeObject *)PyExc_Exception)->tp_init(self, arguments, NULL);
}

/* -- The types ------------------------------------------------------------------------------------------------------------- */

static PyObject *
enter(PyObject *self, PyObject *arguments)
{
    bctrace_report_use("with ", self, "", NULL);
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
    .tp_iter = bctrace_stand_in_iterate, .tp_iternext = bctrace_stand_in_next, .tp_methods = methods, .tp_new = new_class,
    .tp_setattro = set_attribute, .tp_basicsize = sizeof(struct made),
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
    .tp_iter = bctrace_stand_in_iterate, .tp_iternext = bctrace_stand_in_next, .tp_methods = methods, .tp_init = initialize,
    .tp_setattro = set_attribute,
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
