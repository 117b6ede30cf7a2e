/* The C side of src/vm: running a program, and looking at objects without running any of its code.  Everything takes opaque
 * pointers, so that Rust never knows the layout of a Python object. */
#ifndef BCTRACE_VM_H
#define BCTRACE_VM_H

#include <stddef.h>
#include <stdint.h>

struct _frame;
struct _object;
struct _ts;

/* -- Running ------------------------------------------------------------------------------------------------------------ */

/* Hands over the packed standard library, which must live as long as the process; -1 where it is none.  See library.h. */
int vm_embed_library(const uint8_t *bytes, size_t len,
                     size_t (*unpack)(uint8_t *to, size_t to_len, const uint8_t *from, size_t from_len));

/* What sys.executable is, and whether PYTHONHOME counts. */
void vm_set_executable(const char *path, int home_counts);

/* Starts the interpreter as `python2.7` does, with sys.argv = argv, and with argv[0]'s folder and then the entries of `path`, which
 * ends in NULL, first on sys.path. */
void vm_initialize(int argc, char **argv, char **path);

/* Reads the code object that is marshalled in these bytes; NULL, with the error printed, where it is none. */
struct _object *vm_load(const char *marshalled, ptrdiff_t len);

/* Runs a code object as __main__, from `path`, and finalizes the interpreter; returns the exit status.  Does not return where the
 * program ends by SystemExit: that exits as in plain Python.  Source: PyRun_SimpleFileExFlags in Python/pythonrun.c. */
int vm_run_main(struct _object *code, const char *path);

/* The interpreter's own command line.  `begins` is called where its program begins (bctrace_main.h); NULL: nobody asks. */
int vm_python_main(int argc, char **argv, void (*begins)(void *context), void *context);

/* -- Frames and code objects -------------------------------------------------------------------------------------------- */

/* The code object of a frame, borrowed. */
struct _object *vm_frame_code(const struct _frame *frame);

/* The state of the thread that holds the GIL. */
const struct _ts *vm_current_thread(void);

/* The frame that runs on this thread, and the one that called a frame; NULL where there is none. */
const struct _frame *vm_current_frame(void);
const struct _frame *vm_frame_back(const struct _frame *frame);

/* The text of a frame's code string, from its code object. */
const unsigned char *vm_frame_first(const struct _frame *frame);

/* What the hook keeps in a frame and in a code object (09-counted.patch): of a frame that is left out the low bits of its number, 0 where
 * it has none, of one that is suspended its slot; of code that is left out the mark. */
uint32_t vm_frame_number(const struct _frame *frame);
void vm_set_frame_number(struct _frame *frame, uint32_t number);
void vm_mark_code(struct _frame *frame, uint32_t mark);

/* The interpreter has been finalized, or never started. */
int vm_is_over(void);

/* The length of the code string that begins at first_instr; -1 where it is not the text of a str object. */
ptrdiff_t vm_code_length(const struct _object *code, const unsigned char *first_instr);

/* A borrowed tuple, str or other object of a code object. */
enum vm_code_part {
    VM_CODE_NAME, VM_CODE_FILENAME, VM_CODE_CONSTS, VM_CODE_NAMES, VM_CODE_VARNAMES, VM_CODE_CELLVARS, VM_CODE_FREEVARS,
    VM_CODE_LNOTAB, VM_CODE_CODE
};
const struct _object *vm_code_part(const struct _object *code, enum vm_code_part part);

/* The offset of the instruction that a frame executes, -1 before its first. */
int32_t vm_frame_offset(const struct _frame *frame);

struct vm_code_numbers { int32_t first_line; uint32_t flags, argcount, nlocals, stacksize; };
void vm_code_numbers(const struct _object *code, struct vm_code_numbers *out);

/* -- The interpreter's own ---------------------------------------------------------------------------------------------- */

/* Marks every object that is there right before the program begins, and passes each code object of a function among them to `code`.
 * To be called once. */
void vm_mark_own(void (*code)(void *context, const struct _object *code), void *context);

/* Who caused C code to enter this frame, as far as its arguments say.  The callback of a weak reference gets the reference, and a
 * __del__ method the object that dies.  If that is from before the program and its death ran this code then, the interpreter did; so
 * if the frame is that of a generator from before.  If it is a younger weak reference, the program did. */
enum vm_cause { VM_CAUSE_UNKNOWN, VM_CAUSE_OWN, VM_CAUSE_PROGRAM };
enum vm_cause vm_cause(const struct _frame *frame);

/* -- Objects ------------------------------------------------------------------------------------------------------------ */

/* What an object is, by its exact type: a subclass is VM_OTHER, but for the text of str and the items of tuple, which name
 * things in code objects whatever their subclass. */
enum vm_kind {
    VM_OTHER, VM_NONE, VM_ELLIPSIS, VM_FALSE, VM_TRUE, VM_INT, VM_LONG, VM_FLOAT, VM_COMPLEX, VM_STR, VM_UNICODE, VM_TUPLE,
    VM_LIST, VM_DICT, VM_SET, VM_FROZENSET, VM_CODE, VM_STOP_ITERATION,
    /* Told apart by vm_look alone; for vm_kind they are VM_OTHER. */
    VM_NOT_IMPLEMENTED, VM_FUNCTION, VM_METHOD, VM_BUILTIN, VM_DESCRIPTOR, VM_TYPE, VM_CLASS, VM_INSTANCE, VM_MODULE, VM_MISSING
};
enum vm_kind vm_kind(const struct _object *object);

/* The name of an object's type, as its tp_name says, without the module. */
const char *vm_type_name(const struct _object *object);

/* Each is for an object of that kind; items are borrowed, NULL where a slot is empty. */
int64_t vm_int(const struct _object *object);
double vm_float(const struct _object *object);
void vm_complex(const struct _object *object, double *real, double *imag);
/* Digits of PyLong_SHIFT = 30 bits, least significant first; *negative is its sign. */
const uint32_t *vm_long(const struct _object *object, ptrdiff_t *digits, int *negative);
const unsigned char *vm_str(const struct _object *object, ptrdiff_t *len);
/* Whether a str is interned, as marshal stores it. */
int vm_is_interned(const struct _object *object);
const uint32_t *vm_unicode(const struct _object *object, ptrdiff_t *len);
/* -1 where the object has no items. */
ptrdiff_t vm_len(const struct _object *object);
const struct _object *vm_item(const struct _object *object, ptrdiff_t index);
/* Steps through a dict (value is set) or a set (value is NULL); *position begins at 0; 0 at the end. */
int vm_next(const struct _object *object, ptrdiff_t *position, const struct _object **key, const struct _object **value);

/* An exception's type name and the object that best tells its message: its value where that is a str, its only argument, or its
 * argument tuple; NULL where there is none. */
const char *vm_exception_name(const struct _object *type, ptrdiff_t *len);
const struct _object *vm_exception_message(const struct _object *value);

/* -- Values ------------------------------------------------------------------------------------------------------------- */

/* To be called once, when the interpreter has started, before vm_look. */
void vm_prepare_values(void);

/* Where a frame's local variables and value stack lie, and where what was allocated for them ends. */
struct vm_frame_room { struct _object *const *locals, *const *stack, *const *end; };
void vm_frame_room(const struct _frame *frame, struct vm_frame_room *out);

/* One object, by its exact type: kind is an enum vm_kind, VM_MISSING for NULL.  number is an int's value, a float's bits, or the
 * length of what has one; data the bytes of a str, the code points of a unicode, the items of a tuple or list. */
struct vm_seen { uint32_t kind; uint64_t number; const void *data, *type; };
void vm_look(const struct _object *object, struct vm_seen *out);

/* Whether calling this, a VM_TYPE or VM_CLASS, makes a new object of it before any Python runs. */
int vm_makes_new(const struct _object *callable);

/* Whether all keys of a dict are strs, as the way in which it looks them up says. */
int vm_has_str_keys(const struct _object *dict);

/* Whether an object's hash hangs on an address, so that its place in a dict or set is another one in each run. */
int vm_is_hashed_by_address(const struct _object *key);

/* What a callable, class, module, code object or instance is called, and the class or module that the name belongs to; borrowed,
 * no bytes where there is none. */
struct vm_text { const unsigned char *bytes; size_t len; };
void vm_name(const struct _object *object, enum vm_kind kind, struct vm_text *owner, struct vm_text *name);

#endif
