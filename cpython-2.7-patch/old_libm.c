/* The functions of libm that got a second version after glibc 2.34, bound to the first.  A linker takes the newest version that it
 * finds, and the binary would then need the glibc that it was built with. */
#include <math.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

/* The versions with which glibc began on these machines. */
#ifdef __x86_64__
#define FIRST "GLIBC_2.2.5"
#else
#define FIRST "GLIBC_2.17"
#endif

/* Its second version, of glibc 2.35, differs for programs that define _matherr alone. */
__asm__(".symver first_hypot, hypot@" FIRST);
extern double first_hypot(double, double);

/* Hidden: what is linked into the binary calls it, a loaded extension does not. */
__attribute__((visibility("hidden"))) double
hypot(double x, double y)
{
    return first_hypot(x, y);
}

#else
typedef int nothing_to_bind;
#endif
