/* See library_files.h: looks at the files of the library, and opens them.  Knows nothing of Python; the bytes are library.c's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bctrace_exposed.h"
#include "library_tree.h"

/* -- Status ---------------------------------------------------------------------------------------------------------------- */

/* In front of a .pyc's code: the magic number of Python 2.7 and the time of its source. */
static const unsigned char pyc_header[8] = {
    0x03, 0xf3, 0x0d, 0x0a,
    BCTRACE_LIBRARY_TIME & 255, BCTRACE_LIBRARY_TIME >> 8 & 255, BCTRACE_LIBRARY_TIME >> 16 & 255, BCTRACE_LIBRARY_TIME >> 24
};

static size_t
size_of(const struct bctrace_found *found)
{
    switch (found->kind) {
    case BCTRACE_TEXT: return found->file.text.size;
    case BCTRACE_COMPILED: return sizeof pyc_header + found->file.code.size;
    default: return 0;
    }
}

static void
set_status(const struct bctrace_found *found, struct stat *status)
{
    int is_folder = found->kind <= BCTRACE_FOLDER;
    const char *at;

    memset(status, 0, sizeof *status);
    status->st_mode = is_folder ? S_IFDIR | 0755 : S_IFREG | 0644;
    status->st_nlink = is_folder ? 2 : 1;
    status->st_size = is_folder ? 4096 : (off_t)size_of(found);
    status->st_blksize = 4096;
    status->st_blocks = (status->st_size + 511) / 512;
    status->st_mtime = status->st_atime = status->st_ctime = BCTRACE_LIBRARY_TIME;
    /* Another one for each file, and positive as os.stat shows it. */
    status->st_ino = 14695981039346656037u;
    for (at = found->path; *at != '\0'; at++)
        status->st_ino = (status->st_ino ^ (unsigned char)*at) * 1099511628211u;
    status->st_ino >>= 1;
}

int
bctrace_stat(int (*otherwise)(const char *, struct stat *), const char *path, struct stat *status)
{
    struct bctrace_found found;

    if (bctrace_find(path, &found) == BCTRACE_NOTHING)
        return otherwise(path, status);
    set_status(&found, status);
    return 0;
}

int
bctrace_vm_stat(const char *path, struct stat *status)
{
    struct bctrace_found found;

    if (bctrace_find(path, &found) == BCTRACE_NOTHING && bctrace_is_for_library_alone(path)) {
        errno = ENOENT;
        return -1;
    }
    return bctrace_stat(stat, path, status);
}

int
bctrace_vm_fstat(FILE *stream, struct stat *status)
{
    int fd = fileno(stream);
    long at;

    if (fd >= 0)
        return fstat(fd, status);
    at = ftell(stream);
    memset(status, 0, sizeof *status);
    status->st_mode = S_IFREG | 0644;
    status->st_mtime = BCTRACE_LIBRARY_TIME;
    if (at < 0 || fseek(stream, 0, SEEK_END) != 0)
        return -1;
    status->st_size = ftell(stream);
    return fseek(stream, at, SEEK_SET);
}

int
bctrace_access(const char *path, int mode)
{
    struct bctrace_found found;

    if (bctrace_find(path, &found) == BCTRACE_NOTHING)
        return access(path, mode);
    if (!(mode & W_OK) && (!(mode & X_OK) || found.kind <= BCTRACE_FOLDER))
        return 0;
    errno = EACCES;
    return -1;
}

/* -- Contents -------------------------------------------------------------------------------------------------------------- */

/* Returns a file's bytes in memory of malloc, or NULL with errno set. */
static char *
contents(const struct bctrace_found *found)
{
    size_t size = size_of(found);
    char *bytes = malloc(size + 1);
    int status = 0;

    if (bytes == NULL)
        return NULL;
    if (found->kind == BCTRACE_TEXT)
        status = bctrace_library_read(found->file.text, bytes);
    if (found->kind == BCTRACE_COMPILED) {
        memcpy(bytes, pyc_header, sizeof pyc_header);
        status = bctrace_library_read(found->file.code, bytes + sizeof pyc_header);
    }
    if (status < 0) {
        free(bytes);
        errno = EIO;
        return NULL;
    }
    return bytes;
}

int64_t
bctrace_module_at(const char *path)
{
    struct bctrace_found found;

    return bctrace_find(path, &found) == BCTRACE_COMPILED
               ? (int64_t)bctrace_library_seek(found.file.path, found.file.path_len)
               : -1;
}

/* What a stream without a descriptor reads from. */
struct source {
    struct bctrace_found found;
    char *bytes; /* NULL until the first read, unless the stream was given bytes */
    size_t size, at;
};

static ssize_t
read_source(void *cookie, char *to, size_t len)
{
    struct source *source = cookie;
    size_t rest = source->size - source->at;

    if (source->bytes == NULL && (source->bytes = contents(&source->found)) == NULL)
        return -1;
    if (len > rest)
        len = rest;
    memcpy(to, source->bytes + source->at, len);
    source->at += len;
    return (ssize_t)len;
}

static int
seek_source(void *cookie, off64_t *offset, int whence)
{
    struct source *source = cookie;
    off64_t at = *offset + (whence == SEEK_CUR ? (off64_t)source->at : whence == SEEK_END ? (off64_t)source->size : 0);

    if (at < 0 || (size_t)at > source->size) {
        errno = EINVAL;
        return -1;
    }
    source->at = (size_t)at;
    *offset = at;
    return 0;
}

static int
close_source(void *cookie)
{
    struct source *source = cookie;

    free(source->bytes);
    free(source);
    return 0;
}

static FILE *
open_source(const struct bctrace_found *found, char *bytes, size_t size)
{
    static const cookie_io_functions_t functions = {.read = read_source, .seek = seek_source, .close = close_source};
    struct source *source = calloc(1, sizeof *source);
    FILE *stream;

    if (source == NULL) {
        free(bytes);
        return NULL;
    }
    if (found != NULL)
        source->found = *found;
    source->bytes = bytes;
    source->size = size;
    stream = fopencookie(source, "r", functions);
    if (stream == NULL)
        close_source(source);
    return stream;
}

FILE *
bctrace_stream_of(char *bytes, size_t size)
{
    return open_source(NULL, bytes, size);
}

/* Opens a file's bytes with a descriptor, or returns -1 with errno set. */
static int
open_descriptor(const struct bctrace_found *found)
{
    static const struct timespec times[2] = {{.tv_sec = BCTRACE_LIBRARY_TIME}, {.tv_sec = BCTRACE_LIBRARY_TIME}};
    char *bytes = contents(found);
    size_t size = size_of(found), written = 0;
    ssize_t count = 1;
    int fd = -1;

    if (bytes != NULL)
        fd = memfd_create(found->name, MFD_ALLOW_SEALING);
    while (fd >= 0 && count > 0 && written < size) {
        count = write(fd, bytes + written, size - written);
        written += count > 0 ? (size_t)count : 0;
    }
    free(bytes);
    if (fd >= 0 && (written < size || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        /* Without these it can be read as well. */
        (void)futimens(fd, times);
        (void)fchmod(fd, 0644);
        (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    }
    return fd;
}

/* As open and fopen; what the program can write to memory by is noted. */

static int
open_noted(const char *path, int flags, int mode)
{
    int fd;

    bctrace_expose();
    fd = open(path, flags, mode);
    bctrace_cover_unless_proc(fd);
    return fd;
}

static FILE *
fopen_noted(const char *path, const char *mode)
{
    FILE *stream;

    bctrace_expose();
    stream = fopen(path, mode);
    bctrace_cover_unless_proc(stream == NULL ? -1 : fileno(stream));
    return stream;
}

int
bctrace_open(const char *path, int flags, int mode)
{
    struct bctrace_found found;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) || bctrace_find(path, &found) <= BCTRACE_FOLDER)
        return open_noted(path, flags, mode);
    return open_descriptor(&found);
}

static int
is_for_reading(const char *mode)
{
    return mode[0] == 'r' && strchr(mode, '+') == NULL;
}

FILE *
bctrace_vm_fopen(const char *path, const char *mode)
{
    struct bctrace_found found;

    if (!is_for_reading(mode))
        return fopen(path, mode);
    if (bctrace_find(path, &found) > BCTRACE_FOLDER)
        return open_source(&found, NULL, size_of(&found));
    if (!bctrace_is_for_library_alone(path))
        return fopen(path, mode);
    errno = ENOENT;
    return NULL;
}

FILE *
bctrace_fopen(const char *path, const char *mode)
{
    struct bctrace_found found;
    FILE *stream;
    int fd;

    if (!is_for_reading(mode) || bctrace_find(path, &found) == BCTRACE_NOTHING)
        return fopen_noted(path, mode);
    if (found.kind <= BCTRACE_FOLDER) {
        errno = EISDIR;
        return NULL;
    }
    fd = open_descriptor(&found);
    if (fd < 0)
        return open_source(&found, NULL, size_of(&found));
    stream = fdopen(fd, mode);
    if (stream == NULL)
        close(fd);
    return stream;
}

/* The folder whose extension modules are replaced, or NULL. */
static const char *replaced_folder;

void
bctrace_replace_extensions_in(const char *folder)
{
    replaced_folder = folder;
}

/* Whether a file lies in the folder, by whatever path. */
static int
is_replaced(const char *path, const char *file)
{
    char folder[PATH_MAX];
    struct stat there, replaced;

    if (replaced_folder == NULL || (size_t)(file - path) >= sizeof folder)
        return 0;
    memcpy(folder, path, file - path);
    strcpy(folder + (file - path), ".");
    return stat(folder, &there) == 0 && stat(replaced_folder, &replaced) == 0 && there.st_dev == replaced.st_dev &&
           there.st_ino == replaced.st_ino;
}

bctrace_init
bctrace_extension_at(const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash == NULL ? path : slash + 1;
    const struct bctrace_extension *extension;
    struct bctrace_found found;

    if (bctrace_find(path, &found) == BCTRACE_EXTENSION)
        return found.extension->init;
    extension = bctrace_extension_of(file);
    return extension != NULL && is_replaced(path, file) ? extension->init : NULL;
}
