#pragma once
/*
 * Draft: a leaf while it is being made, with the strings that its fields point to, the detail that it commits
 * to, and what the trail is to know of it. One draft becomes one entry, or nothing.
 */

#include <stdint.h>

#include "base/buffer.h"
#include "guard/ledger.h"
#include "trail/trail.h"
#include "wire/commitment.h"
#include "wire/leaf.h"
#include "wire/message.h"

enum { DRAFT_STRINGS_MAX = 24 };

typedef struct Draft {
        const char *kind;
        Leaf leaf;
        LedgerStamp stamp;
        TrailRole role;
        uint64_t of;
        bool wants_path;
        LedgerEffect effect;

        bool has_detail;
        uint8_t salt[COMMITMENT_SALT_SIZE];
        Buffer detail;
        char commitment[COMMITMENT_TEXT_SIZE];

        uint64_t *erases; /* the draft's own */
        size_t n_erases;

        char *strings[DRAFT_STRINGS_MAX]; /* the draft's own */
        size_t n_strings;
        bool failed; /* memory ran out */
} Draft;

#define DRAFT_INIT ((Draft){.detail = BUFFER_INIT, .leaf = LEAF_INIT})

/** draft_begin() - An empty leaf with the keys that every leaf has. The ledger is borrowed;
 * @kind lives for ever. */
void draft_begin(Draft *draft, const Ledger *ledger, const ClockReading *now, const char *kind);

/** draft_deinit() - Frees what it holds; safe on DRAFT_INIT and twice. */
void draft_deinit(Draft *draft);

/** draft_own() - Takes over a text from malloc(), until the leaf is made; NULL fails the draft. Return: the
 * text. */
const char *draft_own(Draft *draft, char *text);

/** draft_hex() - Bytes as lower-case hex. */
const char *draft_hex(Draft *draft, const void *data, size_t n);

/**
 * draft_list() - A list as one text: sorted by byte, no duplicates, joined by single spaces; NULL for none.
 */
const char *draft_list(Draft *draft, const char *const *items, size_t n);

/** draft_base64url() - A text as details have it; NULL for NULL and "". */
const char *draft_base64url(Draft *draft, const char *text);

/**
 * draft_set_detail() - Commits to a detail under a fresh salt; a detail without fields is left out.
 *
 * Return: 0, LEAF_E_INVALID, LEAF_E_TOO_LONG, or -errno.
 */
int draft_set_detail(Draft *draft, const Leaf *detail);

/** draft_erase() - The details of these leaves are to be erased with this one. */
void draft_erase(Draft *draft, const uint64_t *leaves, size_t n);

/**
 * draft_finish() - Makes the entry.
 * @after:      the state after this leaf
 * @ret_entry:  to be given to trail_append() or trail_entry_free()
 *
 * Return: 0, LEAF_E_INVALID, LEAF_E_TOO_LONG, or -errno.
 */
int draft_finish(Draft *draft, const TrailState *after, TrailEntry **ret_entry);
