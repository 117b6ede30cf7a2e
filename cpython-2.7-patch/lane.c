/* The usual events; see bctrace_lane.h.  No function here calls another one but as the last thing it does, so that none needs to
 * save registers. */
#include "Python.h"
#include "frameobject.h"
#include "bctrace_hook.h"
#include "bctrace_lane.h"

struct bctrace_lane bctrace_lane;
struct bctrace_general bctrace_general;

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define INLINE static inline __attribute__((always_inline))

/* Behind the last unit that was fetched. */
INLINE const unsigned char *
fetched(void)
{
    return (const unsigned char *)(bctrace_slot.next & ~BCTRACE_CALLED);
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

/* Adds the word of the open run, of code that began at first, and opens the next one. */
INLINE int
put(unsigned kind, const unsigned char *first, const unsigned char *end, uint32_t argument, const unsigned char *next_first,
    const unsigned char *next)
{
    struct bctrace_lane *lane = &bctrace_lane;
    uint64_t start = lane->start - (uintptr_t)first, length = (uintptr_t)end - lane->start;
    uint64_t word = kind | start << BCTRACE_WORD_START | length << BCTRACE_WORD_LENGTH |
                    (uint64_t)argument << BCTRACE_WORD_ARGUMENT;
    uint64_t position = lane->position;
    lane->start = (uintptr_t)next;
    if (LIKELY(lane->history[(position - lane->distance) % BCTRACE_HISTORY] == word)) {
        lane->history[position % BCTRACE_HISTORY] = word;
        lane->position = ++position;
        /* In this order; src/record/shared/slot.rs says why. */
        __atomic_store_n(&bctrace_slot.next, BCTRACE_REPEATING | position, __ATOMIC_RELEASE);
        __atomic_store_n(&bctrace_slot.position, position, __ATOMIC_RELEASE);
        if (kind != BCTRACE_WORD_JUMP)
            __atomic_store_n(&bctrace_slot.first, (uintptr_t)next_first, __ATOMIC_RELEASE);
        __atomic_store_n(&bctrace_slot.start, (uintptr_t)next, __ATOMIC_RELEASE);
        __atomic_store_n(&bctrace_slot.next, (uintptr_t)next, __ATOMIC_RELEASE);
        if (LIKELY(position < lane->pause))
            return bctrace_slot.stop != 0;
        return bctrace_general.pause();
    }
    return bctrace_general.word(word, next_first, next);
}

int
bctrace_lane_jump(struct _frame *frame, const unsigned char *first, const unsigned char *instr)
{
    struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top->first == first &&
               is_as_described(top->version, first, instr))) {
        const unsigned char *end = fetched();
        if (end == instr) {
            bctrace_slot.next = (uintptr_t)instr;
            return bctrace_slot.stop != 0;
        }
        return put(BCTRACE_WORD_JUMP, first, end, 0, first, instr);
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
    top->next = NULL;
    top->version = version;
    top->id = id;
    top->state = BCTRACE_PLAIN;
    top->slot = slot;
}

int
bctrace_lane_enter(struct _frame *frame, struct _object *code, const unsigned char *first, const unsigned char *instr)
{
    uintptr_t hash = (uintptr_t)code >> BCTRACE_PLACE_LOW ^ (uintptr_t)code >> BCTRACE_PLACE_HIGH;
    const struct bctrace_known *known = bctrace_lane.known + hash % BCTRACE_KNOWN;
    const struct bctrace_version *version = known->version;
    struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && known->code == code && known->first == first && top != bctrace_lane.end)) {
        const unsigned char *end = fetched(), *caller_first = top->first;
        if (LIKELY(instr == first)) {
            if (LIKELY(version->entry && equal(first, version->bytes, version->entry))) {
                push(frame, first, version, bctrace_lane.next_frame++, BCTRACE_NO_SLOT, end);
                return put(BCTRACE_WORD_CALL, caller_first, end, version->id, first, first);
            }
        } else {
            uint32_t slot = frame->f_number ^ BCTRACE_KEPT;
            const struct bctrace_kept *kept = bctrace_lane.kept + slot;
            if (LIKELY(slot < bctrace_lane.kept_count && kept->frame == frame && is_as_described(version, first, instr))) {
                push(frame, first, version, kept->id, slot, end);
                return put(BCTRACE_WORD_RESUME, caller_first, end, slot, first, instr);
            }
        }
    }
    return bctrace_general.enter(frame, code, first, instr);
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

int
bctrace_lane_leave(struct _frame *frame, int how)
{
    struct bctrace_active *top = bctrace_lane.top;
    if (LIKELY(bctrace_lane.open && top->frame == frame && top[-1].state == BCTRACE_PLAIN && top[-1].next != NULL &&
               is_as_described(top[-1].version, top[-1].first, top[-1].next))) {
        const struct bctrace_active *caller = top - 1;
        uint32_t slot = top->slot;
        if (how == BCTRACE_RETURN) {
            if (LIKELY(slot == BCTRACE_NO_SLOT) || release(frame, slot)) {
                bctrace_lane.top = top - 1;
                return put(BCTRACE_WORD_RETURN, top->first, fetched(), 0, caller->first, caller->next);
            }
        } else if (how == BCTRACE_YIELD) {
            if (slot == BCTRACE_NO_SLOT)
                slot = keep(frame, top->id);
            if (slot < bctrace_lane.kept_count) {
                bctrace_lane.top = top - 1;
                return put(BCTRACE_WORD_YIELD, top->first, fetched(), slot, caller->first, caller->next);
            }
        }
    }
    return bctrace_general.leave(frame, how);
}
