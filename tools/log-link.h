#pragma once
/*
 * The link between two logs: the first leaf of a log that was begun by --new-log names the checkpoint that it
 * follows (`previous`, matchguard-trail(7)). Reads files only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "log/note.h"
#include "tools/export-reader.h"
#include "tools/findings.h"

typedef struct LogLink {
        bool follows;    /* leaf 0 names a checkpoint */
        Digest previous; /* which */
        bool holds;      /* the one that was given is that one */
        bool readable;   /* and says what it is of: */
        char origin[NOTE_NAME_MAX + 1];
        uint64_t size;
} LogLink;

#define LOG_LINK_INIT ((LogLink){})

/**
 * log_link_check() - What the log follows, and whether that is what was given.
 * @source:     where the log is; leaf 0 is believed once it is proved
 * @path:       an earlier export, or a checkpoint that was kept of one; NULL: nothing was given
 *
 * What is wrong goes to @findings. Return: 0 or -ENOMEM.
 */
int log_link_check(const ExportSource *source, const char *path, Findings *findings, LogLink *ret_link);
