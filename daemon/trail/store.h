#pragma once
/*
 * Store: the trail's database behind five functions, so that another way of keeping leaves could take its
 * place. The only file that knows SQLite, and the only connection to the trail in the whole system.
 *
 * One transaction holds a whole batch: leaves, tiles, open requests, details, lookups and the head with its
 * signed checkpoint. Not for use from two threads at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "trail/trail.h"

typedef struct Store Store;

/* The end of the log as the database has it. */
typedef struct StoreHead {
        uint64_t size;
        TrailState state;
        uint64_t n_details; /* that are held: not erased */
        char *origin;       /* from malloc(), as the other two */
        char *epoch0; /* the verifier key of the first epoch; as the origin, it is kept from the first commit */
        char *note;
} StoreHead;

#define STORE_HEAD_INIT ((StoreHead){})

void store_head_deinit(StoreHead *head);

enum {
        STORE_E_FULL = 1,    /* no room; nothing of the batch stands */
        STORE_E_HELD = 2,    /* another process has it open */
        STORE_E_FOREIGN = 3, /* not a trail of ours, or damaged */
        STORE_E_NONE = 4,    /* no such row */
};

/**
 * store_open() - Opens the database, made where it is missing, and syncs what an earlier process left
 * unsynced.
 * @path:       of the database file
 * @ret_head:   what it ends with; a database that has never had a head gives STORE_E_NONE and a usable store
 *
 * Return: 0, STORE_E_*, or -errno; @ret_store is set with 0 and STORE_E_NONE.
 */
int store_open(Store **ret_store, const char *path, StoreHead *ret_head);

/**
 * store_append() - Adds one leaf and what goes with it to the batch, which begins with it.
 *
 * What it erases must be held: a leaf would say otherwise than is so (-EIO). Return: 0; STORE_E_FULL and
 * -errno after the whole batch has been rolled back.
 */
int store_append(Store *store, const TrailEntry *entry);

/* One tile as it is to stand: full at level 0, growing at the levels above. */
typedef struct StoreTile {
        unsigned level;
        uint64_t n;
        const uint8_t *hashes;
        size_t size; /* in bytes */
} StoreTile;

typedef struct StoreBatch {
        const StoreHead *head; /* nothing of it is kept */
        const StoreTile *tiles;
        size_t n_tiles;
        bool ends_epoch; /* the head's checkpoint is the last of the epoch before the head's: it is kept */
} StoreBatch;

/**
 * store_commit() - Ends the batch: tiles, head, COMMIT with its sync.
 * @batch:      NULL when there is no batch but time: moves what was committed from the write-ahead log to its
 *              place, and with 0 no file of the database holds a byte of what was erased
 *
 * Return: 0 when all of it is durable; STORE_E_FULL when none of it stands, or nothing could be moved. After
 * -errno nobody knows: the process must end, and must not try again.
 */
int store_commit(Store *store, const StoreBatch *batch);

typedef enum StoreWhat {
        STORE_LEAVES,        /* from `first` to `last` ascending: index, leaf */
        STORE_LEAVES_BACK,   /* the same, descending */
        STORE_TILE,          /* level << 48 | n in `first`: that key, hashes */
        STORE_OPEN,          /* permits without an outcome, ascending: index */
        STORE_OUTCOME,       /* of the decision `first`: index of its outcome */
        STORE_EPOCHS_BACK,   /* from `first` to `last` descending: epoch, the checkpoint that ended it */
        STORE_OUTCOMES,      /* decisions from `first` to `last` that have an outcome, ascending: index */
        STORE_DETAILS,       /* held, of leaves from `first` to `last` ascending: index, bytes, salt */
        STORE_DETAIL_LEAVES, /* the same: index, leaf */
} StoreWhat;

typedef struct StoreQuery {
        StoreWhat what;
        uint64_t first, last;
} StoreQuery;

typedef struct StoreRow {
        uint64_t number;
        const uint8_t *bytes; /* good until the handler returns, as is the salt */
        size_t n;
        const uint8_t *salt; /* COMMITMENT_SALT_SIZE bytes, of STORE_DETAILS */
} StoreRow;

/* Return: 0 to go on, positive to stop, or -errno. */
typedef int (*StoreRowHandler)(const StoreRow *row, void *userdata);

/**
 * store_read() - Calls @handler for each row asked for. The handler must not read from the store itself.
 *
 * Return: 0, STORE_E_NONE when there was no row, -EBADMSG for a damaged database, another -errno of its own
 * or from the handler.
 */
int store_read(Store *store, const StoreQuery *query, StoreRowHandler handler, void *userdata);

/** store_full_errno() - What the last STORE_E_FULL of store_append() or store_commit() was, as -errno. */
int store_full_errno(const Store *store);

/** store_close() - Rolls back a batch that was not committed; takes NULL, returns NULL. */
Store *store_close(Store *store);

DEFINE_CLEANUP(Store *, store_close);
