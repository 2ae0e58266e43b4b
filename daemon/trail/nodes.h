#pragma once
/*
 * Nodes: the Merkle tree of the trail as far as it is needed in memory. Recent node hashes stand in rings,
 * one a level, so that a proof for a recent leaf costs a few look-ups; older ones are computed from the
 * stored tiles.
 *
 * Belongs to whoever owns the store, and to the same thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "log/tree.h"
#include "trail/store.h"

enum {
        NODES_TILE_LEVELS = 6, /* levels of tiles: room for 2^48 leaves */
};

typedef struct Nodes Nodes;

enum {
        NODES_E_DAMAGED = 1, /* leaves, tiles and root do not belong together */
};

/**
 * nodes_new() - Loads the right edge of a tree and verifies it.
 * @store:      borrowed for as long as the nodes live
 * @head:       size and root that the tree must have
 *
 * Reads the last 65,536 leaves again: each tile over them must hold their hashes, and the tiles above must
 * lead to the root. Return: 0, NODES_E_DAMAGED, or -errno.
 */
int nodes_new(Nodes **ret_nodes, Store *store, const TreeHead *head);

/** nodes_free() - Takes NULL, returns NULL. */
Nodes *nodes_free(Nodes *nodes);

DEFINE_CLEANUP(Nodes *, nodes_free);

/** nodes_size() - How many leaves were appended or loaded. */
uint64_t nodes_size(const Nodes *nodes);

/** nodes_append() - Appends a leaf by its hash. */
void nodes_append(Nodes *nodes, const Digest *leaf_hash);

/** nodes_root() - The root over all leaves. */
void nodes_root(const Nodes *nodes, Digest *ret_root);

/**
 * nodes_truncate() - Takes back leaves that were not committed, NODES_TRUNCATE_MAX at most.
 *
 * Return: 0 or -errno.
 */
int nodes_truncate(Nodes *nodes, uint64_t size);

enum { NODES_TRUNCATE_MAX = 4096 };

/** nodes_source() - Gives any node of the tree; borrowed. */
NodeSource nodes_source(Nodes *nodes);

/**
 * nodes_tiles() - The tiles that must be stored because the tree grew.
 * @old_size:   size at the last commit, at most NODES_TRUNCATE_MAX below
 * @ret_tiles:  good until the next call
 *
 * Return: 0 or -ENOMEM.
 */
int nodes_tiles(Nodes *nodes, uint64_t old_size, const StoreTile **ret_tiles, size_t *ret_n);
