#pragma once
/*
 * How a receipt comes to be. For the trail's thread alone, after COMMIT has returned; who includes this
 * elsewhere breaks promises 1 and 2.
 */

#include "trail/receipt.h"

typedef struct ReceiptFacts {
        const char *origin;
        uint64_t index;
        uint64_t tree_size;
        const uint8_t *leaf;
        size_t n_leaf;
        const Path *path; /* or NULL */
} ReceiptFacts;

/** receipt_new() - Copies the facts. Return: NULL when there is no memory. */
Receipt *receipt_new(const ReceiptFacts *facts);
