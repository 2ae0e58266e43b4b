/*
 * The file of originals.
 */

#include "worker/original-file.h"

#include "base/fd.h"

const CompanionKind original_file_kind = {".originals", "mgorigin", 1};

void original_file_deinit(OriginalFile *file)
{
        mapping_deinit(&file->mapping);
        fd_close(file->fd);
        *file = ORIGINAL_FILE_INIT;
}

static uint64_t offset_of(const OriginalFile *file, uint64_t row)
{
        return COMPANION_HEAD_SIZE + row * original_slot_size(file->dimension);
}

int original_file_init(OriginalFile *file, int fd, const Journal *journal)
{
        *file = (OriginalFile){
                .fd = fd, .dimension = journal->shape.dimension, .key = journal_key(journal, 0)};
        int r = original_file_map(file, journal->state.n_total);
        if (r < 0)
                original_file_deinit(file);
        return r;
}

int original_file_check(const OriginalFile *file, uint64_t n)
{
        uint64_t size;

        int r = disk_size(file->fd, &size);
        if (r < 0)
                return r;
        return size < offset_of(file, n) ? DISK_E_DAMAGED : 0;
}

Originals original_file_slots(const OriginalFile *file)
{
        return (Originals){.slots = file->mapping.data + COMPANION_HEAD_SIZE,
                           .dimension = file->dimension,
                           .key = file->key};
}

bool original_file_has_lost(const OriginalFile *file)
{
        return mapping_has_lost(&file->mapping);
}

int original_file_map(OriginalFile *file, uint64_t n)
{
        return mapping_reserve(&file->mapping, file->fd, offset_of(file, n));
}

bool original_file_is_mapped(const OriginalFile *file, uint64_t n)
{
        return offset_of(file, n) <= file->mapping.n;
}

int original_file_reserve(const OriginalFile *file, uint64_t first, uint64_t n)
{
        return disk_reserve(file->fd, offset_of(file, first), n * original_slot_size(file->dimension));
}

int original_file_write(const OriginalFile *file, uint64_t first, const uint8_t *slots, uint64_t n)
{
        return disk_write(file->fd, slots, n * original_slot_size(file->dimension), offset_of(file, first));
}

int original_file_erase(const OriginalFile *file, uint64_t row)
{
        return disk_zero(file->fd, offset_of(file, row), original_slot_size(file->dimension));
}

int original_file_cut(const OriginalFile *file, uint64_t n)
{
        return disk_cut(file->fd, offset_of(file, n));
}
