#pragma once
/*
 * Two policies side by side: their names as one vocabulary, which of their rules mean the same, and the callers
 * that have to be tried so that every difference in who is taken for whom shows.
 */

#include "policy/example.h"

/* A name, and its place in each policy; -1: not declared there. Of a party: its row in tables by party. */
typedef struct PairName {
        const char *name;
        int places[2];
} PairName;

typedef struct PairNames {
        PairName *items; /* by name; of galleries, last a request without one, whose name is NULL */
        size_t n;
} PairNames;

/* A caller, and the organisations that it matches in each policy. */
typedef struct PairCaller {
        Caller caller;
        uint64_t *matches[2];
        bool changed; /* somebody among them is another, matches otherwise or at other times */
} PairCaller;

/* The rules of one type that have no twin of one meaning in the other policy. */
typedef struct PairChanged {
        uint64_t *rules[2];
} PairChanged;

typedef struct Pair {
        Arena arena;
        const Policy *policies[2];
        PairNames purposes;
        PairNames galleries;
        PairNames parties;
        PairChanged allows;
        PairChanged moratoria;
        PairChanged stand_downs;
        uint64_t *changed_organisations[2];
        PairCaller *callers;
        size_t n_callers, callers_capacity;
} Pair;

/** pair_init() - Puts @old and @new, which are borrowed, side by side. Return: 0, or -ENOMEM. */
int pair_init(Pair *pair, const Policy *old, const Policy *new);

/** pair_deinit() - Safe on a pair all zero, and twice. */
void pair_deinit(Pair *pair);

/**
 * pair_only_tightens() - Whether the new policy is the old one with nothing but prohibitions added, so that no
 * request can get more: of its rules only moratoria and stand-downs have no twin, every rule of the old one has, and
 * all names and callers are the same.
 */
bool pair_only_tightens(const Pair *pair);

/** pair_find() - The place of a name, which must be there. */
size_t pair_find(const PairNames *names, const char *name);
