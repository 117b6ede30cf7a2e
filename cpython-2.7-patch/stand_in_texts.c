/* The texts of stand-ins and of what is done with them.  Nothing of the program's runs: objects are shown by their exact types. */
#include "Python.h"
#include "bctrace_hook.h"
#include "bctrace_stand_in.h"

/* Bytes of a text, items of a container and containers in containers that are shown. */
enum { LONGEST = 2000, WIDEST = 10, DEEPEST = 3 };

static void add_object(PyObject **text, PyObject *object, int depth);

/* Adds to a text, which becomes NULL if there is no memory. */
static void
add(PyObject **text, const char *bytes)
{
    if (*text != NULL && PyString_GET_SIZE(*text) < LONGEST)
        PyString_ConcatAndDel(text, PyString_FromString(bytes));
}

static void
add_items(PyObject **text, const char *begin, PyObject **items, Py_ssize_t count, const char *end, int depth)
{
    Py_ssize_t place;

    add(text, begin);
    for (place = 0; place < count && place < WIDEST; place++) {
        if (place > 0)
            add(text, ", ");
        add_object(text, items[place], depth + 1);
    }
    if (count > WIDEST)
        add(text, ", ...");
    add(text, end);
}

static void
add_dict(PyObject **text, PyObject *dict, int depth, const char *between)
{
    PyObject *keys = PyDict_Keys(dict);
    Py_ssize_t place;

    for (place = 0; keys != NULL && place < PyList_GET_SIZE(keys) && place < WIDEST; place++) {
        PyObject *key = PyList_GET_ITEM(keys, place);
        if (place > 0)
            add(text, ", ");
        if (*between == '=' && PyString_CheckExact(key))
            add(text, PyString_AS_STRING(key));
        else
            add_object(text, key, depth + 1);
        add(text, between);
        /* Only keys whose equality runs nothing of the program's are looked up. */
        if (PyString_CheckExact(key) || PyInt_CheckExact(key))
            add_object(text, PyDict_GetItem(dict, key), depth + 1);
        else
            add(text, "...");
    }
    Py_XDECREF(keys);
}

static int
is_plain(PyObject *object)
{
    return object == Py_None || PyString_CheckExact(object) || PyUnicode_CheckExact(object) || PyInt_CheckExact(object)
        || PyLong_CheckExact(object) || PyFloat_CheckExact(object) || PyBool_Check(object) || PyComplex_CheckExact(object);
}

/* The repr of a plain object, of a string's or unicode's first part. */
static void
add_plain(PyObject **text, PyObject *object)
{
    PyObject *shown = object, *repr;

    Py_INCREF(shown);
    if ((PyString_CheckExact(object) || PyUnicode_CheckExact(object)) && PySequence_Size(object) > LONGEST / 2) {
        Py_DECREF(shown);
        shown = PySequence_GetSlice(object, 0, LONGEST / 2);
    }
    repr = shown == NULL ? NULL : PyObject_Repr(shown);
    add(text, repr == NULL ? "?" : PyString_AS_STRING(repr));
    if (shown != object)
        add(text, "...");
    Py_XDECREF(repr);
    Py_XDECREF(shown);
}

static void
add_object(PyObject **text, PyObject *object, int depth)
{
    PyObject *own;

    if (object == NULL)
        add(text, "?");
    else if (bctrace_is_stand_in(object)) {
        own = bctrace_stand_in_text(object);
        add(text, own == NULL ? "?" : PyString_AS_STRING(own));
        Py_XDECREF(own);
    } else if (is_plain(object))
        add_plain(text, object);
    else if (depth >= DEEPEST)
        add(text, "...");
    else if (PyTuple_CheckExact(object))
        add_items(text, "(", ((PyTupleObject *)object)->ob_item, PyTuple_GET_SIZE(object),
                  PyTuple_GET_SIZE(object) == 1 ? ",)" : ")", depth);
    else if (PyList_CheckExact(object))
        add_items(text, "[", ((PyListObject *)object)->ob_item, PyList_GET_SIZE(object), "]", depth);
    else if (PyDict_CheckExact(object)) {
        add(text, "{");
        add_dict(text, object, depth, ": ");
        add(text, "}");
    } else {
        const char *name = strrchr(Py_TYPE(object)->tp_name, '.');
        add(text, "<");
        add(text, name == NULL ? Py_TYPE(object)->tp_name : name + 1);
        add(text, ">");
    }
}

PyObject *
bctrace_describe(PyObject *object)
{
    PyObject *text = PyString_FromString("");

    add_object(&text, object, 0);
    return text;
}

/* Reports a text, of which `named` bytes are the name of what is called. */
static void
report(int kind, PyObject *text, Py_ssize_t named)
{
    if (text != NULL)
        bctrace_hooks.stand_in(kind, (const unsigned char *)PyString_AS_STRING(text), PyString_GET_SIZE(text), named);
}

void
bctrace_report_stand_in(int kind, PyObject *text)
{
    if (bctrace_control.mode)
        report(kind, text, text == NULL ? 0 : PyString_GET_SIZE(text));
}

void
bctrace_report_use(const char *before, PyObject *one, const char *between, PyObject *other)
{
    PyObject *type, *value, *traceback, *text;

    if (!bctrace_control.mode)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    text = PyString_FromString(before);
    add_object(&text, one, 0);
    add(&text, between);
    if (other != NULL)
        add_object(&text, other, 0);
    report(BCTRACE_USE, text, 0);
    Py_XDECREF(text);
    PyErr_Restore(type, value, traceback);
}

void
bctrace_report_change(PyObject *of, const char *between, const char *name, PyObject *value)
{
    PyObject *text;

    if (!bctrace_control.mode || of == NULL)
        return;
    text = PyString_FromString(value == NULL ? "del " : "");
    add(&text, PyString_AS_STRING(of));
    add(&text, between);
    add(&text, name);
    if (value != NULL) {
        add(&text, " = ");
        add_object(&text, value, 0);
    }
    report(BCTRACE_USE, text, 0);
    Py_XDECREF(text);
}

void
bctrace_report_call(PyObject *of, PyObject *arguments, PyObject *keywords)
{
    PyObject *type, *value, *traceback, *text;

    if (!bctrace_control.mode || of == NULL)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    Py_INCREF(of);
    text = of;
    add_items(&text, "(", ((PyTupleObject *)arguments)->ob_item, PyTuple_GET_SIZE(arguments), "", 0);
    if (keywords != NULL && PyDict_Size(keywords) > 0) {
        add(&text, PyTuple_GET_SIZE(arguments) > 0 ? ", " : "");
        add_dict(&text, keywords, 0, "=");
    }
    add(&text, ")");
    report(BCTRACE_CALL, text, PyString_GET_SIZE(of));
    Py_XDECREF(text);
    PyErr_Restore(type, value, traceback);
}
