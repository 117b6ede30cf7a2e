/* What waits in repeatable runs: see bctrace_fixed.h.  While other threads of the program can run or sleep, they get their turns until what
 * a thread waits for has come.  Only if none can, it waits for real. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fixed.h"

/* Asks whether something has come; waits for it for up to `timeout`, NULL: without end, with this mask of signals. */
typedef int asks(void *what, const struct timespec *timeout, const sigset_t *mask);

static int64_t
steady_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * BCTRACE_SECOND + now.tv_nsec;
}

/* Waits for real, for up to `left` nanoseconds, -1: without end.  `recalled` becomes whether other threads have ended this. */
static int
wait_outside(asks *ask, void *what, int64_t left, int *recalled)
{
    struct timespec limit = { left / BCTRACE_SECOND, left % BCTRACE_SECOND };
    sigset_t mask;
    int is_away = bctrace_go_away(&mask);
    int count = ask(what, left < 0 ? NULL : &limit, is_away ? &mask : NULL), error = errno;

    *recalled = is_away && bctrace_come_back() && count < 0 && error == EINTR;
    errno = error;
    return count;
}

/* Waits until `ask` returns anything but 0, for `timeout` nanoseconds, -1: without end.  While other threads of the program can run or
 * sleep, they do; else what comes is not theirs and takes its real time. */
static int
wait_for(asks *ask, void *what, int64_t timeout)
{
    static const struct timespec at_once;
    uint64_t raised = bctrace_raised();
    int64_t until = timeout < 0 ? INT64_MAX : bctrace_now() + timeout, waited = 0;

    for (;;) {
        int64_t left, began;
        int count = ask(what, &at_once, NULL), error = errno, recalled;

        if (count != 0 || timeout == 0) {
            bctrace_progressed();
            errno = error;
            return count;
        }
        if (bctrace_raised() != raised) {
            errno = EINTR;
            return -1;
        }
        left = until == INT64_MAX ? -1 : until - bctrace_now() - waited;
        if (until != INT64_MAX && left <= 0) {
            bctrace_advance(until);
            return 0;
        }
        switch (bctrace_let_run()) {
        case BCTRACE_RAN:
            break;
        case BCTRACE_INTERRUPTED:
            errno = EINTR;
            return -1;
        case BCTRACE_ALONE:
            began = steady_now();
            count = wait_outside(ask, what, left, &recalled);
            waited += steady_now() - began;
            if (recalled)
                break;
            if (count == 0)
                bctrace_advance(until);
            return count;
        }
    }
}

struct poll { struct pollfd *fds; nfds_t count; };

static int
ask_poll(void *what, const struct timespec *timeout, const sigset_t *mask)
{
    struct poll *call = what;

    return ppoll(call->fds, call->count, timeout, mask);
}

int
bctrace_poll(struct pollfd *fds, unsigned long count, int timeout)
{
    struct poll call = { fds, count };

    if (count == 0 && timeout >= 0)
        return bctrace_sleep(timeout * INT64_C(1000000));
    return wait_for(ask_poll, &call, timeout < 0 ? -1 : timeout * INT64_C(1000000));
}

struct epoll { int epoll; struct epoll_event *events; int most; };

static int
ask_epoll(void *what, const struct timespec *timeout, const sigset_t *mask)
{
    struct epoll *call = what;
    struct pollfd ready = { call->epoll, POLLIN, 0 };
    int count = ppoll(&ready, 1, timeout, mask);

    return count <= 0 ? count : epoll_wait(call->epoll, call->events, call->most, 0);
}

int
bctrace_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    struct epoll call = { epoll, events, most };

    return wait_for(ask_epoll, &call, timeout < 0 ? -1 : timeout * INT64_C(1000000));
}

struct select { int count; fd_set *sets[3], asked[3]; };

static int
ask_select(void *what, const struct timespec *timeout, const sigset_t *mask)
{
    struct select *call = what;
    int set;

    for (set = 0; set < 3; set++)
        if (call->sets[set] != NULL)
            *call->sets[set] = call->asked[set];
    return pselect(call->count, call->sets[0], call->sets[1], call->sets[2], timeout, mask);
}

int
bctrace_select(int count, void *readable, void *writable, void *failed, struct timeval *timeout)
{
    struct select call = { count, { readable, writable, failed }, { { { 0 } } } };
    int set;

    if (timeout != NULL && (timeout->tv_sec < 0 || timeout->tv_usec < 0)) {
        errno = EINVAL;
        return -1;
    }
    if (count == 0 && timeout != NULL)
        return bctrace_sleep(bctrace_of_timeval(timeout));
    for (set = 0; set < 3; set++)
        if (call.sets[set] != NULL)
            call.asked[set] = *call.sets[set];
    return wait_for(ask_select, &call, timeout != NULL ? bctrace_of_timeval(timeout) : -1);
}

int
bctrace_await(int fd, short events)
{
    struct pollfd one = { fd, events, 0 };
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || flags & O_NONBLOCK)
        return 0;
    /* What has gone wrong the call itself reports. */
    return bctrace_poll(&one, 1, -1) < 0 && errno == EINTR ? -1 : 0;
}

/* The bytes that a stream's buffer holds, by glibc's names of its ends. */
static size_t
buffered(const FILE *stream)
{
    return stream->_IO_read_end - stream->_IO_read_ptr;
}

int
bctrace_get_byte(FILE *stream)
{
    if (bctrace_fixed && buffered(stream) == 0 && bctrace_await(fileno(stream), POLLIN) < 0) {
        stream->_flags |= _IO_ERR_SEEN;
        return EOF;
    }
    return getc_unlocked(stream);
}

size_t
bctrace_read_stream(void *bytes, size_t size, size_t count, FILE *stream)
{
    unsigned char *to = bytes;
    size_t done = 0, all = size * count;
    struct stat file;

    if (fstat(fileno(stream), &file) == 0 && S_ISREG(file.st_mode))
        return fread(bytes, size, count, stream);
    while (done < all) {
        size_t part = buffered(stream);

        if (part == 0) {
            /* Fills the buffer. */
            int first = bctrace_get_byte(stream);

            if (first == EOF)
                break;
            to[done++] = first;
        } else
            done += fread(to + done, 1, part < all - done ? part : all - done, stream);
    }
    return size == 0 ? 0 : done / size;
}

static int
ask_pause(void *what, const struct timespec *timeout, const sigset_t *mask)
{
    return ppoll(NULL, 0, timeout, mask);
}

int
bctrace_pause(void)
{
    uint64_t raised = bctrace_raised();

    /* The timer's signal is the one that the program waits for. */
    if (bctrace_alarm_at() != INT64_MAX) {
        while (bctrace_alarm_at() != INT64_MAX && raised == bctrace_raised())
            if (bctrace_sleep(bctrace_alarm_at() - bctrace_now()) < 0)
                break;
        errno = EINTR;
        return -1;
    }
    return wait_for(ask_pause, NULL, -1);
}

/* A child that has not ended is looked at again and again, more and more seldom: no call waits for one with a mask of signals. */
struct child { pid_t pid; int *status, options; struct rusage *used; pid_t ended; };

static int
ask_child(void *what, const struct timespec *timeout, const sigset_t *mask)
{
    struct child *call = what;
    struct timespec next = { 0, 500000 };
    int is_waiting = timeout == NULL;

    for (;;) {
        call->ended = wait4(call->pid, call->status, call->options | WNOHANG, call->used);
        if (call->ended != 0)
            return call->ended < 0 ? -1 : 1;
        if (!is_waiting)
            return 0;
        if (ppoll(NULL, 0, &next, mask) < 0)
            return -1;
        if (next.tv_nsec < 20000000)
            next.tv_nsec *= 2;
    }
}

pid_t
bctrace_await_child(pid_t pid, int *status, int options, struct rusage *used)
{
    struct child call = { pid, status, options, used, 0 };

    return wait_for(ask_child, &call, options & WNOHANG ? 0 : -1) < 0 ? -1 : call.ended;
}
