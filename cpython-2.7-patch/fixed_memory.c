/* The addresses of the program's memory in repeatable runs: see bctrace_fixed.h.  The kernel places heap and mappings where it always does
 * if it is asked to (src/process/addresses.rs).  Here both are brought into the same state whatever bctrace has allocated before, which
 * depends on the names and the form of the trace. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fixed.h"

/* The program's part of the heap begins this far after the program's image, or a multiple of that; its part of the mappings at a
 * multiple of this.  What bctrace has allocated by then is far less. */
#define HEAP_STEP ((uintptr_t)8 << 20)
#define MAPPING_STEP ((uintptr_t)64 << 20)
#define PAGE 4096
/* More than any free block that bctrace leaves in its part of the heap. */
#define LARGE ((size_t)1 << 20)
/* More than what bctrace leaves free in all: another malloc than glibc's may never place a block above the last one. */
#define MOST_FREE ((size_t)64 << 20)
/* glibc's: the largest threshold for mappings and the default one, the smallest block, how far blocks are apart, and the largest block
 * that is kept by its exact size. */
#define MOST_THRESHOLD (32 << 20)
#define USUAL_THRESHOLD (128 << 10)
#define SMALLEST 24
#define GRAIN 16
#define EXACT 1032

/* The end of the program's image, where the heap begins: the linker's. */
extern char image_end[] __asm__("_end") __attribute__((visibility("hidden")));

/* Keeps the compiler from leaving out allocations that nothing uses. */
static void *volatile used;

/* Uses up what is free in the heap and has it go on where HEAP_STEP says. */
static void
settle_heap(void)
{
    char *block = malloc(LARGE), *last = block;
    uintptr_t end, begin;
    size_t size = LARGE / 2, used_up = 0;

    if (block == NULL)
        return;
    while (size >= SMALLEST) {
        while (used_up < MOST_FREE && (used = block = malloc(size)) != NULL && block < last)
            used_up += size;
        size = size / 2 > EXACT ? size / 2 : size > EXACT ? EXACT : size - GRAIN;
    }
    if ((last = malloc(LARGE)) == NULL)
        return;
    /* Where the next block will be, and where it is to be. */
    end = (uintptr_t)last + malloc_usable_size(last) + GRAIN / 2;
    begin = (uintptr_t)image_end / PAGE * PAGE;
    begin += (end - begin + HEAP_STEP) / HEAP_STEP * HEAP_STEP + GRAIN;
    used = malloc(begin - end - GRAIN / 2);
}

/* Takes addresses, where the kernel would place a mapping of this size, and no memory. */
static uintptr_t
occupy(uintptr_t at, size_t size)
{
    void *place = mmap((void *)at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return place == MAP_FAILED ? 0 : (uintptr_t)place;
}

/* Uses up the gaps between mappings, and has them go on below a multiple of MAPPING_STEP: the kernel uses the highest gap first. */
static void
settle_mappings(void)
{
    uintptr_t lowest = occupy(0, MAPPING_STEP), begin = lowest / MAPPING_STEP * MAPPING_STEP, place;
    size_t size;

    if (lowest == 0)
        return;
    for (size = MAPPING_STEP / 2; size >= PAGE; size /= 2) {
        while ((place = occupy(0, size)) > lowest)
            ;
        if (place != 0)
            munmap((void *)place, size);
    }
    if (lowest > begin)
        occupy(begin, lowest - begin);
}

void
bctrace_memory_begin(void)
{
    /* With several arenas, which one a thread allocates from would depend on timing. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, MOST_THRESHOLD);
    settle_heap();
    mallopt(M_MMAP_THRESHOLD, USUAL_THRESHOLD);
    settle_mappings();
}
