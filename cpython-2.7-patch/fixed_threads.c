/* The beginning and the end of threads in repeatable runs, and the numbers by which the program knows them. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "turns.h"

/* The first thread's number for the program, and how far they are apart. */
#define FIRST_IDENT 0x7ffff7d80740
#define IDENT_STEP 0x801000

static struct thread first;
static long next_ident;

static int
init(struct thread *thread)
{
    pthread_condattr_t monotonic;
    int failed;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    failed = pthread_cond_init(&thread->granted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread->ident = next_ident;
    next_ident -= IDENT_STEP;
    return failed;
}

/* This thread is the only one, and has the turn. */
static void
be_alone(void)
{
    struct thread *only;

    bctrace_turns_reset();
    bctrace_sleep_reset();
    bctrace_locks_reset();
    only = bctrace_this_thread();
    only->handle = pthread_self();
    bctrace_turns.owner = bctrace_turns.main_thread = only;
}

void
bctrace_turns_begin(void)
{
    next_ident = FIRST_IDENT;
    init(&first);
    bctrace_self = &first;
    be_alone();
}

struct thread *
bctrace_this_thread(void)
{
    if (bctrace_self == NULL) {
        struct thread *thread = calloc(1, sizeof *thread);

        if (thread == NULL)
            abort();
        bctrace_turns_hold();
        init(thread);
        bctrace_turns_let_go();
        thread->handle = pthread_self();
        bctrace_self = thread;
    }
    return bctrace_self;
}

void *
bctrace_thread_new(void)
{
    struct thread *thread = calloc(1, sizeof *thread);

    if (thread == NULL)
        return NULL;
    bctrace_turns_hold();
    init(thread);
    bctrace_turns_let_go();
    thread->is_ours = 1;
    return thread;
}

long
bctrace_thread_started(void *started, unsigned long handle, int failed)
{
    struct thread *thread = started;
    long ident = bctrace_fixed & BCTRACE_ALL ? thread->ident : (long)handle;

    if (failed) {
        pthread_cond_destroy(&thread->granted);
        free(thread);
        return -1;
    }
    bctrace_turns_hold();
    thread->handle = handle;
    append(&bctrace_turns.ready, thread);
    if (bctrace_turns.owner == NULL)
        bctrace_grant_turn();
    bctrace_turns_let_go();
    return ident;
}

void
bctrace_thread_begins(void *thread)
{
    bctrace_self = thread;
    bctrace_turns_hold();
    bctrace_wait_for_turn(bctrace_self);
    bctrace_turns_let_go();
}

void
bctrace_thread_ends(void)
{
    struct thread *me = bctrace_self;

    bctrace_turns_hold();
    bctrace_self = NULL;
    me->next = bctrace_turns.ended;
    bctrace_turns.ended = me;
    if (bctrace_turns.owner == me) {
        (void)bctrace_call_ends();
        bctrace_give_turn_away();
    }
    bctrace_turns_let_go();
}

long
bctrace_thread_ident(void)
{
    return bctrace_fixed & BCTRACE_ALL ? bctrace_this_thread()->ident : (long)pthread_self();
}

void
bctrace_turns_forked(void)
{
    be_alone();
    bctrace_self->is_ours = 0;
    bctrace_self->idle_at = 0;
}
