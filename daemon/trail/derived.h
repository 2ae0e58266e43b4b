#pragma once
/*
 * Derived: what stands in the database beside the leaves, and follows from them: open permits, where outcomes
 * stand, details, and what the loop goes on from. The root vouches for leaves only; this is what vouches for the
 * rest.
 */

#include "trail/store.h"

enum {
        DERIVED_E_DAMAGED = 1, /* a row says something else than the leaves */
};

/**
 * derived_verify() - Compares these rows with the last 65,536 leaves, which must have been verified.
 * @head:       of the database
 * @ret_what:   on DERIVED_E_DAMAGED which rows, as words in a sentence
 *
 * A detail may be missing where an `erase` came after it. What an older permit left open must be a permit
 * without an outcome; that one is missing cannot be told. Return: 0, DERIVED_E_DAMAGED, or -errno.
 */
int derived_verify(Store *store, const StoreHead *head, const char **ret_what);
