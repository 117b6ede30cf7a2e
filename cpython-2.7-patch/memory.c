/* Answers whether memory can be read, without reading it: see "Memory" in vm.h.  Most addresses are answered from what is known: the
 * memory that bctrace_memory.h is told of, the C heap, and this program's own segments.  For the others the kernel is asked. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bctrace_memory.h"
#include "vm.h"

#define PAGE ((uintptr_t)1 << BCTRACE_PAGE_BITS)

/* -- What the allocators tell ------------------------------------------------------------------------------------------- */

uint64_t *bctrace_leaves[1 << 15];

/* The word that has a page's bit; NULL where there is none. */
static uint64_t *
word_of(uintptr_t page, int is_made)
{
    uint64_t **leaf;

    if (page >> (48 - BCTRACE_PAGE_BITS))
        return NULL;
    leaf = &bctrace_leaves[page >> (BCTRACE_LEAF_BITS + 6)];
    if (*leaf == NULL && is_made) {
        /* Not by malloc: the program's own allocations shall lie where they would without us. */
        void *mapped = mmap(NULL, sizeof **leaf << BCTRACE_LEAF_BITS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        *leaf = mapped == MAP_FAILED ? NULL : mapped;
    }
    return *leaf == NULL ? NULL : &(*leaf)[page >> 6 & ((1 << BCTRACE_LEAF_BITS) - 1)];
}

/* A page that holds a byte of an allocation is there as a whole. */
static void
note(const void *address, size_t size, int is_taken)
{
    uintptr_t page = (uintptr_t)address / PAGE, end = ((uintptr_t)address + size + PAGE - 1) / PAGE;

    for (; page < end; page++) {
        /* Where there is no memory for a leaf the kernel will be asked. */
        uint64_t *word = word_of(page, is_taken), bit = (uint64_t)1 << (page & 63);

        if (word != NULL)
            *word = is_taken ? *word | bit : *word & ~bit;
    }
}

void
bctrace_memory_taken(const void *address, size_t size)
{
    note(address, size, 1);
}

/* Another allocation may still hold bytes of the page; then the page is not known any more, though it is there. */
void
bctrace_memory_freed(const void *address, size_t size)
{
    note(address, size, 0);
}

/* -- The C heap and this program ---------------------------------------------------------------------------------------- */

struct vm_heap vm_heap = { UINTPTR_MAX, 0 };

/* Runs before the VM allocates anything. */
__attribute__((constructor)) static void
note_heap(void)
{
    vm_heap.begin = (uintptr_t)sbrk(0);
}

void
vm_find_heap_end(void)
{
    vm_heap.end = (uintptr_t)sbrk(0);
}

static int
note_segments(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (int at = 0; at < info->dlpi_phnum; at++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[at];

        if (header->p_type == PT_LOAD && header->p_flags & PF_R)
            note((const void *)(info->dlpi_addr + header->p_vaddr), header->p_memsz, 1);
    }
    /* The first object is this program; no other has objects of the VM. */
    return 1;
}

/* -- The kernel --------------------------------------------------------------------------------------------------------- */

/* Whether the kernel's answer means anything: an emulator may look at the arguments in another order. */
static int is_kernel_asked;

/* Whether a page can be read.  rt_sigprocmask copies the mask that it is given before it refuses a way of applying it that does not
 * exist, and so changes nothing: EFAULT is a page that cannot be read.  A seccomp filter that forbids it is one that no libc can live
 * with. */
static int
kernel_reads(uintptr_t address)
{
    int saved = errno, answer;

    answer = syscall(SYS_rt_sigprocmask, -1, (void *)(address & -PAGE), NULL, (size_t)8) < 0 ? errno : 0;
    errno = saved;
    return answer == EINVAL;
}

void
vm_prepare_memory(void)
{
    dl_iterate_phdr(note_segments, NULL);
    /* The first page is never mapped. */
    is_kernel_asked = kernel_reads((uintptr_t)&vm_heap) && !kernel_reads(0);
}

/* ----------------------------------------------------------------------------------------------------------------------- */

int
vm_can_read(const void *address, size_t len)
{
    uintptr_t begin = (uintptr_t)address, end = begin + len;

    if (len == 0)
        return 1;
    if (end < begin)
        return 0;
    if (vm_heap.end == 0)
        vm_find_heap_end();
    if (begin >= vm_heap.begin && end <= vm_heap.end)
        return 1;
    for (uintptr_t page = begin & -PAGE; page < end; page += PAGE)
        if (!bctrace_is_known(page) && !(is_kernel_asked && kernel_reads(page)))
            return 0;
    return 1;
}
