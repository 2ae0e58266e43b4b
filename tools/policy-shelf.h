#pragma once
/*
 * The archived policies of an export, each loaded when it is first wanted and then kept: as many at a time as
 * POLICY_SHELF_LOADED. Memory beside these is a line for each digest that was ever asked for.
 */

#include "base/buffer.h"
#include "base/digest.h"
#include "policy/policy.h"

enum { POLICY_SHELF_LOADED = 16 };

typedef struct PolicyShelf {
        const char *export_dir; /* borrowed */
        struct ShelfPlace *places;
        size_t n, capacity;
        size_t last;      /* the place that was asked for last */
        uint64_t n_asked; /* counts, to tell which was asked for longest ago */
        size_t n_loaded;
} PolicyShelf;

#define POLICY_SHELF_INIT(dir) ((PolicyShelf){.export_dir = (dir)})

void policy_shelf_deinit(PolicyShelf *shelf);

enum {
        POLICY_SHELF_E_FAULT = 1, /* it cannot be had; @fault says why */
        POLICY_SHELF_E_AGAIN = 2, /* likewise, as was said before */
};

/**
 * policy_shelf_get() - The policy of a digest.
 * @digest:     64 hex digits
 * @ret_policy: borrowed until the next call
 * @fault:      where a sentence is appended on POLICY_SHELF_E_FAULT
 *
 * Return: 0, POLICY_SHELF_E_*, -ENOMEM.
 */
int policy_shelf_get(PolicyShelf *shelf, const char *digest, const Policy **ret_policy, Buffer *fault);
