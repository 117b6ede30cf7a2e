/* libcrypt for the module crypt, loaded when a program imports it.  It is no part of the C library: its name differs from system to
 * system and some systems have none, so the binary must not need it. */
#include "Python.h"

#include <dlfcn.h>

/* Where a system has both, the second is there for old programs. */
static const char *const names[] = {"libcrypt.so.2", "libcrypt.so.1"};

static char *(*system_crypt)(const char *, const char *);

/* What cryptmodule.c calls.  Hidden, so that a loaded extension finds the system's. */
__attribute__((visibility("hidden"))) char *
crypt(const char *word, const char *salt)
{
    return system_crypt(word, salt);
}

/* cryptmodule.c */
extern void initcrypt(void);

/* The inittab's entry for crypt: initcrypt, or an ImportError where there is no libcrypt. */
void
bctrace_initcrypt(void)
{
    size_t i;

    for (i = 0; system_crypt == NULL && i < sizeof names / sizeof *names; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

        if (library != NULL)
            *(void **)&system_crypt = dlsym(library, "crypt");
    }
    if (system_crypt != NULL)
        initcrypt();
    else
        PyErr_Format(PyExc_ImportError, "crypt needs the system's libcrypt: %s", dlerror());
}
