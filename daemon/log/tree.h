#pragma once
/*
 * The Merkle tree of RFC 6962 section 2 (SHA-256), pure: roots, audit paths, consistency proofs, and their
 * verification (RFC 9162 section 2.1 algorithms). No storage: what needs nodes asks a NodeSource for them.
 *
 * A node (level, index) is the hash over the leaves [index << level, (index + 1) << level), all of which
 * exist.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

enum {
        TREE_LEVELS = 64,
        TREE_PATH_MAX = 128, /* enough for any audit path or consistency proof */
};

/** tree_leaf_hash() - SHA-256(0x00 || leaf). */
void tree_leaf_hash(const void *leaf, size_t n, Digest *ret_hash);

/** tree_node_hash() - SHA-256(0x01 || left || right). */
void tree_node_hash(const Digest *left, const Digest *right, Digest *ret_hash);

/* The roots of the complete subtrees that a tree of `size` leaves falls into, largest first: all that is
 * needed to append. */
typedef struct Frontier {
        uint64_t size;
        Digest hashes[TREE_LEVELS]; /* one for each bit set in size, from the highest */
} Frontier;

#define FRONTIER_INIT ((Frontier){})

/** frontier_append() - Appends one leaf by its hash. */
void frontier_append(Frontier *frontier, const Digest *leaf_hash);

/** frontier_root() - The root of the tree; of the empty tree SHA-256 of nothing. */
void frontier_root(const Frontier *frontier, Digest *ret_root);

typedef struct NodeSource {
        /* Gives the node; 0 or -errno. */
        int (*node)(void *userdata, unsigned level, uint64_t index, Digest *ret_hash);
        void *userdata;
} NodeSource;

typedef struct Path {
        size_t n;
        Digest hashes[TREE_PATH_MAX];
} Path;

/** tree_root() - The root of the tree of @size leaves. Return: 0, or what the source failed with. */
int tree_root(const NodeSource *source, uint64_t size, Digest *ret_root);

/** tree_inclusion() - The audit path of leaf @index in the tree of @size leaves; @index < @size. Return: as
 * above. */
int tree_inclusion(const NodeSource *source, uint64_t size, uint64_t index, Path *ret_path);

/** tree_consistency() - The proof from @old_size to @size; @old_size <= @size. Empty for 0 and for equal
 * sizes. */
int tree_consistency(const NodeSource *source, uint64_t old_size, uint64_t size, Path *ret_path);

/**
 * tree_check_inclusion() - Whether the path proves that @leaf_hash stands at @index of the tree with @root.
 */
bool tree_check_inclusion(const Digest *leaf_hash, uint64_t index, uint64_t size, const Path *path,
                          const Digest *root);

/* A tree by its size and root. */
typedef struct TreeHead {
        uint64_t size;
        Digest root;
} TreeHead;

/** tree_check_consistency() - Whether the path proves that @old is a prefix of @new. Size 0 is a prefix of
 * all. */
bool tree_check_consistency(const TreeHead *old, const TreeHead *new, const Path *path);
