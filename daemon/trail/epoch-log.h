#pragma once
/*
 * What the database says of the log's epochs: whose key the one at hand is signed by, and the checkpoints that
 * ended those before. For the start.
 */

#include <stdint.h>

#include "trail/epoch-key.h"
#include "trail/publisher.h"
#include "trail/store.h"

/**
 * epoch_log_key() - The public key of the epoch that a log is in: the first one's as it was kept, else the one
 * that the last `epoch` leaf names.
 *
 * Return: 0, -EBADMSG where the database does not say, another -errno.
 */
int epoch_log_key(Store *store, const StoreHead *head, uint8_t ret_key[static NOTE_PUBLIC_KEY_SIZE]);

/* Whose checkpoints they should be. */
typedef struct EpochLog {
        const StoreHead *head;
        const NoteVerifier *verifier; /* of the log */
} EpochLog;

/**
 * epoch_log_verify() - Holds the head's checkpoint, and those that ended the last 192 epochs, against the keys of
 * the log and of their epochs, and the head's epoch against them.
 *
 * Older ones have been published long since, and nothing reads them again. Return: 0, -EBADMSG where one is not
 * as it was signed, another -errno.
 */
int epoch_log_verify(Store *store, const EpochLog *log);

/**
 * epoch_log_count() - How many epochs had ended when the log had @size leaves.
 *
 * Return: 0, -EBADMSG, or another -errno.
 */
int epoch_log_count(Store *store, const StoreHead *head, uint64_t size, uint64_t *ret_n);

/** epoch_log_publish() - Gives a publisher the checkpoints of ended epochs, from epoch @first on. Return: as
 * above. */
int epoch_log_publish(Store *store, const StoreHead *head, uint64_t first, Publisher *publisher);
