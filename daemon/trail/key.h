#pragma once
/*
 * Key: where the log's signing seed comes from, and where its public half is shown.
 */

#include <stdbool.h>

#include "log/note.h"
#include "log/signer.h"

enum {
        KEY_E_MISSING = 1,   /* a log that has begun cannot go on under another key */
        KEY_E_MALFORMED = 2, /* not NOTE_SEED_SIZE bytes */
        KEY_E_UNLOCKED = 3,  /* memory cannot be kept from the swap */
};

typedef struct KeySource {
        const char *credential_path; /* or NULL: `log.key` in the trail's folder */
        int trail_fd;                /* that folder; borrowed */
        bool may_make;               /* the log has not begun: a missing key is made */
} KeySource;

/**
 * key_load() - The signer of a log.
 * @origin:     name of the log and of its key
 *
 * Return: 0, KEY_E_*, or -errno.
 */
int key_load(const KeySource *source, const char *origin, NoteSigner **ret_signer);

/* A verifier key as it is shown. */
typedef struct KeyPublic {
        const char *name; /* of the file */
        const char *vkey; /* its text, with a newline */
} KeyPublic;

/**
 * key_publish() - Writes a verifier key into a folder, unless that is what stands there.
 * @mode:       permissions of the file
 *
 * Return: 0 or -errno.
 */
int key_publish(const KeyPublic *public, int folder_fd, mode_t mode);
