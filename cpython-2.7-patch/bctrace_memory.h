/* Memory that is known to be there.  The allocators of small objects, ints and floats give notice of theirs (11-memory.patch), so that the
 * kernel need not be asked about nearly every object that is looked at: see "Memory" in vm.h. */
#ifndef BCTRACE_MEMORY_H
#define BCTRACE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define BCTRACE_PAGE_BITS 12

/* A bit for each page of the lower 2^48 bytes, set while all of it can be read: 64 pages in a word, 2^15 words in a leaf, which covers
 * 8 GiB and is made when there is something in it. */
#define BCTRACE_LEAF_BITS 15
extern uint64_t *bctrace_leaves[1 << 15] __attribute__((visibility("hidden")));

/* So many bytes were allocated, or are about to be freed.  Needs the GIL. */
void bctrace_memory_taken(const void *address, size_t size) __attribute__((visibility("hidden")));
void bctrace_memory_freed(const void *address, size_t size) __attribute__((visibility("hidden")));

/* Whether the page of an address is known to be there. */
static inline int
bctrace_is_known(uintptr_t address)
{
    uintptr_t region = address >> (BCTRACE_PAGE_BITS + 6 + BCTRACE_LEAF_BITS);
    const uint64_t *leaf = region < 1 << 15 ? bctrace_leaves[region] : NULL;

    return leaf != NULL &&
        leaf[address >> (BCTRACE_PAGE_BITS + 6) & ((1 << BCTRACE_LEAF_BITS) - 1)] >> (address >> BCTRACE_PAGE_BITS & 63) & 1;
}

#endif
