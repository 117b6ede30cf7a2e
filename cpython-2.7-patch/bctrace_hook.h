/* What the patched VM tells its tracer, and when.  This header is the contract between ceval.c and the code that installs a
 * hook; it is the only thing both sides share.
 *
 * Modes.  ceval dispatches through one table of 6 * 256 labels, indexed by `mode + opcode`.  BCTRACE_OFF reaches the opcodes'
 * own labels: an untraced VM pays one addition.  BCTRACE_RUNS goes by way of a label that says how far the run has come.
 * BCTRACE_JUMPED is what BCTRACE_RUNS becomes when control leaves the sequence: the next unit is shown to the hook, and it is
 * BCTRACE_RUNS again.  BCTRACE_CHECKED compares each unit's address with the one it expects, and its bytes with the copy that
 * the hook described.  BCTRACE_VALUES calls out for each unit but those of bctrace_quiet, with the value stack.
 * BCTRACE_COUNTED only counts instructions.
 *
 * Counting.  In BCTRACE_COUNTED a frame of a code object that bears the mark `left_out` is entered and left without a call, and gets
 * its number from `next_frame`; `depth` says how many such frames are on the thread's stack, all above those that the hook was told
 * of.  A generator that goes on is such a frame only while `kept` is 0.  Every other event is told as in the other modes.
 *
 * Units.  An EXTENDED_ARG, what follows it and so on up to the first opcode that is not EXTENDED_ARG is one unit.  The VM
 * fetches its successor itself (ceval.c, TARGET(EXTENDED_ARG)); ceval only advances `next` there and never calls out.
 *
 * Rules for a hook.  It runs with the GIL held (`thread_gone` alone may run without), on the thread that executes.  It runs no
 * Python, leaves the error state and errno alone, keeps no reference and never calls back into the eval loop.  It may
 * end the process: C stdio is flushed, no further byte of the program runs (bctrace_stop).
 */
#ifndef BCTRACE_HOOK_H
#define BCTRACE_HOOK_H

#include <stddef.h>
#include <stdint.h>

enum {
    BCTRACE_OFF = 0, BCTRACE_RUNS = 256, BCTRACE_CHECKED = 512, BCTRACE_VALUES = 768, BCTRACE_COUNTED = 1024, BCTRACE_JUMPED = 1280
};

/* Instructions that are counted before the dispatch looks whether the process shall end. */
#define BCTRACE_QUOTA 16384

/* How a frame was left: `why` of ceval.c, less WHY_RETURN; anything else is an exception. */
enum { BCTRACE_RETURN = 0, BCTRACE_YIELD = 56 };

/* What made a code object; BCTRACE_BY_C is C code that has no name here. */
enum {
    BCTRACE_BY_C = 0, BCTRACE_BY_IMPORT = 1, BCTRACE_BY_EXEC = 2, BCTRACE_BY_EVAL = 3, BCTRACE_BY_EXECFILE = 4,
    BCTRACE_BY_COMPILE = 5, BCTRACE_BY_MARSHAL = 6, BCTRACE_BY_CODE_TYPE = 7
};

/* Set in `next` where the next dispatch shall call out even if control is sequential: after a call instruction in the modes that compare
 * `next`, while the lane is closed, and by the hook, which sets `mode` to `jumped` with it. */
#define BCTRACE_CALLED 0x8000000000000000
/* Set in `next` while the slot is rewritten; src/record/shared/slot.rs says what the low bits then count. */
#define BCTRACE_CLOSING 0x4000000000000000
#define BCTRACE_REPEATING 0x2000000000000000

/* Whose contents a C function had: the object's that it is a method of, an argument's, or its result's. */
enum { BCTRACE_RECEIVER = 0, BCTRACE_ARGUMENT = 1, BCTRACE_RESULT = 2 };

/* Set in the `f_number` of a frame that is kept while it is suspended; the other bits are then the number of its slot. */
#define BCTRACE_KEPT 0x80000000

#define BCTRACE_PAGE 4096

/* Opaque to the Rust side. */
struct _frame;
struct _ts;
struct _object;

/* Private to the process.  Its page is mapped MADV_WIPEONFORK while a hook is installed, so that whatever forks, however it does
 * it, dispatches untraced. */
struct bctrace_control {
    uint32_t mode;
    uint32_t jumped;          /* what `mode` becomes where control leaves the sequence: BCTRACE_JUMPED for BCTRACE_RUNS, else the same */
    uint32_t left_out;        /* BCTRACE_COUNTED: the mark of code that is left out, never 0 */
    const struct _ts *thread; /* the thread state that last held the GIL */
    const unsigned char *described; /* BCTRACE_CHECKED: the copy of the current frame's bytes, 0: none */
    uintptr_t described_len;
    uint64_t depth;      /* frames that were entered without a call and not left yet */
    uint64_t kept;       /* not 0: the hook has to hear of generators that go on */
    uint64_t next_frame; /* BCTRACE_COUNTED: the number of the frame that is entered next */
};

/* The open run, where the recorder can read it after any death.  Addresses are the tracee's: the recorder only subtracts them. */
struct bctrace_slot {
    uintptr_t next;    /* behind the last unit fetched; see BCTRACE_CALLED, BCTRACE_CLOSING, BCTRACE_REPEATING */
    uintptr_t start;   /* first instruction of the open run, 0: none open */
    uintptr_t first;   /* first_instr of the frame that runs: where its offsets count from */
    uint64_t head;     /* words in the ring */
    uint64_t position; /* words of the stream: those, and what repeats and is not told of yet; and BCTRACE_REPEATING */
    uint64_t distance; /* how far back that stood before */
    uint64_t stop;     /* not 0: the recorder wants the process to end */
    uint64_t execs;    /* not 0: the process is about to replace itself, or has */
    uint64_t unrecorded; /* instructions that were executed and that no word tells of, and `left` more */
    int64_t left;        /* BCTRACE_COUNTED: counts down with each instruction */
    uint64_t hooked;     /* events that the lane has left to the hook */
    uint64_t pause;      /* the position at which the lane calls the hook, as in `position`; 0 once the recorder has set `stop` */
};

/* BCTRACE_VALUES: units that have nothing to show.  While `frame` is not NULL, the dispatch counts in `units` what loads a constant or a local
 * variable that the code has, or jumps whatever the stack has, in this frame and as the next unit of the run that begins at `start`, and calls no hook. */
struct bctrace_quiet {
    const struct _frame *frame;
    uintptr_t start;
    uint64_t constants, locals; /* how many the code has */
    uint64_t units;
};

/* A C function that bytecode has called. */
struct bctrace_called {
    const char *name;
    const char *owner; /* its module, or the type that it is a method of */
    int is_foreign;    /* it is not in this program's image */
};

struct bctrace_hooks {
    /* The unit at instr is fetched next, and control may not be where `next` says, or the last instruction was a call of what may have
     * changed bytes, or (BCTRACE_CHECKED) the bytes may differ from the described ones. */
    void (*jump)(struct _frame *frame, const unsigned char *first_instr, const unsigned char *instr);
    /* The unit at instr is fetched next (BCTRACE_VALUES): what jump is told, and what else every unit is; `top` is behind the
     * topmost entry of the value stack. */
    void (*unit)(struct _frame *frame, const unsigned char *first_instr, const unsigned char *instr, struct _object *const *top);
    /* A frame of code begins, or goes on at instr.  After the CALL events of sys.settrace and sys.setprofile. */
    void (*enter)(struct _frame *frame, struct _object *code, const unsigned char *first_instr, const unsigned char *instr);
    /* A frame that was entered is left: BCTRACE_RETURN, BCTRACE_YIELD or, for an exception, anything else. */
    void (*leave)(struct _frame *frame, int how);
    /* An exception is raised in frame or comes out of what it called (then propagated is not 0). */
    void (*raised)(struct _frame *frame, struct _object *type, struct _object *value, int propagated);
    /* Another thread holds the GIL now. */
    void (*thread)(const struct _ts *thread);
    /* Code that is not the VM's own has been loaded and may change bytes at any time. */
    void (*foreign)(void);
    /* These addresses may be used again for something else. */
    void (*thread_gone)(const struct _ts *thread);
    void (*frame_gone)(const struct _frame *frame);
    void (*code_gone)(const void *code);
    /* A code object has been made, in frame or, where that is NULL, in none; path is NULL or the file that is imported; making is 0 or
     * what `text` has returned for the text that it was made of. */
    void (*made)(const void *code, int how, const char *path, const struct _frame *frame, uint32_t making);
    /* This code object is what the embedded library (library.h) has at this place of its index, or, where that is UINT32_MAX, what one of
     * its texts is compiled to, and was made just now. */
    void (*read_from_library)(const struct _object *code, uint32_t module);
    /* This text is about to be compiled, in frame or in none. */
    uint32_t (*text)(const unsigned char *text, size_t length, int how, const struct _frame *frame);
    /* The program gets this, which holds code objects that were made just now. */
    void (*created)(const struct _object *result);
    /* A C function that was called had this; unit is 1, or the bytes of a code point of unicode. */
    void (*blob)(const struct bctrace_called *called, int role, const unsigned char *bytes, size_t length, size_t unit);
    /* The program has set a function's code object to this one, or the default arguments of a function that has it. */
    void (*claimed)(const void *code);
    /* The program has read these bytes from standard input. */
    void (*input)(const unsigned char *bytes, size_t length);
    /* The C library is about to look up the host of this name; or it is not asked, and the host has this address, unless it is NULL; or it
     * has failed with this error, unless it is 0: a negative one of getaddrinfo, or one of errno. */
    void (*lookup)(const char *name, const char *fake, int error);
    /* A map of opcodes is set (bctrace_remap.h), and the unit that frame executes ends with an opcode that 2.7 does not define; `top` as in
     * `unit`. */
    void (*refused)(struct _frame *frame, struct _object *const *top);
    /* The exit functions have run: the interpreter begins to clear itself. */
    void (*shutdown)(void);
    /* This process has just been forked, by a C function of the VM: the mode is BCTRACE_OFF, the rest is the parent's. */
    void (*forked)(void);
    /* This was done with a stand-in for something that is missing: its kind as in bctrace_stand_in.h, its text, and how many bytes of
     * that name what is called. */
    void (*stand_in)(int kind, const unsigned char *what, size_t length, size_t named);
};

extern struct bctrace_control bctrace_control __attribute__((visibility("hidden")));
extern struct bctrace_slot bctrace_slot __attribute__((visibility("hidden")));
extern struct bctrace_hooks bctrace_hooks __attribute__((visibility("hidden")));
extern struct bctrace_quiet bctrace_quiet __attribute__((visibility("hidden")));

/* Flushes C stdio and ends the process. */
extern void bctrace_stop(void) __attribute__((noreturn, visibility("hidden")));

#ifdef Py_BUILD_CORE

/* Notices of the rest of the VM: one line where they are given. */
#define BCTRACE_NOTICE(hook, arg) do { if (bctrace_control.mode) bctrace_hooks.hook(arg); } while (0)

#define BCTRACE_FOREIGN() do { if (bctrace_control.mode) bctrace_hooks.foreign(); } while (0)
#define BCTRACE_SHUTDOWN() do { if (bctrace_control.mode) bctrace_hooks.shutdown(); } while (0)

#define BCTRACE_THREAD(ts) do { \
        if (bctrace_control.mode && (ts) != NULL && (ts) != bctrace_control.thread) \
            bctrace_hooks.thread(ts); \
    } while (0)

#define BCTRACE_FORKED() do { if (bctrace_hooks.forked) bctrace_hooks.forked(); } while (0)

#define BCTRACE_EXEC(call) do { \
        if (bctrace_control.mode) \
            bctrace_slot.execs = 1; \
        call; \
        if (bctrace_control.mode) \
            bctrace_slot.execs = 0; \
    } while (0)

#endif
#endif
