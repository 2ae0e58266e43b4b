#pragma once
/*
 * Opened: one detail as the service gave it to an auditor, held against the leaf that commits to it. Believes the
 * service nothing that leaf and commitment do not show.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/leaf.h"

typedef struct Opened {
        uint64_t index;
        const char *leaf, *proof; /* borrowed from the reply */
        bool erased;
        Leaf parsed;  /* the leaf */
        Leaf members; /* of the detail; none if it was erased */
} Opened;

#define OPENED_INIT ((Opened){.parsed = LEAF_INIT, .members = LEAF_INIT})

/** opened_deinit() - Frees what was read; safe on OPENED_INIT. */
void opened_deinit(Opened *opened);

enum {
        OPENED_E_MALFORMED = 1,  /* it is no answer of this interface, or no leaf */
        OPENED_E_COMMITMENT = 2, /* the leaf commits to something else */
};

/**
 * opened_read() - Reads one entry of a reply and checks that it is what its leaf commits to.
 * @item:       borrowed for as long as @ret_opened is used
 * @ret_opened: to be given to opened_deinit(), whatever comes back
 *
 * Return: 0, OPENED_E_*, or -ENOMEM.
 */
int opened_read(json_object *item, Opened *ret_opened);

/**
 * opened_belong() - Whether two leaves are a decision and its own outcome, in this order.
 */
bool opened_belong(const Opened *decision, const Opened *outcome);

/**
 * opened_value() - What a member of a detail says, decoded.
 *
 * Return: a string, a number, or of `subjects` a list, for json_object_put(); a text that is not base64url of
 * UTF-8 comes as it stands.
 */
json_object *opened_value(const LeafField *member);
