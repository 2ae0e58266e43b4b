#pragma once
/*
 * Denials: of a peer that the policy does not know a mirror tells the first denial, and how many followed within a
 * minute; so nobody can fill another log of this machine from a socket that anyone may open. Pure: time is given.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/leaf.h"

#define DENIALS_USEC UINT64_C(60000000)

/* So many uids are told apart; those beyond it are counted together. */
enum { DENIALS_UIDS_MAX = 64 };

typedef struct DenialsRow {
        bool has_uid; /* else: all others together */
        uint64_t uid;
        uint64_t count;
        uint64_t due_usec; /* when to tell of them, and to forget the uid */
} DenialsRow;

typedef struct Denials {
        DenialsRow rows[DENIALS_UIDS_MAX + 1];
        size_t n;
} Denials;

#define DENIALS_INIT ((Denials){})

/**
 * denials_fold() - Takes note of a leaf that is about to be told.
 * @now_usec:   of a clock that never goes back
 *
 * Return: whether it is only counted, and not told by itself.
 */
bool denials_fold(Denials *denials, const Leaf *leaf, uint64_t now_usec);

/**
 * denials_take() - Takes the next row that is to be told of.
 * @all:        also of those that are not due yet
 *
 * Return: whether there is one.
 */
bool denials_take(Denials *denials, uint64_t now_usec, bool all, DenialsRow *ret_row);

/** denials_next_usec() - When the next one is due; UINT64_MAX: there is none. */
uint64_t denials_next_usec(const Denials *denials);
