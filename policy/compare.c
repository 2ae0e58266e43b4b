/*
 * Comparing. Requests fall into cells that no rule of either policy divides: by caller, operation, purpose,
 * gallery, role, probe kind, requirements, and by the instants (time and loosening time) between which nothing
 * begins or ends. Cells in which only rules of one meaning in both policies matter are passed over.
 *
 * What is left in a cell is who is named. Under one allow exactly the requests are permitted that name nobody but
 * its free parties: those that it admits and that bring in no moratorium which it does not pierce. Which allow it
 * is, is the first, by name, all of whose free parties cover the names. So an answer of the old policy (an allow,
 * or a denial) meets an answer of the new one exactly if there are names within the free parties of both that are
 * not all free under any allow that comes before either: one name outside the free parties of each such allow.
 */

#include "policy/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/match.h"

enum { COMPARE_GIVEN_SETS = 1 << _REQUIREMENT_MAX };

/* What one policy makes of a cell: its viable allows in the order of names. */
typedef struct CompareSide {
        const Policy *policy;
        size_t asker; /* where `known` */
        bool known;
        uint64_t in_force[BITS_WORDS_MAX]; /* of the moratoria that may harm */
        size_t n;
        size_t *allows;    /* places */
        uint64_t **free;   /* of each: parties on behalf of, then recipients */
        uint64_t *room;    /* what `free` points into */
        BitTable admitted; /* by allow: parties, in the same form */
        BitTable covered;  /* by moratorium: parties that it covers, in the same form */
        BitTable touched;  /* by allow: moratoria that cover somebody whom it admits */
} CompareSide;

/* Callers whom no rule tells apart: one of them stands for all. */
typedef struct CompareGroup {
        const PairCaller *caller;
        uint64_t *askers; /* over the pair's parties; NULL: that caller alone, whoever it is taken for */
} CompareGroup;

typedef struct Comparer {
        Compare *compare;
        const Pair *pair;
        size_t n_named_words;
        CompareSide sides[2];
        CompareGroup *groups;
        size_t n_groups;
        Buffer states;   /* of the cell: what was compared already */
        int64_t *bounds; /* of the cell */
        size_t n_bounds;
        int64_t *loosening; /* those of them at which something loosens */
        size_t n_loosening;
        /* the cell */
        const CompareGroup *group;
        Operation operation;
        size_t purpose, gallery; /* in the pair's names */
        /* rules that operation, purpose and gallery concern */
        uint64_t allows[2][BITS_WORDS_MAX];
        uint64_t moratoria[2][BITS_WORDS_MAX];
        uint64_t stand_downs[2][BITS_WORDS_MAX];
        /* of these, the allows that let the caller ask, and the moratoria that some of them does not pierce and
         * that cover the caller or somebody whom it admits */
        uint64_t asked[2][BITS_WORDS_MAX];
        uint64_t harmful[2][BITS_WORDS_MAX];
        Instant at;
        int64_t until; /* nothing changes before */
} Comparer;

void compare_deinit(Compare *compare)
{
        fold_deinit(&compare->fold);
        free(compare->instants);
        free(compare->keys);
        free(compare->examples);
        *compare = (Compare){};
}

/* --------------------------------------------------------------------------------------------- preparation */

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
                if (instants[i] >= 0 && instants[i] <= EXAMPLE_TIME_MAX &&
                    (n_kept == 0 || instants[i] != instants[n_kept - 1]))
                        instants[n_kept++] = instants[i];
        return n_kept;
}

static void instants_add(int64_t *instants, size_t *n, Span span)
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

/* Tables over parties, turned round: by rule, in the order of the pair's parties. */
static int side_turn(const Pair *pair, int which, size_t n_rules, const BitTable *const tables[static 2],
                     BitTable *ret_table)
{
        const size_t n_parties = pair->parties.n;

        ret_table->n_words = bits_words(2 * n_parties);
        ret_table->bits = calloc(n_rules * ret_table->n_words + 1, sizeof(uint64_t));
        if (!ret_table->bits)
                return -ENOMEM;
        for (size_t i = 0; i < n_parties; i++) {
                int place = pair->parties.items[i].places[which];
                for (size_t rule = 0; rule < n_rules && place >= 0; rule++)
                        for (size_t list = 0; list < 2; list++)
                                if (bits_has(bit_table_row(tables[list], (size_t)place), rule))
                                        bits_add(bit_table_row(ret_table, rule), list * n_parties + i);
        }
        return 0;
}

static int side_touch(CompareSide *side)
{
        const Policy *policy = side->policy;
        const Index *index = &policy->index;
        const size_t n_allows = policy->objects[OBJECT_ALLOW].n;
        const size_t n_parties = policy->objects[OBJECT_ORGANISATION].n + policy->classes.n;

        side->touched.n_words = index->parties.n_words;
        side->touched.bits = calloc(n_allows * side->touched.n_words + 1, sizeof(uint64_t));
        if (!side->touched.bits)
                return -ENOMEM;
        for (size_t party = 0; party < n_parties; party++) {
                const uint64_t *behalf = bit_table_row(&index->on_behalf, party);
                const uint64_t *recipients = bit_table_row(&index->recipients, party);
                for (size_t i = 0; i < n_allows; i++)
                        if (bits_has(behalf, i) || bits_has(recipients, i))
                                bits_join(bit_table_row(&side->touched, i),
                                          bit_table_row(&index->parties, party), side->touched.n_words);
        }
        return 0;
}

static int side_init(CompareSide *side, const Pair *pair, int which)
{
        const Policy *policy = pair->policies[which];
        const Index *index = &policy->index;
        const size_t n_allows = policy->objects[OBJECT_ALLOW].n, n_words = bits_words(2 * pair->parties.n);

        side->policy = policy;
        side->allows = calloc(n_allows + 1, sizeof(size_t));
        side->free = calloc(n_allows + 1, sizeof(uint64_t *));
        side->room = calloc(n_allows * n_words + 1, sizeof(uint64_t));
        if (!side->allows || !side->free || !side->room)
                return -ENOMEM;
        int r = side_turn(pair, which, n_allows,
                          (const BitTable *const[]){&index->on_behalf, &index->recipients}, &side->admitted);
        if (r == 0)
                r = side_turn(pair, which, policy->objects[OBJECT_MORATORIUM].n,
                              (const BitTable *const[]){&index->parties, &index->parties}, &side->covered);
        return r < 0 ? r : side_touch(side);
}

static void side_deinit(CompareSide *side)
{
        free(side->allows);
        free(side->free);
        free(side->room);
        free(side->admitted.bits);
        free(side->covered.bits);
        free(side->touched.bits);
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

/* The only organisation in a set, or BITS_NONE. */
static size_t bits_only(const uint64_t *bits, size_t n_words)
{
        size_t first = bits_next(bits, n_words, 0);

        return first != BITS_NONE && bits_next(bits, n_words, first + 1) == BITS_NONE ? first : BITS_NONE;
}

static bool rows_equal(const BitTable *table, size_t a, size_t b)
{
        return memcmp(bit_table_row(table, a), bit_table_row(table, b), table->n_words * sizeof(uint64_t)) ==
               0;
}

/* Whether two callers, each of one organisation that is the same in both policies, are alike to every rule. */
static bool callers_alike(const Pair *pair, const PairCaller *a, const PairCaller *b)
{
        for (int side = 0; side < 2; side++) {
                const Policy *policy = pair->policies[side];
                const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
                size_t x = bits_only(a->matches[side], n_words), y = bits_only(b->matches[side], n_words);
                if (a->changed || b->changed || x == BITS_NONE || y == BITS_NONE ||
                    policy->organisations[x].span.from != policy->organisations[y].span.from ||
                    policy->organisations[x].span.until != policy->organisations[y].span.until ||
                    !rows_equal(&policy->index.askers, x, y) || !rows_equal(&policy->index.parties, x, y) ||
                    !rows_equal(&policy->index.stopped, x, y))
                        return false;
        }
        return true;
}

static int comparer_join_group(Comparer *comparer, const PairCaller *caller)
{
        const Policy *policy = comparer->pair->policies[0];
        const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        size_t i = 0;

        while (i < comparer->n_groups && !callers_alike(comparer->pair, comparer->groups[i].caller, caller))
                i++;
        CompareGroup *group = &comparer->groups[i];
        if (i == comparer->n_groups) {
                group->caller = caller;
                comparer->n_groups++;
        }
        size_t only = bits_only(caller->matches[0], n_words);
        if (caller->changed || only == BITS_NONE)
                return 0;
        if (!group->askers)
                group->askers = calloc(bits_words(comparer->pair->parties.n), sizeof(uint64_t));
        if (!group->askers)
                return -ENOMEM;
        bits_add(group->askers, pair_find(&comparer->pair->parties, policy->organisations[only].name));
        return 0;
}

static int comparer_group_callers(Comparer *comparer)
{
        comparer->groups = calloc(comparer->pair->n_callers + 1, sizeof(CompareGroup));
        int r = comparer->groups ? 0 : -ENOMEM;

        for (size_t i = 0; i < comparer->pair->n_callers && r == 0; i++)
                r = comparer_join_group(comparer, &comparer->pair->callers[i]);
        return r;
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

/* ------------------------------------------------------------------------------------------------ one policy */

/* The free parties of an allow while these moratoria cover whom they cover. */
static void side_add_allow(Comparer *comparer, CompareSide *side, size_t allow, const uint64_t *harmful)
{
        const size_t n_words = comparer->n_named_words, n_parties = comparer->pair->parties.n;
        const size_t n_moratoria_words = side->policy->index.parties.n_words;
        uint64_t *free = side->room + side->n * n_words;
        const size_t own = pair_find(&comparer->pair->parties, side->policy->organisations[side->asker].name);

        memcpy(free, bit_table_row(&side->admitted, allow), n_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(harmful, n_moratoria_words, i)) != BITS_NONE; i++) {
                const uint64_t *covered = bit_table_row(&side->covered, i);
                for (size_t k = 0; k < n_words; k++)
                        free[k] &= ~covered[k];
        }
        /* The asker may name itself. */
        bits_add(free, own);
        bits_add(free, n_parties + own);
        side->allows[side->n] = allow;
        side->free[side->n++] = free;
}

static bool side_is_stopped(const Comparer *comparer, int which)
{
        const CompareSide *side = &comparer->sides[which];
        const Index *index = &side->policy->index;

        return bits_meet(comparer->stand_downs[which], bit_table_row(&index->stopped, side->asker),
                         index->stopped.n_words);
}

static void side_find_in_force(const Comparer *comparer, int which, CompareSide *side)
{
        const size_t n_words = side->policy->index.parties.n_words;

        memcpy(side->in_force, comparer->harmful[which], n_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(side->in_force, n_words, i)) != BITS_NONE; i++)
                if (!moratorium_in_force(&side->policy->moratoria[i], comparer->at))
                        bits_drop(side->in_force, i);
}

/* Who is asking, and what may let them, statements aside. */
static void side_look(Comparer *comparer, int which)
{
        CompareSide *side = &comparer->sides[which];
        const Policy *policy = side->policy;
        const Index *index = &policy->index;
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_words = index->parties.n_words;
        uint64_t harmful[BITS_WORDS_MAX];

        side->n = 0;
        side_find_in_force(comparer, which, side);
        side->known = policy_asker(policy, matches, comparer->at, &side->asker) == REASON_NONE;
        if (!side->known || side_is_stopped(comparer, which))
                return;
        for (size_t i = 0; (i = bits_next(comparer->asked[which], index->askers.n_words, i)) != BITS_NONE;
             i++) {
                if (!bits_has(bit_table_row(&index->askers, side->asker), i) ||
                    !span_is_valid(policy->allows[i].span, comparer->at))
                        continue;
                memcpy(harmful, bit_table_row(&index->unpierced, i), n_words * sizeof(uint64_t));
                bits_keep(harmful, side->in_force, n_words);
                if (!bits_meet(harmful, bit_table_row(&index->parties, side->asker), n_words))
                        side_add_allow(comparer, side, i, harmful);
        }
}

/* ------------------------------------------------------------------------------------------ two answers meet */

/* The statements of a cell, each a set of values that no allow at hand tells apart. */
typedef struct Statements {
        uint32_t roles, probes;
        uint32_t given; /* over sets of requirements */
} Statements;

static bool allow_takes(const Allow *allow, const Statements *statements)
{
        uint32_t given = (uint32_t)__builtin_ctz(statements->given);

        return (statements->roles == 0 || (allow->roles & statements->roles)) &&
               (statements->probes == 0 || (allow->probes & statements->probes)) &&
               (allow->requirements & ~given) == 0;
}

/* Those of a side's allows that take what is stated. */
typedef struct Answers {
        const CompareSide *side;
        size_t n;
        size_t items[SOURCES_FILES_MAX]; /* places in the side's lists */
} Answers;

static void answers_take(const CompareSide *side, const Statements *statements, Answers *ret_answers)
{
        ret_answers->side = side;
        ret_answers->n = 0;
        for (size_t i = 0; i < side->n; i++)
                if (allow_takes(&side->policy->allows[side->allows[i]], statements))
                        ret_answers->items[ret_answers->n++] = i;
}

static const uint64_t *answers_free(const Answers *answers, size_t i)
{
        return answers->side->free[answers->items[i]];
}

static const Allow *answers_allow(const Answers *answers, size_t i)
{
        return i < answers->n ? &answers->side->policy->allows[answers->side->allows[answers->items[i]]]
                              : NULL;
}

enum { GIVES_MORE = 1, GIVES_LESS = 2 };

/* Which of two rates gives more; of two windows neither can be said to. */
static int rate_order(const Allow *a, const Allow *b)
{
        if (a->rate == b->rate && a->window_usec == b->window_usec)
                return 0;
        if (a->rate == 0 || b->rate == 0)
                return a->rate == 0 ? GIVES_LESS : GIVES_MORE;
        if (a->window_usec != b->window_usec)
                return GIVES_MORE | GIVES_LESS;
        return b->rate > a->rate ? GIVES_MORE : GIVES_LESS;
}

static int number_order(int64_t a, int64_t b)
{
        return b > a ? GIVES_MORE : b < a ? GIVES_LESS : 0;
}

/* What changes for a request that both permit. Return: whether anything does. */
static bool compare_limits(Operation operation, const Allow *a, const Allow *b, DiffKind *ret_kind)
{
        const bool search = (BIT(operation) & OPERATIONS_SEARCH) != 0;
        const bool limited = search || operation == OPERATION_LIST;
        const int order =
                number_order(a->release, b->release) | (limited ? number_order(a->limit, b->limit) : 0) |
                (search ? number_order(b->floor_millionths, a->floor_millionths) : 0) | rate_order(a, b);

        *ret_kind = order == GIVES_MORE ? DIFF_MORE : order == GIVES_LESS ? DIFF_LESS : DIFF_OTHER;
        return order != 0;
}

/* Names that are to be found: within `within`, and for each of the sets at least one outside it. */
typedef struct NamesWanted {
        size_t n_parties;
        size_t n_words;
        const uint64_t *within;
        const uint64_t **outside;
        size_t n_outside;
        size_t n_tries;
} NamesWanted;

/* Names as they are gathered. */
typedef struct NamesFound {
        size_t items[2 * FACTS_LIST_MAX];
        size_t n;
        size_t n_lists[2];
} NamesFound;

static bool names_are_outside(const NamesFound *found, const uint64_t *set)
{
        for (size_t i = 0; i < found->n; i++)
                if (!bits_has(set, found->items[i]))
                        return true;
        return false;
}

/* More tries than this are made only where dozens of allows each differ from each other in whom they admit. Such a
 * difference is told although no example of few enough names was found: it may be none. */
enum { NAMES_TRIES_MAX = 100000 };

/* Every choice has a name outside the first set that is not passed yet: tries each in turn. */
static bool names_find(NamesWanted *wanted, NamesFound *found)
{
        size_t next = 0;

        while (next < wanted->n_outside && names_are_outside(found, wanted->outside[next]))
                next++;
        if (next == wanted->n_outside || wanted->n_tries > NAMES_TRIES_MAX)
                return true;
        for (size_t i = 0; i < 2 * wanted->n_parties; i++) {
                size_t list = i >= wanted->n_parties;
                if (!bits_has(wanted->within, i) || bits_has(wanted->outside[next], i) ||
                    found->n_lists[list] == FACTS_LIST_MAX)
                        continue;
                wanted->n_tries++;
                found->items[found->n++] = i;
                found->n_lists[list]++;
                if (names_find(wanted, found))
                        return true;
                found->n--;
                found->n_lists[list]--;
        }
        return false;
}

/* An answer of each policy, for one set of statements. */
typedef struct Meeting {
        const Statements *statements;
        const Answers *answers[2];
        size_t which[2]; /* behind the last answer: a denial */
        const Allow *allows[2];
        DiffKind kind;
        uint64_t within[2 * BITS_WORDS_MAX * 2]; /* names that both are free to hear */
        uint64_t alone[2 * BITS_WORDS_MAX * 2];  /* those of them each of which is enough by itself */
        NamesFound names;                        /* of the example */
        bool names_matter;
} Meeting;

static void meeting_within(const Comparer *comparer, Meeting *meeting)
{
        memset(meeting->within, 0xff, comparer->n_named_words * sizeof(uint64_t));
        for (int side = 0; side < 2; side++)
                if (meeting->allows[side])
                        bits_keep(meeting->within, answers_free(meeting->answers[side], meeting->which[side]),
                                  comparer->n_named_words);
}

/* Finds names for which these two answers are the ones. Return: whether there are any. */
static bool meeting_find_names(const Comparer *comparer, Meeting *meeting)
{
        const uint64_t *outside[2 * SOURCES_FILES_MAX];
        NamesWanted wanted = {comparer->pair->parties.n, comparer->n_named_words, meeting->within, outside};
        bool any = false;

        meeting_within(comparer, meeting);
        memcpy(meeting->alone, meeting->within, wanted.n_words * sizeof(uint64_t));
        for (int side = 0; side < 2; side++)
                for (size_t i = 0; i < meeting->which[side]; i++) {
                        const uint64_t *free = answers_free(meeting->answers[side], i);
                        bool passes = false;
                        for (size_t k = 0; k < wanted.n_words; k++) {
                                passes |= (meeting->within[k] & ~free[k]) != 0;
                                meeting->alone[k] &= ~free[k];
                        }
                        if (!passes)
                                return false;
                        outside[wanted.n_outside++] = free;
                }
        meeting->names = (NamesFound){};
        meeting->names_matter = wanted.n_outside > 0;
        for (size_t k = 0; k < wanted.n_words; k++)
                any |= meeting->alone[k] != 0;
        if (!meeting->names_matter || !any)
                return names_find(&wanted, &meeting->names);
        meeting->names = (NamesFound){{bits_next(meeting->alone, wanted.n_words, 0)}, 1, {}};
        return true;
}

/* ----------------------------------------------------------------------------------------------------- rows */

static bool key_equal(const CompareKey *a, const CompareKey *b)
{
        return a->kind == b->kind && a->rules[0] == b->rules[0] && a->rules[1] == b->rules[1] &&
               a->synchronised == b->synchronised && a->names == b->names && a->example == b->example;
}

/* Return: the place of a key, or -ENOMEM. */
static int compare_intern(Compare *compare, const CompareKey *key, size_t *ret_place)
{
        for (*ret_place = 0; *ret_place < compare->n_keys; (*ret_place)++)
                if (key_equal(&compare->keys[*ret_place], key))
                        return 0;
        CompareKey *keys = reallocarray(compare->keys, compare->n_keys + 1, sizeof(CompareKey));
        if (!keys)
                return -ENOMEM;
        compare->keys = keys;
        compare->keys[compare->n_keys++] = *key;
        return 0;
}

static void example_name(const Comparer *comparer, const NamesFound *names, Example *example)
{
        const size_t n = comparer->pair->parties.n;

        for (size_t i = 0; i < names->n; i++) {
                const char *name = comparer->pair->parties.items[names->items[i] % n].name;
                if (names->items[i] < n)
                        example->on_behalf_of[example->n_on_behalf_of++] = name;
                else
                        example->recipients[example->n_recipients++] = name;
        }
}

static int comparer_keep_example(Comparer *comparer, const Meeting *meeting)
{
        Compare *compare = comparer->compare;
        const Statements *statements = meeting->statements;

        if (compare->n_examples == compare->examples_capacity) {
                size_t capacity = compare->examples_capacity ? 2 * compare->examples_capacity : 64;
                Example *examples = reallocarray(compare->examples, capacity, sizeof(Example));
                if (!examples)
                        return -ENOMEM;
                compare->examples = examples;
                compare->examples_capacity = capacity;
        }
        Example *example = &compare->examples[compare->n_examples++];
        *example = (Example){
                .caller = comparer->group->caller->caller,
                .operation = comparer->operation,
                .gallery = comparer->pair->galleries.items[comparer->gallery].name,
                .purpose = comparer->pair->purposes.items[comparer->purpose].name,
                .role = statements->roles ? __builtin_ctz(statements->roles)
                                          : vocabulary_find(&vocabulary_roles, "unknown"),
                .probe = statements->probes ? __builtin_ctz(statements->probes) : 0,
                .given = (uint32_t)__builtin_ctz(statements->given),
                .at = comparer->at,
        };
        example_name(comparer, &meeting->names, example);
        return 0;
}

static void comparer_fill(const Comparer *comparer, const Meeting *meeting, const FoldRow *row)
{
        const Compare *compare = comparer->compare;
        const Fold *fold = &compare->fold;
        const Statements *statements = meeting->statements;
        const CompareSide *permitting = &comparer->sides[meeting->allows[0] ? 0 : 1];
        const char *asker = permitting->policy->organisations[permitting->asker].name;
        uint64_t *askers = fold_set(fold, row, COMPARE_ASKERS);

        if (comparer->group->askers)
                bits_join(askers, comparer->group->askers, bits_words(comparer->pair->parties.n));
        else
                bits_add(askers, pair_find(&comparer->pair->parties, asker));
        bits_add(fold_set(fold, row, COMPARE_OPERATIONS), comparer->operation);
        bits_add(fold_set(fold, row, COMPARE_PURPOSES), comparer->purpose);
        bits_add(fold_set(fold, row, COMPARE_GALLERIES), comparer->gallery);
        *fold_set(fold, row, COMPARE_ROLES) =
                statements->roles ? statements->roles : vocabulary_all(&vocabulary_roles);
        *fold_set(fold, row, COMPARE_PROBES) =
                statements->probes ? statements->probes : vocabulary_all(&vocabulary_probes);
        *fold_set(fold, row, COMPARE_GIVEN) = statements->given;
        for (size_t i = 0; i < compare->n_instants; i++)
                if (compare->instants[i] >= comparer->at.time && compare->instants[i] < comparer->until)
                        bits_add(fold_set(fold, row, COMPARE_TIMES), i);
        if (meeting->names_matter && meeting->names.n == 1)
                memcpy(fold_set(fold, row, COMPARE_NAMED), meeting->alone,
                       comparer->n_named_words * sizeof(uint64_t));
}

static size_t meeting_rule(const Meeting *meeting, int side)
{
        return meeting->allows[side]
                       ? (size_t)(meeting->allows[side] - meeting->answers[side]->side->policy->allows)
                       : COMPARE_DENIED;
}

static int comparer_tell(Comparer *comparer, const Meeting *meeting)
{
        Compare *compare = comparer->compare;
        CompareKey key = {.kind = meeting->kind,
                          .rules = {meeting_rule(meeting, 0), meeting_rule(meeting, 1)},
                          .synchronised = comparer->at.time == comparer->at.loosening,
                          .names = meeting->names.n == 0   ? COMPARE_NAMES_ANY
                                   : meeting->names.n == 1 ? COMPARE_NAMES_ONE
                                                           : COMPARE_NAMES_TOGETHER};
        size_t place = 0;

        if (key.names == COMPARE_NAMES_TOGETHER)
                key.example = compare->n_examples;
        int r = compare_intern(compare, &key, &place);
        if (r == 0)
                r = comparer_keep_example(comparer, meeting);
        FoldRow *row = r < 0 ? NULL : fold_add(&compare->fold, place, compare->n_examples - 1);
        if (!row)
                return -ENOMEM;
        comparer_fill(comparer, meeting, row);
        return 0;
}

/* Whether the answers differ at all. */
static bool meeting_differs(const Comparer *comparer, Meeting *meeting)
{
        for (int side = 0; side < 2; side++)
                meeting->allows[side] = answers_allow(meeting->answers[side], meeting->which[side]);
        if (!meeting->allows[0] && !meeting->allows[1])
                return false;
        if (meeting->allows[0] && meeting->allows[1])
                return compare_limits(comparer->operation, meeting->allows[0], meeting->allows[1],
                                      &meeting->kind);
        meeting->kind = meeting->allows[1] ? DIFF_PERMITTED : DIFF_DENIED;
        return true;
}

static int comparer_meet(Comparer *comparer, const Statements *statements)
{
        Answers old, new;
        Meeting meeting = {.statements = statements, .answers = {&old, &new}};
        int r = 0;

        answers_take(&comparer->sides[0], statements, &old);
        answers_take(&comparer->sides[1], statements, &new);
        for (meeting.which[0] = 0; meeting.which[0] <= old.n; meeting.which[0]++)
                for (meeting.which[1] = 0; meeting.which[1] <= new.n &&r == 0; meeting.which[1]++)
                        if (meeting_differs(comparer, &meeting) && meeting_find_names(comparer, &meeting))
                                r = comparer_tell(comparer, &meeting);
        return r;
}

/* ---------------------------------------------------------------------------------------------------- cells */

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
 * A state is all that the comparison at an instant depends on: the allows at hand and the moratoria in force. Return:
 * whether it was met before in this cell.
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
                buffer_append(&comparer->states, &its->asker, its->n > 0 ? sizeof(its->asker) : 0);
                buffer_append(&comparer->states, allows,
                              its->policy->index.askers.n_words * sizeof(uint64_t));
                buffer_append(&comparer->states, its->in_force, n_words[side] * sizeof(uint64_t));
        }
        n = comparer->states.n - n_before;
        for (size_t i = 0; i + n <= n_before; i += n)
                if (memcmp(comparer->states.data + i, comparer->states.data + n_before, n) == 0) {
                        comparer->states.n = n_before;
                        return true;
                }
        return false;
}

/* With a clock that is not synchronised only states that no synchronised one shows have anything to tell. */
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

/* The bounds of what one policy has for the caller here, and those of them that are judged at the loosening time:
 * beginnings of permissions, ends of moratoria, and, for who may be two at once, ends of organisations. */
static void side_bounds(const Comparer *comparer, int which, size_t *n, size_t *n_loosening)
{
        const Policy *policy = comparer->pair->policies[which];
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_match_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        const size_t n_allow_words = policy->index.askers.n_words;
        const size_t n_moratoria_words = policy->index.parties.n_words;

        for (size_t i = 0; (i = bits_next(matches, n_match_words, i)) != BITS_NONE; i++) {
                instants_add(comparer->bounds, n, policy->organisations[i].span);
                instants_add(comparer->loosening, n_loosening, policy->organisations[i].span);
        }
        for (size_t i = 0; (i = bits_next(comparer->asked[which], n_allow_words, i)) != BITS_NONE; i++) {
                instants_add(comparer->bounds, n, policy->allows[i].span);
                comparer->loosening[(*n_loosening)++] = policy->allows[i].span.from;
        }
        for (size_t i = 0; (i = bits_next(comparer->harmful[which], n_moratoria_words, i)) != BITS_NONE;
             i++) {
                instants_add(comparer->bounds, n, policy->moratoria[i].span);
                comparer->loosening[(*n_loosening)++] = policy->moratoria[i].span.until;
        }
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
        return bound + 1 < comparer->n_bounds ? comparer->bounds[bound + 1] : EXAMPLE_TIME_MAX + 1;
}

/* Every instant that matters here: with a synchronised clock, then with each one that nobody vouches for. */
static int comparer_times(Comparer *comparer)
{
        int r = 0;

        comparer_bounds(comparer);
        buffer_clear(&comparer->states);
        for (size_t i = 0; i < comparer->n_bounds && r == 0; i++) {
                comparer->until = comparer_until(comparer, i);
                r = comparer_at(comparer, (Instant){comparer->bounds[i], comparer->bounds[i]});
        }
        for (size_t i = 0; i < comparer->n_bounds && r == 0; i++) {
                comparer->until = comparer_until(comparer, i);
                r = comparer_at(comparer, (Instant){comparer->bounds[i], TIME_NEVER});
                for (size_t k = 0; k < comparer->n_loosening && r == 0; k++)
                        if (comparer->loosening[k] < comparer->bounds[i])
                                r = comparer_at(comparer,
                                                (Instant){comparer->bounds[i], comparer->loosening[k]});
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

/* What is left of a policy's rules for the caller. Return: whether any allow is. */
static bool side_take_caller(Comparer *comparer, int which)
{
        const CompareSide *side = &comparer->sides[which];
        const Index *index = &side->policy->index;
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_match_words = bits_words(side->policy->objects[OBJECT_ORGANISATION].n);
        const size_t n_moratoria_words = index->parties.n_words, n_allow_words = index->askers.n_words;
        uint64_t *asked = comparer->asked[which], *harmful = comparer->harmful[which];
        uint64_t own[BITS_WORDS_MAX] = {};
        bool any = false;

        memset(asked, 0, n_allow_words * sizeof(uint64_t));
        memset(harmful, 0, n_moratoria_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(matches, n_match_words, i)) != BITS_NONE; i++) {
                bits_join(asked, bit_table_row(&index->askers, i), n_allow_words);
                bits_join(own, bit_table_row(&index->parties, i), n_moratoria_words);
        }
        bits_keep(asked, comparer->allows[which], n_allow_words);
        for (size_t i = 0; (i = bits_next(asked, n_allow_words, i)) != BITS_NONE; i++) {
                const uint64_t *unpierced = bit_table_row(&index->unpierced, i);
                const uint64_t *touched = bit_table_row(&side->touched, i);
                any = true;
                for (size_t k = 0; k < n_moratoria_words; k++)
                        harmful[k] |= unpierced[k] & (touched[k] | own[k]);
        }
        bits_keep(harmful, comparer->moratoria[which], n_moratoria_words);
        return any;
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

int compare_init(Compare *compare, const Pair *pair)
{
        _cleanup_(comparer_deinit) Comparer comparer = {};
        const size_t n_parties = pair->parties.n;

        *compare = (Compare){.pair = pair};
        int r = compare_note_instants(compare);
        if (r == 0)
                r = comparer_init(&comparer, compare);
        if (r < 0)
                return r;
        const size_t n_values[_COMPARE_MAX] = {
                [COMPARE_ASKERS] = n_parties,          [COMPARE_OPERATIONS] = _OPERATION_MAX,
                [COMPARE_PURPOSES] = pair->purposes.n, [COMPARE_GALLERIES] = pair->galleries.n,
                [COMPARE_ROLES] = vocabulary_roles.n,  [COMPARE_PROBES] = vocabulary_probes.n,
                [COMPARE_GIVEN] = COMPARE_GIVEN_SETS,  [COMPARE_TIMES] = compare->n_instants,
                [COMPARE_NAMED] = 2 * n_parties,
        };
        fold_init(&compare->fold, n_values, _COMPARE_MAX);
        r = comparer_subjects(&comparer);
        if (r == 0)
                fold_merge(&compare->fold);
        return r;
}
