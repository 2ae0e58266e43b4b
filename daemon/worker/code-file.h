#pragma once
/*
 * The codes of a gallery: NAME.codes, so that a start need not make them. All of it can be made again from the originals. A head (worker/companion.h; "mgcodes",
 * its version that of how codes are made), then the blocks that are full, by their number:
 *
 *   0       b     the block, b = codes_block_size() bytes (worker/codes.h)
 *   b       8     which of its rows hold a template: bit i for row i
 *   b + 8   8     XXH3 (64 bits) over all that stands before it; seed: the second 8 bytes of the file id, as a number, + the block's number
 *   b + 16  48    zeros
 *
 * Rows of one file id are never filled twice, so file id, number and mask say all of what a block ought to contain: where the mask is another
 * than the journal's, the block is an older one.
 */

#include "worker/companion.h"

typedef struct CodeFile {
        int fd;
        size_t dimension;
        uint64_t key;
        uint64_t
                n_blocks; /* from the first on, read or written since it was opened: these are on the disk. Where that is full, fewer than there are */
} CodeFile;

#define CODE_FILE_INIT ((CodeFile){.fd = -1})

extern const CompanionKind code_file_kind;

/** code_file_deinit() - Closes it; safe on CODE_FILE_INIT and twice. */
void code_file_deinit(CodeFile *file);

/** code_file_init() - Takes over a file that belongs to the journal. */
void code_file_init(CodeFile *file, int fd, const Journal *journal);

/** code_file_window() - What to read its blocks through; the caller's. */
DiskWindow code_file_window(const CodeFile *file);

/** code_file_read() - Reads a block that has @mask. Return: 0, DISK_E_DAMAGED (missing, damaged or an older one), or -errno. */
int code_file_read(CodeFile *file, DiskWindow *window, uint64_t number, uint64_t mask, uint8_t *ret_block);

/** code_file_reserve() - Asks for space of the first @n blocks. Return: 0 or -errno. */
int code_file_reserve(const CodeFile *file, uint64_t n);

/** code_file_write() - Writes a block; not synced. Return: 0 or -errno. */
int code_file_write(CodeFile *file, uint64_t number, uint64_t mask, const uint8_t *block);

/** code_file_erase() - Overwrites a block, if it is there; not synced. Return: 0 or -errno. */
int code_file_erase(const CodeFile *file, uint64_t number);

/** code_file_cut() - Overwrites and cuts off what stands behind @n blocks. Return: 0 or -errno. */
int code_file_cut(CodeFile *file, uint64_t n);
