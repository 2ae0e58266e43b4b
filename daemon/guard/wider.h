#pragma once
/*
 * Wider: whether a policy permits anything that the one before it did not, for its leaf and for whoever
 * changed it. Blocks for as long as it takes to read a policy and to compare two.
 */

#include <stdbool.h>

#include "policy/policy.h"

typedef struct Wider {
        bool known;
        bool wider;
        char *why; /* where it is not known: for people, from malloc() */
} Wider;

#define WIDER_INIT ((Wider){})

void wider_deinit(Wider *wider);

/**
 * wider_than() - Compares with a policy at hand.
 * @old:        NULL: there was none, so that everything that is permitted became so
 *
 * Return: 0 or -errno.
 */
int wider_than(const Policy *old, const Policy *new, Wider *ret_wider);

/**
 * wider_than_archived() - Compares with the policy of which the archive keeps the text.
 * @state_dir:  holds export/
 * @old:        its digest, which the text must have
 *
 * Where that text cannot be read or is another one, it is not known. Return: 0 or -errno.
 */
int wider_than_archived(const char *state_dir, const Digest *old, const Policy *new, Wider *ret_wider);
