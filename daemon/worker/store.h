#pragma once
/*
 * A gallery on disk: three files that change together. NAME.gallery (worker/journal.h) is the truth about what is there, NAME.originals
 * (worker/original-file.h) about vectors; NAME.codes (worker/code-file.h) is made of the originals. Decides in which order they are written; knows nothing of
 * what is in memory but the mapping of the originals.
 *
 * Removal overwrites in place. Where a file system or a disk writes elsewhere all the same (copy on write,
 * flash), older bytes are beyond the reach of any program.
 */

#include "worker/code-file.h"
#include "worker/journal.h"
#include "worker/original-file.h"

typedef struct Store {
        int dir_fd; /* borrowed */
        Journal journal;
        OriginalFile originals;
        CodeFile codes;
} Store;

#define STORE_INIT                                                                                           \
        ((Store){.dir_fd = -1,                                                                               \
                 .journal = JOURNAL_INIT,                                                                    \
                 .originals = ORIGINAL_FILE_INIT,                                                            \
                 .codes = CODE_FILE_INIT})

/** store_deinit() - Closes the files; safe on STORE_INIT and twice. */
void store_deinit(Store *store);

/**
 * store_begin() - Begins NAME.new of all three files, without entries; NAME is the shape's.
 * @dir_fd:     the folder; must outlive the store
 *
 * Return: 0 or -errno; what was begun is for store_sweep_new().
 */
int store_begin(int dir_fd, const JournalShape *shape, Store *ret_store);

/** store_has_room() - Whether so many rows have room beside the files that there are, as far as the disk tells. Return: 0, DISK_E_NO_SPACE, or -errno. */
int store_has_room(const Store *store, uint64_t n_rows);

/** store_append() - Adds rows to what was begun; blocks are the caller's to write. @slots: by their rows. Return: 0 or -errno. */
int store_append(Store *store, const char *const *subjects, const uint8_t *slots, uint32_t n);

/**
 * store_place() - Makes what was begun durable, at @epoch, and gives it the place of NAME.
 * @replace:    of a gallery that is there, and is NAME.new afterwards; else there must be none
 * @ret_placed: whether the new journal has its place: then only the next start can go back
 *
 * Return: 0 or -errno (-EINVAL: the file system cannot exchange files).
 */
int store_place(Store *store, uint64_t epoch, bool replace, bool *ret_placed);

/** store_sweep_new() - Overwrites and unlinks NAME.new of all three files. Return: 0 or -errno. */
int store_sweep_new(int dir_fd, const char *name);

/** store_create() - A gallery without rows; it appears whole or not at all. Return: 0, DISK_E_NO_SPACE, or -errno. */
int store_create(int dir_fd, const JournalShape *shape, Store *ret_store);

/**
 * store_open() - Opens a gallery, and completes or drops what a crash left half done. No vector is looked at.
 * @ret_store:  the store; untouched unless 0 is returned
 *
 * Return: 0, DISK_E_DAMAGED, DISK_E_VERSION, or -errno (-ENOENT: there is none).
 */
int store_open(int dir_fd, const char *name, Store *ret_store);

/**
 * store_add() - Adds rows, all or none; they continue those before. Durable on return.
 * @slots:      one a row (original_write())
 * Return: 0, DISK_E_NO_SPACE, or -errno, after which what is on the disk is known to the next start only, and this process must not go on.
 */
int store_add(Store *store, const char *const *subjects, const uint8_t *slots, uint32_t n);

/** store_remove() - Removes rows. Final and durable on return, though not overwritten: store_erase() must follow. Return: as store_add(). */
int store_remove(Store *store, const uint64_t *rows, uint32_t n);

/**
 * store_erase() - Overwrites rows that are removed, when nobody reads them any more and their blocks are written. Durable on return.
 * Return: 0 or -errno, as above.
 */
int store_erase(Store *store, const uint64_t *rows, uint32_t n);

/** store_n_blocks() - How many blocks are full, and so have a place on the disk. */
uint64_t store_n_blocks(const Store *store);

/** store_cut_codes() - Makes do with the first @n blocks on the disk. Return: 0 or -errno. */
int store_cut_codes(Store *store, uint64_t n);
