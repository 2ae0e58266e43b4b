#pragma once
/*
 * The files that stand beside a journal and belong to it by its file id: NAME.originals, NAME.codes. Both begin with a head:
 *
 *   offset  size
 *   0       32    SHA-256 over the rest of the head
 *   32      8     magic
 *   40      4     version
 *   44      16    file id of the journal
 *   60      4     dimension
 *   64      ...   zeros up to 4096
 */

#include "worker/journal.h"

enum { COMPANION_HEAD_SIZE = 4096 };

typedef struct CompanionKind {
        const char *suffix; /* of the file's name */
        char magic[9];
        uint32_t version;
} CompanionKind;

/** companion_begin() - Writes the head of a journal's file. Return: 0 or -errno. */
int companion_begin(int fd, const CompanionKind *kind, const Journal *journal);

/** companion_check() - Whether a file is the journal's. Return: 0, DISK_E_DAMAGED, or -errno. */
int companion_check(int fd, const CompanionKind *kind, const Journal *journal);
