/*
 * companion_check() and code_file_read() on any file. Where the first byte says so, head and sums are made right before: then, and only then, a block may be
 * believed, and comes back as it stands there.
 *
 *   0  flags: 1 the head is made right, 2 the sums of the blocks are
 *   1  the file
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/macro.h"
#include "worker/code-file.h"
#include "worker/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FLAG_HEAD = 1, FLAG_SUMS = 2, DIMENSION = 4, TRAILER_SIZE = 64, FILE_MAX = 1 << 16 };

static uint64_t mask_of(const uint8_t *block)
{
        uint64_t mask;

        memcpy(&mask, block + codes_block_size(DIMENSION), sizeof(mask));
        return mask;
}

static uint64_t sum_of(const uint8_t *block, uint64_t seed)
{
        return XXH3_64bits_withSeed(block, codes_block_size(DIMENSION) + sizeof(uint64_t), seed);
}

static bool is_right(const uint8_t *block, uint64_t seed)
{
        uint64_t sum = sum_of(block, seed);

        return memcmp(block + codes_block_size(DIMENSION) + sizeof(uint64_t), &sum, sizeof(sum)) == 0;
}

static void read_blocks(CodeFile *file, const uint8_t *bytes, size_t n, size_t n_blocks)
{
        size_t size = codes_block_size(DIMENSION), stride = size + TRAILER_SIZE;
        _cleanup_(disk_window_deinit) DiskWindow window = code_file_window(file);
        _cleanup_(freep) uint8_t *block = malloc(size);

        for (size_t i = 0; block && i <= n_blocks; i++) {
                const uint8_t *there = bytes + COMPANION_HEAD_SIZE + i * stride;
                bool whole = COMPANION_HEAD_SIZE + (i + 1) * stride <= n;
                int r = code_file_read(file, &window, i, whole ? mask_of(there) : 0, block);
                if (r != (whole && is_right(there, file->key + i) ? 0 : DISK_E_DAMAGED))
                        abort();
                if (r == 0 && memcmp(block, there, size) != 0)
                        abort();
                if (whole && code_file_read(file, &window, i, ~mask_of(there), block) != DISK_E_DAMAGED)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        Journal journal = {.shape = {.dimension = DIMENSION}, .file_id = "sixteen bytes id"};
        size_t stride = codes_block_size(DIMENSION) + TRAILER_SIZE;
        _cleanup_(code_file_deinit) CodeFile file = CODE_FILE_INIT;

        if (n < 1 || n > FILE_MAX)
                return 0;
        uint8_t flags = *data++;
        _cleanup_(freep) uint8_t *bytes = malloc(n--);
        if (!bytes)
                return 0;
        memcpy(bytes, data, n);
        size_t n_blocks = n < COMPANION_HEAD_SIZE ? 0 : (n - COMPANION_HEAD_SIZE) / stride;
        for (size_t i = 0; flags & FLAG_SUMS && i < n_blocks; i++) {
                uint8_t *block = bytes + COMPANION_HEAD_SIZE + i * stride;
                uint64_t sum = sum_of(block, journal_key(&journal, 1) + i);
                memcpy(block + codes_block_size(DIMENSION) + sizeof(uint64_t), &sum, sizeof(sum));
        }
        int fd = memfd_create("codes", MFD_CLOEXEC);
        if (fd < 0 || disk_write(fd, bytes, n, 0) < 0)
                abort();
        code_file_init(&file, fd, &journal);
        if (flags & FLAG_HEAD && companion_begin(fd, &code_file_kind, &journal) < 0)
                abort();
        /* Whoever hit upon a head by chance found a second text of a SHA-256. */
        if (companion_check(fd, &code_file_kind, &journal) != (flags & FLAG_HEAD ? 0 : DISK_E_DAMAGED))
                abort();
        read_blocks(&file, bytes, n, n_blocks);
        return 0;
}
