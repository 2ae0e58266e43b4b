#pragma once
/*
 * Finds leaves in a proven log and joins permits with their outcomes. Rows come in the order of the log; a
 * permit waits for its outcome, and what follows waits behind it, so that memory grows with what is open, not
 * with what is found (but for SearchFilter.limit rows where that is given).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/proven-log.h"

/* What is looked for; NULL and false: anything. */
typedef struct SearchFilter {
        uint64_t first;  /* index to begin at */
        bool only_first; /* that leaf and no other, whatever it is */
        bool has_since, has_until, has_uid;
        uint64_t since_usec; /* log time, inclusive */
        uint64_t until_usec; /* exclusive */
        uint64_t uid;
        const char *kind; /* NULL: all but outcomes, which stand beside their permits, and beats */
        const char *verdict, *reason, *organisation, *operation, *gallery, *request;
        uint64_t limit; /* only the last so many; 0: all */
} SearchFilter;

typedef struct SearchRow {
        uint64_t index;
        uint8_t *leaf;
        size_t n_leaf;
        bool waits; /* for its outcome */
        uint64_t outcome_index;
        uint8_t *outcome; /* NULL where there is none (yet) */
        size_t n_outcome;
} SearchRow;

typedef struct Search {
        ProvenLog *log; /* borrowed */
        SearchFilter filter;
        /* Takes a row, borrowed; 0 or -errno. */
        int (*row)(const SearchRow *row, void *userdata);
        void *userdata;
        uint64_t n_found; /* set: how many matched, also where `limit` left some off */
} Search;

/**
 * log_search() - Runs a search.
 * @ret_why:    on a positive ending, what is wrong with the log, for free()
 *
 * Rows that were handed out before an ending other than 0 were proved all the same.
 * Return: 0, PROVEN_E_*, or -errno (of `row`, or -ENOMEM).
 */
int log_search(Search *search, char **ret_why);
