#pragma once
/*
 * Looking for a permitted request of some kind: exhaustive over the finite vocabulary and over every instant
 * at which anything begins or ends, with a synchronised clock and no rate used. The proof of invariants and
 * the checks for rules without effect are questions to it.
 *
 * What is tried is cut down by what is monotone in the rules (policy/search.c says why), never by sampling.
 */

#include "policy/example.h"

/* What the request is to be like; a synchronised clock and full requirements are understood. */
typedef struct Wanted {
        uint32_t operations;
        uint32_t roles;
        const uint64_t *purposes;  /* over purposes: any of these */
        const uint64_t *galleries; /* over galleries, and one more for a request without */
        bool any_party;
        const uint64_t *parties; /* over parties (index_party()): one of these asks or is named */
        Span span;
        bool despite_stand_downs; /* as if there were none */
} Wanted;

/* Looks at one policy; keeps what several searches can use. */
typedef struct Search Search;

/** search_new() - @policy is borrowed. Return: 0, or -ENOMEM. */
int search_new(Search **ret_search, const Policy *policy);

/** search_free() - Takes NULL, returns NULL. */
Search *search_free(Search *search);

enum {
        SEARCH_E_NONE = 1, /* there is no such request, which is proved */
};

/**
 * search_allow() - Finds a request that is permitted because it fits one allow.
 * @wanted:     what it is to be like
 * @ret_example: such a request; untouched unless there is one
 *
 * Return: 0 or SEARCH_E_NONE.
 */
int search_allow(Search *search, size_t allow, const Wanted *wanted, Example *ret_example);
