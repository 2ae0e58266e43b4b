/*
 * Receipts. One allocation each: the struct, then the leaf, then the origin; the audit path apart, where one
 * was asked for.
 */

#include "trail/receipt.h"

#include <stdlib.h>
#include <string.h>

#include "trail/receipt-make.h"

struct Receipt {
        uint64_t index;
        uint64_t tree_size;
        Path *path;
        const char *origin;
        size_t n_leaf;
        uint8_t leaf[];
};

static Path *path_copy(const Path *path)
{
        Path *copy = malloc(sizeof(*copy));
        if (copy) {
                copy->n = path->n;
                memcpy(copy->hashes, path->hashes, path->n * sizeof(path->hashes[0]));
        }
        return copy;
}

Receipt *receipt_new(const ReceiptFacts *facts)
{
        size_t n_origin = strlen(facts->origin) + 1;
        Receipt *receipt = malloc(sizeof(*receipt) + facts->n_leaf + n_origin);
        if (!receipt)
                return NULL;
        *receipt = (Receipt){.index = facts->index, .tree_size = facts->tree_size, .n_leaf = facts->n_leaf};
        memcpy(receipt->leaf, facts->leaf, facts->n_leaf);
        memcpy(receipt->leaf + facts->n_leaf, facts->origin, n_origin);
        receipt->origin = (const char *)receipt->leaf + facts->n_leaf;
        if (facts->path) {
                receipt->path = path_copy(facts->path);
                if (!receipt->path)
                        return receipt_free(receipt);
        }
        return receipt;
}

Receipt *receipt_free(Receipt *receipt)
{
        if (receipt) {
                free(receipt->path);
                free(receipt);
        }
        return NULL;
}

uint64_t receipt_index(const Receipt *receipt)
{
        return receipt->index;
}

const uint8_t *receipt_leaf(const Receipt *receipt, size_t *ret_n)
{
        *ret_n = receipt->n_leaf;
        return receipt->leaf;
}

uint64_t receipt_tree_size(const Receipt *receipt)
{
        return receipt->tree_size;
}

const Path *receipt_path(const Receipt *receipt)
{
        return receipt->path;
}

const char *receipt_origin(const Receipt *receipt)
{
        return receipt->origin;
}
