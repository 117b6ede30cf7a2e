/* Reads the embedded standard library (library.h).  Knows nothing of Python and keeps no state but where the bytes are. */
#include <string.h>
#include "library.h"

#define MAGIC_LEN (sizeof(BCTRACE_LIBRARY_MAGIC) - 1)
#define HEADER_LEN (MAGIC_LEN + sizeof(uint32_t))

static const unsigned char *library;
static size_t library_len;
static uint32_t file_count;
static bctrace_unpack unpack_bytes;

static int
part_fits(struct bctrace_part part)
{
    return part.at <= library_len && part.packed <= library_len - part.at;
}

static struct bctrace_entry
entry_at(uint32_t place)
{
    struct bctrace_entry entry;
    /* Copied: whoever embeds the bytes need not align them. */
    memcpy(&entry, library + HEADER_LEN + place * sizeof entry, sizeof entry);
    return entry;
}

int
bctrace_library_embed(const void *bytes, size_t len, bctrace_unpack unpack)
{
    uint32_t count;

    if (len < HEADER_LEN || memcmp(bytes, BCTRACE_LIBRARY_MAGIC, MAGIC_LEN) != 0)
        return -1;
    memcpy(&count, (const char *)bytes + MAGIC_LEN, sizeof count);
    if (count > (len - HEADER_LEN) / sizeof(struct bctrace_entry))
        return -1;
    library = bytes;
    library_len = len;
    file_count = count;
    unpack_bytes = unpack;
    return 0;
}

uint32_t
bctrace_library_count(void)
{
    return file_count;
}

struct bctrace_file
bctrace_library_at(uint32_t place)
{
    struct bctrace_entry entry = entry_at(place);
    struct bctrace_file file = {(const char *)library + entry.path_at, entry.path_len, entry.code, entry.text};
    return file;
}

static int
compare(struct bctrace_file file, const char *path, size_t len)
{
    int order = memcmp(file.path, path, file.path_len < len ? file.path_len : len);

    if (order != 0)
        return order;
    return file.path_len < len ? -1 : file.path_len > len;
}

uint32_t
bctrace_library_seek(const char *path, size_t len)
{
    uint32_t low = 0, high = file_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(bctrace_library_at(middle), path, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int
bctrace_library_find(const char *path, size_t len, struct bctrace_file *file)
{
    uint32_t place = bctrace_library_seek(path, len);

    if (place == file_count)
        return 0;
    *file = bctrace_library_at(place);
    return compare(*file, path, len) == 0;
}

const void *
bctrace_library_stored(struct bctrace_part part)
{
    return part.packed == part.size && part_fits(part) ? library + part.at : NULL;
}

int
bctrace_library_read(struct bctrace_part part, void *dst)
{
    const void *stored = bctrace_library_stored(part);

    if (stored != NULL) {
        memcpy(dst, stored, part.size);
        return 0;
    }
    if (!part_fits(part))
        return -1;
    return unpack_bytes(dst, part.size, library + part.at, part.packed) == part.size ? 0 : -1;
}
