/* The numbers of processes, random bytes and the order of folders in repeatable runs: see bctrace_fixed.h. */
#include <dirent.h>
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixed.h"

/* The first process's number for the program, its parent's, and how many can have one. */
#define FIRST 4201
#define PARENT 4200
#define MOST 65536

/* Shared by all processes that were forked. */
static struct {
    int count;
    pid_t real[MOST]; /* by their numbers for the program, less FIRST */
} *processes;

static pid_t parent, parent_shown;
static uint64_t random_state = 0x9e3779b97f4a7c15;

int
bctrace_processes_begin(void)
{
    processes = mmap(NULL, sizeof *processes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (processes == MAP_FAILED)
        return -1;
    processes->real[0] = getpid();
    processes->count = 1;
    parent = getppid();
    parent_shown = PARENT;
    return 0;
}

/* -- Numbers -------------------------------------------------------------------------------------------------------------------- */

static int
count(void)
{
    int count = __atomic_load_n(&processes->count, __ATOMIC_ACQUIRE);

    return count < MOST ? count : MOST;
}

/* The place of a process; the last one, since the system uses numbers again.  -1: none. */
static int
place_of(pid_t real)
{
    int place = count() - 1;

    while (place >= 0 && processes->real[place] != real)
        place--;
    return place;
}

pid_t
bctrace_shown(pid_t real)
{
    int place;

    if (real <= 0)
        return real;
    place = place_of(real);
    return place >= 0 ? FIRST + place : PARENT;
}

pid_t
bctrace_real(pid_t shown)
{
    if (shown < -1)
        return -bctrace_real(-shown);
    if (shown >= FIRST && shown - FIRST < count())
        return processes->real[shown - FIRST];
    return shown == PARENT ? (getppid)() : shown;
}

pid_t
bctrace_getppid(void)
{
    /* The parent has ended. */
    if (getppid() != parent)
        return 1;
    return parent_shown;
}

/* -- Forks ---------------------------------------------------------------------------------------------------------------------- */

/* Forks by `by`; the next number is the child's. */
static pid_t
forked(pid_t (*by)(int *), int *master)
{
    int place = __atomic_fetch_add(&processes->count, 1, __ATOMIC_ACQ_REL);
    pid_t self = getpid(), shown = bctrace_shown(self), pid = by(master);

    if (pid == 0) {
        if (place < MOST)
            processes->real[place] = getpid();
        parent = self;
        parent_shown = shown;
        random_state ^= (uint64_t)(place + 1) << 32;
        bctrace_turns_forked();
        bctrace_clock_forked();
        return 0;
    }
    if (pid > 0 && place < MOST)
        processes->real[place] = pid;
    return pid > 0 && bctrace_fixed & BCTRACE_ALL && place < MOST ? FIRST + place : pid;
}

static pid_t
by_fork(int *unused)
{
    (void)unused;
    return fork();
}

static pid_t
by_forkpty(int *master)
{
    return forkpty(master, NULL, NULL, NULL);
}

pid_t
bctrace_fork(void)
{
    return forked(by_fork, NULL);
}

pid_t
bctrace_forkpty(int *master)
{
    return forked(by_forkpty, master);
}

int
bctrace_kill(pid_t pid, int number)
{
    pid_t real = bctrace_real(pid);

    /* To itself: it arrives before this returns. */
    if (real == getpid() && number > 0 && number < NSIG)
        return bctrace_raise(number);
    return kill(real, number);
}

pid_t
bctrace_wait4(pid_t pid, int *status, int options, struct rusage *used)
{
    int is_all = bctrace_fixed & BCTRACE_ALL, place;
    pid_t ended = bctrace_await_child(is_all ? bctrace_real(pid) : pid, status, options, used);

    if (!is_all || ended <= 0)
        return ended;
    if (used != NULL)
        memset(used, 0, sizeof *used);
    place = place_of(ended);
    return place >= 0 ? FIRST + place : ended;
}

/* -- Random bytes --------------------------------------------------------------------------------------------------------------- */

void
bctrace_random(void *bytes, size_t length)
{
    unsigned char *to = bytes;

    while (length > 0) {
        size_t part = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
        uint64_t mixed = random_state += 0x9e3779b97f4a7c15;

        /* SplitMix64. */
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        mixed ^= mixed >> 31;
        memcpy(to, &mixed, part);
        to += part;
        length -= part;
    }
}

const char *
bctrace_symbol(const char *name)
{
    if (bctrace_fixed & BCTRACE_ALL && strcmp(name, "uuid_generate_time") == 0)
        return "uuid_generate_time, which is not repeatable";
    return name;
}

/* -- Folders -------------------------------------------------------------------------------------------------------------------- */

/* What a folder holds, while this thread reads it. */
static __thread struct {
    void *folder;
    struct dirent **entries;
    size_t count, next;
} listed;

static int
by_name(const void *one, const void *other)
{
    return strcmp((*(struct dirent *const *)one)->d_name, (*(struct dirent *const *)other)->d_name);
}

static void
forget(void)
{
    while (listed.next < listed.count)
        free(listed.entries[listed.next++]);
    free(listed.entries);
    memset(&listed, 0, sizeof listed);
}

/* Reads the whole folder; returns -1, with errno, if that fails. */
static int
list(void *folder)
{
    size_t room = 0;
    struct dirent *entry;

    forget();
    listed.folder = folder;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        struct dirent *copy = malloc(entry->d_reclen);

        if (listed.count == room) {
            struct dirent **more = realloc(listed.entries, (room = 2 * room + 16) * sizeof *more);

            if (more == NULL) {
                free(copy);
                copy = NULL;
            } else
                listed.entries = more;
        }
        if (copy == NULL) {
            forget();
            errno = ENOMEM;
            return -1;
        }
        listed.entries[listed.count++] = memcpy(copy, entry, entry->d_reclen);
    }
    if (errno != 0) {
        int error = errno;

        forget();
        errno = error;
        return -1;
    }
    if (listed.count > 0)
        qsort(listed.entries, listed.count, sizeof *listed.entries, by_name);
    return 0;
}

struct dirent *
bctrace_readdir(void *folder)
{
    static __thread struct dirent *last;

    free(last);
    last = NULL;
    if (listed.folder != folder && list(folder) < 0)
        return NULL;
    if (listed.next == listed.count) {
        forget();
        errno = 0;
        return NULL;
    }
    return last = listed.entries[listed.next++];
}
