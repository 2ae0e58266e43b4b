#pragma once
/*
 * The rules over the leaves of a log, in a thread of their own, so that hashing and judging take a core each.
 * Whoever reads the log fills bundles in turn and hands them over; what the rules find is told at the end.
 */

#include "tools/export-reader.h"
#include "tools/findings.h"
#include "tools/leaf-rules.h"

typedef struct LeafChecker LeafChecker;

typedef struct LeafCheckerSource {
        Export *export; /* borrowed; the thread reads bundles of it again, where a leaf names an earlier one */
        const char *dir; /* where it lies, for the archive of policies */
        bool json;       /* how findings are gathered */
} LeafCheckerSource;

/** leaf_checker_new() - Starts the thread. Return: 0 or -errno. */
int leaf_checker_new(LeafChecker **ret_checker, const LeafCheckerSource *source);

/** leaf_checker_free() - Ends the thread where it still runs. Takes NULL, returns NULL. */
LeafChecker *leaf_checker_free(LeafChecker *checker);

/**
 * leaf_checker_bundle() - The bundle to read the next leaves into; waits until the thread is done with what
 * was in it. The caller may read it until the next call, also after it handed it over.
 */
Bundle *leaf_checker_bundle(LeafChecker *checker);

/** leaf_checker_hand_over() - The bundle holds the next leaves. */
void leaf_checker_hand_over(LeafChecker *checker);

/* A policy that the log says was loaded, once each. */
typedef struct LoadedPolicy {
        uint64_t index;
        Digest digest;
} LoadedPolicy;

/* What came of it. Borrowed from the checker. */
typedef struct LeafCheckerResult {
        const Findings *findings;
        RuleCounts counts;
        uint64_t n_remade; /* decisions that were made anew, the same or not */
        const LoadedPolicy *policies;
        size_t n_policies;
} LeafCheckerResult;

/**
 * leaf_checker_end() - Waits until all that was handed over is judged.
 * @whole:      that was the whole log, so that what is missing at its end can be told
 *
 * Return: 0 or -errno.
 */
int leaf_checker_end(LeafChecker *checker, bool whole, LeafCheckerResult *ret_result);
