/* The threads of repeatable runs take turns: see bctrace_fixed.h.  The turn replaces the interpreter's lock.  It goes from thread to thread
 * in the order in which they came to wait, at counted instructions and where a thread waits for a lock of Python's, for a time or for
 * something that other threads may bring.
 *
 * A thread keeps its turn in other calls of C that release the lock, such as one that writes to a file: how long those take differs from
 * run to run.  Only a thread that waits for a whole second of real time takes the turn from one that is in such a call.  A thread for
 * which only something from outside can come goes away: it gives its turn up and waits for real.  The first for which something comes
 * recalls all others, since what it does next may be what they wait for: they get into the queue at once, and look again.
 *
 * Signal handlers run in the middle of all this.  They acquire and release a lock of Python's, for which no thread waits. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fixed.h"

/* The first thread's number for the program, and how far they are apart. */
#define FIRST_IDENT 0x7ffff7d80740
#define IDENT_STEP 0x801000
/* Ends the waiting of a thread that is away. */
#define RECALL (SIGRTMAX - 5)
/* A thread that was woken for a lock in vain this many times gets it from the one that releases it. */
#define MOST_TRIES 2

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

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static __thread struct thread *self;
/* This thread holds the guard; what a signal handler does then must not ask for it. */
static __thread int is_guarding;

static struct thread first;
static struct thread *main_thread;
static struct thread *owner;      /* has the turn */
static struct list ready;         /* can run, in the order of their turns */
static struct list waiting;       /* for locks, in the order in which they came */
static struct list away;          /* likewise */
static struct thread *sleeping;   /* by the end of their sleep */
static struct thread *ended;      /* are to be joined */
static int waiting_count;
static long next_ident;
static uint64_t progress = 1;     /* turns of threads that had something to do */
static unsigned due;              /* signals to raise by the next thread that has the turn, a bit each */
static uint64_t raised;
/* The owner is in a call of C, and how many such calls there were. */
static int in_call;
static uint64_t calls;

/* -- Lists ---------------------------------------------------------------------------------------------------------------------- */

static void
clear(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void
append(struct list *list, struct thread *thread)
{
    thread->next = NULL;
    *list->end = thread;
    list->end = &thread->next;
}

/* Takes the thread at this link out of a list. */
static struct thread *
take(struct list *list, struct thread **link)
{
    struct thread *thread = *link;

    *link = thread->next;
    if (list->end == &thread->next)
        list->end = link;
    return thread;
}

static void
put_to_sleep(struct thread *thread)
{
    struct thread **link = &sleeping;

    while (*link != NULL && (*link)->until <= thread->until)
        link = &(*link)->next;
    thread->next = *link;
    *link = thread;
}

static void
wake_first_sleeper(void)
{
    struct thread *thread = sleeping;

    sleeping = thread->next;
    append(&ready, thread);
}

static void
wake_due(void)
{
    int64_t now;

    if (sleeping == NULL)
        return;
    now = bctrace_now();
    while (sleeping != NULL && sleeping->until <= now)
        wake_first_sleeper();
}

/* -- The turn ------------------------------------------------------------------------------------------------------------------- */

static void
hold(void)
{
    is_guarding = 1;
    pthread_mutex_lock(&guard);
}

static void
let_go(void)
{
    pthread_mutex_unlock(&guard);
    is_guarding = 0;
}

static int
call_ends(void)
{
    int in = 1;

    return __atomic_compare_exchange_n(&in_call, &in, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Whether this thread has the turn; it no longer counts as in a call then. */
static int
has_turn(struct thread *me)
{
    int has;

    if (me == NULL || __atomic_load_n(&owner, __ATOMIC_SEQ_CST) != me)
        return 0;
    if (call_ends())
        return 1;
    /* Not in a call, unless another thread takes the turn right now. */
    hold();
    has = owner == me;
    let_go();
    return has;
}

/* Whether a signal reaches a handler or ends the process. */
static int
is_heeded(int number)
{
    struct sigaction action;

    if (sigaction(number, NULL, &action) < 0 || action.sa_handler == SIG_IGN)
        return 0;
    return action.sa_handler != SIG_DFL || (number != SIGCHLD && number != SIGURG && number != SIGWINCH && number != SIGCONT);
}

/* Ends the first thread's sleep, since Python's handlers run there. */
static void
interrupt_main(void)
{
    struct thread **link;

    for (link = &sleeping; *link != NULL; link = &(*link)->next) {
        if (*link == main_thread) {
            *link = main_thread->next;
            main_thread->is_interrupted = 1;
            append(&ready, main_thread);
            return;
        }
    }
}

/* The timers that have run out raise their signals in the thread that gets the turn. */
static void
note_timers(void)
{
    unsigned out = bctrace_timers_out(), number;

    due |= out;
    for (number = 1; out >> number; number++)
        if (out >> number & 1 && is_heeded(number))
            interrupt_main();
}

/* Nothing can run: advances the clock to what happens next. */
static void
advance(void)
{
    while (ready.first == NULL && sleeping != NULL) {
        int64_t alarm = bctrace_alarm_at();

        if (alarm <= sleeping->until) {
            bctrace_advance(alarm);
            note_timers();
        } else {
            bctrace_advance(sleeping->until);
            wake_due();
        }
    }
}

/* Gives the turn, which no thread has, to the next one.  With the guard. */
static void
grant(void)
{
    struct thread *next;

    wake_due();
    advance();
    if (ready.first == NULL)
        return;
    next = take(&ready, &ready.first);
    if (next->idle_at == 0)
        progress++;
    __atomic_store_n(&in_call, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&owner, next, __ATOMIC_SEQ_CST);
    pthread_cond_signal(&next->granted);
}

static void
give_away(void)
{
    __atomic_store_n(&owner, NULL, __ATOMIC_SEQ_CST);
    grant();
}

/* Raises the signals that are due and waits for the end of threads that have ended: what they do last, such as to give memory back, would
 * come at any time.  With the guard, which it lets go for that. */
static void
settle(void)
{
    while (due != 0 || ended != NULL) {
        unsigned signals = due, number;
        struct thread *gone = ended;

        due = 0;
        ended = NULL;
        let_go();
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
        hold();
    }
}

/* With the guard. */
static void
wait_for_turn(struct thread *me)
{
    if (owner == NULL && due != 0)
        settle();
    while (owner != me) {
        struct thread *other = owner;
        uint64_t seen = calls;
        struct timespec limit;

        clock_gettime(CLOCK_MONOTONIC, &limit);
        limit.tv_sec++;
        if (pthread_cond_timedwait(&me->granted, &guard, &limit) == ETIMEDOUT && owner != NULL && owner == other &&
            calls == seen && (ready.first != NULL || sleeping != NULL) && call_ends())
            give_away();
    }
    settle();
}

/* Has the threads that are away look again.  With the guard. */
static void
recall(void)
{
    while (away.first != NULL) {
        struct thread *thread = take(&away, &away.first);

        thread->is_away = 0;
        thread->is_recalled = 1;
        thread->idle_at = 0;
        append(&ready, thread);
        pthread_kill(thread->handle, RECALL);
    }
}

static void
wait_in_queue(struct thread *me)
{
    append(&ready, me);
    recall();
    if (owner == NULL)
        grant();
    wait_for_turn(me);
}

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

void
bctrace_turns_begin(void)
{
    next_ident = FIRST_IDENT;
    clear(&ready);
    clear(&waiting);
    clear(&away);
    init(&first);
    first.handle = pthread_self();
    owner = self = main_thread = &first;
}

/* This thread; one that C code has started is added when it comes. */
static struct thread *
myself(void)
{
    if (self == NULL) {
        struct thread *thread = calloc(1, sizeof *thread);

        if (thread == NULL)
            abort();
        hold();
        init(thread);
        let_go();
        thread->handle = pthread_self();
        self = thread;
    }
    return self;
}

void
bctrace_take_turn(void)
{
    struct thread *me = myself();

    if (has_turn(me))
        return;
    hold();
    wait_in_queue(me);
    let_go();
}

void
bctrace_keep_turn(void)
{
    if (self != NULL && owner == self) {
        calls++;
        __atomic_store_n(&in_call, 1, __ATOMIC_SEQ_CST);
    }
}

void
bctrace_end_turn(void)
{
    /* A thread of Python's ends now, and has its turn until it has. */
    if (self != NULL && self->is_ours)
        bctrace_keep_turn();
    else if (has_turn(self)) {
        hold();
        give_away();
        let_go();
    }
}

void
bctrace_offer_turn(void)
{
    struct thread *me = self;

    if (__atomic_load_n(&ready.first, __ATOMIC_RELAXED) == NULL && (sleeping == NULL || sleeping->until > bctrace_now()))
        return;
    hold();
    wake_due();
    append(&ready, me);
    give_away();
    wait_for_turn(me);
    let_go();
}

/* -- Waiting -------------------------------------------------------------------------------------------------------------------- */

int
bctrace_sleep(int64_t nanoseconds)
{
    struct thread *me = self;

    if (nanoseconds < 0) {
        errno = EINVAL;
        return -1;
    }
    if (!has_turn(me))
        return 0;
    hold();
    me->until = bctrace_now() + nanoseconds;
    me->is_interrupted = 0;
    put_to_sleep(me);
    give_away();
    wait_for_turn(me);
    let_go();
    bctrace_keep_turn();
    if (me->is_interrupted)
        errno = EINTR;
    return me->is_interrupted ? -1 : 0;
}

/* Whether a thread that is ready has something to do, or may find that it has since others had. */
static int
anyone_is_busy(void)
{
    struct thread *thread;

    for (thread = ready.first; thread != NULL; thread = thread->next)
        if (thread->idle_at != progress)
            return 1;
    return 0;
}

enum bctrace_ran
bctrace_let_run(void)
{
    struct thread *me = self;
    int is_interrupted;

    if (!has_turn(me))
        return BCTRACE_ALONE;
    hold();
    wake_due();
    if (!anyone_is_busy()) {
        static const struct timespec moment = { 0, 1000000 };

        if (sleeping == NULL) {
            let_go();
            return BCTRACE_ALONE;
        }
        /* What this thread waits for may come from outside; a thread that sleeps in a loop must not fill the time with that. */
        let_go();
        nanosleep(&moment, NULL);
        hold();
        if (bctrace_alarm_at() <= sleeping->until) {
            bctrace_advance(bctrace_alarm_at());
            note_timers();
        } else {
            bctrace_advance(sleeping->until);
            wake_due();
        }
    }
    me->idle_at = progress;
    me->is_interrupted = 0;
    append(&ready, me);
    give_away();
    wait_for_turn(me);
    me->idle_at = 0;
    is_interrupted = me->is_interrupted;
    let_go();
    bctrace_keep_turn();
    return is_interrupted ? BCTRACE_INTERRUPTED : BCTRACE_RAN;
}

static void
on_recall(int number)
{
    (void)number;
}

int
bctrace_go_away(sigset_t *others)
{
    static int is_handled;
    struct thread *me = self;
    sigset_t recalls;

    if (!has_turn(me))
        return 0;
    if (!is_handled) {
        struct sigaction action = { .sa_handler = on_recall };

        sigaction(RECALL, &action, NULL);
        is_handled = 1;
    }
    /* It arrives only where the thread waits. */
    sigemptyset(&recalls);
    sigaddset(&recalls, RECALL);
    pthread_sigmask(SIG_BLOCK, &recalls, others);
    sigdelset(others, RECALL);
    hold();
    me->is_away = 1;
    me->is_recalled = 0;
    append(&away, me);
    bctrace_timer_to_kernel();
    give_away();
    let_go();
    return 1;
}

int
bctrace_come_back(void)
{
    struct thread *me = self;
    sigset_t recalls;

    hold();
    if (me->is_away) {
        struct thread **link = &away.first;

        while (*link != me)
            link = &(*link)->next;
        take(&away, link);
        me->is_away = 0;
        wait_in_queue(me);
    } else
        wait_for_turn(me);
    me->idle_at = 0;
    bctrace_timer_from_kernel();
    let_go();
    sigemptyset(&recalls);
    sigaddset(&recalls, RECALL);
    pthread_sigmask(SIG_UNBLOCK, &recalls, NULL);
    bctrace_keep_turn();
    return me->is_recalled;
}

int
bctrace_raise(int number)
{
    raised++;
    if (self != main_thread && is_heeded(number)) {
        int is_away;

        hold();
        if (main_thread->idle_at != 0)
            main_thread->is_interrupted = 1;
        interrupt_main();
        is_away = main_thread->is_away;
        let_go();
        /* Ends the call that it waits in. */
        if (is_away)
            return (errno = pthread_kill(main_thread->handle, number)) == 0 ? 0 : -1;
    }
    return raise(number);
}

uint64_t
bctrace_raised(void)
{
    return self == main_thread ? raised : 0;
}

void
bctrace_progressed(void)
{
    if (has_turn(self)) {
        progress++;
        hold();
        recall();
        let_go();
        bctrace_keep_turn();
    }
}

int
bctrace_await_lock(void *semaphore, int again)
{
    struct thread *me = self;
    int value;

    if (!has_turn(me))
        return 0;
    hold();
    me->lock = semaphore;
    me->tries = again;
    me->has_lock = 0;
    __atomic_add_fetch(&waiting_count, 1, __ATOMIC_SEQ_CST);
    /* A thread without the turn may have released it just now, before it could see that one waits. */
    if (sem_getvalue(semaphore, &value) == 0 && value > 0) {
        __atomic_sub_fetch(&waiting_count, 1, __ATOMIC_SEQ_CST);
        let_go();
        bctrace_keep_turn();
        return 1;
    }
    append(&waiting, me);
    give_away();
    wait_for_turn(me);
    let_go();
    bctrace_keep_turn();
    return me->has_lock ? 2 : 1;
}

void
bctrace_release_lock(void *semaphore)
{
    struct thread **link;

    if (is_guarding || __atomic_load_n(&waiting_count, __ATOMIC_SEQ_CST) == 0) {
        sem_post(semaphore);
        if (is_guarding || __atomic_load_n(&waiting_count, __ATOMIC_SEQ_CST) == 0)
            return;
        hold();
    } else {
        hold();
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
            append(&ready, woken);
            if (owner == NULL)
                grant();
            break;
        }
    }
    let_go();
}

/* -- Threads -------------------------------------------------------------------------------------------------------------------- */

void *
bctrace_thread_new(void)
{
    struct thread *thread = calloc(1, sizeof *thread);

    if (thread == NULL)
        return NULL;
    hold();
    init(thread);
    let_go();
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
    hold();
    thread->handle = handle;
    append(&ready, thread);
    if (owner == NULL)
        grant();
    let_go();
    return ident;
}

void
bctrace_thread_begins(void *thread)
{
    self = thread;
    hold();
    wait_for_turn(self);
    let_go();
}

void
bctrace_thread_ends(void)
{
    struct thread *me = self;

    hold();
    self = NULL;
    me->next = ended;
    ended = me;
    if (owner == me) {
        (void)call_ends();
        give_away();
    }
    let_go();
}

long
bctrace_thread_ident(void)
{
    return bctrace_fixed & BCTRACE_ALL ? myself()->ident : (long)pthread_self();
}

void
bctrace_turns_forked(void)
{
    pthread_mutex_t free_mutex = PTHREAD_MUTEX_INITIALIZER;

    guard = free_mutex;
    is_guarding = 0;
    clear(&ready);
    clear(&waiting);
    clear(&away);
    sleeping = ended = NULL;
    waiting_count = 0;
    due = 0;
    in_call = 0;
    owner = main_thread = myself();
    main_thread->is_ours = 0;
    main_thread->handle = pthread_self();
    main_thread->idle_at = 0;
}
