/*
 * The Merkle tree: RFC 6962 section 2.1 for what is proved, RFC 9162 section 2.1 for how it is verified.
 * Pure. Used by the trail, the worker, the tool.
 *
 * A range of leaves [start, end) whose start is a multiple of the largest power of two below its length falls
 * into complete subtrees, largest first; every function here walks such a decomposition.
 */

#include "log/tree.h"

#include <string.h>

void tree_leaf_hash(const void *leaf, size_t n, Digest *ret_hash)
{
        static const uint8_t prefix = 0;
        const struct iovec parts[] = {{(void *)&prefix, 1}, {(void *)leaf, n}};
        digest_of_parts(parts, 2, ret_hash);
}

void tree_node_hash(const Digest *left, const Digest *right, Digest *ret_hash)
{
        uint8_t bytes[1 + 2 * DIGEST_SIZE] = {1};
        memcpy(bytes + 1, left->bytes, DIGEST_SIZE);
        memcpy(bytes + 1 + DIGEST_SIZE, right->bytes, DIGEST_SIZE);
        digest_of(bytes, sizeof(bytes), ret_hash);
}

/* The level of the largest complete subtree that fits into `n` leaves; n > 0. */
static unsigned tree_level_below(uint64_t n)
{
        return 63 - (unsigned)__builtin_clzll(n);
}

static unsigned frontier_count(const Frontier *frontier)
{
        return (unsigned)__builtin_popcountll(frontier->size);
}

void frontier_append(Frontier *frontier, const Digest *leaf_hash)
{
        unsigned n = frontier_count(frontier);
        Digest hash = *leaf_hash;

        /* Each trailing one of the size is a complete subtree that this leaf makes a larger one of. */
        for (uint64_t size = frontier->size; size & 1; size >>= 1)
                tree_node_hash(&frontier->hashes[--n], &hash, &hash);
        frontier->hashes[n] = hash;
        frontier->size++;
}

void frontier_root(const Frontier *frontier, Digest *ret_root)
{
        unsigned n = frontier_count(frontier);

        if (n == 0) {
                digest_of(NULL, 0, ret_root);
                return;
        }
        Digest root = frontier->hashes[--n];
        while (n > 0)
                tree_node_hash(&frontier->hashes[--n], &root, &root);
        *ret_root = root;
}

/* The hash of the leaves [start, end), `start` aligned as the charter says, not empty. */
static int tree_range(const NodeSource *source, uint64_t start, uint64_t end, Digest *ret_hash)
{
        Digest parts[TREE_LEVELS];
        unsigned n = 0;

        do {
                unsigned level = tree_level_below(end - start);
                int r = source->node(source->userdata, level, start >> level, &parts[n]);
                if (r < 0)
                        return r;
                n++;
                start += UINT64_C(1) << level;
        } while (start < end);
        Digest hash = parts[--n];
        while (n > 0)
                tree_node_hash(&parts[--n], &hash, &hash);
        *ret_hash = hash;
        return 0;
}

int tree_root(const NodeSource *source, uint64_t size, Digest *ret_root)
{
        if (size == 0) {
                digest_of(NULL, 0, ret_root);
                return 0;
        }
        return tree_range(source, 0, size, ret_root);
}

/* Where a tree of more than one leaf splits: the largest power of two below its size. */
static uint64_t tree_split(uint64_t size)
{
        return UINT64_C(1) << tree_level_below(size - 1);
}

static void path_reverse(Path *path)
{
        for (size_t i = 0, j = path->n; i + 1 < j; i++) {
                j--;
                Digest swap = path->hashes[i];
                path->hashes[i] = path->hashes[j];
                path->hashes[j] = swap;
        }
}

int tree_inclusion(const NodeSource *source, uint64_t size, uint64_t index, Path *ret_path)
{
        Path path = {};
        uint64_t start = 0, end = size;

        /* From the root down; the path is listed from the leaf up. */
        while (end - start > 1) {
                uint64_t middle = start + tree_split(end - start);
                bool left = index < middle;
                int r = tree_range(source, left ? middle : start, left ? end : middle,
                                   &path.hashes[path.n++]);
                if (r < 0)
                        return r;
                *(left ? &end : &start) = middle;
        }
        path_reverse(&path);
        *ret_path = path;
        return 0;
}

int tree_consistency(const NodeSource *source, uint64_t old_size, uint64_t size, Path *ret_path)
{
        Path path = {};
        uint64_t start = 0, end = size;
        bool whole = true; /* the old tree is still the whole of what the verifier knows */

        if (old_size == 0 || old_size == size) {
                *ret_path = path;
                return 0;
        }
        /* RFC 6962 section 2.1.2: SUBPROOF(old_size, D[start:end], whole), from the root down. */
        while (end != old_size) {
                uint64_t middle = start + tree_split(end - start);
                bool left = old_size <= middle;
                int r = tree_range(source, left ? middle : start, left ? end : middle,
                                   &path.hashes[path.n++]);
                if (r < 0)
                        return r;
                *(left ? &end : &start) = middle;
                if (!left)
                        whole = false;
        }
        if (!whole) {
                int r = tree_range(source, start, end, &path.hashes[path.n++]);
                if (r < 0)
                        return r;
        }
        path_reverse(&path);
        *ret_path = path;
        return 0;
}

bool tree_check_inclusion(const Digest *leaf_hash, uint64_t index, uint64_t size, const Path *path,
                          const Digest *root)
{
        if (index >= size)
                return false;

        /* RFC 9162 section 2.1.3.2. */
        uint64_t fn = index, sn = size - 1;
        Digest hash = *leaf_hash;
        for (size_t i = 0; i < path->n; i++) {
                if (sn == 0)
                        return false;
                if ((fn & 1) || fn == sn) {
                        tree_node_hash(&path->hashes[i], &hash, &hash);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else {
                        tree_node_hash(&hash, &path->hashes[i], &hash);
                }
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && digest_equal(&hash, root);
}

bool tree_check_consistency(const TreeHead *old, const TreeHead *new, const Path *path)
{
        if (old->size > new->size)
                return false;
        if (old->size == 0) {
                Digest empty;
                digest_of(NULL, 0, &empty);
                return path->n == 0 && digest_equal(&old->root, &empty);
        }
        if (old->size == new->size)
                return path->n == 0 && digest_equal(&old->root, &new->root);

        /* RFC 9162 section 2.1.4.2. A power of two is its own first hash. */
        bool complete = (old->size & (old->size - 1)) == 0;
        size_t i = 0;
        if (!complete && path->n == 0)
                return false;
        Digest fr = complete ? old->root : path->hashes[i++], sr = fr;
        uint64_t fn = old->size - 1, sn = new->size - 1;
        for (; fn & 1; fn >>= 1)
                sn >>= 1;
        for (; i < path->n; i++) {
                const Digest *c = &path->hashes[i];
                if (sn == 0)
                        return false;
                if ((fn & 1) || fn == sn) {
                        tree_node_hash(c, &fr, &fr);
                        tree_node_hash(c, &sr, &sr);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else {
                        tree_node_hash(&sr, c, &sr);
                }
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && digest_equal(&fr, &old->root) && digest_equal(&sr, &new->root);
}
