#pragma once
/*
 * Committer: one batch of entries at a time becomes durable leaves, a signed checkpoint and receipts. Owns
 * store, tree and key; has no thread and no queue.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "log/note.h"
#include "log/signer.h"
#include "trail/epoch-key.h"
#include "trail/export.h"
#include "trail/nodes.h"
#include "trail/room.h"
#include "trail/store.h"
#include "trail/trail.h"

typedef struct Committer Committer;

/* What a committer is made of; all of it is taken over on success. */
typedef struct CommitterParts {
        Store *store;
        Nodes *nodes;
        NoteSigner *signer;
        EpochKey *epoch_key;
        Export *export;         /* borrowed: fed with every commit */
        int trail_fd;           /* borrowed: where the ballast lies */
        const char *trail_path; /* borrowed: the same, for people */
        StoreHead head;
} CommitterParts;

/** committer_new() - Return: 0 or -ENOMEM. */
int committer_new(Committer **ret_committer, const CommitterParts *parts);

/** committer_free() - Closes the store; takes NULL, returns NULL. */
Committer *committer_free(Committer *committer);

DEFINE_CLEANUP(Committer *, committer_free);

/* One commit as the loop is to learn of it. */
typedef struct Commit {
        TreeHead head;
        Buffer note;
        TrailState state;
        uint8_t next_epoch_key[NOTE_PUBLIC_KEY_SIZE]; /* of the epoch behind `state.epoch` */
        TrailHeld held;
        bool has_consistency;
        uint64_t old_size;
        Path consistency;
} Commit;

/** commit_free() - Takes NULL, returns NULL. */
Commit *commit_free(Commit *commit);

DEFINE_CLEANUP(Commit *, commit_free);

enum {
        COMMITTER_E_FULL = 1, /* no room: nothing of the batch was written */
};

typedef struct Batch {
        /* NODES_TRUNCATE_MAX entries at most; each gets its receipt. One that ends an epoch is the last. */
        TrailEntry *first;
        bool shows; /* a permit calls for a consistency proof */
        uint64_t shows_from;
} Batch;

/**
 * committer_commit() - Makes a batch durable.
 * @ret_commit: for commit_free()
 *
 * Return: 0, COMMITTER_E_FULL, or -errno: then the process must end.
 */
int committer_commit(Committer *committer, const Batch *batch, Commit **ret_commit);

/**
 * committer_refuses() - Where a batch must be cut because there is no room.
 *
 * After COMMITTER_E_FULL only outcomes of what is under way and what is `pressing` are written (and what
 * stands between them), from the room that the ballast leaves, until there is room for the ballast again: so
 * a gap is the first leaf after it. Return: the first entry to refuse; NULL for none.
 */
TrailEntry *committer_refuses(Committer *committer, TrailEntry *first);

/** committer_advice() - Of the room that is lacking: where, how much, and what to do; as room_tell(). */
void committer_advice(const Committer *committer, char ret_text[static ROOM_TEXT_SIZE]);

/** committer_rest() - For when nothing waits: tidies what was committed. Return: 0 or -errno, as above. */
int committer_rest(Committer *committer);

/* What is known of one request. */
typedef struct Finding {
        bool found;
        Buffer decision, decision_proof;
        bool has_outcome;
        Buffer outcome, outcome_proof;
} Finding;

void finding_deinit(Finding *finding);

/** committer_find() - Looks a request up. Return: 0 (also where there is none), or -errno. */
int committer_find(Committer *committer, const uint8_t request[static REQUEST_ID_SIZE], Finding *ret_finding);

/**
 * committer_prove() - Appends a leaf and the proof that it stands under the last checkpoint.
 *
 * Return: 0 or -errno.
 */
int committer_prove(Committer *committer, uint64_t index, Buffer *leaf, Buffer *proof);

/** committer_read() - As store_read(). */
int committer_read(Committer *committer, const StoreQuery *query, StoreRowHandler handler, void *userdata);

/** committer_scrub() - As trail_scrub(). Return: 0, COMMITTER_E_FULL, or -errno. */
int committer_scrub(Committer *committer);

/** committer_held() - What is held after the last commit. Return: 0 or -errno. */
int committer_held(Committer *committer, TrailHeld *ret_held);

/** committer_scan_back() - As trail_scan_back(). */
int committer_scan_back(Committer *committer, const TrailScan *scan);
