/* Code objects and frames; see "Objects" in vm.h. */
#include "vm_reading.h"
#include "code.h"
#include "frameobject.h"

ptrdiff_t
vm_code_length(const struct _object *code, const unsigned char *first_instr)
{
    const PyObject *string;
    ptrdiff_t len;

    if (!can(code, sizeof(PyCodeObject)))
        return -1;
    string = ((const PyCodeObject *)code)->co_code;
    /* Where the program has put another string there since the frame began, the running one is the object whose text this is. */
    if (string == NULL || first_instr != (const unsigned char *)PyString_AS_STRING(string))
        string = (const PyObject *)(first_instr - offsetof(PyStringObject, ob_sval));
    if (!can(string, sizeof(PyStringObject)))
        return -1;
    if (Py_TYPE(string) != &PyString_Type &&
        (string != ((const PyCodeObject *)code)->co_code || !is_of(string, Py_TPFLAGS_STRING_SUBCLASS)))
        return -1;
    len = Py_SIZE(string);
    return len >= 0 && len <= VM_LONGEST_CODE && can(first_instr, len) ? len : -1;
}

const struct _object *
vm_code_part(const struct _object *object, enum vm_code_part part)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    if (!can(code, sizeof *code))
        return NULL;
    switch (part) {
    case VM_CODE_NAME: return code->co_name;
    case VM_CODE_FILENAME: return code->co_filename;
    case VM_CODE_CONSTS: return code->co_consts;
    case VM_CODE_NAMES: return code->co_names;
    case VM_CODE_VARNAMES: return code->co_varnames;
    case VM_CODE_CELLVARS: return code->co_cellvars;
    case VM_CODE_FREEVARS: return code->co_freevars;
    case VM_CODE_LNOTAB: return code->co_lnotab;
    case VM_CODE_CODE: return code->co_code;
    }
    return NULL;
}

void
vm_code_numbers(const struct _object *object, struct vm_code_numbers *out)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    memset(out, 0, sizeof *out);
    if (!can(code, sizeof *code))
        return;
    out->first_line = code->co_firstlineno;
    out->flags = code->co_flags;
    out->argcount = code->co_argcount;
    out->nlocals = code->co_nlocals;
    out->stacksize = code->co_stacksize;
}

int
vm_frame_room(const struct _frame *frame, struct vm_frame_room *out)
{
    const PyCodeObject *code = frame->f_code;
    size_t size = Py_SIZE(frame) < 0 ? 0 : Py_SIZE(frame);

    out->locals = frame->f_localsplus;
    out->stack = frame->f_valuestack;
    /* What was allocated, which co_stacksize may be wrong about: a zombie or recycled frame keeps its size. */
    out->end = frame->f_localsplus + size;
    out->constant_count = can(code->co_consts, sizeof(PyVarObject)) ? Py_SIZE(code->co_consts) : 0;
    out->local_count = code->co_nlocals;
    return size <= PTRDIFF_MAX / sizeof *out->locals && out->stack >= out->locals && out->stack <= out->end &&
        can(out->locals, size * sizeof *out->locals);
}
