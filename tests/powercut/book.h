#pragma once
/*
 * Book: every leaf that was handed to a log, in order, with all that goes with it: what a state that was
 * opened must hold, up to its size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/tree.h"
#include "trail/trail.h"

typedef struct BookLeaf {
        uint8_t *bytes, *detail;
        size_t n, n_detail;
        TrailState state;
        TrailRole role;
        uint8_t request[REQUEST_ID_SIZE]; /* of a decision */
        uint64_t of;
        bool has_detail;
        uint64_t erased_by; /* the leaf that its detail went with; 0: none, for none is the first */
        uint8_t salt[COMMITMENT_SALT_SIZE];
        Digest hash, root; /* `root`: of the tree that ends with this leaf */
} BookLeaf;

typedef struct Book {
        BookLeaf *leaves;
        size_t n;
        Frontier frontier;
} Book;

void book_deinit(Book *book);

/** book_add() - The next leaf, copied; @request is the id of a decision, else NULL. */
void book_add(Book *book, const TrailEntry *entry, const uint8_t *request);

/** book_copy() - A book that begins as another one stands at @size. */
void book_copy(Book *ret_book, const Book *other, size_t size);

/** book_root() - The root of the first @size leaves. */
void book_root(const Book *book, size_t size, Digest *ret_root);

/** book_epoch() - The epoch that a log of @size leaves is in: as many have ended. */
uint64_t book_epoch(const Book *book, uint64_t size);

/** book_is_erased() - Whether the leaf has a detail that is erased once the log has @size leaves. */
bool book_is_erased(const Book *book, size_t size, uint64_t index);

/** book_outcome() - Among the first @size leaves: where the outcome of @index stands. Return: whether it does. */
bool book_outcome(const Book *book, size_t size, uint64_t index, uint64_t *ret_outcome);
