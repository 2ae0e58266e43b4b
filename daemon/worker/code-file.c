/*
 * The file of codes.
 */

#include "worker/code-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/fd.h"
#include "base/macro.h"
#include "worker/codes.h"

enum { CODE_FILE_TRAILER_SIZE = 64 };

const CompanionKind code_file_kind = {".codes", "mgcodes", 1};

void code_file_deinit(CodeFile *file)
{
        fd_close(file->fd);
        *file = CODE_FILE_INIT;
}

void code_file_init(CodeFile *file, int fd, const Journal *journal)
{
        *file = (CodeFile){.fd = fd, .dimension = journal->shape.dimension, .key = journal_key(journal, 1)};
}

static size_t said_size(const CodeFile *file)
{
        return codes_block_size(file->dimension) + sizeof(uint64_t);
}

static size_t stride(const CodeFile *file)
{
        return codes_block_size(file->dimension) + CODE_FILE_TRAILER_SIZE;
}

static uint64_t offset_of(const CodeFile *file, uint64_t number)
{
        return COMPANION_HEAD_SIZE + number * stride(file);
}

static uint64_t digest_of_block(const CodeFile *file, uint64_t number, const uint8_t *bytes)
{
        return XXH3_64bits_withSeed(bytes, said_size(file), file->key + number);
}

DiskWindow code_file_window(const CodeFile *file)
{
        return DISK_WINDOW_INIT(file->fd);
}

/* Blocks that follow one another are there; what is behind them does not count. */
static void count_block(CodeFile *file, uint64_t number)
{
        if (number == file->n_blocks)
                file->n_blocks++;
}

int code_file_read(CodeFile *file, DiskWindow *window, uint64_t number, uint64_t mask, uint8_t *ret_block)
{
        size_t size = codes_block_size(file->dimension);
        const uint8_t *bytes;
        uint64_t trailer[2];

        int r = disk_window_read(window, offset_of(file, number), stride(file), &bytes);
        if (r != 0)
                return r;
        memcpy(trailer, bytes + size, sizeof(trailer));
        if (trailer[0] != mask || trailer[1] != digest_of_block(file, number, bytes))
                return DISK_E_DAMAGED;
        memcpy(ret_block, bytes, size);
        count_block(file, number);
        return 0;
}

int code_file_reserve(const CodeFile *file, uint64_t n)
{
        return n <= file->n_blocks ? 0
                                   : disk_reserve(file->fd, offset_of(file, file->n_blocks),
                                                  (n - file->n_blocks) * stride(file));
}

int code_file_write(CodeFile *file, uint64_t number, uint64_t mask, const uint8_t *block)
{
        size_t size = codes_block_size(file->dimension);

        _cleanup_(freep) uint8_t *bytes = calloc(1, stride(file));
        if (!bytes)
                return -ENOMEM;
        memcpy(bytes, block, size);
        memcpy(bytes + size, &mask, sizeof(mask));
        uint64_t digest = digest_of_block(file, number, bytes);
        memcpy(bytes + said_size(file), &digest, sizeof(digest));
        int r = disk_write(file->fd, bytes, stride(file), offset_of(file, number));
        explicit_bzero(bytes, size); /* Any of these rows may be removed a moment later. */
        if (r == 0)
                count_block(file, number);
        return r;
}

int code_file_erase(const CodeFile *file, uint64_t number)
{
        uint64_t size;

        int r = disk_size(file->fd, &size);
        if (r < 0 || size <= offset_of(file, number))
                return r;
        return disk_zero(file->fd, offset_of(file, number),
                         MIN_OF(stride(file), size - offset_of(file, number)));
}

int code_file_cut(CodeFile *file, uint64_t n)
{
        file->n_blocks = MIN_OF(file->n_blocks, n);
        return disk_cut(file->fd, offset_of(file, n));
}
