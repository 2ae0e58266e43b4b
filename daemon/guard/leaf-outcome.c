/*
 * The leaf of an outcome. Pure; run by the guard's loop.
 *
 * detail: `subjects` (those found or listed, each base64url), `count` (templates stored or removed).
 */

#include "guard/leaves.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

static bool outcome_is(const LeafOutcome *outcome, const char *operation)
{
        return outcome->operation && strcmp(outcome->operation, operation) == 0;
}

static bool outcome_ranks(const LeafOutcome *outcome)
{
        return outcome_is(outcome, "identify") || outcome_is(outcome, "identify-stored");
}

/* What a search that worked found. */
static void outcome_found(const LeafOutcome *outcome, Leaf *leaf)
{
        const ResultMessage *answer = outcome->answer;

        if (outcome_is(outcome, "list"))
                leaf_set_number(leaf, "candidates", answer->subjects.n);
        if (outcome_ranks(outcome)) {
                leaf_set_number(leaf, "candidates", answer->n_candidates);
                leaf_set_number(leaf, "searched", answer->searched);
        }
        if (policy_is_search(outcome->operation))
                leaf_set_number(leaf, "matched", answer->matched ? 1 : 0);
        if (!outcome_is(outcome, "compare"))
                leaf_set_number(leaf, "gallery-epoch", answer->gallery_epoch);
}

static const char *outcome_subjects(const ResultMessage *answer, Draft *draft)
{
        size_t n = answer->n_candidates + answer->subjects.n;
        if (n == 0)
                return NULL;
        _cleanup_(freep) const char **items = calloc(n, sizeof(*items));
        _cleanup_(freep) char *texts = malloc(n * LEAVES_SUBJECT_SIZE);
        if (!items || !texts) {
                draft->failed = true;
                return NULL;
        }
        for (size_t i = 0; i < n; i++) {
                const char *subject = i < answer->n_candidates
                                              ? answer->candidates[i].subject
                                              : answer->subjects.items[i - answer->n_candidates];
                char *text = texts + i * LEAVES_SUBJECT_SIZE;
                (void)text_base64url(subject, strlen(subject), text); /* Its length is of no interest. */
                items[i] = text;
        }
        return draft_list(draft, items, n);
}

int leaf_outcome(const LeafOutcome *outcome, Draft *draft)
{
        const ResultMessage *answer = outcome->answer;
        Leaf *leaf = &draft->leaf;

        draft->role = TRAIL_OUTCOME;
        draft->of = outcome->of;
        leaf_set_number(leaf, "of", outcome->of);
        leaf_set_text(leaf, "result", outcome->result);
        if (outcome->has_audit)
                leaf_set_number(leaf, "audit", outcome->audit);
        if (!answer)
                return 0;
        leaf_set_text(leaf, "engine", answer->engine);
        leaf_set_number(leaf, "microseconds", answer->microseconds);
        if (strcmp(outcome->result, "ok") != 0)
                return 0;

        outcome_found(outcome, leaf);
        Leaf detail = LEAF_INIT;
        leaf_set_text(&detail, "subjects", outcome_subjects(answer, draft));
        if (outcome_is(outcome, "enrol") || outcome_is(outcome, "remove"))
                leaf_set_number(&detail, "count", answer->count);
        return draft_set_detail(draft, &detail);
}
