#pragma once
/*
 * The originals of a gallery: NAME.originals, the truth about its vectors. A head (worker/companion.h; "mgorigin", version 1), then a slot
 * (worker/original.h) for every entry that the journal ever counted, by its ordinal. Slots are written once, and overwritten with zeros. The keys of their sums:
 * the first 8 bytes of the file id, as a number.
 */

#include "worker/companion.h"
#include "worker/mapping.h"
#include "worker/original.h"

typedef struct OriginalFile {
        int fd;
        size_t dimension;
        uint64_t key;
        Mapping mapping;
} OriginalFile;

#define ORIGINAL_FILE_INIT ((OriginalFile){.fd = -1})

extern const CompanionKind original_file_kind;

/** original_file_deinit() - Closes and unmaps it; safe on ORIGINAL_FILE_INIT and twice. */
void original_file_deinit(OriginalFile *file);

/**
 * original_file_init() - Takes over a file that belongs to the journal.
 * @fd:         the descriptor, closed where this fails
 * Return: 0 or -errno.
 */
int original_file_init(OriginalFile *file, int fd, const Journal *journal);

/** original_file_check() - Whether at least @n slots are there. Return: 0, DISK_E_DAMAGED, or -errno. */
int original_file_check(const OriginalFile *file, uint64_t n);

/** original_file_slots() - The slots in memory, as far as they are mapped: moved by original_file_map() alone. */
Originals original_file_slots(const OriginalFile *file);

/** original_file_has_lost() - As mapping_has_lost(): what was made of slots since then is worth nothing. */
bool original_file_has_lost(const OriginalFile *file);

/** original_file_map() - Maps at least @n slots; they may not be there yet. Nobody reads meanwhile. Return: 0 or -errno. */
int original_file_map(OriginalFile *file, uint64_t n);

/** original_file_is_mapped() - Whether @n slots are mapped already. */
bool original_file_is_mapped(const OriginalFile *file, uint64_t n);

/** original_file_reserve() - Asks for space of @n slots from @first on. Return: 0 or -errno. */
int original_file_reserve(const OriginalFile *file, uint64_t first, uint64_t n);

/** original_file_write() - Writes @n slots from @first on; not synced. Return: 0 or -errno. */
int original_file_write(const OriginalFile *file, uint64_t first, const uint8_t *slots, uint64_t n);

/** original_file_erase() - Overwrites a slot; not synced. Return: 0 or -errno. */
int original_file_erase(const OriginalFile *file, uint64_t row);

/** original_file_cut() - Overwrites and cuts off what stands behind @n slots. Return: 0 or -errno. */
int original_file_cut(const OriginalFile *file, uint64_t n);
