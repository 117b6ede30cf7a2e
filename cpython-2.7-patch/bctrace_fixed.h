/* Repeatable runs: what a program would see differ from run to run comes from here instead of from the system.  14-fixed.patch and
 * 15-turns.patch include this header after a file's others; it puts a function of ours in the place of each function of the C library
 * that is asked.  With `bctrace_fixed` 0, which is how it is unless an option was given, all go where they went before.
 *
 * fixed_clock.c has the clocks and timers, fixed_wait.c what waits, fixed_turns.c the turns of threads, fixed_locks.c their locks,
 * fixed_sleep.c their sleep, fixed_threads.c their beginning and end, fixed_process.c process numbers, random bytes and folders, and
 * fixed_memory.c addresses. */
#ifndef BCTRACE_FIXED_H
#define BCTRACE_FIXED_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* BCTRACE_SLEEPS: sleeps are skipped, and threads take turns, so that they wake in the order of their times.
 * BCTRACE_ALL: everything else is fixed too. */
enum { BCTRACE_SLEEPS = 1, BCTRACE_ALL = 2 };

/* Set once, before the interpreter starts. */
extern int bctrace_fixed __attribute__((visibility("hidden")));

/* Fixes what `what` says, for a process with one thread.  Returns -1 if there is no memory for it. */
int bctrace_fix(int what) __attribute__((visibility("hidden")));

struct timeval;
struct itimerval;
struct pollfd;
struct epoll_event;
struct rusage;
struct tms;
struct dirent;

#pragma GCC visibility push(hidden)

/* -- Clocks ------------------------------------------------------------------------------------------------------------------ */

time_t bctrace_time(time_t *seconds);
int bctrace_gettimeofday(struct timeval *now, void *zone);
/* For a profiler, whose looks at the clock are none of the program's. */
int bctrace_profile_time(struct timeval *now);
long bctrace_clock(void);
long bctrace_times(struct tms *used);
int bctrace_getrusage(int who, struct rusage *used);

/* In the eval loop, each time that its ticker has run out; `interval` is what it begins with again. */
void bctrace_tick(int interval);

/* -- Waiting: the thread has let go of the interpreter, by Py_BEGIN_ALLOW_THREADS ----------------------------------------------- */

int bctrace_select(int count, void *readable, void *writable, void *failed, struct timeval *timeout);
int bctrace_poll(struct pollfd *fds, unsigned long count, int timeout);
int bctrace_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
unsigned bctrace_alarm(unsigned seconds);
int bctrace_setitimer(int which, const struct itimerval *new, struct itimerval *old);
int bctrace_getitimer(int which, struct itimerval *now);
int bctrace_pause(void);
/* Lets other threads run until a descriptor is ready for `events`, as poll has them, or none of them can run, and then waits for it.
 * Returns -1, with errno, if a signal came. */
int bctrace_await(int fd, short events);
/* Reads from a stream as fread and getc do, with bctrace_await before each read of its file. */
size_t bctrace_read_stream(void *bytes, size_t size, size_t count, FILE *stream);
int bctrace_get_byte(FILE *stream);

/* -- Processes and random bytes -------------------------------------------------------------------------------------------------- */

/* The numbers that the program sees, for the system's own, and the reverse. */
pid_t bctrace_shown(pid_t real);
pid_t bctrace_real(pid_t shown);
pid_t bctrace_getppid(void);
pid_t bctrace_fork(void);
pid_t bctrace_forkpty(int *master);
int bctrace_kill(pid_t pid, int signal);
pid_t bctrace_wait4(pid_t pid, int *status, int options, struct rusage *used);
void bctrace_random(void *bytes, size_t length);
/* Readdir, in the order of the names. */
struct dirent *bctrace_readdir(void *folder);
/* The name to look up for a symbol of a library: another one for what makes UUIDs of the machine's clock and address. */
const char *bctrace_symbol(const char *name);

/* -- Threads: fixed_turns.c, fixed_locks.c, fixed_threads.c ----------------------------------------------------------------------- */

/* What the eval loop does with its lock: acquires it; releases it around a call of C; releases it for good; lets others have it. */
void bctrace_take_turn(void);
void bctrace_keep_turn(void);
void bctrace_end_turn(void);
void bctrace_offer_turn(void);
/* Waits for one of Python's locks, which is a semaphore and not free; `again` counts the times that it has waited for it in vain.
 * Returns 0 if this thread has no turn and must wait as usual, 1 if the lock may be free now, 2 if it is this thread's. */
int bctrace_await_lock(void *semaphore, int again);
/* Releases one. */
void bctrace_release_lock(void *semaphore);
/* Announces a thread that is about to be started, for which pthread_create then has returned `failed`; NULL if there is no memory. */
void *bctrace_thread_new(void);
long bctrace_thread_started(void *thread, unsigned long handle, int failed);
/* In that thread. */
void bctrace_thread_begins(void *thread);
void bctrace_thread_ends(void);
/* What identifies this thread to the program. */
long bctrace_thread_ident(void);

#pragma GCC visibility pop

#define BCTRACE_TAKE(usual) do { if (bctrace_fixed) bctrace_take_turn(); else usual; } while (0)
#define BCTRACE_KEEP(usual) do { if (bctrace_fixed) bctrace_keep_turn(); else usual; } while (0)
#define BCTRACE_OFFER(usual) do { if (bctrace_fixed) bctrace_offer_turn(); else usual; } while (0)
#define BCTRACE_END(usual) do { if (bctrace_fixed) bctrace_end_turn(); else usual; } while (0)
#define BCTRACE_TICK(interval) do { if (bctrace_fixed) bctrace_tick(interval); } while (0)

#ifdef BCTRACE_FIXES_CLOCKS
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#define time(seconds) (bctrace_fixed ? bctrace_time(seconds) : (time)(seconds))
#define gettimeofday(now, zone) (bctrace_fixed ? bctrace_gettimeofday(now, zone) : (gettimeofday)(now, zone))
#define clock() (bctrace_fixed ? bctrace_clock() : (clock)())
#define times(used) (bctrace_fixed ? bctrace_times(used) : (times)(used))
#define getrusage(who, used) (bctrace_fixed ? bctrace_getrusage(who, used) : (getrusage)(who, used))
#endif

#ifdef BCTRACE_FIXES_PROFILER
#include <sys/time.h>
#define gettimeofday(now, zone) (bctrace_fixed ? bctrace_profile_time(now) : (gettimeofday)(now, zone))
#endif

#ifdef BCTRACE_FIXES_WAITING
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#define select(count, readable, writable, failed, timeout) \
        (bctrace_fixed ? bctrace_select(count, readable, writable, failed, timeout) : \
         (select)(count, readable, writable, failed, timeout))
#define poll(fds, count, timeout) (bctrace_fixed ? bctrace_poll(fds, count, timeout) : (poll)(fds, count, timeout))
#define epoll_wait(epoll, events, most, timeout) \
        (bctrace_fixed ? bctrace_epoll_wait(epoll, events, most, timeout) : (epoll_wait)(epoll, events, most, timeout))
#define alarm(seconds) (bctrace_fixed ? bctrace_alarm(seconds) : (alarm)(seconds))
#define setitimer(which, new, old) (bctrace_fixed ? bctrace_setitimer(which, new, old) : (setitimer)(which, new, old))
#define getitimer(which, now) (bctrace_fixed ? bctrace_getitimer(which, now) : (getitimer)(which, now))
#define pause() (bctrace_fixed ? bctrace_pause() : (pause)())
#define BCTRACE_WHEN(fd, events, call) (bctrace_fixed && bctrace_await(fd, events) < 0 ? -1 : (call))
#define read(fd, bytes, length) BCTRACE_WHEN(fd, POLLIN, (read)(fd, bytes, length))
#define write(fd, bytes, length) BCTRACE_WHEN(fd, POLLOUT, (write)(fd, bytes, length))
#define recv(fd, bytes, length, flags) BCTRACE_WHEN(fd, POLLIN, (recv)(fd, bytes, length, flags))
#define recvfrom(fd, bytes, length, flags, from, size) \
        BCTRACE_WHEN(fd, POLLIN, (recvfrom)(fd, bytes, length, flags, from, size))
#define send(fd, bytes, length, flags) BCTRACE_WHEN(fd, POLLOUT, (send)(fd, bytes, length, flags))
#define accept(fd, from, size) BCTRACE_WHEN(fd, POLLIN, (accept)(fd, from, size))
#endif

#ifdef BCTRACE_FIXES_STREAMS
#define BCTRACE_FREAD(bytes, size, count, stream) \
        (bctrace_fixed ? bctrace_read_stream(bytes, size, count, stream) : (fread)(bytes, size, count, stream))
/* As fast as getc_unlocked: glibc's names of what the buffer still holds. */
#define BCTRACE_GETC(stream) \
        ((stream)->_IO_read_ptr < (stream)->_IO_read_end ? *(unsigned char *)(stream)->_IO_read_ptr++ : bctrace_get_byte(stream))
#endif

#ifdef BCTRACE_FIXES_PROCESSES
#include <dirent.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#define BCTRACE_IS_ALL (bctrace_fixed & BCTRACE_ALL)
#define getpid() (BCTRACE_IS_ALL ? bctrace_shown((getpid)()) : (getpid)())
#define getppid() (BCTRACE_IS_ALL ? bctrace_getppid() : (getppid)())
#define fork() (bctrace_fixed ? bctrace_fork() : (fork)())
#define forkpty(master, name, termios, size) \
        (bctrace_fixed ? bctrace_forkpty(master) : (forkpty)(master, name, termios, size))
#define kill(pid, number) (BCTRACE_IS_ALL ? bctrace_kill(pid, number) : (kill)(pid, number))
#define killpg(group, number) ((killpg)(BCTRACE_IS_ALL ? bctrace_real(group) : (group), number))
#define getpgid(pid) (BCTRACE_IS_ALL ? bctrace_shown((getpgid)(bctrace_real(pid))) : (getpgid)(pid))
#define setpgid(pid, group) \
        (BCTRACE_IS_ALL ? (setpgid)(bctrace_real(pid), bctrace_real(group)) : (setpgid)(pid, group))
#define getpgrp() (BCTRACE_IS_ALL ? bctrace_shown((getpgrp)()) : (getpgrp)())
#define getsid(pid) (BCTRACE_IS_ALL ? bctrace_shown((getsid)(bctrace_real(pid))) : (getsid)(pid))
#define tcgetpgrp(fd) (BCTRACE_IS_ALL ? bctrace_shown((tcgetpgrp)(fd)) : (tcgetpgrp)(fd))
#define tcsetpgrp(fd, group) ((tcsetpgrp)(fd, BCTRACE_IS_ALL ? bctrace_real(group) : (group)))
#define wait(status) (bctrace_fixed ? bctrace_wait4(-1, status, 0, NULL) : (wait)(status))
#define wait3(status, options, used) \
        (bctrace_fixed ? bctrace_wait4(-1, status, options, used) : (wait3)(status, options, used))
#define wait4(pid, status, options, used) \
        (bctrace_fixed ? bctrace_wait4(pid, status, options, used) : (wait4)(pid, status, options, used))
#define waitpid(pid, status, options) \
        (bctrace_fixed ? bctrace_wait4(pid, status, options, NULL) : (waitpid)(pid, status, options))
#define readdir(folder) (BCTRACE_IS_ALL ? bctrace_readdir(folder) : (readdir)(folder))
#endif

#endif
