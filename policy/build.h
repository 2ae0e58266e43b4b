#pragma once
/*
 * The steps of policy/compile.c, each a file: they read the objects in the policy, and build its tables.
 */

#include "policy/accounts.h"
#include "policy/model.h"

typedef struct Build {
        Policy *policy;
        Arena *arena; /* the policy's */
        Faults *faults;
        const Accounts *accounts;
        Sources sources;
        const char **ids; /* lines of `.ids`, not yet sorted */
        size_t n_ids;
} Build;

/**
 * build_terms() - Classes or purposes with their ancestors and descendants; a cycle is a fault.
 *
 * Return: 0, or -ENOMEM.
 */
int build_terms(Build *build, ObjectType type, Terms *ret_terms);

/** build_peers() - The [Peer]s of one organisation, accounts looked up and noted in build->ids. Return: 0,
 * -ENOMEM. */
int build_peers(Build *build, const Object *object, Organisation *organisation);

/** build_objects() - Everything that is no term, in the order in which it refers to each other. Return: 0,
 * -ENOMEM. */
int build_objects(Build *build);

/** build_bits() - An empty set over the objects of a type; NULL: no memory. */
uint64_t *build_bits(Build *build, ObjectType type);
