/* How stand-ins compare, count, calculate and hold items: see stand_ins.c.  What they answer goes by their texts, not by addresses, so that
 * equal runs are equal. */
#include "Python.h"
#include "bctrace_stand_in.h"
#include "opcode.h"

#define is_class bctrace_is_stand_in_class
#define is_pure bctrace_is_pure_stand_in
#define origin bctrace_stand_in_origin

/* The stand-in whose text is made of these objects'; `other` can be NULL. */
static PyObject *
made_of(const char *format, PyObject *one, PyObject *other)
{
    PyObject *first = bctrace_describe(one), *second = other == NULL ? NULL : bctrace_describe(other), *text = NULL, *made = NULL;

    if (first != NULL && (other == NULL || second != NULL))
        text = PyString_FromFormat(format, PyString_AS_STRING(first), second == NULL ? "" : PyString_AS_STRING(second));
    if (text != NULL)
        made = bctrace_make_stand_in(PyString_AS_STRING(text));
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_XDECREF(text);
    return made;
}

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

PyObject *
bctrace_stand_in_repr(PyObject *self)
{
    PyObject *text, *shown;

    if (!is_pure(self) && is_class(self))
        return PyType_Type.tp_repr(self);
    text = bctrace_stand_in_text(self);
    shown = text == NULL ? NULL : PyString_FromFormat("<stand-in %s>", PyString_AS_STRING(text));
    Py_XDECREF(text);
    return shown;
}

PyObject *
bctrace_stand_in_str(PyObject *self)
{
    if (!is_pure(self) && is_class(self))
        return PyType_Type.tp_repr(self);
    if (!is_pure(self))
        return ((PyTypeObject *)PyExc_Exception)->tp_str(self);
    return bctrace_stand_in_text(self);
}

long
bctrace_stand_in_hash(PyObject *self)
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

/* True, but for every fifth time at one place. */
static int
is_true(PyObject *self)
{
    if (!is_pure(self))
        return 1;
    bctrace_report_use("truth of ", self, "", NULL);
    return !bctrace_is_other_answer();
}

/* An answer that is asked for by a comparison, or by the loop over a call that ends at some result. */
static int
answer(int usual)
{
    int operand, opcode = bctrace_running_opcode(&operand);

    return (opcode == COMPARE_OP || opcode == FOR_ITER) && bctrace_is_other_answer() ? !usual : usual;
}

PyObject *
bctrace_stand_in_compare(PyObject *self, PyObject *other, int operation)
{
    static const char *const signs[] = {" < ", " <= ", " == ", " != ", " > ", " >= "};
    PyObject *one, *text;
    int order = 1;

    if (!is_pure(self)) {
        if (operation != Py_EQ && operation != Py_NE) {
            Py_INCREF(Py_NotImplemented);
            return Py_NotImplemented;
        }
        return PyBool_FromLong((self == other) == (operation == Py_EQ));
    }
    bctrace_report_use("", self, signs[operation], other);
    if (self == other)
        return PyBool_FromLong(operation == Py_EQ || operation == Py_LE || operation == Py_GE);
    if (bctrace_is_stand_in(other) && is_pure(other)) {
        one = bctrace_stand_in_text(self);
        text = bctrace_stand_in_text(other);
        order = one == NULL || text == NULL ? 1 : strcmp(PyString_AS_STRING(one), PyString_AS_STRING(text));
        Py_XDECREF(one);
        Py_XDECREF(text);
    } else if (PyInt_Check(other) || PyFloat_Check(other) || PyLong_Check(other)) {
        double number = PyFloat_AsDouble(other);
        PyErr_Clear();
        order = number > 1 ? -1 : number < 1;
        order = order == 0 && (operation == Py_EQ || operation == Py_NE) ? 1 : order;
    }
    switch (operation) {
    case Py_EQ: return PyBool_FromLong(answer(order == 0));
    case Py_NE: return PyBool_FromLong(!answer(order == 0));
    case Py_LT: return PyBool_FromLong(answer(order < 0));
    case Py_LE: return PyBool_FromLong(answer(order <= 0));
    case Py_GT: return PyBool_FromLong(answer(order > 0));
    default: return PyBool_FromLong(answer(order >= 0));
    }
}

/* A stand-in for what an operator makes. */
static PyObject *
operate(PyObject *one, PyObject *other, const char *format)
{
    PyObject *made = made_of(format, one, other), *text = made == NULL ? NULL : bctrace_stand_in_text(made);

    bctrace_report_stand_in(BCTRACE_USE, text);
    Py_XDECREF(text);
    return made;
}

/* A string, list or tuple stays one. */
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

PyNumberMethods bctrace_stand_in_numbers = {
    .nb_add = add, .nb_subtract = subtract, .nb_multiply = multiply, .nb_divide = divide, .nb_remainder = remainder_of,
    .nb_divmod = pair, .nb_power = power, .nb_negative = negate, .nb_positive = keep, .nb_absolute = keep,
    .nb_nonzero = is_true, .nb_invert = invert, .nb_lshift = shift_left, .nb_rshift = shift_right, .nb_and = and,
    .nb_xor = xor, .nb_or = or, .nb_int = to_int, .nb_long = to_long, .nb_float = to_float, .nb_oct = to_octal,
    .nb_hex = to_hex, .nb_floor_divide = floor_divide, .nb_true_divide = divide, .nb_index = to_int,
    .nb_inplace_add = add_in_place,
};

/* -- Containers ------------------------------------------------------------------------------------------------------------ */

static Py_ssize_t
length_of(PyObject *self)
{
    bctrace_report_use("length of ", self, "", NULL);
    return !bctrace_is_other_answer();
}

static int
contains(PyObject *self, PyObject *item)
{
    bctrace_report_use("", item, " in ", self);
    return answer(0);
}

static PyObject *
get_item(PyObject *self, PyObject *key)
{
    PyObject *own = bctrace_stand_in_text(self), *shown = bctrace_describe(key), *text = NULL, *made = NULL;

    if (own != NULL && shown != NULL)
        text = PyString_FromFormat("%s[%s]", PyString_AS_STRING(own), PyString_AS_STRING(shown));
    bctrace_report_stand_in(BCTRACE_ATTRIBUTE, text);
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
    PyObject *own = bctrace_stand_in_text(self), *shown = bctrace_describe(key), *item = NULL;

    if (shown != NULL)
        item = PyString_FromFormat("%s]", PyString_AS_STRING(shown));
    if (item != NULL)
        bctrace_report_change(own, "[", PyString_AS_STRING(item), value);
    Py_XDECREF(own);
    Py_XDECREF(shown);
    Py_XDECREF(item);
    return 0;
}

/* One item, or as many as are unpacked, unless that is absurd. */
enum { MOST_UNPACKED = 1000 };

PyObject *
bctrace_stand_in_iterate(PyObject *self)
{
    int operand, is_unpacked = bctrace_running_opcode(&operand) == UNPACK_SEQUENCE, place;
    int count = is_unpacked && operand >= 0 && operand < MOST_UNPACKED ? operand : 1;
    PyObject *items = PyList_New(count), *iterator;

    bctrace_report_use("items of ", self, "", NULL);
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

/* One that is its own iterator ends too. */
PyObject *
bctrace_stand_in_next(PyObject *self)
{
    bctrace_report_use("next of ", self, "", NULL);
    return bctrace_is_other_answer() ? NULL : made_of("next(%s)", self, NULL);
}

PySequenceMethods bctrace_stand_in_sequence = {.sq_length = length_of, .sq_contains = contains};
PyMappingMethods bctrace_stand_in_mapping = {.mp_length = length_of, .mp_subscript = get_item, .mp_ass_subscript = set_item};

/* Its text, which lives as long as the process does: stand-ins are never freed. */
static Py_ssize_t
read_buffer(PyObject *self, Py_ssize_t segment, void **bytes)
{
    PyObject *text = bctrace_lasting_text(self);

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

PyBufferProcs bctrace_stand_in_buffer = {
    .bf_getreadbuffer = read_buffer, .bf_getsegcount = count_segments, .bf_getcharbuffer = read_characters,
    .bf_getbuffer = get_buffer,
};
