/* What the files of repeatable runs have of each other; bctrace_fixed.h is what the VM has of them. */
#ifndef BCTRACE_FIXED_PARTS_H
#define BCTRACE_FIXED_PARTS_H

#include <signal.h>

#include "bctrace_fixed.h"

#define BCTRACE_SECOND INT64_C(1000000000)

#pragma GCC visibility push(hidden)

/* -- fixed_clock.c: called by the thread that has the turn ---------------------------------------------------------------------- */

/* Nanoseconds since 1970 by the clock that the program sees; looking does not advance it. */
int64_t bctrace_now(void);
/* Advances the clock to this time, unless it is later already. */
void bctrace_advance(int64_t until);
/* When the timer of alarm() runs out; INT64_MAX if none is set. */
int64_t bctrace_alarm_at(void);
/* Sets all timers that have run out again; returns their signals, a bit each. */
unsigned bctrace_timers_out(void);
/* Has the kernel keep the timer of alarm() while a thread waits for something real; and takes it back. */
void bctrace_timer_to_kernel(void);
void bctrace_timer_from_kernel(void);
/* In a process that was forked: its processor time begins, and it has no timers. */
void bctrace_clock_forked(void);

/* Nanoseconds; at most so many that sums of them fit. */
int64_t bctrace_of_timeval(const struct timeval *value);

/* -- fixed_wait.c ------------------------------------------------------------------------------------------------------------------ */

/* wait4, with turns for other threads until a child has ended. */
pid_t bctrace_await_child(pid_t pid, int *status, int options, struct rusage *used);

/* -- fixed_sleep.c ----------------------------------------------------------------------------------------------------------------- */

/* Sleeps by the program's clock; returns -1, with errno, if a signal came. */
int bctrace_sleep(int64_t nanoseconds);

enum bctrace_ran { BCTRACE_ALONE, BCTRACE_RAN, BCTRACE_INTERRUPTED };
/* Lets other threads run.  BCTRACE_ALONE: none can, nor will by the time of the clock. */
enum bctrace_ran bctrace_let_run(void);
/* Gives the turn away for a call that waits for something real; returns 0 if this thread has none.  The call must have the mask of signals
 * that is stored in `others`: one that the mask of the thread blocks ends it when other threads have something to do. */
int bctrace_go_away(sigset_t *others);
/* Gets the turn back; returns whether the call was ended so. */
int bctrace_come_back(void);
/* Raises a signal as kill() would that the program has sent to itself. */
int bctrace_raise(int signal);
/* What this thread waited for has come. */
void bctrace_progressed(void);
/* How many signals were raised so, if this is the first thread, whose waiting they end. */
uint64_t bctrace_raised(void);

/* -- fixed_threads.c ----------------------------------------------------------------------------------------------------------------- */

void bctrace_turns_begin(void);
/* In a process that was forked: this thread is its only one. */
void bctrace_turns_forked(void);

/* -- fixed_process.c ----------------------------------------------------------------------------------------------------------------- */

int bctrace_processes_begin(void);

/* -- fixed_memory.c -------------------------------------------------------------------------------------------------------------------- */

void bctrace_memory_begin(void);

#pragma GCC visibility pop

#endif
