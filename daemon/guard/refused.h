#pragma once
/*
 * Refused: what never became a request, counted, to be folded into one leaf a second and reason for each uid
 * that the policy names, and one for all others together. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guard/quota.h"
#include "wire/message.h"

enum { REFUSED_ROWS_MAX = 256 };

typedef struct RefusedRow {
        bool has_uid; /* else: all whom the policy does not name */
        uid_t uid;
        RefusedWhy why;
        uint64_t count;
} RefusedRow;

typedef struct Refused {
        size_t n;
        RefusedRow rows[REFUSED_ROWS_MAX];
        uint64_t n_all; /* since the start, for status */
} Refused;

#define REFUSED_INIT ((Refused){})

/**
 * refused_add() - Counts one. Where there are too many uids to tell apart they are counted with all others.
 */
void refused_add(Refused *refused, QuotaUser user, RefusedWhy why);

/** refused_add_row() - Puts a row back whose leaf was not written. */
void refused_add_row(Refused *refused, const RefusedRow *row);

/** refused_take() - Takes one row out, to be written. Return: whether there was one. */
bool refused_take(Refused *refused, RefusedRow *ret_row);
