#pragma once
/*
 * One gallery on disk: a file that grows, whose every change is durable before the function returns. It holds
 * entries by their ordinal (0, 1, 2 ... in the order in which they came); an entry that was removed keeps its
 * ordinal but not a byte of its content. Knows nothing of similarity, and nothing of what a subject is.
 *
 * Removal overwrites in place. Where a file system or a disk writes elsewhere all the same (copy on write,
 * flash), older bytes are beyond the reach of any program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
        int dir_fd; /* borrowed */
        int fd;
        char *file_name;
        uint8_t file_id[JOURNAL_FILE_ID_SIZE];
        JournalShape shape;
        JournalState state;
        uint64_t *offsets; /* where each entry stands in the file; 0 for one that was removed */
        size_t n_allocated;
} Journal;

#define JOURNAL_INIT ((Journal){.dir_fd = -1, .fd = -1})

/** journal_deinit() - Closes the file; safe on JOURNAL_INIT and twice. */
void journal_deinit(Journal *journal);

enum {
        JOURNAL_E_DAMAGED = 1,  /* the file is not as it was written */
        JOURNAL_E_NO_SPACE = 2, /* the disk or a quota is full; nothing has changed */
};

/**
 * journal_create() - Begins a gallery without entries, at epoch 0.
 * @dir_fd:     the folder; must outlive the journal
 * @file_name:  the file, which must not exist; it appears whole or not at all
 *
 * Return: 0, JOURNAL_E_NO_SPACE, or -errno.
 */
int journal_create(int dir_fd, const char *file_name, const JournalShape *shape, Journal *ret_journal);

/**
 * journal_open() - Opens a file, and completes or drops what a crash left half done in it and beside it.
 * @ret_journal:        the journal; untouched unless 0 is returned
 *
 * Return: 0, JOURNAL_E_DAMAGED, or -errno (-ENOENT: there is no such file).
 */
int journal_open(int dir_fd, const char *file_name, Journal *ret_journal);

/* A live entry. `subject` and `vector` (dimension * 4 bytes, not aligned) are good during the call only. */
typedef struct JournalEntry {
        uint64_t ordinal; /* not looked at by journal_add() */
        const char *subject;
        const uint8_t *vector;
} JournalEntry;

/**
 * journal_each() - Gives every live entry to @found in the order of ordinals, each checked first.
 * Return: 0, JOURNAL_E_DAMAGED, -errno, or the first return of @found that was not zero.
 */
int journal_each(const Journal *journal, int (*found)(void *userdata, const JournalEntry *entry),
                 void *userdata);

/**
 * journal_add() - Adds entries, all or none; their ordinals continue those before. Durable on return.
 * Return: 0, JOURNAL_E_NO_SPACE, or -errno, after which what is on the disk is known to the next
 * journal_open() only, and this process must not go on.
 */
int journal_add(Journal *journal, const JournalEntry *entries, uint32_t n);

/**
 * journal_remove() - Removes live entries and overwrites them with zeros. Durable on return; after a crash in
 * between either nothing was removed, or journal_open() completes it.
 * Return: as journal_add().
 */
int journal_remove(Journal *journal, const uint64_t *ordinals, uint32_t n);

/**
 * journal_compact() - Writes the live entries to a new file that takes the place of the old one in one step,
 * and overwrites the old one. Ordinals begin anew in the same order; the epoch stays. Return: 0;
 * JOURNAL_E_NO_SPACE or JOURNAL_E_DAMAGED, and the old file stays; or -errno as journal_add().
 */
int journal_compact(Journal *journal);
