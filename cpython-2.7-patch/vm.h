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

/* Makes runs repeatable, before the interpreter starts: skips sleeps and, if `all` is not 0, fixes all that bctrace_fixed.h names; -1 if
 * there is no memory for it. */
int vm_fix(int all);

/* Starts the interpreter as `python2.7` does, with sys.argv = argv, and with argv[0]'s folder and then the entries of `path`, which
 * ends in NULL, first on sys.path. */
void vm_initialize(int argc, char **argv, char **path);

/* Starts the interpreter in the same way, but with nothing of the program's on sys.path, and compiles source as `python2.7 path` does;
 * returns the marshalled code object, which nobody frees, or NULL, with the error printed.  Source: PyRun_FileExFlags in
 * Python/pythonrun.c, which reads source from a stream too, so that encodings and errors are the same. */
const unsigned char *vm_compile(const char *source, size_t len, const char *path, size_t *marshalled_len);

/* Reads the code object that is marshalled in these bytes; NULL, with the error printed, where it is none. */
struct _object *vm_load(const char *marshalled, ptrdiff_t len);

/* Runs code objects one after the other in one __main__, each from its path, and finalizes the interpreter; returns the exit status.  Does
 * not return where the program ends by SystemExit: that exits as in plain Python.  An exception ends the row.  Source:
 * PyRun_SimpleFileExFlags in Python/pythonrun.c, and pyi_launch_run_scripts of PyInstaller's bootloader. */
struct vm_script { struct _object *code; const char *path; };
int vm_run_main(const struct vm_script *scripts, size_t count);

/* A module that a bundle has in memory.  `file` is its __file__ and `folder` what its __path__ has, NULL for no package.  Without code
 * it is the native module in `file`; without that it stands in for one that only the bundle's executable has.  `shown` is its name in
 * messages. */
struct vm_module { const char *name, *shown, *file, *folder, *code; size_t len; };

/* What a frozen program finds: its modules, sorted by name; sys._MEIPASS; sys.frozen, an empty text for True; sys.executable; and what
 * sys.path begins with.  Each text can be NULL.  To be called once, after vm_initialize; all must live as long as the process. */
struct vm_bundle {
    const struct vm_module *modules;
    size_t count;
    const char *unpacked, *frozen, *executable, *first;
};
void vm_bundle(const struct vm_bundle *bundle);

/* Has stand-ins for modules of these names, which end in NULL, if nothing else is found for them, or for all modules that are missing.  To
 * be called once, after vm_initialize; the names must live as long as the process. */
void vm_stand_in(const char *const *names, int all);

/* Has the program's standard input, a regular file that can be written, extended when the program reads at its end: by what `with` writes
 * to `to` for the prompt, the bytes of which it returns; 0 for no answer.  It is called with the GIL held. */
void vm_answer(long (*with)(const unsigned char *prompt, size_t length, unsigned char *to, size_t room));

/* Has names of hosts looked up without the C library, but for these, which end in NULL (bctrace_fake_net.h).  To be called once, after
 * vm_initialize; the names must live as long as the process. */
void vm_fake_net(const char *const *real);

/* Has lookups of hosts reported with their answers, for no name server can be asked (bctrace_lookup.h).  To be called once, after
 * vm_initialize. */
void vm_have_no_names(void);

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

/* Ends the process as bctrace_stop does. */
void vm_stop(void);

/* The interpreter has been finalized, or never started. */
int vm_is_over(void);

/* The offset of the instruction that a frame executes, -1 before its first. */
int32_t vm_frame_offset(const struct _frame *frame);

/* Where a frame's local variables and value stack lie, and where what was allocated for them ends; and of how many constants and local
 * variables its code object knows.  0 where that cannot be read. */
struct vm_frame_room { struct _object *const *locals, *const *stack, *const *end; size_t constant_count, local_count; };
int vm_frame_room(const struct _frame *frame, struct vm_frame_room *out);

/* The length of the code string that begins at first_instr; -1 where it is not the text of a str object that can be read, or has more
 * than VM_LONGEST_CODE bytes. */
#define VM_LONGEST_CODE (128 << 20)
ptrdiff_t vm_code_length(const struct _object *code, const unsigned char *first_instr);

/* A borrowed tuple, str or other object of a code object. */
enum vm_code_part {
    VM_CODE_NAME, VM_CODE_FILENAME, VM_CODE_CONSTS, VM_CODE_NAMES, VM_CODE_VARNAMES, VM_CODE_CELLVARS, VM_CODE_FREEVARS,
    VM_CODE_LNOTAB, VM_CODE_CODE
};
const struct _object *vm_code_part(const struct _object *code, enum vm_code_part part);

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

/* -- Memory ------------------------------------------------------------------------------------------------------------- */

/* To be called once, when the interpreter has started, before anything below. */
void vm_prepare_memory(void);

/* Whether so many bytes can be read there.  The answer holds as long as nothing of the program runs; a thread that needs no GIL to unmap
 * memory is beyond us. */
int vm_can_read(const void *address, size_t len);

/* The C heap, from where it began when the process did: all between was given by the kernel and can be read.  `end` is 0 until somebody
 * asks for it, and has to be made so again when the program may have run. */
extern struct vm_heap { uintptr_t begin, end; } vm_heap __attribute__((visibility("hidden")));
void vm_find_heap_end(void) __attribute__((visibility("hidden")));

/* -- Objects ------------------------------------------------------------------------------------------------------------ */

/* Bytecode is not verified: an operand that is out of range, or a value stack that is, makes an object of any pointer.  So what says it
 * is an object can have any content, and no memory.  Each function below takes any pointer, or one that vm_look found to be of the kind
 * that is named, and reads nothing that cannot be read. */

/* To be called once, after vm_prepare_memory. */
void vm_prepare_objects(void);

/* What an object is, by its exact type: a subclass is VM_OTHER. */
enum vm_kind {
    /* Not an object: its memory, or its type's, is not there, or not such. */
    VM_BAD,
    /* NULL. */
    VM_MISSING,
    VM_NONE, VM_ELLIPSIS, VM_NOT_IMPLEMENTED, VM_FALSE, VM_TRUE, VM_INT, VM_LONG, VM_FLOAT, VM_COMPLEX, VM_STR, VM_UNICODE, VM_TUPLE,
    VM_LIST, VM_DICT, VM_SET, VM_FROZENSET, VM_CODE, VM_STOP_ITERATION, VM_FUNCTION, VM_METHOD, VM_BUILTIN, VM_WRAPPER, VM_DESCRIPTOR,
    VM_TYPE, VM_CLASS, VM_INSTANCE, VM_MODULE, VM_GENERATOR, VM_OTHER
};

/* One object.  number is an int's value, a float's bits, or the length of what has one; data the bytes of a str, the code points of a
 * unicode, the items of a tuple or list, the digits of a long (of 30 bits, the least significant first), the two doubles of a complex.
 * The first `known` of them can be read; about more vm_can_read is to be asked.  type is that of the object, or the class of a
 * VM_INSTANCE. */
struct vm_seen { uint32_t kind, is_negative; uint64_t number, known; const void *data, *type; };
void vm_look(const struct _object *object, struct vm_seen *out);

/* The same in registers, of a number, None, a bool, or, with its type or class as number, a VM_OTHER or VM_INSTANCE; VM_BAD where it is
 * anything else, or where that takes longer to find out. */
struct vm_glance { uint64_t kind, number; };
struct vm_glance vm_glance(const struct _object *object);

/* How often a type or class has got another name, or ended: what its address says of it holds until then.  The same of any of them or a
 * function. */
extern uint64_t vm_class_changes __attribute__((visibility("hidden")));
extern uint64_t vm_function_changes __attribute__((visibility("hidden")));

/* By which addresses the name of a VM_FUNCTION, VM_METHOD or VM_BUILTIN is known, and that of its owner, and the object that it is a method
 * of; NULL where there is none.  0 where it takes longer to find that out. */
struct vm_function { const void *name, *owner; const struct _object *receiver; };
int vm_look_at_function(const struct _object *object, uint32_t kind, struct vm_function *out);

/* The same of a part of a code object, where what is derived from tuple or str serves as well as one. */
void vm_look_at_part(const struct _object *object, struct vm_seen *out);

/* Whether a VM_STR is interned, as marshal stores it. */
int vm_is_interned(const struct _object *object);

/* Whether calling this, a VM_TYPE or VM_CLASS, may make a new object of it before any Python runs. */
int vm_makes_new(const struct _object *callable);

/* Whether an object that the call of its type has given is new, and not one that existed before. */
int vm_is_made(const struct _object *object);

/* The code object that the frame runs which a call of this, a VM_FUNCTION or VM_METHOD, enters; NULL where it enters none at once: a call
 * of a generator function makes a generator. */
const struct _object *vm_called_code(const struct _object *callable, uint32_t kind);

/* Copies up to `most` entries of a VM_DICT, VM_SET or VM_FROZENSET (whose entries have no value), from place *position of its table up to
 * place `end`; *position is then behind the last one.  -1 where the table cannot be read. */
struct vm_entry { const struct _object *key, *value; };
ptrdiff_t vm_entries(const struct _object *object, ptrdiff_t *position, ptrdiff_t end, struct vm_entry *out, ptrdiff_t most);

/* Whether all keys of a VM_DICT are strs, as the way in which it looks them up says. */
int vm_has_str_keys(const struct _object *dict);

/* Whether an object's hash hangs on an address, so that its place in a dict or set is another one in each run. */
int vm_is_hashed_by_address(const struct _object *key);

/* Bytes that can be read; none where there are none, or none that can. */
struct vm_text { const unsigned char *bytes; size_t len; };

/* Names are cut there. */
#define VM_LONGEST_NAME 256

/* The name of an object's type, without the module; "NULL" or "bad" where there is none. */
void vm_type_name(const struct _object *object, struct vm_text *out);

/* What an object of this kind is called, and the class or module that the name belongs to; an instance has its type's name. */
void vm_name(const struct _object *object, uint32_t kind, struct vm_text *owner, struct vm_text *name);

/* What a callable of this kind is called with besides its arguments. */
enum vm_how {
    VM_PLAIN,
    /* A method of `first`, called `name` there. */
    VM_BOUND,
    /* A weakref.proxy of `first`. */
    VM_PROXY,
    /* As name(first, *rest, **keywords) makes it; NULL: there is none. */
    VM_PARTIAL,
    /* A function of a C library, called `name` there. */
    VM_FOREIGN
};
struct vm_callee { uint32_t how; struct vm_text name; const struct _object *first, *rest, *keywords; };
void vm_callee(const struct _object *object, uint32_t kind, struct vm_callee *out);

/* An exception's type name, and the object that best tells its message: its only argument, or its argument tuple, or its value where that
 * is no exception; NULL where there is none. */
void vm_exception_name(const struct _object *type, struct vm_text *out);
const struct _object *vm_exception_message(const struct _object *value);

/* Imports the code as a module, calls its function (whose name may be dotted) with the constants of another code object, prints the
 * result, and finalizes the interpreter; returns the exit status.  Both code objects are handed over. */
int vm_call(struct _object *code, const char *path, const char *name, const char *function, struct _object *arguments);

/* Has the hook's `blob` called for contents of at least this many bytes, or code points of unicode, of calls of C functions; 0: of none. */
void vm_follow_calls(size_t least);

#endif
