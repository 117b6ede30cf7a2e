/* The lane: the usual events of a recording, taken without a call of the hook behind it.
 *
 * Nearly all events are a jump within a recorded frame, a call from one recorded frame into another, the return from it, or a generator
 * that yields or goes on, between code objects whose bytes are those that were described.  lane.c takes those; everything else goes
 * on to the hooks in `bctrace_general`.  What it needs is in `bctrace_lane`, which both sides read and write, the GIL held.
 *
 * In BCTRACE_VALUES the hook hears of each event first, of a jump with the unit that comes then, and the lane is called after that
 * (src/vm/hook/trampolines/values.rs).
 *
 * What the hook must see to:
 * - `open` is not BCTRACE_CLOSED only while the frame on top is recorded and its run is open, nothing waits to be written before the next
 *   word, and no filter, trigger, limit or foreign code asks for a look at more than the bytes;
 * - `open` is not BCTRACE_CLOSED only while `next` of the slot is an address, without a mark, and `start` of the slot that of the open run;
 * - `open` is BCTRACE_TRUSTING only while nothing can have changed the bytes: all code that has run is verified (src/bytecode/verify.rs),
 *   and `exposed` is 0;
 * - `known` has only code objects that are wanted, under the address of the string that they had when they were seen;
 * - a version stays where it is as long as a frame on any stack has it.
 */
#ifndef BCTRACE_LANE_H
#define BCTRACE_LANE_H

#include <stdint.h>

struct _frame;
struct _object;

enum { BCTRACE_KNOWN = 1024, BCTRACE_HISTORY = 16384 };

/* What the lane takes: nothing; events of code whose bytes are those that were described; events without a look at the bytes. */
#define BCTRACE_CLOSED 0
#define BCTRACE_COMPARING 1
#define BCTRACE_TRUSTING 2

/* Where a code object stands in `known`: the upper BCTRACE_PLACE_BITS bits of the low half of its address times the factor, which is 2 to
 * the power 32 divided by the golden ratio.  A place has 2 to the power BCTRACE_PLACE_SIZE bytes. */
#define BCTRACE_PLACE_FACTOR 0x9e3779b1U
#define BCTRACE_PLACE_BITS 10
#define BCTRACE_PLACE_SIZE 5

/* The words that the lane writes (docs/trace-format.md): their kinds, and where their numbers begin. */
enum { BCTRACE_WORD_JUMP = 1, BCTRACE_WORD_CALL = 2, BCTRACE_WORD_RESUME = 3, BCTRACE_WORD_RETURN = 4, BCTRACE_WORD_YIELD = 5 };
enum { BCTRACE_WORD_START = 4, BCTRACE_WORD_LENGTH = 24, BCTRACE_WORD_ARGUMENT = 44 };

/* What `free` is where no slot is free. */
#define BCTRACE_NO_SLOT UINT32_MAX
/* The bits of `state`: the stream knows the frame; its runs are recorded; one word is enough for each of them; it is the interpreter's
 * own, at shutdown; where it goes on is not known.  A plain frame has the first three alone. */
enum { BCTRACE_ANNOUNCED = 1, BCTRACE_RECORDED = 2, BCTRACE_NARROW = 4, BCTRACE_OWN = 8, BCTRACE_LOST = 16, BCTRACE_PLAIN = 7 };

/* One state of a code object's bytes. */
struct bctrace_version {
    const unsigned char *bytes;
    const uint8_t *checks; /* for each offset, how many bytes to compare from there on; 0: that is a matter of the hook */
    uint32_t length;       /* of both */
    uint32_t entry;        /* what checks has for the first offset */
    uint32_t id;           /* its number in the stream */
    uint32_t index;        /* the hook's */
};

/* A frame on the running thread's stack. */
struct bctrace_active {
    const struct _frame *frame;
    const unsigned char *first; /* where its offsets count from */
    const unsigned char *next;  /* where it goes on when what it called is done, unless it is lost; of the frame on top nothing */
    const struct bctrace_version *version;
    uint64_t id; /* its number in the stream */
    uint32_t state;
    uint32_t slot; /* once it has yielded and the stream knows it, its f_number, with where it is kept while suspended; else 0 */
};

/* A code object that may be entered here. */
struct bctrace_known {
    const struct _object *code;
    const unsigned char *first;
    const struct bctrace_version *version;
    uint64_t call; /* the word of its call, without start and length */
};

/* A suspended frame, at the place of its slot, whose number is in the frame's f_number too (BCTRACE_KEPT). */
struct bctrace_kept {
    const struct _frame *frame; /* NULL: the slot is free */
    uint64_t id;                /* the frame's number in the stream; of a free slot, the next free one */
};

struct bctrace_lane {
    uint64_t open;
    uint64_t offset; /* where the open run, which the slot has, begins in its code: as its word says it */
    struct bctrace_active *top, *end; /* the frame that runs, behind one that is none; the last place that there is */
    struct bctrace_active *room; /* `end` while `open` is BCTRACE_TRUSTING, else NULL: one comparison says both */
    uint64_t next_frame; /* the number of the frame that is entered next */
    uint64_t position; /* words of the stream so far, and BCTRACE_REPEATING */
    uint64_t distance; /* how far back the next word is expected */
    struct bctrace_kept *kept;
    uint64_t kept_count; /* of slots that a word has room for */
    uint64_t kept_used;  /* slots that are not free, of all */
    uint64_t free;       /* the slot that was freed last, or BCTRACE_NO_SLOT */
    uint64_t exposed;    /* not 0: something may write into this process's memory, see bctrace_exposed.h; a count */
    struct bctrace_known known[BCTRACE_KNOWN];
    uint64_t history[BCTRACE_HISTORY]; /* the last words, each at its position modulo the size */
};

extern struct bctrace_lane bctrace_lane __attribute__((visibility("hidden")));

/* Where the lane ends.  The first three are the hooks of bctrace_hook.h. */
struct bctrace_general {
    void (*jump)(struct _frame *frame, const unsigned char *first_instr, const unsigned char *instr);
    void (*enter)(struct _frame *frame, struct _object *code, const unsigned char *first_instr, const unsigned char *instr);
    void (*leave)(struct _frame *frame, int how);
    /* A word that was not expected; then the run at start is opened, in code that begins at first_instr. */
    void (*word)(const unsigned char *start, uint64_t word, const unsigned char *first_instr);
    /* The position has come to `pause` of the slot. */
    void (*pause)(void);
};

extern struct bctrace_general bctrace_general __attribute__((visibility("hidden")));

/* The three hooks of the lane. */
void bctrace_lane_jump(struct _frame *frame, const unsigned char *first_instr, const unsigned char *instr);
void bctrace_lane_enter(struct _frame *frame, struct _object *code, const unsigned char *first_instr, const unsigned char *instr);
void bctrace_lane_leave(struct _frame *frame, int how);

#endif
