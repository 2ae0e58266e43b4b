#pragma once
/*
 * Judge: opens a log in a state that a disk was left in, and says what came of it. What it holds is compared
 * with the book: leaves, root, what the loop goes on from, open permits, look-ups, details, and the export
 * file by file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "book.h"
#include "policy/policy.h"

typedef enum Ending {
        ENDING_OPENED,  /* with everything that was told of */
        ENDING_BEHIND,  /* opened, and sound, with less than was told of */
        ENDING_REFUSED, /* seen: it does not open, and says why */
        ENDING_TOLD,    /* seen: it opens, and a verifier tells what is wrong with the export */
        ENDING_WRONG,   /* anything else */
        _ENDING_MAX,
} Ending;

typedef struct Judge {
        const char *state_dir;
        const Book *book;
        const Policy *policy;
        const char *tool; /* `matchguard`, for a second opinion on the export */
        bool honest; /* the disk kept what was synced: what was exported must be whole before any start */
        bool audit;  /* ask for it even where the export is as it should be */
} Judge;

typedef struct Verdict {
        Ending ending;
        uint64_t size; /* of what was opened */
        uint64_t
                exported; /* size of the checkpoint that was found in the export; 0 also where there is none */
        char why[512];    /* the refusal, or what is wrong */
} Verdict;

/** judge_open() - Opens what lies in the state folder. @told: how many leaves must be there. */
void judge_open(const Judge *judge, uint64_t told, Verdict *ret_verdict);
