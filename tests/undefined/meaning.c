/* Gives opcode 228 the meaning of LOAD_CONST in the running eval loop, by the way that libraries take which protect programs. */
#include <Python.h>
#include <stdint.h>
#include <sys/mman.h>

enum { REACH = 4096, LAST_OPCODE = 147, LOAD_CONST = 100, MEANT = 228 };

static int32_t
number_at(const unsigned char *at)
{
    int32_t number;

    memcpy(&number, at, sizeof number);
    return number;
}

static void
put_number(unsigned char *at, int32_t number)
{
    memcpy(at, &number, sizeof number);
}

/* Where the four bytes at `at`, the last of their instruction, lead. */
static unsigned char *
target(unsigned char *at)
{
    return at + 4 + number_at(at);
}

/* The length of a cmp of a 32-bit register with LAST_OPCODE, 0 if it is none. */
static int
compare_length(const unsigned char *at)
{
    int rex = *at == 0x41, length = at[rex] == 0x3d ? rex + 1 : at[rex] == 0x81 && (at[rex + 1] & 0xf8) == 0xf8 ? rex + 2 : 0;

    return length > 0 && number_at(at + length) == LAST_OPCODE ? length + 4 : 0;
}

static PyObject *
fail(const char *what)
{
    PyErr_SetString(PyExc_RuntimeError, what);
    return NULL;
}

static PyObject *
install(PyObject *self, PyObject *none)
{
    unsigned char *start = (unsigned char *)PyEval_EvalFrameEx, *head = start, *at, *refused, *load_const, *handler;
    int length = 0;

    for (; head < start + REACH; head++) {
        length = compare_length(head);
        if (length > 0 && head[length] == 0x0f && head[length + 1] == 0x87)
            break;
    }
    if (head == start + REACH)
        return fail("no head of the switch");
    refused = target(head + length + 2);
    for (at = head + length + 6; (at[0] & 0xfb) != 0x48 || at[1] != 0x8d || (at[2] & 0xc7) != 0x05; at++)
        if (at == head + 32)
            return fail("no table");
    load_const = target(at + 3);
    load_const += number_at(load_const + 4 * LOAD_CONST);

    handler = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (handler == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    /* cmp $MEANT, REGISTER; je LOAD_CONST; ud2 */
    memcpy(handler, head, length);
    put_number(handler + length - 4, MEANT);
    at = handler + length;
    *at++ = 0x0f;
    *at++ = 0x84;
    put_number(at, (int32_t)(load_const - (at + 4)));
    memcpy(at + 4, "\x0f\x0b", 2);

    at = (unsigned char *)((uintptr_t)refused & -4096);
    if (mprotect(at, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    refused[0] = 0xe9;
    put_number(refused + 1, (int32_t)(handler - (refused + 5)));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"install", install, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC
initmeaning(void)
{
    Py_InitModule("meaning", methods);
}
