/*
 * The comparison in words. Each row of policy/compare.c becomes a line; its example is put to both policies
 * before it is shown.
 */

#include "policy/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/compare.h"

/* A line names so many, and counts the rest. */
enum { DIFF_NAMES_MAX = 12 };

void policy_diff_deinit(PolicyDiff *diff)
{
        for (size_t i = 0; i < diff->n; i++) {
                free(diff->lines[i].text);
                free(diff->lines[i].facts);
        }
        free(diff->lines);
        *diff = POLICY_DIFF_INIT;
}

bool diff_kind_is_wider(DiffKind kind)
{
        return kind != DIFF_DENIED && kind != DIFF_LESS;
}

char diff_kind_sign(DiffKind kind)
{
        return kind == DIFF_PERMITTED || kind == DIFF_MORE ? '+' : kind == DIFF_OTHER ? '~' : '-';
}

const char *diff_kind_name(DiffKind kind)
{
        static const char *const names[_DIFF_MAX] = {"permitted", "denied", "more", "less", "other"};

        return names[kind];
}

/* -------------------------------------------------------------------------------------------- sets in words */

static void diff_names(const PairNames *names, const uint64_t *set, size_t first, Buffer *text)
{
        size_t n = 0, n_more = 0;

        for (size_t i = 0; i < names->n; i++) {
                if (!bits_has(set, first + i) || !names->items[i].name)
                        continue;
                if (n == DIFF_NAMES_MAX)
                        n_more++;
                else
                        buffer_append_format(text, "%s%s", n++ > 0 ? ", " : "", names->items[i].name);
        }
        if (n_more > 0)
                buffer_append_format(text, " and %zu more", n_more);
}

static bool diff_is_all(const uint64_t *set, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!bits_has(set, i))
                        return false;
        return true;
}

/* " WORD a, b", or nothing where it is all of them. */
static void diff_words(const char *word, const Vocabulary *vocabulary, uint64_t mask, Buffer *text)
{
        if (mask == vocabulary_all(vocabulary))
                return;
        buffer_append_text(text, word);
        vocabulary_list(vocabulary, (uint32_t)mask, ", ", text);
}

/* Which statements all of the sets have, and which none has. */
static void diff_given(uint64_t sets, Buffer *text)
{
        uint32_t always = BIT(_REQUIREMENT_MAX) - 1, ever = 0;

        for (uint32_t given = 0; given < BIT(_REQUIREMENT_MAX); given++)
                if (sets & BIT(given)) {
                        always &= given;
                        ever |= given;
                }
        if (always) {
                buffer_append_text(text, ", stating ");
                vocabulary_list(&vocabulary_requirements, always, ", ", text);
        }
        if (~ever & (BIT(_REQUIREMENT_MAX) - 1)) {
                buffer_append_text(text, ", not stating ");
                vocabulary_list(&vocabulary_requirements, ~ever & (BIT(_REQUIREMENT_MAX) - 1), ", ", text);
        }
}

static void diff_time(const char *word, int64_t usec, Buffer *text)
{
        char time[TIME_TEXT_SIZE];

        time_format(usec, time);
        buffer_append_format(text, " %s %s", word, time);
}

static void diff_times(const Compare *compare, const uint64_t *set, Buffer *text)
{
        const size_t n = compare->n_instants;
        const char *separator = ",";

        if (diff_is_all(set, n))
                return;
        for (size_t i = 0, end = 0; i < n; i = end + 1) {
                for (end = i; end < n && bits_has(set, end);)
                        end++;
                if (end == i)
                        continue;
                buffer_append_text(text, separator);
                if (i > 0)
                        diff_time("from", compare->instants[i], text);
                if (end < n)
                        diff_time("until", compare->instants[end], text);
                separator = ", and";
        }
}

static void diff_named(const Compare *compare, const FoldRow *row, Buffer *text)
{
        const CompareKey *key = &compare->keys[row->key];
        const Example *example = &compare->examples[row->payload];
        const PairNames *parties = &compare->pair->parties;
        const uint64_t *set = fold_set(&compare->fold, row, COMPARE_NAMED);
        const char *separator = ", ";

        for (size_t list = 0; list < 2 && key->names == COMPARE_NAMES_ONE; list++) {
                _cleanup_(buffer_deinit) Buffer names = BUFFER_INIT;
                diff_names(parties, set, list * parties->n, &names);
                text->failed |= names.failed;
                if (names.n == 0)
                        continue;
                buffer_append_format(text, "%s%s %s", separator, list == 0 ? "on behalf of" : "seen by",
                                     buffer_text(&names));
                separator = " or ";
        }
        if (key->names != COMPARE_NAMES_TOGETHER)
                return;
        for (size_t i = 0; i < example->n_on_behalf_of; i++)
                buffer_append_format(text, "%s%s", i > 0 ? " and " : ", on behalf of ",
                                     example->on_behalf_of[i]);
        for (size_t i = 0; i < example->n_recipients; i++)
                buffer_append_format(text, "%s%s", i > 0 ? " and " : ", seen by ", example->recipients[i]);
}

static void diff_subject(const Compare *compare, const FoldRow *row, Buffer *text)
{
        const Fold *fold = &compare->fold;
        const uint64_t operations = *fold_set(fold, row, COMPARE_OPERATIONS);
        const uint64_t *purposes = fold_set(fold, row, COMPARE_PURPOSES);
        const uint64_t *galleries = fold_set(fold, row, COMPARE_GALLERIES);
        const size_t n_galleries = compare->pair->galleries.n - 1;

        vocabulary_list(&vocabulary_operations, (uint32_t)operations, ", ", text);
        buffer_append_text(text, " for ");
        if (diff_is_all(purposes, compare->pair->purposes.n))
                buffer_append_text(text, "any purpose");
        else
                diff_names(&compare->pair->purposes, purposes, 0, text);
        if (operations != BIT(OPERATION_COMPARE)) {
                buffer_append_text(text, " in ");
                if (diff_is_all(galleries, n_galleries))
                        buffer_append_text(text, "any gallery");
                else
                        diff_names(&compare->pair->galleries, galleries, 0, text);
        }
        if (operations & OPERATIONS_SEARCH)
                diff_words(", seeking ", &vocabulary_roles, *fold_set(fold, row, COMPARE_ROLES), text);
        if (operations & OPERATIONS_PROBE)
                diff_words(", by ", &vocabulary_probes, *fold_set(fold, row, COMPARE_PROBES), text);
        diff_given(*fold_set(fold, row, COMPARE_GIVEN), text);
        diff_named(compare, row, text);
        diff_times(compare, fold_set(fold, row, COMPARE_TIMES), text);
}

/* ------------------------------------------------------------------------------------------ what was, what is */

static const char *diff_rate(const Policy *policy, size_t allow)
{
        const Value *rate = policy->objects[OBJECT_ALLOW].items[allow].main.values[KEY_RATE];

        return rate ? rate->text : "without limit";
}

static void diff_limits(const Compare *compare, const FoldRow *row, Buffer *text)
{
        const CompareKey *key = &compare->keys[row->key];
        const uint64_t operations = *fold_set(&compare->fold, row, COMPARE_OPERATIONS);
        const Policy *const *policies = compare->pair->policies;
        const Allow *a = &policies[0]->allows[key->rules[0]], *b = &policies[1]->allows[key->rules[1]];

        if (a->release != b->release)
                buffer_append_format(text, "; %s, was %s", release_name(b->release),
                                     release_name(a->release));
        if ((operations & (OPERATIONS_SEARCH | BIT(OPERATION_LIST))) && a->limit != b->limit)
                buffer_append_format(text, "; at most %u, was %u", b->limit, a->limit);
        if ((operations & OPERATIONS_SEARCH) && a->floor_millionths != b->floor_millionths)
                buffer_append_format(text, "; from a similarity of %g on, was %g", b->floor_millionths / 1e6,
                                     a->floor_millionths / 1e6);
        if (a->rate != b->rate || a->window_usec != b->window_usec)
                buffer_append_format(text, "; %s, was %s", diff_rate(policies[1], key->rules[1]),
                                     diff_rate(policies[0], key->rules[0]));
}

/* Why the example is denied by the policy that denies it. */
static void diff_denial(const Decision *decision, Buffer *text)
{
        buffer_append_text(text, reason_name(decision->reason));
        for (size_t i = 0; i < decision->n_moratoria; i++)
                buffer_append_format(text, " %s", decision->moratoria[i]);
        if (decision->term)
                buffer_append_format(text, " '%s'", decision->term);
}

static void diff_rules(const Compare *compare, const FoldRow *row, const Decision decisions[static 2],
                       Buffer *text)
{
        const CompareKey *key = &compare->keys[row->key];
        const Policy *const *policies = compare->pair->policies;

        if (key->rules[0] == COMPARE_DENIED || key->rules[1] == COMPARE_DENIED) {
                int permits = key->rules[0] == COMPARE_DENIED;
                buffer_append_format(text, "; by allow %s, %s ",
                                     policies[permits]->allows[key->rules[permits]].name,
                                     permits ? "was denied:" : "now denied:");
                diff_denial(&decisions[!permits], text);
                return;
        }
        diff_limits(compare, row, text);
        buffer_append_format(text, "; by allow %s", policies[1]->allows[key->rules[1]].name);
        if (strcmp(policies[0]->allows[key->rules[0]].name, policies[1]->allows[key->rules[1]].name) != 0)
                buffer_append_format(text, ", was %s", policies[0]->allows[key->rules[0]].name);
}

static bool diff_is_confirmed(const CompareKey *key, const Decision decisions[static 2])
{
        for (int side = 0; side < 2; side++)
                if (decisions[side].permit != (key->rules[side] != COMPARE_DENIED))
                        return false;
        return true;
}

static int diff_decide(const Compare *compare, const Example *example, Decision ret_decisions[static 2])
{
        Facts facts;
        int r = 0;

        example_facts(example, &facts);
        for (int side = 0; side < 2 && r == 0; side++)
                r = policy_decide(compare->pair->policies[side], &facts, &ret_decisions[side]);
        return r;
}

static void diff_write_line(const Compare *compare, const FoldRow *row, const Decision decisions[static 2],
                            Buffer *text)
{
        static const char *const verbs[_DIFF_MAX][2] = {
                {" may now ", " may now "},
                {" may no longer ", " may no longer "},
                {" gets more from ", " get more from "},
                {" gets less from ", " get less from "},
                {" gets something else from ", " get something else from "}};
        const uint64_t *askers = fold_set(&compare->fold, row, COMPARE_ASKERS);
        const size_t n_words = bits_words(compare->pair->parties.n), first = bits_next(askers, n_words, 0);
        const bool several = bits_next(askers, n_words, first + 1) != BITS_NONE;
        const CompareKey *key = &compare->keys[row->key];

        diff_names(&compare->pair->parties, askers, 0, text);
        buffer_append_text(text, verbs[key->kind][several]);
        diff_subject(compare, row, text);
        if (!key->synchronised)
                buffer_append_text(text, ", while the clock is not synchronised");
        diff_rules(compare, row, decisions, text);
        if (!diff_is_confirmed(key, decisions))
                buffer_append_text(text, "; the decision does not confirm the example: report this");
}

static int64_t diff_until(const Compare *compare, const FoldRow *row)
{
        const uint64_t *set = fold_set(&compare->fold, row, COMPARE_TIMES);
        size_t last = compare->n_instants;

        while (last > 0 && !bits_has(set, last - 1))
                last--;
        return last < compare->n_instants ? compare->instants[last] : TIME_FOREVER;
}

static int diff_add_line(const Compare *compare, const FoldRow *row, PolicyDiff *diff)
{
        const CompareKey *key = &compare->keys[row->key];
        const Example *example = &compare->examples[row->payload];
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT, facts = BUFFER_INIT;
        Decision decisions[2] = {};

        int r = diff_decide(compare, example, decisions);
        if (r == 0) {
                diff_write_line(compare, row, decisions, &text);
                example_write(example, &facts);
                r = text.failed || facts.failed ? -ENOMEM : 0;
        }
        if (r == 0)
                diff->lines[diff->n++] = (DiffLine){.kind = key->kind,
                                                    .text = buffer_take(&text, NULL),
                                                    .facts = buffer_take(&facts, NULL),
                                                    .until = diff_until(compare, row),
                                                    .confirmed = diff_is_confirmed(key, decisions)};
        for (int side = 0; side < 2; side++)
                decision_deinit(&decisions[side]);
        return r;
}

/* Whether another row says the same for a synchronised clock, and so for every one: then this says nothing
 * more. */
static bool diff_is_told(const Compare *compare, const FoldRow *row)
{
        const Fold *fold = &compare->fold;
        const CompareKey *key = &compare->keys[row->key];
        const size_t n = fold->offsets[fold->n_dimensions];

        for (size_t i = 0; i < fold->n && !key->synchronised; i++) {
                const FoldRow *other = &fold->rows[i];
                const CompareKey *its = &compare->keys[other->key];
                bool part = its->synchronised && its->kind == key->kind && its->rules[0] == key->rules[0] &&
                            its->rules[1] == key->rules[1] && its->names == key->names;
                for (size_t k = 0; k < n && part; k++)
                        part = (row->sets[k] & ~other->sets[k]) == 0;
                if (part)
                        return true;
        }
        return false;
}

static int diff_fill(const Compare *compare, PolicyDiff *diff)
{
        diff->lines = calloc(compare->fold.n + 1, sizeof(DiffLine));
        if (!diff->lines)
                return -ENOMEM;
        for (DiffKind kind = 0; kind < _DIFF_MAX; kind++)
                for (size_t i = 0; i < compare->fold.n; i++) {
                        const FoldRow *row = &compare->fold.rows[i];
                        if (compare->keys[row->key].kind != kind || diff_is_told(compare, row))
                                continue;
                        int r = diff_add_line(compare, row, diff);
                        if (r < 0)
                                return r;
                        diff->wider |= diff_kind_is_wider(kind);
                }
        return 0;
}

int policy_diff(const Policy *old, const Policy *new, PolicyDiff *ret_diff)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(compare_deinit) Compare compare = {};
        _cleanup_(pair_deinit) Pair pair = {};

        int r = pair_init(&pair, old, new);
        if (r == 0)
                r = compare_init(&compare, &pair);
        if (r == 0)
                r = diff_fill(&compare, &diff);
        if (r < 0)
                return r;
        *ret_diff = diff;
        diff = POLICY_DIFF_INIT;
        return 0;
}

int policy_wider(const Policy *old, const Policy *new, bool *ret_wider)
{
        _cleanup_(pair_deinit) Pair pair = {};

        int r = pair_init(&pair, old, new);
        if (r == 0 && !pair_only_tightens(&pair))
                r = compare_wider(&pair);
        if (r < 0)
                return r;
        *ret_wider = r == COMPARE_E_WIDER;
        return 0;
}

/* The lines of the past, or the others. Return: how many. */
static size_t diff_write_lines(const PolicyDiff *diff, int64_t now, bool past, Buffer *buffer)
{
        size_t n = 0;

        for (size_t i = 0; i < diff->n; i++) {
                const DiffLine *line = &diff->lines[i];
                if ((line->until <= now) != past)
                        continue;
                if (n++ == 0 && past)
                        buffer_append_text(buffer,
                                           "For times that have passed, and so for no request to come:\n");
                buffer_append_format(buffer, "%c %s\n    %s\n", diff_kind_sign(line->kind), line->text,
                                     line->facts);
        }
        return n;
}

void policy_diff_write(const PolicyDiff *diff, int64_t now, Buffer *buffer)
{
        if (diff_write_lines(diff, now, false, buffer) == 0)
                buffer_append_text(buffer, "No request is answered otherwise.\n");
        (void)diff_write_lines(diff, now, true, buffer); /* there may be none */
}
