/* Tuples that C code writes into as it calls the program: this can have them meanwhile, by gc.get_referrers and gc.get_referents, and make a
 * function or a code object of them, of which the items are described once (26-held.patch). */
#ifndef BCTRACE_OWN_H
#define BCTRACE_OWN_H

/* A new tuple with the same items, of which some may be NULL. */
static inline PyObject *
bctrace_copied_tuple(PyObject *tuple)
{
    PyObject *copy = PyTuple_New(PyTuple_GET_SIZE(tuple));

    if (copy == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(copy); at++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, at);

        Py_XINCREF(item);
        PyTuple_SET_ITEM(copy, at, item);
    }
    return copy;
}

/* Before an item is set: the tuple, if it has `references` references, those of the C code that writes into it; else a copy in place
 * of one of them.  NULL without memory. */
static inline PyObject *
bctrace_own_tuple(PyObject *tuple, Py_ssize_t references)
{
    PyObject *own;

    if (__builtin_expect(Py_REFCNT(tuple) == references, 1))
        return tuple;
    own = bctrace_copied_tuple(tuple);
    Py_DECREF(tuple);
    return own;
}

#endif
