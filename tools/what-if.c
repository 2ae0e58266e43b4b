/*
 * Another policy's answers, folded. A row's key is its fields, a line each: no text of a leaf has a line end.
 */

#include "tools/what-if.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { ROWS_FIRST = 64 };

static WhatIfRow *row_free(WhatIfRow *row)
{
        if (row) {
                free(row->words);
                free(row->key);
        }
        free(row);
        return NULL;
}

DEFINE_CLEANUP(WhatIfRow *, row_free);

void what_if_deinit(WhatIf *what_if)
{
        permit_counts_deinit(&what_if->permits);
        decision_deinit(&what_if->decision);
        key_differences_deinit(&what_if->differences);
        buffer_deinit(&what_if->key);
        buffer_deinit(&what_if->changes);
        for (size_t i = 0; i < what_if->n_rows; i++)
                row_free(what_if->rows[i]);
        free(what_if->rows);
        *what_if = WHAT_IF_INIT(NULL);
}

/* ------------------------------------------------------------------------------------------------- the rows */

static int make_row(const Buffer *key, WhatIfRow **ret_row)
{
        _cleanup_(row_freep) WhatIfRow *row = calloc(1, sizeof(*row));
        if (!row)
                return -ENOMEM;
        row->key = strdup(buffer_text(key));
        row->words = strdup(buffer_text(key));
        if (!row->key || !row->words)
                return -ENOMEM;
        char *rest = row->words;
        for (size_t i = 0; i < _WHAT_IF_FIELD_MAX; i++)
                row->fields[i] = strsep(&rest, "\n");
        *ret_row = TAKE_PTR(row);
        return 0;
}

static int need_room(WhatIf *what_if)
{
        if (what_if->n_rows < what_if->capacity)
                return 0;
        size_t capacity = what_if->capacity ? what_if->capacity * 2 : ROWS_FIRST;
        WhatIfRow **rows = reallocarray(what_if->rows, capacity, sizeof(WhatIfRow *));
        if (!rows)
                return -ENOMEM;
        what_if->rows = rows;
        what_if->capacity = capacity;
        return 0;
}

/* Where the row of a key stands, or belongs. */
static size_t find_row(const WhatIf *what_if, const char *key, bool *ret_found)
{
        size_t low = 0, high = what_if->n_rows;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(key, what_if->rows[middle]->key);
                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        *ret_found = false;
        return low;
}

/* Return: 0 with the row, or with NULL where there are too many; or -ENOMEM. */
static int need_row(WhatIf *what_if, WhatIfRow **ret_row)
{
        bool found = false;
        WhatIfRow *row = NULL;
        size_t at = find_row(what_if, buffer_text(&what_if->key), &found);

        *ret_row = found ? what_if->rows[at] : NULL;
        if (found || what_if->n_rows == WHAT_IF_ROWS_MAX)
                return 0;
        int r = need_room(what_if);
        if (r == 0)
                r = make_row(&what_if->key, &row);
        if (r < 0)
                return r;
        memmove(what_if->rows + at + 1, what_if->rows + at, (what_if->n_rows - at) * sizeof(WhatIfRow *));
        what_if->rows[at] = row;
        what_if->n_rows++;
        *ret_row = row;
        return 0;
}

static void count_in_row(WhatIfRow *row, const ReplayedLeaf *leaf)
{
        const RequestLeaf *request = &leaf->replay->request;
        const char *id = request_leaf_text(request, REQUEST_REQUEST);

        row->last_usec = request_leaf_number(request, REQUEST_TIME);
        if (row->count++ > 0)
                return;
        row->first_usec = row->last_usec;
        row->example = leaf->entry->at;
        snprintf(row->request, sizeof(row->request), "%.32s", id);
}

/* ------------------------------------------------------------------------------------------ what is different */

static bool is_permit(const RequestLeaf *request)
{
        return strcmp(request_leaf_text(request, REQUEST_VERDICT), "permit") == 0;
}

/* Keys that tell of an answer beyond verdict, reason, rule and organisation, which have fields of their own. */
static bool is_change(RequestKey key)
{
        static const RequestKey keys[] = {
                REQUEST_FLOOR,     REQUEST_LIMIT,        REQUEST_RELEASE,         REQUEST_MODEL,
                REQUEST_DIMENSION, REQUEST_GALLERY_KIND, REQUEST_GALLERY_MAXIMUM, REQUEST_MORATORIA,
        };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i] == key)
                        return true;
        return false;
}

static bool is_answer(RequestKey key)
{
        return key == REQUEST_VERDICT || key == REQUEST_REASON || key == REQUEST_RULE ||
               key == REQUEST_ORGANISATION;
}

/* Whether the answer is another; lists which further keys are, where verdict and reason are the same: where these
 * are others, so is what they bring with them. */
static bool find_changes(WhatIf *what_if, const RequestLeaf *request)
{
        const KeyDifferences *differences = &what_if->differences;
        const char *reason = request_leaf_text(request, REQUEST_REASON);
        bool same = is_permit(request) == what_if->decision.permit &&
                    strcmp(reason ? reason : "", reason_name(what_if->decision.reason)) == 0;
        bool differs = !same;

        buffer_clear(&what_if->changes);
        for (size_t i = 0; i < differences->n; i++) {
                RequestKey key = differences->items[i].key;
                differs |= is_answer(key) || is_change(key);
                if (same && is_change(key))
                        buffer_append_format(&what_if->changes, "%s%s", what_if->changes.n > 0 ? " " : "",
                                             request_key_name(key));
        }
        return differs;
}

static void make_key(WhatIf *what_if, const RequestLeaf *request)
{
        const Decision *decision = &what_if->decision;
        const char *const fields[_WHAT_IF_FIELD_MAX] = {
                [WHAT_IF_OPERATION] = request_leaf_text(request, REQUEST_OPERATION),
                [WHAT_IF_PURPOSE] = request_leaf_text(request, REQUEST_PURPOSE),
                [WHAT_IF_GALLERY] = request_leaf_text(request, REQUEST_GALLERY),
                [WHAT_IF_ORGANISATION] = request_leaf_text(request, REQUEST_ORGANISATION),
                [WHAT_IF_VERDICT] = request_leaf_text(request, REQUEST_VERDICT),
                [WHAT_IF_REASON] = request_leaf_text(request, REQUEST_REASON),
                [WHAT_IF_RULE] = request_leaf_text(request, REQUEST_RULE),
                [WHAT_IF_NEW_ORGANISATION] = decision->organisation,
                [WHAT_IF_NEW_VERDICT] = decision->permit ? "permit" : "deny",
                [WHAT_IF_NEW_REASON] = reason_name(decision->reason),
                [WHAT_IF_NEW_RULE] = decision_rule(decision),
                [WHAT_IF_CHANGES] = buffer_text(&what_if->changes),
        };

        buffer_clear(&what_if->key);
        for (size_t i = 0; i < _WHAT_IF_FIELD_MAX; i++)
                buffer_append_format(&what_if->key, "%s%s", i > 0 ? "\n" : "", fields[i] ? fields[i] : "");
}

static int fold(WhatIf *what_if, const ReplayedLeaf *leaf)
{
        const RequestLeaf *request = &leaf->replay->request;
        WhatIfRow *row = NULL;

        what_if->n_permitted += what_if->decision.permit && !is_permit(request);
        what_if->n_denied += !what_if->decision.permit && is_permit(request);
        make_key(what_if, request);
        if (what_if->key.failed || what_if->changes.failed)
                return -ENOMEM;
        int r = need_row(what_if, &row);
        if (r < 0)
                return r;
        if (row)
                count_in_row(row, leaf);
        else
                what_if->n_unfolded++;
        return 0;
}

/* ------------------------------------------------------------------------------------------------ the decision */

/* Whether the other policy mentions a group that a leaf under the running one could not hold. */
static bool are_groups_missing(WhatIf *what_if, const Policy *running)
{
        size_t n = 0;
        const uint32_t *groups = policy_groups(what_if->policy, &n);

        if (n == 0 ||
            (running && what_if->has_groups_of && digest_equal(policy_digest(running), &what_if->groups_of)))
                return n > 0 && what_if->groups_missing;
        what_if->has_groups_of = running != NULL;
        if (running)
                what_if->groups_of = *policy_digest(running);
        what_if->groups_missing = false;
        for (size_t i = 0; i < n; i++)
                what_if->groups_missing |= !running || !policy_mentions_group(running, groups[i]);
        return what_if->groups_missing;
}

static int count_permit(WhatIf *what_if, uint64_t wall_usec)
{
        const PermitOf of = {what_if->decision.organisation, what_if->decision.allow};

        return what_if->decision.permit ? permit_counts_add(&what_if->permits, of, wall_usec) : 0;
}

static int decide(WhatIf *what_if, const RequestLeaf *request)
{
        Facts facts = request->facts;
        ReplayUsed used = {&what_if->permits, facts.time_usec};
        const Remade remade = {what_if->policy, "", &facts, &what_if->decision};

        facts.used = replay_used;
        facts.used_userdata = &used;
        decision_deinit(&what_if->decision);
        int r = policy_decide(what_if->policy, &facts, &what_if->decision);
        if (r == 0)
                r = count_permit(what_if, facts.time_usec);
        return r < 0 ? r : decided_keys_compare(request, &remade, &what_if->differences);
}

int what_if_take(WhatIf *what_if, const ReplayedLeaf *leaf)
{
        const RequestLeaf *request = &leaf->replay->request;

        if (!leaf->replay->readable) {
                what_if->n_unread += leaf->wanted;
                return 0;
        }
        int r = decide(what_if, request);
        if (r < 0 || !leaf->wanted)
                return r;
        what_if->n_decisions++;
        what_if->n_groups_unknown += are_groups_missing(what_if, leaf->replay->policy);
        if (find_changes(what_if, request))
                return fold(what_if, leaf);
        what_if->n_same++;
        return 0;
}

/* ------------------------------------------------------------------------------------------------- their order */

static int row_rank(const WhatIfRow *row)
{
        bool was = strcmp(row->fields[WHAT_IF_VERDICT], "permit") == 0;
        bool would_be = strcmp(row->fields[WHAT_IF_NEW_VERDICT], "permit") == 0;

        return was == would_be ? 2 : was ? 1 : 0;
}

static int compare_rows(const void *a, const void *b)
{
        const WhatIfRow *left = *(WhatIfRow *const *)a, *right = *(WhatIfRow *const *)b;
        int order = row_rank(left) - row_rank(right);

        if (order != 0)
                return order;
        if (left->count != right->count)
                return left->count < right->count ? 1 : -1;
        return (left->example > right->example) - (left->example < right->example);
}

void what_if_sort(WhatIf *what_if)
{
        if (what_if->n_rows > 0)
                qsort(what_if->rows, what_if->n_rows, sizeof(WhatIfRow *), compare_rows);
}
