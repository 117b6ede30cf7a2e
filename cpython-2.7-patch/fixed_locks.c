/* Python's locks in repeatable runs: which threads wait for one, and which gets it when it is released.  A signal handler can acquire and
 * release a lock of Python's in the middle of all this; no thread waits for that one. */
#include "turns.h"

/* A thread that was woken for a lock in vain this many times gets it from the one that releases it. */
#define MOST_TRIES 2

static struct list waiting; /* in the order in which they came */
static int waiting_count;

void
bctrace_locks_reset(void)
{
    clear(&waiting);
    waiting_count = 0;
}

int
bctrace_await_lock(void *semaphore, int again)
{
    struct thread *me = bctrace_self;
    int value;

    if (!bctrace_has_turn(me))
        return 0;
    bctrace_turns_hold();
    me->lock = semaphore;
    me->tries = again;
    me->has_lock = 0;
    __atomic_add_fetch(&waiting_count, 1, __ATOMIC_SEQ_CST);
    /* A thread without the turn may have released it just now, before it could see that one waits. */
    if (sem_getvalue(semaphore, &value) == 0 && value > 0) {
        __atomic_sub_fetch(&waiting_count, 1, __ATOMIC_SEQ_CST);
        bctrace_turns_let_go();
        bctrace_keep_turn();
        return 1;
    }
    append(&waiting, me);
    bctrace_give_turn_away();
    bctrace_wait_for_turn(me);
    bctrace_turns_let_go();
    bctrace_keep_turn();
    return me->has_lock ? 2 : 1;
}

void
bctrace_release_lock(void *semaphore)
{
    struct thread **link;

    if (bctrace_is_guarding || __atomic_load_n(&waiting_count, __ATOMIC_SEQ_CST) == 0) {
        sem_post(semaphore);
        if (bctrace_is_guarding || __atomic_load_n(&waiting_count, __ATOMIC_SEQ_CST) == 0)
            return;
        bctrace_turns_hold();
    } else {
        bctrace_turns_hold();
        for (link = &waiting.first; *link != NULL && (*link)->lock != semaphore; link = &(*link)->next)
            ;
        if (*link != NULL && (*link)->tries >= MOST_TRIES)
            (*link)->has_lock = 1;
        else
            sem_post(semaphore);
    }
    for (link = &waiting.first; *link != NULL; link = &(*link)->next) {
        if ((*link)->lock == semaphore) {
            struct thread *woken = take(&waiting, link);

            __atomic_sub_fetch(&waiting_count, 1, __ATOMIC_SEQ_CST);
            append(&bctrace_turns.ready, woken);
            if (bctrace_turns.owner == NULL)
                bctrace_grant_turn();
            break;
        }
    }
    bctrace_turns_let_go();
}
