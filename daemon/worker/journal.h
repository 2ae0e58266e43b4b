#pragma once
/*
 * What a gallery contains: a file that grows, whose every change is durable before the function returns. It holds
 * entries by their ordinal (0, 1, 2 ... in the order in which they came); an entry that was removed keeps its
 * ordinal but not a byte of its content. Knows nothing of templates (worker/store.h does), and nothing of what a subject is.
 *
 * A removal has two halves: journal_remove() makes it final, journal_erase() overwrites the entries, when nothing of what they stand for is
 * left anywhere else. So an entry that is removed and not yet overwritten tells the next start what a crash left undone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/disk.h"

enum {
        JOURNAL_NAME_MAX = 63,
        JOURNAL_SUBJECT_MAX = 64,
        JOURNAL_FILE_ID_SIZE = 16,
};

/* What a gallery was created with. */
typedef struct JournalShape {
        char name[JOURNAL_NAME_MAX + 1];
        char model[JOURNAL_NAME_MAX + 1];
        uint32_t dimension;
        bool consolidated;
} JournalShape;

/* What is committed. */
typedef struct JournalState {
        uint64_t epoch;   /* changes so far */
        uint64_t length;  /* bytes of the file that count */
        uint64_t n_total; /* entries ever added to this file: the next ordinal */
        uint64_t n_live;  /* entries that are not removed */
} JournalState;

typedef struct Journal {
        int fd;
        uint8_t file_id[JOURNAL_FILE_ID_SIZE];
        JournalShape shape;
        JournalState state;
        uint64_t *
                offsets; /* where each entry stands in the file; with JOURNAL_REMOVED, or 0 for one that is overwritten too */
        size_t n_allocated;
} Journal;

#define JOURNAL_INIT    ((Journal){.fd = -1})
#define JOURNAL_REMOVED (UINT64_C(1) << 63)

/** journal_deinit() - Closes the file; safe on JOURNAL_INIT and twice. */
void journal_deinit(Journal *journal);

/** journal_key() - A number of this file alone, of two: @half 0 or 1. */
uint64_t journal_key(const Journal *journal, unsigned half);

/**
 * journal_begin() - Begins a journal without entries, at epoch 0, in a file that is empty; nothing is there to open before journal_finish().
 * @fd:         the file, which the journal takes over unless this fails
 *
 * Return: 0 or -errno.
 */
int journal_begin(int fd, const JournalShape *shape, Journal *ret_journal);

/** journal_append() - Adds entries to a journal that was begun. Return: 0 or -errno. */
int journal_append(Journal *journal, const char *const *subjects, uint32_t n);

/** journal_finish() - Makes what was begun a journal, at @epoch; durable once the file is synced. Return: 0 or -errno. */
int journal_finish(Journal *journal, uint64_t epoch);

/**
 * journal_open() - Reads a journal, and completes or drops what a crash left half done in it, but for removals: journal_next_unerased().
 * @fd:         the file, which the journal takes over unless this fails
 * @ret_journal:        the journal; untouched unless 0 is returned
 *
 * Return: 0, DISK_E_DAMAGED, DISK_E_VERSION, or -errno.
 */
int journal_open(int fd, Journal *ret_journal);

/**
 * journal_each() - Gives all ordinals in their order to @found, each with its subject, which is good during the call only, or with NULL if it was removed.
 * Return: 0, DISK_E_DAMAGED, -errno, or the first return of @found that was not zero.
 */
int journal_each(const Journal *journal, int (*found)(void *userdata, uint64_t ordinal, const char *subject),
                 void *userdata);

/** journal_reserve() - Asks for the space of @n more entries. Return: 0, DISK_E_NO_SPACE, or -errno. */
int journal_reserve(Journal *journal, uint32_t n);

/** journal_drop_reserve() - Gives it back. Return: 0 or -errno. */
int journal_drop_reserve(Journal *journal);

/**
 * journal_add() - Adds entries, all or none; their ordinals continue those before. Durable on return.
 * Return: 0, DISK_E_NO_SPACE, or -errno, after which what is on the disk is known to the next
 * journal_open() only, and this process must not go on.
 */
int journal_add(Journal *journal, const char *const *subjects, uint32_t n);

/** journal_remove() - Removes live entries. Durable on return, though not overwritten. Return: as journal_add(). */
int journal_remove(Journal *journal, const uint64_t *ordinals, uint32_t n);

/** journal_erase() - Overwrites entries that are removed. Durable on return. Return: 0 or -errno, as above. */
int journal_erase(Journal *journal, const uint64_t *ordinals, uint32_t n);

/** journal_next_unerased() - The first entry from @ordinal on that is removed and not overwritten. Return: whether there is one. */
bool journal_next_unerased(const Journal *journal, uint64_t ordinal, uint64_t *ret_ordinal);
