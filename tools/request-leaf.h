#pragma once
/*
 * A `request` leaf by its keys (matchguard-trail(7), the table), and the facts that stand in it. Written from
 * that page and not from what the guard does, which it is held against. Pure; decides nothing.
 */

#include "policy/decide.h"
#include "wire/leaf.h"

/* All keys that a request may have, sorted by byte as they stand in a leaf. */
typedef enum RequestKey {
        REQUEST_ASKED_FLOOR,
        REQUEST_ASKED_LIMIT,
        REQUEST_BEHALF,
        REQUEST_BOOT,
        REQUEST_BOOTTIME,
        REQUEST_CLOCK,
        REQUEST_DETAIL,
        REQUEST_DIMENSION,
        REQUEST_EPOCH,
        REQUEST_FLOOR,
        REQUEST_GALLERY,
        REQUEST_GALLERY_KIND,
        REQUEST_GALLERY_MAXIMUM,
        REQUEST_GIVEN,
        REQUEST_GROUPS,
        REQUEST_IDENTITY,
        REQUEST_INDEX,
        REQUEST_JOB,
        REQUEST_KIND,
        REQUEST_LABEL,
        REQUEST_LIMIT,
        REQUEST_LOGINUID,
        REQUEST_MARK,
        REQUEST_MODEL,
        REQUEST_MORATORIA,
        REQUEST_OPERATION,
        REQUEST_ORGANISATION,
        REQUEST_PID,
        REQUEST_POLICY,
        REQUEST_PROBE,
        REQUEST_PURPOSE,
        REQUEST_REASON,
        REQUEST_RECIPIENTS,
        REQUEST_RELEASE,
        REQUEST_REQUEST,
        REQUEST_RULE,
        REQUEST_SOUGHT,
        REQUEST_TIME,
        REQUEST_UID,
        REQUEST_UNIT,
        REQUEST_V,
        REQUEST_VERDICT,
        REQUEST_WALL,
        REQUEST_WORKER,
        _REQUEST_KEY_MAX,
} RequestKey;

/** request_key_name() - "asked-floor" and so on. */
const char *request_key_name(RequestKey key);

/* A policy that mentions more groups does not load. */
enum { REQUEST_GROUPS_MAX = 256 };

typedef struct RequestLeaf {
        const LeafField *fields[_REQUEST_KEY_MAX]; /* of the leaf; NULL: it has no such key */
        Facts facts; /* as asked and attested; `mark` and `used` are for whoever knows the earlier leaves */

        /* What the facts point into. */
        gid_t groups[REQUEST_GROUPS_MAX];
        const char *on_behalf_of[FACTS_LIST_MAX];
        const char *recipients[FACTS_LIST_MAX];
        char words[LEAF_MAX];
        size_t n_words;
        char fault[128];
} RequestLeaf;

/**
 * request_leaf_read() - Reads the keys and the facts.
 * @leaf:       borrowed for as long as @ret_request is used
 * @ret_request: need not be initialised; its strings are borrowed from it and from the leaf
 *
 * Return: NULL; or what is wrong, good until the next call: a key that no request has, one that is missing or
 * of the wrong sort, a list that is not as lists are written, or facts that are no request at all.
 */
const char *request_leaf_read(const Leaf *leaf, RequestLeaf *ret_request);

/** request_leaf_text() - The text under a key, or NULL. */
static inline const char *request_leaf_text(const RequestLeaf *request, RequestKey key)
{
        return request->fields[key] ? request->fields[key]->text : NULL;
}

/** request_leaf_number() - The number under a key; 0 where there is none. */
static inline uint64_t request_leaf_number(const RequestLeaf *request, RequestKey key)
{
        return request->fields[key] ? request->fields[key]->number : 0;
}

/* Similarities stand in leaves as (similarity + 1) * 1,000,000. */
enum { REQUEST_FLOOR_ZERO = 1000000, REQUEST_FLOOR_MAX = 2 * REQUEST_FLOOR_ZERO };
