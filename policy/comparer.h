#pragma once
/*
 * The parts of policy/compare.c, each a file: what one policy makes of a cell (compare-side.c), callers that are
 * alike (compare-group.c), where two answers meet (compare-meet.c).
 */

#include "base/buffer.h"
#include "policy/compare.h"

enum { COMPARE_GIVEN_SETS = 1 << _REQUIREMENT_MAX };

/* What one policy makes of a cell: its viable allows in the order of names. */
typedef struct CompareSide {
        const Policy *policy;
        size_t asker; /* where `known` */
        bool known;
        uint64_t in_force[BITS_WORDS_MAX]; /* of the moratoria that may harm */
        size_t n;
        size_t *allows;    /* places */
        uint64_t **free;   /* of each: parties on behalf of, then recipients */
        uint64_t *room;    /* what `free` points into */
        BitTable admitted; /* by allow: parties, in the same form */
        BitTable covered;  /* by moratorium: parties that it covers, in the same form */
        BitTable touched;  /* by allow: moratoria that cover somebody whom it admits */
} CompareSide;

/* Callers whom no rule tells apart: one of them stands for all. */
typedef struct CompareGroup {
        const PairCaller *caller;
        uint64_t *askers; /* over the pair's parties; NULL: that caller alone, whoever it is taken for */
} CompareGroup;

typedef struct Comparer {
        Compare *compare;
        const Pair *pair;
        size_t n_named_words;
        CompareSide sides[2];
        CompareGroup *groups;
        size_t n_groups;
        Buffer states;   /* of the cell: what was compared already */
        int64_t *bounds; /* of the cell */
        size_t n_bounds;
        int64_t *loosening; /* those of them at which something loosens */
        size_t n_loosening;
        /* the cell */
        const CompareGroup *group;
        Operation operation;
        size_t purpose, gallery; /* in the pair's names */
        /* rules that operation, purpose and gallery concern */
        uint64_t allows[2][BITS_WORDS_MAX];
        uint64_t moratoria[2][BITS_WORDS_MAX];
        uint64_t stand_downs[2][BITS_WORDS_MAX];
        /* of these, the allows that let the caller ask, and the moratoria that some of them does not pierce and
         * that cover the caller or somebody whom it admits */
        uint64_t asked[2][BITS_WORDS_MAX];
        uint64_t harmful[2][BITS_WORDS_MAX];
        Instant at;
        int64_t until; /* nothing changes before */
} Comparer;

/** instants_add() - Adds the bounds of a span; there must be room for two. */
void instants_add(int64_t *instants, size_t *n, Span span);

/** side_init() - Gets ready for one policy of the pair, 0 or 1. Return: 0, or -ENOMEM. */
int side_init(CompareSide *side, const Pair *pair, int which);

/** side_deinit() - Safe on a side all zero. */
void side_deinit(CompareSide *side);

/** side_take_caller() - What is left of a policy's rules for the caller. Return: whether any allow is. */
bool side_take_caller(Comparer *comparer, int which);

/**
 * side_bounds() - Adds the bounds of what one policy has for the caller here, and those of them that are judged at
 * the loosening time: beginnings of permissions, ends of moratoria, and, for who may be two at once, ends of
 * organisations.
 */
void side_bounds(const Comparer *comparer, int which, size_t *n, size_t *n_loosening);

/** side_look() - Who is asking at the instant, and what may let them, statements aside. */
void side_look(Comparer *comparer, int which);

/** comparer_group_callers() - Puts callers together whom no rule tells apart. Return: 0, or -ENOMEM. */
int comparer_group_callers(Comparer *comparer);

/* The statements of a cell, each a set of values that no allow at hand tells apart. */
typedef struct Statements {
        uint32_t roles, probes;
        uint32_t given; /* over sets of requirements */
} Statements;

/**
 * comparer_meet() - Tells each pair of different answers that meet for these statements.
 *
 * Return: 0, COMPARE_E_WIDER where only that is asked, or -ENOMEM.
 */
int comparer_meet(Comparer *comparer, const Statements *statements);
