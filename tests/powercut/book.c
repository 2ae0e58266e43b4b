/* A book. */

#include "book.h"

#include <stdlib.h>
#include <string.h>

#include "must.h"

void book_deinit(Book *book)
{
        for (size_t i = 0; i < book->n; i++) {
                free(book->leaves[i].bytes);
                free(book->leaves[i].detail);
        }
        free(book->leaves);
        *book = (Book){};
}

static uint8_t *book_bytes(const uint8_t *bytes, size_t n)
{
        uint8_t *copy = malloc(n + 1);

        MUST(copy);
        if (n > 0)
                memcpy(copy, bytes, n);
        return copy;
}

/* Takes a leaf whose bytes are the book's already. */
static void book_put(Book *book, BookLeaf leaf)
{
        book->leaves = reallocarray(book->leaves, book->n + 1, sizeof(*book->leaves));
        MUST(book->leaves);
        tree_leaf_hash(leaf.bytes, leaf.n, &leaf.hash);
        frontier_append(&book->frontier, &leaf.hash);
        frontier_root(&book->frontier, &leaf.root);
        book->leaves[book->n++] = leaf;
}

void book_add(Book *book, const TrailEntry *entry, const uint8_t *request)
{
        BookLeaf leaf = {.bytes = book_bytes(entry->leaf, entry->n_leaf),
                         .n = entry->n_leaf,
                         .detail = book_bytes(entry->detail, entry->n_detail),
                         .n_detail = entry->n_detail,
                         .state = entry->state,
                         .role = entry->role,
                         .of = entry->of,
                         .has_detail = entry->has_detail};

        MUST(entry->index == book->n);
        if (request)
                memcpy(leaf.request, request, sizeof(leaf.request));
        memcpy(leaf.salt, entry->salt, sizeof(leaf.salt));
        for (size_t i = 0; i < entry->n_erases; i++)
                book->leaves[entry->erases[i]].erased_by = entry->index;
        book_put(book, leaf);
}

void book_copy(Book *ret_book, const Book *other, size_t size)
{
        *ret_book = (Book){};
        MUST(size <= other->n);
        for (size_t i = 0; i < size; i++) {
                BookLeaf leaf = other->leaves[i];
                leaf.bytes = book_bytes(leaf.bytes, leaf.n);
                leaf.detail = book_bytes(leaf.detail, leaf.n_detail);
                book_put(ret_book, leaf);
        }
}

void book_root(const Book *book, size_t size, Digest *ret_root)
{
        MUST(size <= book->n);
        if (size == 0)
                digest_of(NULL, 0, ret_root);
        else
                *ret_root = book->leaves[size - 1].root;
}

uint64_t book_epoch(const Book *book, uint64_t size)
{
        return size == 0 ? 0 : book->leaves[size - 1].state.epoch;
}

bool book_is_erased(const Book *book, size_t size, uint64_t index)
{
        uint64_t by = book->leaves[index].erased_by;
        return by > 0 && by < size;
}

bool book_outcome(const Book *book, size_t size, uint64_t index, uint64_t *ret_outcome)
{
        for (size_t i = index + 1; i < size; i++)
                if (book->leaves[i].role == TRAIL_OUTCOME && book->leaves[i].of == index) {
                        *ret_outcome = i;
                        return true;
                }
        return false;
}
