/* The threads of repeatable runs take turns: see bctrace_fixed.h.  The turn replaces the interpreter's lock.  It goes from thread to thread
 * in the order in which they came to wait, at counted instructions and where a thread waits for a lock of Python's (fixed_locks.c), for a
 * time or for something that other threads may bring (fixed_sleep.c).  fixed_threads.c starts and ends them.
 *
 * A thread keeps its turn in other calls of C that release the lock, such as one that writes to a file: how long those take differs from
 * run to run.  Only a thread that waits for a whole second of real time takes the turn from one that is in such a call. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "turns.h"

struct turns bctrace_turns;
__thread struct thread *bctrace_self;
__thread int bctrace_is_guarding;

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
/* The owner is in a call of C, and how many such calls there were. */
static int in_call;
static uint64_t calls;

void
bctrace_turns_reset(void)
{
    static const pthread_mutex_t free_mutex = PTHREAD_MUTEX_INITIALIZER;
    static const struct turns none;

    guard = free_mutex;
    bctrace_is_guarding = 0;
    in_call = 0;
    bctrace_turns = none;
    bctrace_turns.progress = 1;
    clear(&bctrace_turns.ready);
}

void
bctrace_turns_hold(void)
{
    bctrace_is_guarding = 1;
    pthread_mutex_lock(&guard);
}

void
bctrace_turns_let_go(void)
{
    pthread_mutex_unlock(&guard);
    bctrace_is_guarding = 0;
}

int
bctrace_call_ends(void)
{
    int in = 1;

    return __atomic_compare_exchange_n(&in_call, &in, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

int
bctrace_has_turn(struct thread *me)
{
    int has;

    if (me == NULL || __atomic_load_n(&bctrace_turns.owner, __ATOMIC_SEQ_CST) != me)
        return 0;
    if (bctrace_call_ends())
        return 1;
    /* Not in a call, unless another thread takes the turn right now. */
    bctrace_turns_hold();
    has = bctrace_turns.owner == me;
    bctrace_turns_let_go();
    return has;
}

void
bctrace_grant_turn(void)
{
    struct thread *next;

    bctrace_wake_due();
    bctrace_advance_to_next();
    if (bctrace_turns.ready.first == NULL)
        return;
    next = take(&bctrace_turns.ready, &bctrace_turns.ready.first);
    if (next->idle_at == 0)
        bctrace_turns.progress++;
    __atomic_store_n(&in_call, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&bctrace_turns.owner, next, __ATOMIC_SEQ_CST);
    pthread_cond_signal(&next->granted);
}

void
bctrace_give_turn_away(void)
{
    __atomic_store_n(&bctrace_turns.owner, NULL, __ATOMIC_SEQ_CST);
    bctrace_grant_turn();
}

/* Raises the signals that are due and waits for the end of threads that have ended: what they do last, such as to give memory back, would
 * come at any time.  With the guard, which it lets go for that. */
static void
settle(void)
{
    while (bctrace_turns.due != 0 || bctrace_turns.ended != NULL) {
        unsigned signals = bctrace_turns.due, number;
        struct thread *gone = bctrace_turns.ended;

        bctrace_turns.due = 0;
        bctrace_turns.ended = NULL;
        bctrace_turns_let_go();
        for (number = 1; signals >> number; number++)
            if (signals >> number & 1)
                bctrace_raise(number);
        while (gone != NULL) {
            struct thread *thread = gone;

            gone = thread->next;
            pthread_join(thread->handle, NULL);
            pthread_cond_destroy(&thread->granted);
            free(thread);
        }
        bctrace_turns_hold();
    }
}

void
bctrace_wait_for_turn(struct thread *me)
{
    if (bctrace_turns.owner == NULL && bctrace_turns.due != 0)
        settle();
    while (bctrace_turns.owner != me) {
        struct thread *other = bctrace_turns.owner;
        uint64_t seen = calls;
        struct timespec limit;

        clock_gettime(CLOCK_MONOTONIC, &limit);
        limit.tv_sec++;
        if (pthread_cond_timedwait(&me->granted, &guard, &limit) == ETIMEDOUT && bctrace_turns.owner != NULL &&
            bctrace_turns.owner == other && calls == seen &&
            (bctrace_turns.ready.first != NULL || bctrace_turns.sleeping != NULL) && bctrace_call_ends())
            bctrace_give_turn_away();
    }
    settle();
}

void
bctrace_wait_in_queue(struct thread *me)
{
    append(&bctrace_turns.ready, me);
    bctrace_recall();
    if (bctrace_turns.owner == NULL)
        bctrace_grant_turn();
    bctrace_wait_for_turn(me);
}

void
bctrace_take_turn(void)
{
    struct thread *me = bctrace_this_thread();

    if (bctrace_has_turn(me))
        return;
    bctrace_turns_hold();
    bctrace_wait_in_queue(me);
    bctrace_turns_let_go();
}

void
bctrace_keep_turn(void)
{
    if (bctrace_self != NULL && bctrace_turns.owner == bctrace_self) {
        calls++;
        __atomic_store_n(&in_call, 1, __ATOMIC_SEQ_CST);
    }
}

void
bctrace_end_turn(void)
{
    /* A thread of Python's ends now, and has its turn until it has. */
    if (bctrace_self != NULL && bctrace_self->is_ours)
        bctrace_keep_turn();
    else if (bctrace_has_turn(bctrace_self)) {
        bctrace_turns_hold();
        bctrace_give_turn_away();
        bctrace_turns_let_go();
    }
}

void
bctrace_offer_turn(void)
{
    struct thread *me = bctrace_self;

    if (__atomic_load_n(&bctrace_turns.ready.first, __ATOMIC_RELAXED) == NULL &&
        (bctrace_turns.sleeping == NULL || bctrace_turns.sleeping->until > bctrace_now()))
        return;
    bctrace_turns_hold();
    bctrace_wake_due();
    append(&bctrace_turns.ready, me);
    bctrace_give_turn_away();
    bctrace_wait_for_turn(me);
    bctrace_turns_let_go();
}
