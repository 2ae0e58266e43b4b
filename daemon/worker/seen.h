#pragma once
/*
 * The log that this worker believes in, as it last saw it: kept in the folder of the galleries across
 * restarts, so that nobody can show the worker a shorter or another log later.
 *
 * The file `seen-log` holds it twice at most, in two slots that are written in turn; in each a canonical
 * object (wire/leaf.h): `origin`, `root` (64 hex digits), `size`, `v` (1). worker/seen.c shows the bytes.
 */

#include "log/note.h"
#include "log/tree.h"

typedef struct Seen {
        char origin[NOTE_NAME_MAX + 1]; /* "": no log was ever seen */
        TreeHead head;
} Seen;

#define SEEN_INIT ((Seen){})

enum { SEEN_E_MALFORMED = 1 /* there is a file, but it is not what seen_store() writes */ };

/** seen_load() - Reads the file; where there is none, nothing was seen. Return: 0, SEEN_E_MALFORMED, or
 * -errno. */
int seen_load(int dir_fd, Seen *ret_seen);

/**
 * seen_store() - Writes it down; durable on return, and after a crash the old or the new.
 * @seen:       larger than what was stored before: a log only grows
 *
 * Return: 0 or -errno (-EBADMSG where the file is not one that this writes).
 */
int seen_store(int dir_fd, const Seen *seen);

/** seen_forget() - Removes the file, durably; also where there is none. Return: 0 or -errno. */
int seen_forget(int dir_fd);
