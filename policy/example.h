#pragma once
/*
 * A complete request as an example: what a proof or a comparison shows to people, and what is put to the
 * decision to confirm it. Names are borrowed from the policy that it was found in.
 */

#include "policy/decide.h"
#include "policy/question.h"

enum { EXAMPLE_GROUPS_MAX = 4 };

/* Somebody who calls. */
typedef struct Caller {
        uint32_t uid;
        gid_t groups[EXAMPLE_GROUPS_MAX];
        size_t n_groups;
        const char *unit;
        const char *label;
} Caller;

typedef struct Example {
        Caller caller;
        Operation operation;
        const char *gallery; /* NULL: none */
        const char *purpose;
        int role;       /* place in vocabulary_roles */
        int probe;      /* place in vocabulary_probes; looked at only where a probe comes */
        uint32_t given; /* which requirements are */
        const char *on_behalf_of[FACTS_LIST_MAX];
        size_t n_on_behalf_of;
        const char *recipients[FACTS_LIST_MAX];
        size_t n_recipients;
        Instant at; /* the clock is synchronised exactly if both times are one */
} Example;

/** caller_peer() - What the kernel would say of it; points into @caller. */
Peer caller_peer(const Caller *caller);

/** example_facts() - The facts of the example; points into it. */
void example_facts(const Example *example, Facts *ret_facts);

/**
 * example_write() - Appends the facts as one object of JSON (matchguard.policy(5)), without a newline. Nothing
 * in them needs an escape: names, units and labels cannot hold what would.
 */
void example_write(const Example *example, Buffer *buffer);
