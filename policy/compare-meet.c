/*
 * Where two answers meet: names for which one answer of the old policy and another of the new one are given, and
 * the row that tells it (policy/compare.c says why these names are enough).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/comparer.h"

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

static int meeting_is_wider(const Meeting *meeting)
{
        return diff_kind_is_wider(meeting->kind) ? COMPARE_E_WIDER : 0;
}

int comparer_meet(Comparer *comparer, const Statements *statements)
{
        Answers old, new;
        Meeting meeting = {.statements = statements, .answers = {&old, &new}};
        int r = 0;

        answers_take(&comparer->sides[0], statements, &old);
        answers_take(&comparer->sides[1], statements, &new);
        for (meeting.which[0] = 0; meeting.which[0] <= old.n; meeting.which[0]++)
                for (meeting.which[1] = 0; meeting.which[1] <= new.n &&r == 0; meeting.which[1]++)
                        if (meeting_differs(comparer, &meeting) && meeting_find_names(comparer, &meeting))
                                r = comparer->compare->only_wider ? meeting_is_wider(&meeting)
                                                                  : comparer_tell(comparer, &meeting);
        return r;
}
