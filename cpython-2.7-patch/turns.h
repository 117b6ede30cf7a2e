/* What the files of the turns share: the threads of a repeatable run, the lists that they are in, and the guard of both.  fixed.h is what
 * other files have of them. */
#ifndef BCTRACE_TURNS_H
#define BCTRACE_TURNS_H

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

#include "fixed.h"

struct thread {
    struct thread *next; /* in the one list that it is in */
    pthread_cond_t granted;
    pthread_t handle;
    long ident;
    int is_ours;         /* Python has started it */
    int is_away;         /* waits for something real */
    int is_recalled;     /* was put into the queue meanwhile */
    int is_interrupted;  /* a signal has ended its sleep */
    int has_lock;        /* it got the lock that it waits for */
    int tries;           /* how often it was woken for that lock and did not get it */
    sem_t *lock;
    int64_t until;       /* its sleep's end */
    uint64_t idle_at;    /* what `progress` was when it last found nothing to do; 0: it has something */
};

struct list { struct thread *first, **end; };

/* All of it belongs to the thread that holds the guard. */
struct turns {
    struct thread *owner;     /* has the turn */
    struct thread *main_thread;
    struct list ready;        /* can run, in the order of their turns */
    struct thread *sleeping;  /* by the end of their sleep */
    struct thread *ended;     /* are to be joined */
    uint64_t progress;        /* turns of threads that had something to do */
    unsigned due;             /* signals to raise by the next thread that has the turn, a bit each */
};

static inline void
clear(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static inline void
append(struct list *list, struct thread *thread)
{
    thread->next = NULL;
    *list->end = thread;
    list->end = &thread->next;
}

/* Takes the thread at this link out of a list. */
static inline struct thread *
take(struct list *list, struct thread **link)
{
    struct thread *thread = *link;

    *link = thread->next;
    if (list->end == &thread->next)
        list->end = link;
    return thread;
}

#pragma GCC visibility push(hidden)

extern struct turns bctrace_turns;
/* This thread; NULL if it was started by C code and has asked for no turn yet. */
extern __thread struct thread *bctrace_self;
/* This thread holds the guard; what a signal handler does then must not ask for it. */
extern __thread int bctrace_is_guarding;

/* -- fixed_turns.c: with the guard, but for the first three ----------------------------------------------------------------------- */

void bctrace_turns_hold(void);
void bctrace_turns_let_go(void);
/* Whether this thread has the turn; it no longer counts as in a call then. */
int bctrace_has_turn(struct thread *me);

/* Whether the owner was in a call, which it no longer counts as. */
int bctrace_call_ends(void);
/* Gives the turn, which no thread has, to the next one. */
void bctrace_grant_turn(void);
void bctrace_give_turn_away(void);
void bctrace_wait_for_turn(struct thread *me);
void bctrace_wait_in_queue(struct thread *me);
/* No thread is ready or has the turn, and the guard is free; without it. */
void bctrace_turns_reset(void);

/* -- fixed_sleep.c: with the guard --------------------------------------------------------------------------------------------------- */

/* Puts the threads whose sleep is over into the queue. */
void bctrace_wake_due(void);
/* Nothing can run: advances the clock to what happens next. */
void bctrace_advance_to_next(void);
/* Has the threads that are away look again. */
void bctrace_recall(void);
/* No thread sleeps or is away. */
void bctrace_sleep_reset(void);

/* -- fixed_locks.c -------------------------------------------------------------------------------------------------------------------- */

/* No thread waits for a lock. */
void bctrace_locks_reset(void);

/* -- fixed_threads.c ------------------------------------------------------------------------------------------------------------------ */

/* This thread; one that C code has started is added when it comes. */
struct thread *bctrace_this_thread(void);

#pragma GCC visibility pop

#endif
