/* Stand-ins: what a program gets in place of a module that is missing, and of all that it would find there.  A stand-in is a class, so
 * that it can be raised, caught, subclassed and asked for its instances; calling it makes an instance, whose attributes are stand-ins
 * again.  Each has a text, which says how the program came to it, such as `win32api.RegOpenKey()`.  No bytecode is in them. */
#include "Python.h"
#include "bctrace_stand_in.h"
#include "opcode.h"

/* Stand-ins that differ; beyond that all others are one. */
enum { MOST = 20000, LONGEST = 300 };

static PyTypeObject metatype, base;

/* All stand-ins by their texts. */
static PyObject *known;

static int
is_class(PyObject *object)
{
    return PyType_IsSubtype(Py_TYPE(object), &metatype);
}

int
bctrace_is_stand_in(PyObject *object)
{
    return is_class(object) || PyType_IsSubtype(Py_TYPE(object), &base);
}

/* The stand-in that a class is or descends from, borrowed; NULL: only from their base. */
static PyTypeObject *
origin(PyTypeObject *type)
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
static int
is_pure(PyObject *object)
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

static PyObject *
made_of(const char *format, PyObject *one, PyObject *other)
{
    PyObject *first = PyObject_Str(one), *second = other == NULL ? NULL : PyObject_Str(other), *text = NULL, *made = NULL;

    if (first != NULL && (other == NULL || second != NULL))
        text = PyString_FromFormat(format, PyString_AS_STRING(first), second == NULL ? "" : PyString_AS_STRING(second));
    if (text != NULL)
        made = bctrace_make_stand_in(PyString_AS_STRING(text));
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_XDECREF(text);
    return made;
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

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

static PyObject *
represent(PyObject *self)
{
    PyObject *text, *shown;

    if (!is_pure(self) && is_class(self))
        return PyType_Type.tp_repr(self);
    text = bctrace_stand_in_text(self);
    shown = text == NULL ? NULL : PyString_FromFormat("<stand-in %s>", PyString_AS_STRING(text));
    Py_XDECREF(text);
    return shown;
}

static PyObject *
to_string(PyObject *self)
{
    if (!is_pure(self) && is_class(self))
        return PyType_Type.tp_repr(self);
    if (!is_pure(self))
        return ((PyTypeObject *)PyExc_Exception)->tp_str(self);
    return bctrace_stand_in_text(self);
}

static long
hash(PyObject *self)
{
    PyObject *text;
    long hash;

    if (!is_pure(self))
        return _Py_HashPointer(self);
    text = bctrace_stand_in_text(self);
    hash = text == NULL ? -1 : PyObject_Hash(text);
    Py_XDECREF(text);
    return hash;
}

static PyObject *
report(PyObject *self, const char *what)
{
    PyObject *text = bctrace_stand_in_text(self);

    bctrace_report_stand_in(what, text, NULL, NULL);
    return text;
}

/* True, but for every fifth time at one place. */
static int
is_true(PyObject *self)
{
    int operand, opcode = bctrace_running_opcode(&operand);
    int is_asked = opcode == POP_JUMP_IF_FALSE || opcode == POP_JUMP_IF_TRUE || opcode == JUMP_IF_FALSE_OR_POP
        || opcode == JUMP_IF_TRUE_OR_POP || opcode == UNARY_NOT;

    if (!is_pure(self))
        return 1;
    Py_XDECREF(report(self, "truth of "));
    return !(is_asked && bctrace_is_other_answer());
}

static int
answer(int usual)
{
    int operand;

    return bctrace_running_opcode(&operand) == COMPARE_OP && bctrace_is_other_answer() ? !usual : usual;
}

static PyObject *
compare(PyObject *self, PyObject *other, int operation)
{
    PyObject *one, *text;
    int order = 1;

    if (!is_pure(self)) {
        if (operation != Py_EQ && operation != Py_NE) {
            Py_INCREF(Py_NotImplemented);
            return Py_NotImplemented;
        }
        return PyBool_FromLong((self == other) == (operation == Py_EQ));
    }
    one = report(self, "comparison of ");
    if (bctrace_is_stand_in(other) && is_pure(other) && one != NULL) {
        text = bctrace_stand_in_text(other);
        order = text == NULL ? 1 : strcmp(PyString_AS_STRING(one), PyString_AS_STRING(text));
        Py_XDECREF(text);
        if (order == 0 && self == other)
            return Py_DECREF(one), PyBool_FromLong(operation == Py_EQ || operation == Py_LE || operation == Py_GE);
    } else if (PyInt_Check(other) || PyFloat_Check(other) || PyLong_Check(other)) {
        double number = PyFloat_AsDouble(other);
        PyErr_Clear();
        order = number > 1 ? -1 : number < 1;
        order = order == 0 && (operation == Py_EQ || operation == Py_NE) ? 1 : order;
    }
    Py_XDECREF(one);
    switch (operation) {
    case Py_EQ: return PyBool_FromLong(answer(order == 0));
    case Py_NE: return PyBool_FromLong(!answer(order == 0));
    case Py_LT: return PyBool_FromLong(answer(order < 0));
    case Py_LE: return PyBool_FromLong(answer(order <= 0));
    case Py_GT: return PyBool_FromLong(answer(order > 0));
    default: return PyBool_FromLong(answer(order >= 0));
    }
}

/* A stand-in for what an operator makes; a string keeps what it is joined with. */
static PyObject *
operate(PyObject *one, PyObject *other, const char *format)
{
    PyObject *made;

    if (bctrace_is_stand_in(one))
        Py_XDECREF(report(one, "operation on "));
    else
        Py_XDECREF(report(other, "operation on "));
    made = made_of(format, one, other);
    return made;
}

static PyObject *
add(PyObject *one, PyObject *other)
{
    PyObject *first, *second, *sum;

    if (PyList_Check(one) || PyTuple_Check(one)) {
        second = PyList_Check(one) ? PySequence_List(other) : PySequence_Tuple(other);
        sum = second == NULL ? NULL : PySequence_Concat(one, second);
        Py_XDECREF(second);
        return sum;
    }
    if (!PyString_Check(one) && !PyUnicode_Check(one) && !PyString_Check(other) && !PyUnicode_Check(other))
        return operate(one, other, "(%s + %s)");
    first = bctrace_is_stand_in(one) ? PyObject_Str(one) : (Py_INCREF(one), one);
    second = bctrace_is_stand_in(other) ? PyObject_Str(other) : (Py_INCREF(other), other);
    sum = first == NULL || second == NULL ? NULL : PySequence_Concat(first, second);
    Py_XDECREF(first);
    Py_XDECREF(second);
    return sum;
}

static PyObject *
add_in_place(PyObject *one, PyObject *other)
{
    if (PyList_Check(one)) {
        Py_INCREF(Py_NotImplemented);
        return Py_NotImplemented;
    }
    return add(one, other);
}

#define OPERATOR(name, sign) \
    static PyObject *name(PyObject *one, PyObject *other) { return operate(one, other, "(%s " sign " %s)"); }
OPERATOR(subtract, "-")
OPERATOR(divide, "/")
OPERATOR(floor_divide, "//")
OPERATOR(shift_left, "<<")
OPERATOR(shift_right, ">>")
OPERATOR(and, "&")
OPERATOR(xor, "^")
OPERATOR(or, "|")

static PyObject *
multiply(PyObject *one, PyObject *other)
{
    if (PyString_Check(one) || PyUnicode_Check(one) || PyList_Check(one) || PyTuple_Check(one)) {
        Py_INCREF(Py_NotImplemented);
        return Py_NotImplemented;
    }
    return operate(one, other, "(%s * %s)");
}

static PyObject *
remainder_of(PyObject *one, PyObject *other)
{
    if (PyString_Check(one) || PyUnicode_Check(one)) {
        Py_INCREF(Py_NotImplemented);
        return Py_NotImplemented;
    }
    return operate(one, other, "(%s %% %s)");
}

static PyObject *
pair(PyObject *one, PyObject *other)
{
    PyObject *quotient = floor_divide(one, other), *rest = remainder_of(one, other);

    return quotient == NULL || rest == NULL ? NULL : Py_BuildValue("NN", quotient, rest);
}

static PyObject *
power(PyObject *one, PyObject *other, PyObject *modulus)
{
    return operate(one, other, "(%s ** %s)");
}

static PyObject *negate(PyObject *self) { return made_of("-%s", self, NULL); }
static PyObject *keep(PyObject *self) { Py_INCREF(self); return self; }
static PyObject *invert(PyObject *self) { return made_of("~%s", self, NULL); }
static PyObject *to_int(PyObject *self) { return PyInt_FromLong(1); }
static PyObject *to_long(PyObject *self) { return PyLong_FromLong(1); }
static PyObject *to_float(PyObject *self) { return PyFloat_FromDouble(1); }
static PyObject *to_octal(PyObject *self) { return PyString_FromString("01"); }
static PyObject *to_hex(PyObject *self) { return PyString_FromString("0x1"); }

static PyNumberMethods numbers = {
    .nb_add = add, .nb_subtract = subtract, .nb_multiply = multiply, .nb_divide = divide, .nb_remainder = remainder_of,
    .nb_divmod = pair, .nb_power = power, .nb_negative = negate, .nb_positive = keep, .nb_absolute = keep,
    .nb_nonzero = is_true, .nb_invert = invert, .nb_lshift = shift_left, .nb_rshift = shift_right, .nb_and = and,
    .nb_xor = xor, .nb_or = or, .nb_int = to_int, .nb_long = to_long, .nb_float = to_float, .nb_oct = to_octal,
    .nb_hex = to_hex, .nb_floor_divide = floor_divide, .nb_true_divide = divide, .nb_index = to_int,
    .nb_inplace_add = add_in_place,
};

/* -- Containers ------------------------------------------------------------------------------------------------------------ */

static Py_ssize_t length_of(PyObject *self) { return 1; }

static int
contains(PyObject *self, PyObject *item)
{
    Py_XDECREF(report(self, "search in "));
    return answer(0);
}

static PyObject *
get_item(PyObject *self, PyObject *key)
{
    PyObject *text = NULL, *made = NULL, *shown = PyString_CheckExact(key) || PyInt_CheckExact(key) ? PyObject_Repr(key) : NULL;
    PyObject *own = bctrace_stand_in_text(self);

    if (own != NULL)
        text = PyString_FromFormat("%s[%s]", PyString_AS_STRING(own), shown == NULL ? "..." : PyString_AS_STRING(shown));
    bctrace_report_stand_in("", text, NULL, NULL);
    if (text != NULL)
        made = bctrace_make_stand_in(PyString_AS_STRING(text));
    Py_XDECREF(own);
    Py_XDECREF(shown);
    Py_XDECREF(text);
    return made;
}

static int
set_item(PyObject *self, PyObject *key, PyObject *value)
{
    Py_XDECREF(report(self, "item set in "));
    return 0;
}

/* One item, or as many as are unpacked. */
static PyObject *
iterate(PyObject *self)
{
    int operand = 1, count = bctrace_running_opcode(&operand) == UNPACK_SEQUENCE ? operand : 1, place;
    PyObject *items = PyList_New(count), *iterator;

    Py_XDECREF(report(self, "iteration over "));
    for (place = 0; items != NULL && place < count; place++) {
        PyObject *number = PyInt_FromLong(place), *item = number == NULL ? NULL : made_of("%s[%s]", self, number);
        Py_XDECREF(number);
        if (item == NULL)
            Py_CLEAR(items);
        else
            PyList_SET_ITEM(items, place, item);
    }
    iterator = items == NULL ? NULL : PyObject_GetIter(items);
    Py_XDECREF(items);
    return iterator;
}

static PySequenceMethods sequence = {.sq_length = length_of, .sq_contains = contains};
static PyMappingMethods mapping = {.mp_length = length_of, .mp_subscript = get_item, .mp_ass_subscript = set_item};

/* Its text, which lives as long as the process does: stand-ins are never freed. */
static Py_ssize_t
read_buffer(PyObject *self, Py_ssize_t segment, void **bytes)
{
    PyTypeObject *type = origin(is_class(self) ? (PyTypeObject *)self : Py_TYPE(self));
    PyObject *text = type == NULL ? NULL : ((PyHeapTypeObject *)type)->ht_name;

    *bytes = text == NULL ? "" : PyString_AS_STRING(text);
    return text == NULL ? 0 : PyString_GET_SIZE(text);
}

static Py_ssize_t
count_segments(PyObject *self, Py_ssize_t *length)
{
    void *bytes;

    if (length != NULL)
        *length = read_buffer(self, 0, &bytes);
    return 1;
}

static Py_ssize_t
read_characters(PyObject *self, Py_ssize_t segment, char **bytes)
{
    return read_buffer(self, segment, (void **)bytes);
}

static int
get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    void *bytes;
    Py_ssize_t length = read_buffer(self, 0, &bytes);

    return PyBuffer_FillInfo(view, self, bytes, length, 1, flags);
}

static PyBufferProcs buffer = {
    .bf_getreadbuffer = read_buffer, .bf_getsegcount = count_segments, .bf_getcharbuffer = read_characters,
    .bf_getbuffer = get_buffer,
};

/* -- The types ------------------------------------------------------------------------------------------------------------- */

static PyObject *
enter(PyObject *self, PyObject *arguments)
{
    Py_XDECREF(report(self, "with "));
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
    .tp_as_number = &numbers, .tp_as_sequence = &sequence, .tp_as_mapping = &mapping, .tp_as_buffer = &buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_NEWBUFFER | Py_TPFLAGS_CHECKTYPES,
    .tp_repr = represent, .tp_str = to_string, .tp_hash = hash, .tp_call = call, .tp_getattro = get_attribute,
    .tp_richcompare = compare, .tp_iter = iterate, .tp_methods = methods, .tp_new = new_class,
};

static PyTypeObject base = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "missing.StandIn",
    .tp_basicsize = sizeof(PyBaseExceptionObject),
    .tp_as_number = &numbers, .tp_as_sequence = &sequence, .tp_as_mapping = &mapping, .tp_as_buffer = &buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_NEWBUFFER | Py_TPFLAGS_CHECKTYPES,
    .tp_repr = represent, .tp_str = to_string, .tp_hash = hash, .tp_call = call, .tp_getattro = get_attribute,
    .tp_richcompare = compare, .tp_iter = iterate, .tp_methods = methods, .tp_init = initialize,
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
