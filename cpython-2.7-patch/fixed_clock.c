/* The clocks of repeatable runs: see bctrace_fixed.h.  They count instructions, by the eval loop's ticker, and the times that were slept,
 * which nothing waits for.  A program that looks at the clock again and again, as one does that waits for a time, sees it go faster and
 * faster: each look costs a microsecond, and after each thousand looks in a row twice as much. */
#include "Python.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "fixed.h"

/* 2020-01-01 00:00:00 UTC. */
#define BEGINNING (INT64_C(1577836800) * BCTRACE_SECOND)
/* The processor time that an interpreter has used when it begins. */
#define STARTUP (20 * INT64_C(1000000))
/* What an instruction that the ticker counts takes. */
#define INSTRUCTION 50
/* What a look at the clock takes at first. */
#define LOOK 1000
/* Looks with fewer instructions between them are in a row. */
#define NEAR 50
/* Looks in a row after which each takes twice as long, up to 2^17 times, which is 131 ms. */
#define ROW 1000
#define MOST_DOUBLED 17

int bctrace_fixed;

static unsigned in_row;   /* looks at the clock */
/* Counted instructions before the ticker was set last, and what it was set to. */
static int64_t counted;
static int ticker_from;
static int64_t looks;   /* nanoseconds */
static int64_t skipped; /* nanoseconds */
static int64_t cpu_from;
static int64_t last_look; /* instructions */

/* The timers of setitimer, by their numbers: when they run out, by the clock that each goes by, or 0. */
static struct { int64_t at, interval; } timers[3];
static const int timer_signals[3] = { SIGALRM, SIGVTALRM, SIGPROF };
static int any_timer;
static int is_kernels;

int
bctrace_fix(int what)
{
    if (bctrace_processes_begin() < 0)
        return -1;
    bctrace_turns_begin();
    if (what & BCTRACE_ALL)
        bctrace_memory_begin();
    bctrace_fixed = what;
    return 0;
}

/* -- The clocks ---------------------------------------------------------------------------------------------------------------- */

static int64_t
instructions(void)
{
    static int64_t latest;
    int64_t now = counted + ticker_from - _Py_Ticker;

    /* sys.setcheckinterval sets the ticker at any time. */
    if (now > latest)
        latest = now;
    return latest;
}

static int64_t
used(void)
{
    return instructions() * INSTRUCTION + looks;
}

static int64_t
real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * BCTRACE_SECOND + now.tv_nsec;
}

int64_t
bctrace_now(void)
{
    return (bctrace_fixed & BCTRACE_ALL ? BEGINNING + used() : real_now()) + skipped;
}

void
bctrace_advance(int64_t until)
{
    int64_t now = bctrace_now();

    if (until > now) {
        skipped += until - now;
        in_row = 0;
    }
}

/* The program looks at a clock. */
static void
look(void)
{
    int64_t now = instructions();
    unsigned doubled;

    if (!(bctrace_fixed & BCTRACE_ALL))
        return;
    in_row = now - last_look < NEAR ? in_row + 1 : 0;
    last_look = now;
    doubled = in_row / ROW;
    looks += (int64_t)LOOK << (doubled < MOST_DOUBLED ? doubled : MOST_DOUBLED);
}

static int64_t
processor(void)
{
    return STARTUP + used() - cpu_from;
}

static void
to_timeval(int64_t nanoseconds, struct timeval *value)
{
    value->tv_sec = nanoseconds / BCTRACE_SECOND;
    value->tv_usec = nanoseconds % BCTRACE_SECOND / 1000;
}

int64_t
bctrace_of_timeval(const struct timeval *value)
{
    /* Longer than that nothing waits; it keeps sums of times within 64 bits. */
    const int64_t longest = INT64_MAX / BCTRACE_SECOND / 8;

    return (value->tv_sec < longest ? value->tv_sec : longest) * BCTRACE_SECOND + value->tv_usec * INT64_C(1000);
}

int
bctrace_gettimeofday(struct timeval *now, void *zone)
{
    (void)zone;
    look();
    to_timeval(bctrace_now(), now);
    return 0;
}

int
bctrace_profile_time(struct timeval *now)
{
    to_timeval(bctrace_now(), now);
    return 0;
}

time_t
bctrace_time(time_t *seconds)
{
    time_t now;

    look();
    now = bctrace_now() / BCTRACE_SECOND;
    if (seconds != NULL)
        *seconds = now;
    return now;
}

long
bctrace_clock(void)
{
    if (!(bctrace_fixed & BCTRACE_ALL))
        return clock();
    look();
    return processor() / (BCTRACE_SECOND / CLOCKS_PER_SEC);
}

long
bctrace_times(struct tms *result)
{
    int64_t tick = BCTRACE_SECOND / sysconf(_SC_CLK_TCK);

    if (!(bctrace_fixed & BCTRACE_ALL))
        return times(result) + skipped / tick;
    look();
    memset(result, 0, sizeof *result);
    result->tms_utime = processor() / tick;
    return (bctrace_now() - BEGINNING) / tick;
}

int
bctrace_getrusage(int who, struct rusage *result)
{
    int status = getrusage(who, result);

    if (status == 0 && bctrace_fixed & BCTRACE_ALL) {
        look();
        memset(result, 0, sizeof *result);
        if (who != RUSAGE_CHILDREN)
            to_timeval(processor(), &result->ru_utime);
    }
    return status;
}

void
bctrace_tick(int interval)
{
    unsigned out, number;

    /* The ticker is at -1, or at 0 before it because a signal or a pending call asked for this. */
    counted += (int64_t)ticker_from + 1;
    ticker_from = interval;
    if (!any_timer)
        return;
    out = bctrace_timers_out();
    for (number = 1; out >> number; number++)
        if (out >> number & 1)
            bctrace_raise(number);
}

/* -- Timers -------------------------------------------------------------------------------------------------------------------- */

static int64_t
timer_clock(int which)
{
    return which == ITIMER_REAL || !(bctrace_fixed & BCTRACE_ALL) ? bctrace_now() : processor();
}

int64_t
bctrace_alarm_at(void)
{
    return timers[ITIMER_REAL].at != 0 ? timers[ITIMER_REAL].at : INT64_MAX;
}

unsigned
bctrace_timers_out(void)
{
    unsigned out = 0;
    int which;

    any_timer = 0;
    for (which = 0; which < 3; which++) {
        int64_t now;

        if (timers[which].at == 0)
            continue;
        now = timer_clock(which);
        if (timers[which].at <= now) {
            out |= 1u << timer_signals[which];
            timers[which].at = timers[which].interval != 0 ? now + timers[which].interval : 0;
        }
        any_timer |= timers[which].at != 0;
    }
    return out;
}

static int
set_timer(int which, int64_t value, int64_t interval, struct itimerval *old)
{
    if (which < 0 || which > 2) {
        errno = EINVAL;
        return -1;
    }
    if (old != NULL)
        bctrace_getitimer(which, old);
    timers[which].at = value != 0 ? timer_clock(which) + value : 0;
    timers[which].interval = interval;
    any_timer |= value != 0;
    return 0;
}

int
bctrace_setitimer(int which, const struct itimerval *new, struct itimerval *old)
{
    if (new->it_value.tv_sec < 0 || new->it_value.tv_usec < 0 || new->it_value.tv_usec >= 1000000 ||
        new->it_interval.tv_sec < 0 || new->it_interval.tv_usec < 0 || new->it_interval.tv_usec >= 1000000) {
        errno = EINVAL;
        return -1;
    }
    return set_timer(which, bctrace_of_timeval(&new->it_value), bctrace_of_timeval(&new->it_interval), old);
}

int
bctrace_getitimer(int which, struct itimerval *now)
{
    int64_t left;

    if (which < 0 || which > 2) {
        errno = EINVAL;
        return -1;
    }
    left = timers[which].at != 0 ? timers[which].at - timer_clock(which) : 0;
    /* One that is set never shows 0. */
    to_timeval(timers[which].at != 0 && left < 1000 ? 1000 : left, &now->it_value);
    to_timeval(timers[which].interval, &now->it_interval);
    return 0;
}

unsigned
bctrace_alarm(unsigned seconds)
{
    struct itimerval old;

    set_timer(ITIMER_REAL, seconds * BCTRACE_SECOND, 0, &old);
    return old.it_value.tv_sec + (old.it_value.tv_usec >= 500000 || (old.it_value.tv_sec == 0 && old.it_value.tv_usec != 0));
}

void
bctrace_timer_to_kernel(void)
{
    struct itimerval left = { { 0, 0 }, { 0, 0 } };

    if (timers[ITIMER_REAL].at == 0 || is_kernels)
        return;
    bctrace_getitimer(ITIMER_REAL, &left);
    left.it_interval.tv_sec = left.it_interval.tv_usec = 0;
    is_kernels = setitimer(ITIMER_REAL, &left, NULL) == 0;
}

void
bctrace_timer_from_kernel(void)
{
    static const struct itimerval none;
    struct itimerval left;

    if (!is_kernels)
        return;
    is_kernels = 0;
    if (setitimer(ITIMER_REAL, &none, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0) {
        /* It has run out, and the kernel has sent the signal. */
        bctrace_advance(timers[ITIMER_REAL].at);
        timers[ITIMER_REAL].at = timers[ITIMER_REAL].interval != 0 ? bctrace_now() + timers[ITIMER_REAL].interval : 0;
    }
}

void
bctrace_clock_forked(void)
{
    cpu_from = used() + STARTUP;
    memset(timers, 0, sizeof timers);
    any_timer = is_kernels = 0;
}
