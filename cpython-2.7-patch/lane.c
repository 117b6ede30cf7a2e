/* The usual events; see bctrace_lane.h.  No function here calls another one but as the last thing it does, so that none needs to
 * save registers. */
#ifndef __clang__
#pragma GCC optimize ("no-tree-slp-vectorize") /* two halves of a word are stored as one constant, not by way of a register */
#endif
#include "Python.h"
#include <linux/magic.h>
#include <sys/vfs.h>
#include "frameobject.h"
#include "bctrace_exposed.h"
#include "bctrace_hook.h"
#include "bctrace_lane.h"
#include "bctrace_put.h"

_Static_assert(sizeof(struct bctrace_known) == 1 << BCTRACE_PLACE_SIZE, "places are found by shifting");
_Static_assert(BCTRACE_RETURN == 0, "it is found together with a frame that has no slot");
_Static_assert(BCTRACE_KNOWN == 1 << BCTRACE_PLACE_BITS, "every place can be found");

struct bctrace_lane bctrace_lane;
struct bctrace_general bctrace_general;

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define INLINE static inline __attribute__((always_inline))

/* Behind the last unit that was fetched. */
INLINE const unsigned char *
fetched(void)
{
    return (const unsigned char *)bctrace_slot.next;
}

typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half __attribute__((aligned(1), may_alias));

#define DIFFERENCE(type, at) (*(const type *)(a + (at)) ^ *(const type *)(b + (at)))

/* Whether two pieces of the same length, at least 1, are equal.  The last bytes are compared with the first ones; both may overlap. */
INLINE int
equal(const unsigned char *a, const unsigned char *b, size_t length)
{
    if (length >= 16) {
        pair difference = DIFFERENCE(pair, 0) | DIFFERENCE(pair, length - 16);
        for (size_t at = 16; at < length - 16; at += 16)
            difference |= DIFFERENCE(pair, at);
        return !(difference[0] | difference[1]);
    }
    if (length >= 8)
        return !(DIFFERENCE(word, 0) | DIFFERENCE(word, length - 8));
    if (length >= 4)
        return !(DIFFERENCE(half, 0) | DIFFERENCE(half, length - 4));
    return !((a[0] ^ b[0]) | (a[length - 1] ^ b[length - 1]) | (a[length / 2] ^ b[length / 2]));
}

/* Whether the bytes are those of the version from here on to where other code could run. */
INLINE int
is_as_described(const struct bctrace_version *version, const unsigned char *first, const unsigned char *instr)
{
    size_t offset = (size_t)(instr - first);
    size_t length = offset < version->length ? version->checks[offset] : 0;
    return length && equal(instr, version->bytes + offset, length);
}

/* A word without its start and length.  Of the f_number of a frame that is kept the slot's number remains. */
#define WORD(kind, argument) ((kind) | (uint64_t)(argument) << BCTRACE_WORD_ARGUMENT)
_Static_assert(BCTRACE_WORD_ARGUMENT + 31 >= 64, "BCTRACE_KEPT does not fit into a word");

/* For what is rarer: these stand apart, so that they cost the others no register. */
#define APART static __attribute__((noinline))

void
bctrace_lane_jump(struct _frame *frame, const unsigned char *first, const unsigned char *instr)
{
    struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top->first == first &&
               is_as_described(top->version, first, instr))) {
        const unsigned char *end = fetched();
        if (end == instr) {
            bctrace_slot.next = (uintptr_t)instr;
            return;
        }
        return bctrace_put(1, BCTRACE_WORD_JUMP, end, first, instr);
    }
    return bctrace_general.jump(frame, first, instr);
}

/* Puts a frame on top, and says where the one below goes on. */
INLINE void
push(struct _frame *frame, const unsigned char *first, const struct bctrace_version *version, uint64_t id, uint32_t slot,
     const unsigned char *caller_next)
{
    struct bctrace_active *top = bctrace_lane.top;
    top->next = caller_next;
    bctrace_lane.top = ++top;
    top->frame = frame;
    top->first = first;
    top->version = version;
    top->id = id;
    top->state = BCTRACE_PLAIN;
    top->slot = slot;
}

/* Where a code object stands in `known`, if it does. */
INLINE const struct bctrace_known *
place_of(const struct _object *code)
{
    uint32_t hash = (uint32_t)(uintptr_t)code * BCTRACE_PLACE_FACTOR;
    uint32_t offset = hash >> (32 - BCTRACE_PLACE_BITS - BCTRACE_PLACE_SIZE) & (BCTRACE_KNOWN - 1) << BCTRACE_PLACE_SIZE;
    /* As if the lane began so much later: its address is needed anyway. */
    return ((const struct bctrace_lane *)((const char *)&bctrace_lane + offset))->known;
}

/* Takes a frame that begins. */
INLINE void
begin(struct _frame *frame, const unsigned char *first, const struct bctrace_known *known)
{
    const unsigned char *end = fetched();
    push(frame, first, known->version, bctrace_lane.next_frame++, 0, end);
    return bctrace_put(0, known->call, end, first, first);
}

/* Where a frame is kept whose f_number this is; NULL if nowhere, or if a word has no room for the slot. */
INLINE struct bctrace_kept *
kept_as(const struct _frame *frame, uint32_t number)
{
    uint32_t slot = number ^ BCTRACE_KEPT;
    struct bctrace_kept *kept = bctrace_lane.kept + slot;
    return LIKELY(slot < bctrace_lane.kept_count && kept->frame == frame) ? kept : NULL;
}

/* Takes a frame that is kept, under this number, and goes on. */
INLINE void
resume(struct _frame *frame, const unsigned char *first, const unsigned char *instr, const struct bctrace_version *version,
       const struct bctrace_kept *kept, uint32_t number)
{
    const unsigned char *end = fetched();
    uint64_t ending = WORD(BCTRACE_WORD_RESUME, number);
    push(frame, first, version, kept->id, number, end);
    return bctrace_put(0, ending, end, first, instr);
}

APART void
compare_and_enter(struct _frame *frame, struct _object *code, const unsigned char *first, const unsigned char *instr)
{
    const struct bctrace_known *known = place_of(code);
    const struct bctrace_version *version = known->version;
    if (LIKELY(bctrace_lane.open && known->code == code && known->first == first && bctrace_lane.top != bctrace_lane.end)) {
        if (LIKELY(instr == first)) {
            if (LIKELY(version->entry && equal(first, version->bytes, version->entry)))
                return begin(frame, first, known);
        } else {
            uint32_t number = frame->f_number;
            const struct bctrace_kept *kept = kept_as(frame, number);
            if (LIKELY(kept && is_as_described(version, first, instr)))
                return resume(frame, first, instr, version, kept, number);
        }
    }
    return bctrace_general.enter(frame, code, first, instr);
}

void
bctrace_lane_enter(struct _frame *frame, struct _object *code, const unsigned char *first, const unsigned char *instr)
{
    const struct bctrace_known *known = place_of(code);
    if (LIKELY(bctrace_lane.top < bctrace_lane.room && known->code == code)) {
        if (LIKELY(instr == first))
            return begin(frame, first, known);
        uint32_t number = frame->f_number;
        const struct bctrace_kept *kept = kept_as(frame, number);
        if (LIKELY(kept))
            return resume(frame, first, instr, known->version, kept, number);
    }
    return compare_and_enter(frame, code, first, instr);
}

/* Gives the slot of a frame that is left for good to the frame that needs one next.  Returns 0 where that is a matter of the hook. */
INLINE int
release(struct _frame *frame, uint32_t number)
{
    struct bctrace_lane *lane = &bctrace_lane;
    struct bctrace_kept *kept = kept_as(frame, number);
    if (!kept)
        return 0;
    kept->frame = NULL;
    kept->id = lane->free;
    lane->free = number ^ BCTRACE_KEPT;
    lane->kept_used--;
    frame->f_number = 0; /* frame_dealloc has nothing to report */
    return 1;
}

/* Keeps a frame that is suspended for the first time.  Returns its f_number, or 0 where that is a matter of the hook. */
INLINE uint32_t
keep(struct _frame *frame, uint64_t id)
{
    struct bctrace_lane *lane = &bctrace_lane;
    uint64_t slot = lane->free;
    struct bctrace_kept *kept = lane->kept + slot;
    if (slot >= lane->kept_count)
        return 0;
    lane->free = kept->id;
    lane->kept_used++;
    kept->frame = frame;
    kept->id = id;
    return frame->f_number = BCTRACE_KEPT | (uint32_t)slot;
}

/* Ends the run of the frame on top, and goes on in the one below. */
INLINE void
pop(struct bctrace_active *top, uint64_t ending)
{
    const struct bctrace_active *caller = bctrace_lane.top = top - 1;
    return bctrace_put(0, ending, fetched(), caller->first, caller->next);
}

/* Takes a frame that is left, if the one below goes on where that is known. */
INLINE void
leave(struct _frame *frame, int how)
{
    struct bctrace_active *top = bctrace_lane.top;
    uint32_t number = top->slot;
    if (LIKELY(!(how | number)))
        return pop(top, BCTRACE_WORD_RETURN);
    if (LIKELY(how == BCTRACE_YIELD)) {
        if (LIKELY(number) || (number = keep(frame, top->id)))
            return pop(top, WORD(BCTRACE_WORD_YIELD, number));
    } else if (how == BCTRACE_RETURN) {
        if (release(frame, number))
            return pop(top, BCTRACE_WORD_RETURN);
    }
    return bctrace_general.leave(frame, how);
}

APART void
compare_and_leave(struct _frame *frame, int how)
{
    const struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top[-1].state == BCTRACE_PLAIN &&
               is_as_described(top[-1].version, top[-1].first, top[-1].next)))
        return leave(frame, how);
    return bctrace_general.leave(frame, how);
}

void
bctrace_lane_leave(struct _frame *frame, int how)
{
    const struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open == BCTRACE_TRUSTING && top->frame == frame && top[-1].state == BCTRACE_PLAIN))
        return leave(frame, how);
    return compare_and_leave(frame, how);
}

/* -- What may write into this process's memory ------------------------------------------------------------------------------- */

void
bctrace_expose(void)
{
    uint64_t trusting = BCTRACE_TRUSTING;
    __atomic_fetch_add(&bctrace_lane.exposed, 1, __ATOMIC_SEQ_CST);
    __atomic_compare_exchange_n(&bctrace_lane.open, &trusting, BCTRACE_COMPARING, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    __atomic_store_n(&bctrace_lane.room, NULL, __ATOMIC_SEQ_CST);
}

void
bctrace_cover(void)
{
    __atomic_fetch_sub(&bctrace_lane.exposed, 1, __ATOMIC_SEQ_CST);
}

void
bctrace_cover_unless_proc(int fd)
{
    struct statfs file_system;
    int error = errno;
    if (fd < 0 || (fstatfs(fd, &file_system) == 0 && file_system.f_type != PROC_SUPER_MAGIC))
        bctrace_cover();
    errno = error;
}
