/* How the lane ends a run.  ceval.c has it too, for a jump within a frame. */
#ifndef BCTRACE_PUT_H
#define BCTRACE_PUT_H

#include "bctrace_hook.h"
#include "bctrace_lane.h"

/* Adds the word of the open run, which ends at `end`, and opens the next one, of code that begins at `first`; `ending` is what ended the
 * run, and `is_jump` whether the next one is in the same frame. */
static inline __attribute__((always_inline)) void
bctrace_put(int is_jump, uint64_t ending, const unsigned char *end, const unsigned char *first, const unsigned char *next)
{
    struct bctrace_lane *lane = &bctrace_lane;
    uint64_t length = (uintptr_t)end - bctrace_slot.start;
    uint64_t word = ending | lane->offset | length << BCTRACE_WORD_LENGTH;
    uint64_t position = lane->position;
    lane->offset = (uint64_t)(next - first) << BCTRACE_WORD_START;
    if (__builtin_expect(lane->history[(position - lane->distance) % BCTRACE_HISTORY] != word, 0))
        return bctrace_general.word(next, word, first);
    lane->history[position % BCTRACE_HISTORY] = word;
    lane->position = ++position;
    /* In this order; src/record/shared/slot.rs says why. */
    __atomic_store_n(&bctrace_slot.next, position, __ATOMIC_RELEASE);
    __atomic_store_n(&bctrace_slot.position, position, __ATOMIC_RELEASE);
    if (!is_jump)
        __atomic_store_n(&bctrace_slot.first, (uintptr_t)first, __ATOMIC_RELEASE);
    __atomic_store_n(&bctrace_slot.start, (uintptr_t)next, __ATOMIC_RELEASE);
    __atomic_store_n(&bctrace_slot.next, (uintptr_t)next, __ATOMIC_RELEASE);
    /* Where the recorder wants the process to end, it has set `pause` to 0. */
    if (__builtin_expect(position >= bctrace_slot.pause, 0))
        bctrace_general.pause();
}

#endif
