/* The semaphores of _multiprocessing, without a file in /dev/shm, which a sandbox or a small container may not have.  The module
 * makes each under a random name, removes the name at once, and shares the semaphore by fork alone; so a nameless one in memory that
 * a fork shares does the same.  build/modules.rs has the module call these in the place of sem_open and the others. */
#include <errno.h>
#include <search.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN sem_t *bctrace_sem_open(const char *name, int flags, ...);
HIDDEN int bctrace_sem_unlink(const char *name);
HIDDEN int bctrace_sem_close(sem_t *semaphore);

/* The tree of tsearch of those that are open, for a program can make the module close any address.  The GIL is held wherever it is
 * used. */
static void *open_semaphores;

static int
compare(const void *one, const void *other)
{
    return ((uintptr_t)one > (uintptr_t)other) - ((uintptr_t)one < (uintptr_t)other);
}

/* Makes a semaphore whose value is the fourth argument, an unsigned int after a mode_t; SEM_FAILED and errno if that is too large, or
 * if there is no memory. */
sem_t *
bctrace_sem_open(const char *name, int flags, ...)
{
    sem_t *semaphore = mmap(NULL, sizeof *semaphore, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    va_list arguments;
    unsigned int value;

    if (semaphore == MAP_FAILED)
        return SEM_FAILED;
    va_start(arguments, flags);
    (void)va_arg(arguments, unsigned int);
    value = va_arg(arguments, unsigned int);
    va_end(arguments);
    if (sem_init(semaphore, 1, value) < 0 || tsearch(semaphore, &open_semaphores, compare) == NULL) {
        int error = errno;

        munmap(semaphore, sizeof *semaphore);
        errno = error;
        return SEM_FAILED;
    }
    return semaphore;
}

/* There is no name. */
int
bctrace_sem_unlink(const char *name)
{
    return 0;
}

/* Forgets this process's mapping; EINVAL if this is no open semaphore.  The other processes keep theirs, so the semaphore itself is not
 * destroyed. */
int
bctrace_sem_close(sem_t *semaphore)
{
    if (tdelete(semaphore, &open_semaphores, compare) == NULL) {
        errno = EINVAL;
        return -1;
    }
    return munmap(semaphore, sizeof *semaphore);
}
