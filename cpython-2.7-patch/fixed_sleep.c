/* The threads of repeatable runs that have nothing to do: those that sleep until a time, those that look for something again and again
 * while others run, and those that are away.  A thread for which only something from outside can come goes away: it gives its turn up and
 * waits for real.  The first for which something comes recalls all others, since what it does next may be what they wait for: they get
 * into the queue at once, and look again.  Signals that the program sends itself end all three. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "turns.h"

/* Ends the waiting of a thread that is away. */
#define RECALL (SIGRTMAX - 5)

static struct list away; /* in the order in which they came */
static uint64_t raised;

void
bctrace_sleep_reset(void)
{
    bctrace_turns.sleeping = NULL;
    clear(&away);
}

static void
put_to_sleep(struct thread *thread)
{
    struct thread **link = &bctrace_turns.sleeping;

    while (*link != NULL && (*link)->until <= thread->until)
        link = &(*link)->next;
    thread->next = *link;
    *link = thread;
}

static void
wake_first_sleeper(void)
{
    struct thread *thread = bctrace_turns.sleeping;

    bctrace_turns.sleeping = thread->next;
    append(&bctrace_turns.ready, thread);
}

void
bctrace_wake_due(void)
{
    int64_t now;

    if (bctrace_turns.sleeping == NULL)
        return;
    now = bctrace_now();
    while (bctrace_turns.sleeping != NULL && bctrace_turns.sleeping->until <= now)
        wake_first_sleeper();
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

    for (link = &bctrace_turns.sleeping; *link != NULL; link = &(*link)->next) {
        if (*link == bctrace_turns.main_thread) {
            *link = bctrace_turns.main_thread->next;
            bctrace_turns.main_thread->is_interrupted = 1;
            append(&bctrace_turns.ready, bctrace_turns.main_thread);
            return;
        }
    }
}

/* The timers that have run out raise their signals in the thread that gets the turn. */
static void
note_timers(void)
{
    unsigned out = bctrace_timers_out(), number;

    bctrace_turns.due |= out;
    for (number = 1; out >> number; number++)
        if (out >> number & 1 && is_heeded(number))
            interrupt_main();
}

void
bctrace_advance_to_next(void)
{
    while (bctrace_turns.ready.first == NULL && bctrace_turns.sleeping != NULL) {
        int64_t alarm = bctrace_alarm_at();

        if (alarm <= bctrace_turns.sleeping->until) {
            bctrace_advance(alarm);
            note_timers();
        } else {
            bctrace_advance(bctrace_turns.sleeping->until);
            bctrace_wake_due();
        }
    }
}

int
bctrace_sleep(int64_t nanoseconds)
{
    struct thread *me = bctrace_self;

    if (nanoseconds < 0) {
        errno = EINVAL;
        return -1;
    }
    if (!bctrace_has_turn(me))
        return 0;
    bctrace_turns_hold();
    me->until = bctrace_now() + nanoseconds;
    me->is_interrupted = 0;
    put_to_sleep(me);
    bctrace_give_turn_away();
    bctrace_wait_for_turn(me);
    bctrace_turns_let_go();
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

    for (thread = bctrace_turns.ready.first; thread != NULL; thread = thread->next)
        if (thread->idle_at != bctrace_turns.progress)
            return 1;
    return 0;
}

enum bctrace_ran
bctrace_let_run(void)
{
    struct thread *me = bctrace_self;
    int is_interrupted;

    if (!bctrace_has_turn(me))
        return BCTRACE_ALONE;
    bctrace_turns_hold();
    bctrace_wake_due();
    if (!anyone_is_busy()) {
        static const struct timespec moment = { 0, 1000000 };

        if (bctrace_turns.sleeping == NULL) {
            bctrace_turns_let_go();
            return BCTRACE_ALONE;
        }
        /* What this thread waits for may come from outside; a thread that sleeps in a loop must not fill the time with that. */
        bctrace_turns_let_go();
        nanosleep(&moment, NULL);
        bctrace_turns_hold();
        if (bctrace_alarm_at() <= bctrace_turns.sleeping->until) {
            bctrace_advance(bctrace_alarm_at());
            note_timers();
        } else {
            bctrace_advance(bctrace_turns.sleeping->until);
            bctrace_wake_due();
        }
    }
    me->idle_at = bctrace_turns.progress;
    me->is_interrupted = 0;
    append(&bctrace_turns.ready, me);
    bctrace_give_turn_away();
    bctrace_wait_for_turn(me);
    me->idle_at = 0;
    is_interrupted = me->is_interrupted;
    bctrace_turns_let_go();
    bctrace_keep_turn();
    return is_interrupted ? BCTRACE_INTERRUPTED : BCTRACE_RAN;
}

void
bctrace_recall(void)
{
    while (away.first != NULL) {
        struct thread *thread = take(&away, &away.first);

        thread->is_away = 0;
        thread->is_recalled = 1;
        thread->idle_at = 0;
        append(&bctrace_turns.ready, thread);
        pthread_kill(thread->handle, RECALL);
    }
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
    struct thread *me = bctrace_self;
    sigset_t recalls;

    if (!bctrace_has_turn(me))
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
    bctrace_turns_hold();
    me->is_away = 1;
    me->is_recalled = 0;
    append(&away, me);
    bctrace_timer_to_kernel();
    bctrace_give_turn_away();
    bctrace_turns_let_go();
    return 1;
}

int
bctrace_come_back(void)
{
    struct thread *me = bctrace_self;
    sigset_t recalls;

    bctrace_turns_hold();
    if (me->is_away) {
        struct thread **link = &away.first;

        while (*link != me)
            link = &(*link)->next;
        take(&away, link);
        me->is_away = 0;
        bctrace_wait_in_queue(me);
    } else
        bctrace_wait_for_turn(me);
    me->idle_at = 0;
    bctrace_timer_from_kernel();
    bctrace_turns_let_go();
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
    if (bctrace_self != bctrace_turns.main_thread && is_heeded(number)) {
        int is_away;

        bctrace_turns_hold();
        if (bctrace_turns.main_thread->idle_at != 0)
            bctrace_turns.main_thread->is_interrupted = 1;
        interrupt_main();
        is_away = bctrace_turns.main_thread->is_away;
        bctrace_turns_let_go();
        /* Ends the call that it waits in. */
        if (is_away)
            return (errno = pthread_kill(bctrace_turns.main_thread->handle, number)) == 0 ? 0 : -1;
    }
    return raise(number);
}

uint64_t
bctrace_raised(void)
{
    return bctrace_self == bctrace_turns.main_thread ? raised : 0;
}

void
bctrace_progressed(void)
{
    if (bctrace_has_turn(bctrace_self)) {
        bctrace_turns.progress++;
        bctrace_turns_hold();
        bctrace_recall();
        bctrace_turns_let_go();
        bctrace_keep_turn();
    }
}
