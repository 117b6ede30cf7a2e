/* The functions of libbz2 that read and write a C stream, which bz2.BZ2File calls.  The crate that carries libbz2 compiles it
 * without them, so they stand here, on top of its in-memory interface; each behaves as libbz2's manual says. */
#include <stdio.h>
#include <stdlib.h>
#include "bzlib.h"

struct file {
    bz_stream stream;
    FILE *handle;
    int initialized; /* the stream has to be ended */
    int ended;       /* the compressed stream's end has been read */
    int failed;      /* the last error, which writing remembers until the close */
    char bytes[BZ_MAX_UNUSED];
};

static struct file *
opened(int *error, FILE *handle)
{
    struct file *file = handle == NULL ? NULL : calloc(1, sizeof *file);

    *error = handle == NULL ? BZ_PARAM_ERROR : file == NULL ? BZ_MEM_ERROR : BZ_OK;
    if (file != NULL)
        file->handle = handle;
    return file;
}

/* Ends what opening began, where the stream could not be set up. */
static BZFILE *
started(int *error, struct file *file, int status)
{
    *error = status;
    if (status != BZ_OK) {
        free(file);
        return NULL;
    }
    file->initialized = 1;
    return file;
}

BZFILE *
BZ2_bzReadOpen(int *error, FILE *handle, int verbosity, int small, void *unused, int unused_len)
{
    struct file *file = opened(error, handle);

    /* bz2module.c never hands over bytes that an earlier stream left. */
    if (file == NULL || unused != NULL || unused_len != 0) {
        free(file);
        if (*error == BZ_OK)
            *error = BZ_PARAM_ERROR;
        return NULL;
    }
    return started(error, file, BZ2_bzDecompressInit(&file->stream, verbosity, small));
}

/* Fills the input buffer where it is empty; returns BZ_OK or BZ_IO_ERROR. */
static int
refill(struct file *file)
{
    if (file->stream.avail_in != 0)
        return BZ_OK;
    file->stream.next_in = file->bytes;
    file->stream.avail_in = (unsigned)fread(file->bytes, 1, sizeof file->bytes, file->handle);
    return ferror(file->handle) ? BZ_IO_ERROR : BZ_OK;
}

int
BZ2_bzRead(int *error, BZFILE *opaque, void *buffer, int len)
{
    struct file *file = opaque;
    int status = BZ_OK;

    if (file == NULL || buffer == NULL || len < 0 || file->ended) {
        *error = file != NULL && file->ended ? BZ_SEQUENCE_ERROR : BZ_PARAM_ERROR;
        return 0;
    }
    file->stream.next_out = buffer;
    file->stream.avail_out = (unsigned)len;
    while (file->stream.avail_out != 0 && status == BZ_OK) {
        unsigned room = file->stream.avail_out;

        if ((status = refill(file)) != BZ_OK)
            break;
        status = BZ2_bzDecompress(&file->stream);
        if (status == BZ_OK && file->stream.avail_in == 0 && file->stream.avail_out == room && feof(file->handle))
            status = BZ_UNEXPECTED_EOF;
    }
    file->ended = status == BZ_STREAM_END;
    *error = status;
    return status == BZ_OK || status == BZ_STREAM_END ? len - (int)file->stream.avail_out : 0;
}

void
BZ2_bzReadClose(int *error, BZFILE *opaque)
{
    struct file *file = opaque;

    if (error != NULL)
        *error = BZ_OK;
    if (file != NULL && file->initialized)
        BZ2_bzDecompressEnd(&file->stream);
    free(file);
}

BZFILE *
BZ2_bzWriteOpen(int *error, FILE *handle, int block_size, int verbosity, int work_factor)
{
    struct file *file = opened(error, handle);

    if (file == NULL)
        return NULL;
    /* 0 stands for libbz2's own default of 30. */
    return started(error, file, BZ2_bzCompressInit(&file->stream, block_size, verbosity, work_factor));
}

/* Compresses what next_in holds, or finishes the stream, and writes what comes out. */
static int
flushed(struct file *file, int action)
{
    int status;

    do {
        size_t len;

        file->stream.next_out = file->bytes;
        file->stream.avail_out = sizeof file->bytes;
        status = BZ2_bzCompress(&file->stream, action);
        if (status < 0)
            return status;
        len = sizeof file->bytes - file->stream.avail_out;
        if (fwrite(file->bytes, 1, len, file->handle) != len)
            return BZ_IO_ERROR;
    } while (action == BZ_FINISH ? status != BZ_STREAM_END : file->stream.avail_in != 0);
    return BZ_OK;
}

void
BZ2_bzWrite(int *error, BZFILE *opaque, void *buffer, int len)
{
    struct file *file = opaque;

    if (file == NULL || buffer == NULL || len < 0) {
        *error = BZ_PARAM_ERROR;
        return;
    }
    file->stream.next_in = buffer;
    file->stream.avail_in = (unsigned)len;
    *error = len == 0 ? BZ_OK : flushed(file, BZ_RUN);
    file->failed = *error;
}

void
BZ2_bzWriteClose(int *error, BZFILE *opaque, int abandon, unsigned *bytes_in, unsigned *bytes_out)
{
    struct file *file = opaque;
    int status = BZ_OK;

    if (file != NULL) {
        if (!abandon && file->failed == BZ_OK) {
            status = flushed(file, BZ_FINISH);
            if (status == BZ_OK && fflush(file->handle) != 0)
                status = BZ_IO_ERROR;
        }
        if (bytes_in != NULL)
            *bytes_in = file->stream.total_in_lo32;
        if (bytes_out != NULL)
            *bytes_out = file->stream.total_out_lo32;
        BZ2_bzCompressEnd(&file->stream);
        free(file);
    }
    if (error != NULL)
        *error = status;
}
