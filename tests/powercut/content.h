#pragma once
/* Content: what the files of a log must hold at a size, once it was opened and closed: the rows of the database
 * and every file of the export. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "book.h"
#include "log/note.h"
#include "policy/policy.h"

typedef struct Content {
        const char *state_dir;
        const Book *book;
        const Policy *policy; /* archived before the first `policy` leaf */
        uint64_t size;
        bool grows;                   /* files that are wider already may stand for those of this size */
        const NoteVerifier *verifier; /* NULL: the one that is exported */
} Content;

/**
 * content_check_rows() - What nobody but the guard sees: the rows, that nothing is left of erased details, and the
 * seed of the epoch.
 *
 * Return: whether they are as the book says; else @ret_why tells the first fault.
 */
bool content_check_rows(const Content *content, char *ret_why, size_t n_why);

/** content_check_export() - The same for the files of the export, and the public keys. */
bool content_check_export(const Content *content, char *ret_why, size_t n_why);
