/*
 * The search. For one allow, with a synchronised clock, a request is permitted if it fits the allow, no
 * stand-down stops it and every moratorium that covers it excepts the allow ("harmless"). What has to be
 * tried, and what has not:
 *
 *   1. Parties: another party only adds moratoria that cover, and only narrows what fits. If a request with
 *      many parties is wanted because of one of them, the one with just the asker and that party is permitted
 *      as well. So: the asker alone, or with one more.
 *   2. Requirements: giving more never hurts. So: all that the allow asks for. Probe kinds are looked at by
 *      the allow alone: any of its own.
 *   3. A purpose, a gallery, an operation, a party matters, beyond fitting, only by which harmful moratoria
 *      and which stand-downs it brings in ("burden"). Of two, the one whose burden is part of the other's
 *      permits whatever the other permits. So: only the least burdens of each kind.
 *   4. Askers with one burden are alike but for their own beginning, end and callers: where nothing is found
 *      for any time of the allow, none of them needs a look.
 *   5. Time: between two instants at which something begins or ends nothing changes, and everything begins
 *      inclusively. The first instant that is wanted, and the ends of what stands in the way there, one
 *      after the other, are the only ones at which a permit can begin.
 */

#include "policy/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/caller.h"
#include "policy/match.h"

/* A burden is two sets in one: harmful moratoria, then stand-downs. */
enum { BURDEN_WORDS_MAX = 2 * BITS_WORDS_MAX };

/* One value of a condition, with what it brings in. */
typedef struct Choice {
        size_t place;
        uint64_t *burden;
} Choice;

typedef struct Choices {
        Choice *items;
        size_t n;
        size_t capacity;
        uint64_t *burdens; /* of all items */
} Choices;

struct Search {
        const Policy *policy;
        size_t n_moratoria_words;
        size_t n_words; /* of a burden */
        size_t n_organisations;
        size_t n_parties;
        Span *in_force;    /* of each moratorium, with a synchronised clock */
        size_t *sorts;     /* of each organisation: those of one sort bring in the same */
        int64_t *instants; /* at which an organisation begins or ends, ascending */
        size_t n_instants;
        uint8_t *nobody;      /* by organisation, then from each instant on: whether nobody is taken for it */
        uint8_t *sort_states; /* two for each sort: by whether the asker itself is wanted */
        Choices operations, purposes, galleries, named;
};

/* What is looked for at present. */
typedef struct Attempt {
        Search *search;
        const Allow *allow;
        size_t place; /* of the allow */
        const Wanted *wanted;
        Span span; /* of allow and wanted together */
        const uint64_t *harmful;
        bool compare; /* `compare` is tried, or everything else */
} Attempt;

/* -------------------------------------------------------------------------------------------- preparation */

static int choices_init(Choices *choices, size_t n, size_t n_words)
{
        *choices = (Choices){.capacity = n};
        choices->items = calloc(n + 1, sizeof(Choice));
        choices->burdens = calloc((n + 1) * (n_words + 1), sizeof(uint64_t));
        if (!choices->items || !choices->burdens)
                return -ENOMEM;
        for (size_t i = 0; i <= n; i++)
                choices->items[i].burden = choices->burdens + i * n_words;
        return 0;
}

static void choices_deinit(Choices *choices)
{
        free(choices->items);
        free(choices->burdens);
        *choices = (Choices){};
}

/* Sorting organisations by what they bring in: by moratoria, then by stand-downs. */
static int sort_compare(const void *a, const void *b, void *userdata)
{
        const Index *index = &((const Policy *)userdata)->index;
        size_t x = *(const size_t *)a, y = *(const size_t *)b;
        int order = memcmp(bit_table_row(&index->parties, x), bit_table_row(&index->parties, y),
                           index->parties.n_words * sizeof(uint64_t));

        return order != 0 ? order
                          : memcmp(bit_table_row(&index->stopped, x), bit_table_row(&index->stopped, y),
                                   index->stopped.n_words * sizeof(uint64_t));
}

static int search_make_sorts(Search *search)
{
        const size_t n = search->n_organisations;
        _cleanup_(freep) size_t *order = calloc(n + 1, sizeof(size_t));

        search->sorts = calloc(n + 1, sizeof(size_t));
        search->sort_states = calloc(n + 1, 2);
        if (!order || !search->sorts || !search->sort_states)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                order[i] = i;
        /* qsort_r(3) gives the policy to the comparison. */
        qsort_r(order, n, sizeof(size_t), sort_compare, (void *)(uintptr_t)search->policy);
        for (size_t i = 1, sort = 0; i < n; i++) {
                sort += sort_compare(&order[i - 1], &order[i], (void *)(uintptr_t)search->policy) != 0;
                search->sorts[order[i]] = sort;
        }
        return 0;
}

static int instant_compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

static int search_note_instants(Search *search)
{
        search->instants = calloc(2 * search->n_organisations + 1, sizeof(int64_t));
        if (!search->instants)
                return -ENOMEM;
        for (size_t i = 0; i < search->n_organisations; i++) {
                search->instants[search->n_instants++] = search->policy->organisations[i].span.from;
                search->instants[search->n_instants++] = search->policy->organisations[i].span.until;
        }
        qsort(search->instants, search->n_instants, sizeof(int64_t), instant_compare);
        /* Large only where there are thousands, and then hardly any page of it is touched. */
        search->nobody = calloc(search->n_organisations + 1, search->n_instants + 1);
        return search->nobody ? 0 : -ENOMEM;
}

Search *search_free(Search *search)
{
        if (!search)
                return NULL;
        choices_deinit(&search->operations);
        choices_deinit(&search->purposes);
        choices_deinit(&search->galleries);
        choices_deinit(&search->named);
        free(search->nobody);
        free(search->in_force);
        free(search->sorts);
        free(search->sort_states);
        free(search->instants);
        free(search);
        return NULL;
}

DEFINE_CLEANUP(Search *, search_free);

int search_new(Search **ret_search, const Policy *policy)
{
        _cleanup_(search_freep) Search *search = calloc(1, sizeof(Search));
        const size_t n_moratoria = policy->objects[OBJECT_MORATORIUM].n;

        if (!search)
                return -ENOMEM;
        search->policy = policy;
        search->n_moratoria_words = policy->index.parties.n_words;
        search->n_words = search->n_moratoria_words + policy->index.stopped.n_words;
        search->n_organisations = policy->objects[OBJECT_ORGANISATION].n;
        search->n_parties = search->n_organisations + policy->classes.n;
        search->in_force = calloc(n_moratoria + 1, sizeof(Span));
        if (!search->in_force)
                return -ENOMEM;
        for (size_t i = 0; i < n_moratoria; i++)
                search->in_force[i] = moratorium_span(&policy->moratoria[i]);
        int r = choices_init(&search->operations, _OPERATION_MAX, search->n_words);
        if (r == 0)
                r = choices_init(&search->purposes, policy->purposes.n, search->n_words);
        if (r == 0)
                r = choices_init(&search->galleries, policy->objects[OBJECT_GALLERY].n + 1, search->n_words);
        if (r == 0)
                r = choices_init(&search->named, search->n_parties, search->n_words);
        if (r == 0)
                r = search_make_sorts(search);
        if (r == 0)
                r = search_note_instants(search);
        if (r < 0)
                return r;
        *ret_search = TAKE_PTR(search);
        return 0;
}

/* ---------------------------------------------------------------------------------------- least burdens */

static bool burden_is_part(const uint64_t *part, const uint64_t *whole, size_t n_words)
{
        for (size_t i = 0; i < n_words; i++)
                if (part[i] & ~whole[i])
                        return false;
        return true;
}

/* What a value brings in, from its rows among moratoria and stand-downs. */
static void attempt_burden(const Attempt *attempt, const uint64_t *moratoria, const uint64_t *stand_downs,
                           uint64_t *ret_burden)
{
        const Search *search = attempt->search;

        for (size_t i = 0; i < search->n_moratoria_words; i++)
                ret_burden[i] = moratoria[i] & attempt->harmful[i];
        for (size_t i = search->n_moratoria_words; i < search->n_words; i++)
                ret_burden[i] = stand_downs ? stand_downs[i - search->n_moratoria_words] : 0;
}

/* Keeps a choice unless another brings in no more, and drops those that bring in no less. */
static void choices_add(Choices *choices, size_t place, const uint64_t *burden, size_t n_words)
{
        size_t n = 0;

        for (size_t i = 0; i < choices->n; i++)
                if (burden_is_part(choices->items[i].burden, burden, n_words))
                        return;
        for (size_t i = 0; i < choices->n; i++) {
                if (burden_is_part(burden, choices->items[i].burden, n_words))
                        continue;
                Choice kept = choices->items[i];
                choices->items[i] = choices->items[n];
                choices->items[n++] = kept;
        }
        choices->items[n].place = place;
        memcpy(choices->items[n].burden, burden, n_words * sizeof(uint64_t));
        choices->n = n + 1;
}

/* One table of rules by value: fills `choices` with the least burdensome of `wanted` that fit the allow. */
static void attempt_choose(const Attempt *attempt, const BitTable *const tables[static 3], size_t n_values,
                           const uint64_t *wanted, Choices *choices)
{
        uint64_t burden[BURDEN_WORDS_MAX];

        choices->n = 0;
        for (size_t i = 0; (i = bits_next(wanted, bits_words(n_values), i)) != BITS_NONE && i < n_values;
             i++) {
                const uint64_t *moratoria = bit_table_row(tables[1], i);
                if (!bits_has(bit_table_row(tables[0], i), attempt->place))
                        continue;
                attempt_burden(attempt, moratoria, bit_table_row(tables[2], i), burden);
                choices_add(choices, i, burden, attempt->search->n_words);
        }
}

static uint64_t attempt_operations(const Attempt *attempt)
{
        uint32_t operations = attempt->allow->operations & attempt->wanted->operations;

        /* Roles are looked at where something is searched; elsewhere any may be stated. */
        if (!(attempt->allow->roles & attempt->wanted->roles))
                operations &= ~(uint32_t)OPERATIONS_SEARCH;
        /* `compare` is by itself: it alone comes without a gallery. */
        return operations & (attempt->compare ? BIT(OPERATION_COMPARE) : ~BIT(OPERATION_COMPARE));
}

static void attempt_choose_galleries(const Attempt *attempt)
{
        Search *search = attempt->search;
        const Index *index = &search->policy->index;
        const size_t none = search->policy->objects[OBJECT_GALLERY].n;
        const BitTable *const tables[] = {&index->allows.galleries, &index->moratoria.galleries,
                                          &index->stand_downs.galleries};
        uint64_t wanted[BITS_WORDS_MAX + 1] = {};

        for (size_t i = 0; i <= none; i++)
                if (bits_has(attempt->wanted->galleries, i) && (i == none) == attempt->compare)
                        bits_add(wanted, i);
        attempt_choose(attempt, tables, none + 1, wanted, &search->galleries);
}

static void attempt_choose_values(const Attempt *attempt)
{
        Search *search = attempt->search;
        const Index *index = &search->policy->index;
        const uint64_t operations = attempt_operations(attempt);

        attempt_choose(attempt,
                       (const BitTable *const[]){&index->allows.operations, &index->moratoria.operations,
                                                 &index->stand_downs.operations},
                       _OPERATION_MAX, &operations, &search->operations);
        attempt_choose(attempt,
                       (const BitTable *const[]){&index->allows.purposes, &index->moratoria.purposes,
                                                 &index->stand_downs.purposes},
                       search->policy->purposes.n, attempt->wanted->purposes, &search->purposes);
        attempt_choose_galleries(attempt);
}

/* Who could be named beside an asker that is not itself wanted. */
static void attempt_choose_named(const Attempt *attempt)
{
        Search *search = attempt->search;
        const Index *index = &search->policy->index;
        uint64_t burden[BURDEN_WORDS_MAX];

        search->named.n = 0;
        for (size_t i = 0; i < search->n_parties; i++) {
                if (!bits_has(attempt->wanted->parties, i) ||
                    (!bits_has(bit_table_row(&index->on_behalf, i), attempt->place) &&
                     !bits_has(bit_table_row(&index->recipients, i), attempt->place)))
                        continue;
                attempt_burden(attempt, bit_table_row(&index->parties, i), NULL, burden);
                choices_add(&search->named, i, burden, search->n_words);
        }
}

/* --------------------------------------------------------------------------------------------- the search */

/* One way to put a request together. */
typedef struct Way {
        size_t asker;
        const Choice *named; /* NULL: nobody else */
        const Choice *operation, *purpose, *gallery;
} Way;

static bool way_is_stopped(const Search *search, const Way *way)
{
        const uint64_t *asker = bit_table_row(&search->policy->index.stopped, way->asker);

        for (size_t i = search->n_moratoria_words; i < search->n_words; i++)
                if (way->operation->burden[i] & way->purpose->burden[i] & way->gallery->burden[i] &
                    asker[i - search->n_moratoria_words])
                        return true;
        return false;
}

/* The harmful moratoria that cover, whenever they are in force. */
static void way_covering(const Attempt *attempt, const Way *way, uint64_t *ret_moratoria)
{
        const uint64_t *asker = bit_table_row(&attempt->search->policy->index.parties, way->asker);

        for (size_t i = 0; i < attempt->search->n_moratoria_words; i++)
                ret_moratoria[i] =
                        way->operation->burden[i] & way->purpose->burden[i] & way->gallery->burden[i] &
                        ((asker[i] & attempt->harmful[i]) | (way->named ? way->named->burden[i] : 0));
}

/* The first instant of @span at which none of the moratoria is in force. Return: whether there is one. */
static bool search_gap(const Search *search, const uint64_t *moratoria, Span span, int64_t *ret_time)
{
        int64_t time = span.from, before = 0;

        do {
                before = time;
                for (size_t i = 0; (i = bits_next(moratoria, search->n_moratoria_words, i)) != BITS_NONE; i++)
                        if (search->in_force[i].from <= time && time < search->in_force[i].until)
                                time = search->in_force[i].until;
        } while (time != before && time < span.until);
        *ret_time = time;
        return time < span.until;
}

/* How many of the instants at which an organisation begins or ends have come. */
static size_t search_instants_come(const Search *search, int64_t time)
{
        size_t low = 0, high = search->n_instants;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (search->instants[middle] <= time)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int64_t search_next_instant(const Search *search, int64_t time)
{
        size_t come = search_instants_come(search, time);

        return come < search->n_instants ? search->instants[come] : TIME_FOREVER;
}

/* Whether anybody is taken for an organisation. Kept from each instant to the next, because where many share an
 * account each rule asks about each of them again at each instant. */
static bool search_caller(const Search *search, size_t organisation, int64_t time, Caller *ret_caller)
{
        const Instant at = {time, time};
        uint8_t *nobody =
                search->nobody + organisation * (search->n_instants + 1) + search_instants_come(search, time);

        if (*nobody)
                return false;
        *nobody = !caller_find(search->policy, organisation, at, ret_caller);
        return !*nobody;
}

/* An instant of @span at which this way is permitted. @caller: gets who asks then; NULL: nobody is looked
 * for. */
static bool way_is_open(const Attempt *attempt, const Way *way, Span span, Caller *caller, int64_t *ret_time)
{
        uint64_t moratoria[BITS_WORDS_MAX];

        if (!attempt->wanted->despite_stand_downs && way_is_stopped(attempt->search, way))
                return false;
        way_covering(attempt, way, moratoria);
        while (search_gap(attempt->search, moratoria, span, ret_time)) {
                if (!caller || search_caller(attempt->search, way->asker, *ret_time, caller))
                        return true;
                span.from = search_next_instant(attempt->search, *ret_time);
        }
        return false;
}

static bool attempt_values(const Attempt *attempt, Way *way, Span span, Caller *caller, int64_t *ret_time)
{
        const Search *search = attempt->search;

        for (size_t o = 0; o < search->operations.n; o++)
                for (size_t g = 0; g < search->galleries.n; g++)
                        for (size_t p = 0; p < search->purposes.n; p++) {
                                way->operation = &search->operations.items[o];
                                way->gallery = &search->galleries.items[g];
                                way->purpose = &search->purposes.items[p];
                                if (way_is_open(attempt, way, span, caller, ret_time))
                                        return true;
                        }
        return false;
}

static bool attempt_is_wanted(const Attempt *attempt, size_t asker)
{
        return attempt->wanted->any_party || bits_has(attempt->wanted->parties, asker);
}

/* Tries an asker alone, or with each of those who could be named. */
static bool attempt_asker(const Attempt *attempt, Way *way, Span span, Caller *caller, int64_t *ret_time)
{
        const Choices *named = &attempt->search->named;

        way->named = NULL;
        if (attempt_is_wanted(attempt, way->asker))
                return attempt_values(attempt, way, span, caller, ret_time);
        for (size_t i = 0; i < named->n; i++) {
                way->named = &named->items[i];
                if (attempt_values(attempt, way, span, caller, ret_time))
                        return true;
        }
        return false;
}

/* Whether anybody of the asker's sort could be permitted at any time; kept, because most are of few sorts. */
static bool attempt_sort(const Attempt *attempt, Way *way)
{
        enum { UNKNOWN, CLOSED, OPEN };
        const Search *search = attempt->search;
        uint8_t *state =
                &search->sort_states[2 * search->sorts[way->asker] + attempt_is_wanted(attempt, way->asker)];
        int64_t time = 0;

        if (*state == UNKNOWN)
                *state = attempt_asker(attempt, way, attempt->span, NULL, &time) ? OPEN : CLOSED;
        return *state == OPEN;
}

static int first_bit(uint32_t mask)
{
        return __builtin_ctz(mask);
}

static const char *search_party_name(const Policy *policy, size_t party)
{
        const size_t n = policy->objects[OBJECT_ORGANISATION].n;

        return party < n ? policy->organisations[party].name : policy->classes.items[party - n].name;
}

static void attempt_name(const Attempt *attempt, const Way *way, Example *example)
{
        const Policy *policy = attempt->search->policy;

        if (!way->named)
                return;
        const char *name = search_party_name(policy, way->named->place);
        if (bits_has(bit_table_row(&policy->index.recipients, way->named->place), attempt->place))
                example->recipients[example->n_recipients++] = name;
        else
                example->on_behalf_of[example->n_on_behalf_of++] = name;
}

static void attempt_show(const Attempt *attempt, const Way *way, int64_t time, Example *example)
{
        const Policy *policy = attempt->search->policy;
        bool search = (OPERATIONS_SEARCH & BIT(way->operation->place)) != 0;

        example->operation = (Operation)way->operation->place;
        example->gallery = attempt->compare ? NULL : policy->galleries[way->gallery->place].name;
        example->purpose = policy->purposes.items[way->purpose->place].name;
        example->role =
                first_bit(search ? attempt->allow->roles & attempt->wanted->roles : attempt->wanted->roles);
        example->probe = first_bit(attempt->allow->probes);
        example->given = attempt->allow->requirements;
        example->at = (Instant){time, time};
        attempt_name(attempt, way, example);
}

static int attempt_askers(const Attempt *attempt, Example *ret_example)
{
        Search *search = attempt->search;
        const Policy *policy = search->policy;
        Example example = {};
        Way way = {};
        int64_t time = 0;

        memset(search->sort_states, 0, 2 * search->n_organisations);
        for (way.asker = 0; way.asker < search->n_organisations; way.asker++) {
                if (policy->organisations[way.asker].n_peers == 0 ||
                    !bits_has(bit_table_row(&policy->index.askers, way.asker), attempt->place) ||
                    !attempt_sort(attempt, &way))
                        continue;
                Span span = span_meet(attempt->span, policy->organisations[way.asker].span);
                if (!attempt_asker(attempt, &way, span, &example.caller, &time))
                        continue;
                attempt_show(attempt, &way, time, &example);
                *ret_example = example;
                return 0;
        }
        return SEARCH_E_NONE;
}

int search_allow(Search *search, size_t allow, const Wanted *wanted, Example *ret_example)
{
        static const Span facts_span = {0, TIME_MOST + 1};
        const Policy *policy = search->policy;
        Attempt attempt = {.search = search,
                           .allow = &policy->allows[allow],
                           .place = allow,
                           .wanted = wanted,
                           .span = span_meet(span_meet(policy->allows[allow].span, wanted->span), facts_span),
                           .harmful = bit_table_row(&policy->index.unpierced, allow)};

        if (attempt.span.from >= attempt.span.until)
                return SEARCH_E_NONE;
        if (!wanted->any_party)
                attempt_choose_named(&attempt);
        for (int compare = 0; compare < 2; compare++) {
                attempt.compare = compare;
                attempt_choose_values(&attempt);
                int r = attempt_askers(&attempt, ret_example);
                if (r != SEARCH_E_NONE)
                        return r;
        }
        return SEARCH_E_NONE;
}
