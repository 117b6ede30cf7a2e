/* The usual events; see bctrace_lane.h.  No function here calls another one but as the last thing it does, so that none needs to
 * save registers. */
#include "Python.h"
#include <linux/magic.h>
#include <sys/vfs.h>
#include "frameobject.h"
#include "bctrace_exposed.h"
#include "bctrace_hook.h"
#include "bctrace_lane.h"
#include "bctrace_put.h"

_Static_assert(sizeof(struct bctrace_known) == 1 << BCTRACE_PLACE_SIZE, "places are found by shifting");

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

/* A word without its start and length. */
#define WORD(kind, argument) ((kind) | (uint64_t)(argument) << BCTRACE_WORD_ARGUMENT)

/* For what is rarer: these stand apart, so that they cost the others no register. */
#define APART static __attribute__((noinline))

int
bctrace_lane_jump(struct _frame *frame, const unsigned char *first, const unsigned char *instr)
{
    struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top->first == first &&
               is_as_described(top->version, first, instr))) {
        const unsigned char *end = fetched();
        if (end == instr) {
            bctrace_slot.next = (uintptr_t)instr;
            return 0;
        }
        return bctrace_put(1, BCTRACE_WORD_JUMP, first, end, first, instr);
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
    uintptr_t hash = (uintptr_t)code >> (BCTRACE_PLACE_LOW - BCTRACE_PLACE_SIZE) ^
                     (uintptr_t)code >> (BCTRACE_PLACE_HIGH - BCTRACE_PLACE_SIZE);
    uintptr_t offset = hash & (BCTRACE_KNOWN - 1) << BCTRACE_PLACE_SIZE;
    return (const struct bctrace_known *)((const char *)bctrace_lane.known + offset);
}

/* Takes a frame that begins. */
INLINE int
begin(struct _frame *frame, const unsigned char *first, const struct bctrace_known *known)
{
    const unsigned char *end = fetched(), *caller_first = bctrace_lane.top->first;
    push(frame, first, known->version, bctrace_lane.next_frame++, BCTRACE_NO_SLOT, end);
    return bctrace_put(0, known->call, caller_first, end, first, first);
}

/* Whether a frame that goes on is kept in its slot. */
INLINE int
is_kept(const struct _frame *frame)
{
    uint32_t slot = frame->f_number ^ BCTRACE_KEPT;
    return slot < bctrace_lane.kept_count && bctrace_lane.kept[slot].frame == frame;
}

/* Takes a frame that is kept and goes on. */
APART int
resume(struct _frame *frame, const unsigned char *first, const unsigned char *instr, const struct bctrace_version *version)
{
    const unsigned char *end = fetched(), *caller_first = bctrace_lane.top->first;
    uint32_t slot = frame->f_number ^ BCTRACE_KEPT;
    push(frame, first, version, bctrace_lane.kept[slot].id, slot, end);
    return bctrace_put(0, WORD(BCTRACE_WORD_RESUME, slot), caller_first, end, first, instr);
}

APART int
compare_and_enter(struct _frame *frame, struct _object *code, const unsigned char *first, const unsigned char *instr)
{
    const struct bctrace_known *known = place_of(code);
    const struct bctrace_version *version = known->version;
    if (LIKELY(bctrace_lane.open && known->code == code && known->first == first && bctrace_lane.top != bctrace_lane.end)) {
        if (LIKELY(instr == first)) {
            if (LIKELY(version->entry && equal(first, version->bytes, version->entry)))
                return begin(frame, first, known);
        } else if (LIKELY(is_kept(frame) && is_as_described(version, first, instr))) {
            return resume(frame, first, instr, version);
        }
    }
    return bctrace_general.enter(frame, code, first, instr);
}

int
bctrace_lane_enter(struct _frame *frame, struct _object *code, const unsigned char *first, const unsigned char *instr)
{
    const struct bctrace_known *known = place_of(code);
    if (LIKELY(bctrace_lane.open == BCTRACE_TRUSTING && known->code == code && bctrace_lane.top != bctrace_lane.end)) {
        if (LIKELY(instr == first))
            return begin(frame, first, known);
        if (LIKELY(is_kept(frame)))
            return resume(frame, first, instr, known->version);
    }
    return compare_and_enter(frame, code, first, instr);
}

/* Gives the slot of a frame that is left for good to the frame that needs one next.  Returns 0 where that is a matter of the hook. */
INLINE int
release(struct _frame *frame, uint32_t slot)
{
    struct bctrace_lane *lane = &bctrace_lane;
    struct bctrace_kept *kept = lane->kept + slot;
    if (slot >= lane->kept_count || kept->frame != frame)
        return 0;
    kept->frame = NULL;
    kept->id = lane->free;
    lane->free = slot;
    lane->kept_used--;
    frame->f_number = 0; /* frame_dealloc has nothing to report */
    return 1;
}

/* Keeps a frame that is suspended for the first time.  Returns its slot, or BCTRACE_NO_SLOT where that is a matter of the hook. */
INLINE uint32_t
keep(struct _frame *frame, uint64_t id)
{
    struct bctrace_lane *lane = &bctrace_lane;
    uint64_t slot = lane->free;
    struct bctrace_kept *kept = lane->kept + slot;
    if (slot >= lane->kept_count)
        return BCTRACE_NO_SLOT;
    lane->free = kept->id;
    lane->kept_used++;
    kept->frame = frame;
    kept->id = id;
    frame->f_number = BCTRACE_KEPT | (uint32_t)slot;
    return (uint32_t)slot;
}

/* Takes a frame that is left, if the one below goes on where that is known. */
INLINE int
leave(struct _frame *frame, int how)
{
    const unsigned char *end = fetched();
    struct bctrace_active *top = bctrace_lane.top;
    const struct bctrace_active *caller = top - 1;
    uint32_t slot = top->slot;
    if (how == BCTRACE_RETURN) {
        if (LIKELY(slot == BCTRACE_NO_SLOT) || release(frame, slot)) {
            bctrace_lane.top = top - 1;
            return bctrace_put(0, BCTRACE_WORD_RETURN, top->first, end, caller->first, caller->next);
        }
    } else if (how == BCTRACE_YIELD) {
        if (slot == BCTRACE_NO_SLOT)
            slot = keep(frame, top->id);
        if (slot < bctrace_lane.kept_count) {
            bctrace_lane.top = top - 1;
            return bctrace_put(0, WORD(BCTRACE_WORD_YIELD, slot), top->first, end, caller->first, caller->next);
        }
    }
    return bctrace_general.leave(frame, how);
}

APART int
compare_and_leave(struct _frame *frame, int how)
{
    const struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top[-1].state == BCTRACE_PLAIN && top[-1].next != NULL &&
               is_as_described(top[-1].version, top[-1].first, top[-1].next)))
        return leave(frame, how);
    return bctrace_general.leave(frame, how);
}

int
bctrace_lane_leave(struct _frame *frame, int how)
{
    const struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open == BCTRACE_TRUSTING && top->frame == frame && top[-1].state == BCTRACE_PLAIN &&
               top[-1].next != NULL))
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
