#pragma once
/*
 * Receipt: the evidence that a leaf is durable and stands in the signed log. Only the trail makes one, after
 * COMMIT has returned; a job and an answer can be made from nothing else (promises 1 and 2).
 */

#include <stdint.h>

#include "log/tree.h"

typedef struct Receipt Receipt;

/** receipt_free() - Takes NULL, returns NULL. */
Receipt *receipt_free(Receipt *receipt);

/** receipt_index() - Where the leaf stands. */
uint64_t receipt_index(const Receipt *receipt);

/** receipt_leaf() - The leaf's bytes, borrowed. */
const uint8_t *receipt_leaf(const Receipt *receipt, size_t *ret_n);

/** receipt_tree_size() - The size of the checkpoint under which it was committed. */
uint64_t receipt_tree_size(const Receipt *receipt);

/** receipt_path() - The audit path to the root of that checkpoint; NULL unless it was asked for. Borrowed. */
const Path *receipt_path(const Receipt *receipt);

/** receipt_origin() - The log's name; borrowed. */
const char *receipt_origin(const Receipt *receipt);
