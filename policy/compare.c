/*
 * Comparing. Requests fall into cells that no rule of either policy divides: by caller, operation, purpose,
 * gallery, role, probe kind, requirements, and by the instants (time and loosening time) between which
 * nothing begins or ends. Cells in which only rules of one meaning in both policies matter are passed over.
 *
 * What is left in a cell is who is named. Under one allow exactly the requests are permitted that name nobody
 * but its free parties: those that it admits and that bring in no moratorium which it does not pierce. Which
 * allow it is, is the first, by name, all of whose free parties cover the names. So an answer of the old
 * policy (an allow, or a denial) meets an answer of the new one exactly if there are names within the free
 * parties of both that are not all free under any allow that comes before either: one name outside the free
 * parties of each such allow.
 */

#include "policy/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/comparer.h"

void compare_deinit(Compare *compare)
{
        fold_deinit(&compare->fold);
        free(compare->instants);
        free(compare->keys);
        free(compare->examples);
        *compare = (Compare){};
}

static int compare_instant_order(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

/* Sorts, drops doubles and what facts cannot be about; 0 is always there. Return: how many are left. */
static size_t instants_settle(int64_t *instants, size_t n)
{
        size_t n_kept = 0;

        instants[n++] = 0;
        qsort(instants, n, sizeof(int64_t), compare_instant_order);
        for (size_t i = 0; i < n; i++)
                if (instants[i] >= 0 && instants[i] <= TIME_MOST &&
                    (n_kept == 0 || instants[i] != instants[n_kept - 1]))
                        instants[n_kept++] = instants[i];
        return n_kept;
}

void instants_add(int64_t *instants, size_t *n, Span span)
{
        instants[(*n)++] = span.from;
        instants[(*n)++] = span.until;
}

static size_t compare_count_spans(const Pair *pair)
{
        static const ObjectType types[] = {OBJECT_ORGANISATION, OBJECT_ALLOW, OBJECT_MORATORIUM};
        size_t n = 0;

        for (int side = 0; side < 2; side++)
                for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                        n += pair->policies[side]->objects[types[i]].n;
        return n;
}

static int compare_note_instants(Compare *compare)
{
        size_t n = 0;

        compare->instants = calloc(2 * compare_count_spans(compare->pair) + 1, sizeof(int64_t));
        if (!compare->instants)
                return -ENOMEM;
        for (int side = 0; side < 2; side++) {
                const Policy *policy = compare->pair->policies[side];
                for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                        instants_add(compare->instants, &n, policy->organisations[i].span);
                for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++)
                        instants_add(compare->instants, &n, policy->allows[i].span);
                for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                        instants_add(compare->instants, &n, policy->moratoria[i].span);
        }
        compare->n_instants = instants_settle(compare->instants, n);
        return 0;
}

static void comparer_deinit(Comparer *comparer)
{
        for (size_t i = 0; i < comparer->n_groups; i++)
                free(comparer->groups[i].askers);
        free(comparer->groups);
        buffer_deinit(&comparer->states);
        side_deinit(&comparer->sides[0]);
        side_deinit(&comparer->sides[1]);
        free(comparer->bounds);
        free(comparer->loosening);
}

static int comparer_init(Comparer *comparer, Compare *compare)
{
        *comparer = (Comparer){.compare = compare,
                               .pair = compare->pair,
                               .n_named_words = bits_words(2 * compare->pair->parties.n)};
        comparer->bounds = calloc(2 * compare_count_spans(compare->pair) + 1, sizeof(int64_t));
        comparer->loosening = calloc(2 * compare_count_spans(compare->pair) + 1, sizeof(int64_t));
        if (!comparer->bounds || !comparer->loosening)
                return -ENOMEM;
        int r = side_init(&comparer->sides[0], compare->pair, 0);
        if (r == 0)
                r = side_init(&comparer->sides[1], compare->pair, 1);
        return r < 0 ? r : comparer_group_callers(comparer);
}

/* Sets of values that nothing tells apart; together they are all values. */
typedef struct Kinds {
        uint32_t sets[32];
        size_t n;
} Kinds;

static void kinds_divide(Kinds *kinds, uint32_t mask)
{
        for (size_t i = 0, n = kinds->n; i < n; i++) {
                uint32_t within = kinds->sets[i] & mask, without = kinds->sets[i] & ~mask;
                if (within == 0 || without == 0)
                        continue;
                kinds->sets[i] = within;
                kinds->sets[kinds->n++] = without;
        }
}

/* The sets of requirements that are enough for an allow. */
static uint32_t allow_given(const Allow *allow)
{
        uint32_t sets = 0;

        for (uint32_t given = 0; given < COMPARE_GIVEN_SETS; given++)
                if ((allow->requirements & ~given) == 0)
                        sets |= BIT(given);
        return sets;
}

static int comparer_statements(Comparer *comparer)
{
        const uint32_t operation = BIT(comparer->operation);
        Kinds roles = {{operation & OPERATIONS_SEARCH ? vocabulary_all(&vocabulary_roles) : 0}, 1};
        Kinds probes = {{operation & OPERATIONS_PROBE ? vocabulary_all(&vocabulary_probes) : 0}, 1};
        Kinds given = {{BIT(COMPARE_GIVEN_SETS) - 1}, 1};
        int r = 0;

        for (int side = 0; side < 2; side++)
                for (size_t i = 0; i < comparer->sides[side].n; i++) {
                        const Allow *allow =
                                &comparer->sides[side].policy->allows[comparer->sides[side].allows[i]];
                        kinds_divide(&roles, allow->roles);
                        kinds_divide(&probes, allow->probes);
                        kinds_divide(&given, allow_given(allow));
                }
        for (size_t i = 0; i < roles.n; i++)
                for (size_t k = 0; k < probes.n; k++)
                        for (size_t l = 0; l < given.n && r == 0; l++) {
                                Statements statements = {roles.sets[i], probes.sets[k], given.sets[l]};
                                r = comparer_meet(comparer, &statements);
                        }
        return r;
}

/* Whether both policies see the same rules in the same state, so that there is nothing to compare. */
static bool comparer_sees_the_same(const Comparer *comparer)
{
        const Pair *pair = comparer->pair;
        const CompareSide *a = &comparer->sides[0], *b = &comparer->sides[1];

        if (!a->known || !b->known || a->n != b->n ||
            strcmp(a->policy->organisations[a->asker].name, b->policy->organisations[b->asker].name) != 0)
                return false;
        for (int side = 0; side < 2; side++) {
                const CompareSide *its = &comparer->sides[side];
                if (bits_meet(its->in_force, pair->moratoria.rules[side], its->policy->index.parties.n_words))
                        return false;
                for (size_t i = 0; i < its->n; i++)
                        if (bits_has(pair->allows.rules[side], its->allows[i]))
                                return false;
        }
        return true;
}

/*
 * A state is all that the comparison at an instant depends on: the allows at hand and the moratoria in force.
 * Return: whether it was met before at this time.
 */
static bool comparer_has_met(Comparer *comparer)
{
        const size_t n_words[2] = {comparer->sides[0].policy->index.parties.n_words,
                                   comparer->sides[1].policy->index.parties.n_words};
        const size_t n_before = comparer->states.n;
        size_t n = 0;

        for (int side = 0; side < 2; side++) {
                const CompareSide *its = &comparer->sides[side];
                uint64_t allows[BITS_WORDS_MAX] = {};
                for (size_t i = 0; i < its->n; i++)
                        bits_add(allows, its->allows[i]);
                size_t asker = its->n > 0 ? its->asker : 0; /* states are of one length */
                buffer_append(&comparer->states, &asker, sizeof(asker));
                buffer_append(&comparer->states, allows,
                              its->policy->index.askers.n_words * sizeof(uint64_t));
                buffer_append(&comparer->states, its->in_force, n_words[side] * sizeof(uint64_t));
        }
        if (comparer->states.failed)
                return false;
        n = comparer->states.n - n_before;
        for (size_t i = 0; i + n <= n_before; i += n)
                if (memcmp(comparer->states.data + i, comparer->states.data + n_before, n) == 0) {
                        comparer->states.n = n_before;
                        return true;
                }
        return false;
}

/* A clock that is not synchronised has something to tell only by states that no other shows at the time. */
static int comparer_at(Comparer *comparer, Instant at)
{
        comparer->at = at;
        for (int side = 0; side < 2; side++)
                side_look(comparer, side);
        if (comparer->sides[0].n + comparer->sides[1].n == 0 || comparer_sees_the_same(comparer))
                return 0;
        bool met = comparer_has_met(comparer);
        if (comparer->states.failed)
                return -ENOMEM;
        return met && at.time != at.loosening ? 0 : comparer_statements(comparer);
}

static void comparer_bounds(Comparer *comparer)
{
        size_t n = 0, n_loosening = 0;

        for (int side = 0; side < 2; side++)
                side_bounds(comparer, side, &n, &n_loosening);
        comparer->n_bounds = instants_settle(comparer->bounds, n);
        comparer->n_loosening = instants_settle(comparer->loosening, n_loosening);
}

static int64_t comparer_until(const Comparer *comparer, size_t bound)
{
        return bound + 1 < comparer->n_bounds ? comparer->bounds[bound + 1] : TIME_MOST + 1;
}

/* With a clock that nobody vouches for: each instant that it may last have been right at. */
static int comparer_at_unsynchronised(Comparer *comparer, int64_t time)
{
        int r = comparer_at(comparer, (Instant){time, TIME_NEVER});

        for (size_t i = 0; i < comparer->n_loosening && comparer->loosening[i] < time && r == 0; i++)
                r = comparer_at(comparer, (Instant){time, comparer->loosening[i]});
        return r;
}

/* Every instant that matters here. Each begins anew with the states that were met: a line says when it is so. */
static int comparer_times(Comparer *comparer)
{
        int r = 0;

        comparer_bounds(comparer);
        for (size_t i = 0; i < comparer->n_bounds && r == 0; i++) {
                buffer_clear(&comparer->states);
                comparer->until = comparer_until(comparer, i);
                r = comparer_at(comparer, (Instant){comparer->bounds[i], comparer->bounds[i]});
                if (r == 0)
                        r = comparer_at_unsynchronised(comparer, comparer->bounds[i]);
        }
        return r;
}

static void comparer_concern(const RuleIndex *index, const Comparer *comparer, int side, uint64_t *ret_rules)
{
        const int purpose = comparer->pair->purposes.items[comparer->purpose].places[side];
        const int gallery = comparer->pair->galleries.items[comparer->gallery].places[side];

        memset(ret_rules, 0, index->operations.n_words * sizeof(uint64_t));
        if (purpose < 0 || gallery < 0)
                return;
        bits_join(ret_rules, bit_table_row(&index->operations, comparer->operation),
                  index->operations.n_words);
        bits_keep(ret_rules, bit_table_row(&index->purposes, (size_t)purpose), index->purposes.n_words);
        bits_keep(ret_rules, bit_table_row(&index->galleries, (size_t)gallery), index->galleries.n_words);
}

/* Whether either policy has anything for the caller here. */
static bool comparer_take_caller(Comparer *comparer)
{
        bool old = side_take_caller(comparer, 0), new = side_take_caller(comparer, 1);

        return old || new;
}

/* Whether a rule that has no twin concerns the caller here, or only one policy knows what this is about. */
static bool comparer_has_changed(const Comparer *comparer)
{
        const Pair *pair = comparer->pair;

        for (int side = 0; side < 2; side++) {
                const Index *index = &pair->policies[side]->index;
                if (pair->purposes.items[comparer->purpose].places[side] < 0 ||
                    pair->galleries.items[comparer->gallery].places[side] < 0 ||
                    bits_meet(comparer->asked[side], pair->allows.rules[side], index->askers.n_words) ||
                    bits_meet(comparer->harmful[side], pair->moratoria.rules[side], index->parties.n_words) ||
                    bits_meet(comparer->stand_downs[side], pair->stand_downs.rules[side],
                              index->stopped.n_words))
                        return true;
        }
        return comparer->group->caller->changed;
}

static int comparer_subject(Comparer *comparer)
{
        int r = 0;

        for (int side = 0; side < 2; side++) {
                const Index *index = &comparer->pair->policies[side]->index;
                comparer_concern(&index->allows, comparer, side, comparer->allows[side]);
                comparer_concern(&index->moratoria, comparer, side, comparer->moratoria[side]);
                comparer_concern(&index->stand_downs, comparer, side, comparer->stand_downs[side]);
        }
        for (size_t i = 0; i < comparer->n_groups && r == 0; i++) {
                comparer->group = &comparer->groups[i];
                if (comparer_take_caller(comparer) && comparer_has_changed(comparer))
                        r = comparer_times(comparer);
        }
        return r;
}

static int comparer_subjects(Comparer *comparer)
{
        const Pair *pair = comparer->pair;
        int r = 0;

        for (comparer->operation = 0; comparer->operation < _OPERATION_MAX; comparer->operation++)
                for (comparer->purpose = 0; comparer->purpose < pair->purposes.n; comparer->purpose++)
                        for (comparer->gallery = 0; comparer->gallery < pair->galleries.n && r == 0;
                             comparer->gallery++) {
                                bool compares = comparer->operation == OPERATION_COMPARE;
                                if (compares == !pair->galleries.items[comparer->gallery].name)
                                        r = comparer_subject(comparer);
                        }
        return r;
}

static void compare_prepare_fold(Compare *compare)
{
        const Pair *pair = compare->pair;
        const size_t n_values[_COMPARE_MAX] = {
                [COMPARE_ASKERS] = pair->parties.n,    [COMPARE_OPERATIONS] = _OPERATION_MAX,
                [COMPARE_PURPOSES] = pair->purposes.n, [COMPARE_GALLERIES] = pair->galleries.n,
                [COMPARE_ROLES] = vocabulary_roles.n,  [COMPARE_PROBES] = vocabulary_probes.n,
                [COMPARE_GIVEN] = COMPARE_GIVEN_SETS,  [COMPARE_TIMES] = compare->n_instants,
                [COMPARE_NAMED] = 2 * pair->parties.n,
        };

        fold_init(&compare->fold, n_values, _COMPARE_MAX);
}

/* Return: 0, COMPARE_E_WIDER where only that is asked, or -ENOMEM. */
static int compare_run(Compare *compare)
{
        _cleanup_(comparer_deinit) Comparer comparer = {};
        int r = compare_note_instants(compare);

        if (r == 0)
                r = comparer_init(&comparer, compare);
        if (r < 0)
                return r;
        compare_prepare_fold(compare);
        return comparer_subjects(&comparer);
}

int compare_init(Compare *compare, const Pair *pair)
{
        *compare = (Compare){.pair = pair};
        int r = compare_run(compare);

        if (r == 0)
                fold_merge(&compare->fold);
        return r;
}

int compare_wider(const Pair *pair)
{
        _cleanup_(compare_deinit) Compare compare = {.pair = pair, .only_wider = true};

        return compare_run(&compare);
}
