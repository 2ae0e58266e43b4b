/*
 * Listing what is permitted, allow by allow. Values that bring in the same moratoria and stand-downs are
 * taken together; for each combination of such groups it is settled once whether it is permitted and who may be
 * named, and what comes of it is folded.
 */

#include "policy/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/caller.h"
#include "policy/fold.h"
#include "policy/match.h"

enum {
        GRANTS_PARTY_WORDS_MAX = 2 * BITS_WORDS_MAX,
        GRANTS_BURDEN_WORDS_MAX = 2 * BITS_WORDS_MAX,
};

/* Dimensions of a row. */
enum { FOLD_ASKERS, FOLD_OPERATIONS, FOLD_PURPOSES, FOLD_GALLERIES, N_FOLD };

/* Values of one condition that bring in the same. */
typedef struct GrantsGroup {
        uint64_t members[GRANTS_PARTY_WORDS_MAX];
        uint64_t burden[GRANTS_BURDEN_WORDS_MAX]; /* harmful moratoria in force, then stand-downs */
} GrantsGroup;

typedef struct GrantsGroups {
        GrantsGroup *items;
        size_t n, capacity;
} GrantsGroups;

/* Who may be named beside the asker; the key of a fold. */
typedef struct GrantsNamed {
        uint64_t on_behalf_of[GRANTS_PARTY_WORDS_MAX];
        uint64_t recipients[GRANTS_PARTY_WORDS_MAX];
} GrantsNamed;

typedef struct GrantsMaker {
        const Policy *policy;
        const GrantsQuery *query;
        size_t n_parties;
        size_t n_galleries;
        size_t n_moratoria_words;
        size_t n_burden_words;
        Grants grants;
        /* of the allow at hand */
        size_t allow;
        uint64_t harmful[BITS_WORDS_MAX]; /* moratoria in force that do not except it */
        GrantsGroups askers, operations, purposes, galleries;
        GrantsNamed *named;
        size_t n_named;
        Fold fold;
} GrantsMaker;

void grants_deinit(Grants *grants)
{
        for (size_t i = 0; i < grants->n; i++) {
                free(grants->items[i].askers.items);
                free(grants->items[i].purposes.items);
                free(grants->items[i].galleries.items);
                free(grants->items[i].on_behalf_of.items);
                free(grants->items[i].recipients.items);
        }
        free(grants->items);
        *grants = GRANTS_INIT;
}

static void maker_clear(GrantsMaker *maker)
{
        GrantsGroups *const groups[] = {&maker->askers, &maker->operations, &maker->purposes,
                                        &maker->galleries};

        for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
                free(groups[i]->items);
                *groups[i] = (GrantsGroups){};
        }
        free(maker->named);
        maker->named = NULL;
        maker->n_named = 0;
        fold_deinit(&maker->fold);
}

static void maker_deinit(GrantsMaker *maker)
{
        maker_clear(maker);
        grants_deinit(&maker->grants);
}

/* --------------------------------------------------------------------------------------------- the query */

static bool query_knows_party(const Policy *policy, const char *name)
{
        return policy_find(policy, OBJECT_ORGANISATION, name) >= 0 ||
               policy_find(policy, OBJECT_CLASS, name) >= 0;
}

const char *grants_unknown(const Policy *policy, const GrantsQuery *query)
{
        const struct {
                const char *text;
                bool known;
        } rows[] = {
#define KNOWN(member, check) {query->member, !query->member || (check)}
                KNOWN(organisation, policy_find(policy, OBJECT_ORGANISATION, query->organisation) >= 0),
                KNOWN(operation, vocabulary_find(&vocabulary_operations, query->operation) >= 0),
                KNOWN(purpose, policy_find(policy, OBJECT_PURPOSE, query->purpose) >= 0),
                KNOWN(gallery, policy_find(policy, OBJECT_GALLERY, query->gallery) >= 0),
                KNOWN(sought, vocabulary_find(&vocabulary_roles, query->sought) >= 0),
                KNOWN(probe, vocabulary_find(&vocabulary_probes, query->probe) >= 0),
                KNOWN(on_behalf_of, query_knows_party(policy, query->on_behalf_of)),
                KNOWN(recipient, query_knows_party(policy, query->recipient)),
#undef KNOWN
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!rows[i].known)
                        return rows[i].text;
        return NULL;
}

/* Whether a value is the one that is asked about, where one is. */
static bool query_wants(const char *wanted, const char *name)
{
        return !wanted || strcmp(wanted, name) == 0;
}

static uint32_t query_word(const Vocabulary *vocabulary, const char *word)
{
        return word ? BIT(vocabulary_find(vocabulary, word)) : vocabulary_all(vocabulary);
}

/* ---------------------------------------------------------------------------------------------- the groups */

static int groups_add(GrantsMaker *maker, GrantsGroups *groups, size_t place, const uint64_t *burden)
{
        for (size_t i = 0; i < groups->n; i++)
                if (memcmp(groups->items[i].burden, burden, maker->n_burden_words * sizeof(uint64_t)) == 0) {
                        bits_add(groups->items[i].members, place);
                        return 0;
                }
        if (groups->n == groups->capacity) {
                size_t capacity = groups->capacity ? 2 * groups->capacity : 8;
                GrantsGroup *items = reallocarray(groups->items, capacity, sizeof(GrantsGroup));
                if (!items)
                        return -ENOMEM;
                groups->items = items;
                groups->capacity = capacity;
        }
        GrantsGroup *group = &groups->items[groups->n++];
        memset(group, 0, sizeof(*group));
        memcpy(group->burden, burden, maker->n_burden_words * sizeof(uint64_t));
        bits_add(group->members, place);
        return 0;
}

/* A value, with its rows among moratoria and stand-downs. */
static int maker_add(GrantsMaker *maker, GrantsGroups *groups, size_t place,
                     const uint64_t *const rows[static 2])
{
        uint64_t burden[GRANTS_BURDEN_WORDS_MAX];

        for (size_t i = 0; i < maker->n_moratoria_words; i++)
                burden[i] = rows[0][i] & maker->harmful[i];
        for (size_t i = maker->n_moratoria_words; i < maker->n_burden_words; i++)
                burden[i] = rows[1][i - maker->n_moratoria_words];
        return groups_add(maker, groups, place, burden);
}

static int maker_group(GrantsMaker *maker, size_t place, const BitTable *const tables[static 3],
                       GrantsGroups *groups)
{
        if (!bits_has(bit_table_row(tables[0], place), maker->allow))
                return 0;
        return maker_add(
                maker, groups, place,
                (const uint64_t *const[]){bit_table_row(tables[1], place), bit_table_row(tables[2], place)});
}

static int maker_group_askers(GrantsMaker *maker)
{
        const Policy *policy = maker->policy;
        const Index *index = &policy->index;
        const BitTable *const tables[] = {&index->askers, &index->parties, &index->stopped};
        Caller caller;
        int r = 0;

        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n && r == 0; i++)
                if (query_wants(maker->query->organisation, policy->organisations[i].name) &&
                    caller_find(policy, i, maker->query->at, &caller))
                        r = maker_group(maker, i, tables, &maker->askers);
        return r;
}

/*
 * Roles are looked at where something is searched, probes where one comes: who asks about a role or a kind of probe
 * asks about these operations only.
 */
static uint32_t maker_operations(const GrantsMaker *maker)
{
        const Allow *allow = &maker->policy->allows[maker->allow];
        const GrantsQuery *query = maker->query;
        uint32_t operations = query_word(&vocabulary_operations, query->operation);

        if (query->sought)
                operations &= OPERATIONS_SEARCH;
        if (query->probe)
                operations &= OPERATIONS_PROBE;
        if (!(allow->roles & query_word(&vocabulary_roles, query->sought)))
                operations &= ~(uint32_t)OPERATIONS_SEARCH;
        if (!(allow->probes & query_word(&vocabulary_probes, query->probe)))
                operations &= ~(uint32_t)OPERATIONS_PROBE;
        return operations;
}

/* `compare` is kept by itself: it alone comes without a gallery. */
static int maker_group_values(GrantsMaker *maker, bool compare)
{
        const Policy *policy = maker->policy;
        const Index *index = &policy->index;
        const GrantsQuery *query = maker->query;
        const uint32_t operations = maker_operations(maker);
        int r = 0;

        for (size_t i = 0; i < _OPERATION_MAX && r == 0; i++)
                if ((operations & BIT(i)) && (i == OPERATION_COMPARE) == compare)
                        r = maker_group(maker, i,
                                        (const BitTable *const[]){&index->allows.operations,
                                                                  &index->moratoria.operations,
                                                                  &index->stand_downs.operations},
                                        &maker->operations);
        for (size_t i = 0; i < policy->purposes.n && r == 0; i++)
                if (query_wants(query->purpose, policy->purposes.items[i].name))
                        r = maker_group(maker, i,
                                        (const BitTable *const[]){&index->allows.purposes,
                                                                  &index->moratoria.purposes,
                                                                  &index->stand_downs.purposes},
                                        &maker->purposes);
        for (size_t i = 0; i <= maker->n_galleries && r == 0; i++)
                if ((i == maker->n_galleries) == compare &&
                    (compare ? !query->gallery : query_wants(query->gallery, policy->galleries[i].name)))
                        r = maker_group(maker, i,
                                        (const BitTable *const[]){&index->allows.galleries,
                                                                  &index->moratoria.galleries,
                                                                  &index->stand_downs.galleries},
                                        &maker->galleries);
        return r;
}

/* ------------------------------------------------------------------------------------------ what is permitted */

/* One group of each condition. */
typedef struct GrantsCell {
        const GrantsGroup *askers, *operations, *purposes, *galleries;
} GrantsCell;

/* Whether a request of these is permitted that names nobody; if so, which moratoria others would bring in. */
static bool cell_is_open(const GrantsMaker *maker, const GrantsCell *cell, uint64_t *ret_moratoria)
{
        for (size_t i = 0; i < maker->n_burden_words; i++) {
                uint64_t meet =
                        cell->operations->burden[i] & cell->purposes->burden[i] & cell->galleries->burden[i];
                if (meet & cell->askers->burden[i])
                        return false;
                if (i < maker->n_moratoria_words)
                        ret_moratoria[i] = meet;
        }
        return true;
}

static void cell_named(const GrantsMaker *maker, const uint64_t *moratoria, GrantsNamed *ret_named)
{
        const Index *index = &maker->policy->index;

        *ret_named = (GrantsNamed){};
        for (size_t i = 0; i < maker->n_parties; i++) {
                if (bits_meet(bit_table_row(&index->parties, i), moratoria, maker->n_moratoria_words))
                        continue;
                if (bits_has(bit_table_row(&index->on_behalf, i), maker->allow))
                        bits_add(ret_named->on_behalf_of, i);
                if (bits_has(bit_table_row(&index->recipients, i), maker->allow))
                        bits_add(ret_named->recipients, i);
        }
}

static size_t maker_party(const GrantsMaker *maker, const char *name)
{
        int organisation = policy_find(maker->policy, OBJECT_ORGANISATION, name);

        if (organisation >= 0)
                return (size_t)organisation;
        return index_party(maker->policy, true, (size_t)policy_find(maker->policy, OBJECT_CLASS, name));
}

/* Leaves those askers for whom the name in question is possible: everybody, or whoever bears it. */
static void maker_keep_possible(const GrantsMaker *maker, const char *name, const uint64_t *possible,
                                uint64_t *askers)
{
        if (!name)
                return;
        size_t party = maker_party(maker, name);
        if (bits_has(possible, party))
                return;
        bool own = party < maker->policy->objects[OBJECT_ORGANISATION].n && bits_has(askers, party);
        memset(askers, 0, BITS_WORDS_MAX * sizeof(uint64_t));
        if (own)
                bits_add(askers, party);
}

/* The place of these names among those that rows have. Return: it, or -ENOMEM. */
static int maker_intern(GrantsMaker *maker, const GrantsNamed *named, size_t *ret_place)
{
        for (*ret_place = 0; *ret_place < maker->n_named; (*ret_place)++)
                if (memcmp(&maker->named[*ret_place], named, sizeof(*named)) == 0)
                        return 0;
        GrantsNamed *items = reallocarray(maker->named, maker->n_named + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        maker->named = items;
        maker->named[maker->n_named++] = *named;
        return 0;
}

static int maker_add_cell(GrantsMaker *maker, const GrantsCell *cell)
{
        uint64_t moratoria[BITS_WORDS_MAX], askers[BITS_WORDS_MAX];
        GrantsNamed named;
        size_t key = 0;

        if (!cell_is_open(maker, cell, moratoria))
                return 0;
        cell_named(maker, moratoria, &named);
        memcpy(askers, cell->askers->members, sizeof(askers));
        maker_keep_possible(maker, maker->query->on_behalf_of, named.on_behalf_of, askers);
        maker_keep_possible(maker, maker->query->recipient, named.recipients, askers);
        if (bits_next(askers, BITS_WORDS_MAX, 0) == BITS_NONE)
                return 0;
        int r = maker_intern(maker, &named, &key);
        FoldRow *row = r < 0 ? NULL : fold_add(&maker->fold, key, maker->fold.n);
        if (!row)
                return -ENOMEM;
        const uint64_t *const sets[N_FOLD] = {askers, cell->operations->members, cell->purposes->members,
                                              cell->galleries->members};
        for (size_t i = 0; i < N_FOLD; i++)
                memcpy(fold_set(&maker->fold, row, i), sets[i],
                       (maker->fold.offsets[i + 1] - maker->fold.offsets[i]) * sizeof(uint64_t));
        return 0;
}

static int maker_add_cells(GrantsMaker *maker)
{
        int r = 0;

        for (size_t a = 0; a < maker->askers.n; a++)
                for (size_t o = 0; o < maker->operations.n; o++)
                        for (size_t p = 0; p < maker->purposes.n; p++)
                                for (size_t g = 0; g < maker->galleries.n && r == 0; g++) {
                                        GrantsCell cell = {
                                                &maker->askers.items[a], &maker->operations.items[o],
                                                &maker->purposes.items[p], &maker->galleries.items[g]};
                                        r = maker_add_cell(maker, &cell);
                                }
        return r;
}

/* ------------------------------------------------------------------------------------------------- the rows */

static const char *maker_party_name(const Policy *policy, size_t place)
{
        const size_t n = policy->objects[OBJECT_ORGANISATION].n;

        return place < n ? policy->organisations[place].name : policy->classes.items[place - n].name;
}

static const char *maker_purpose_name(const Policy *policy, size_t place)
{
        return policy->purposes.items[place].name;
}

static const char *maker_gallery_name(const Policy *policy, size_t place)
{
        return place < policy->objects[OBJECT_GALLERY].n ? policy->galleries[place].name : NULL;
}

static int name_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int maker_names(const Policy *policy, const uint64_t *set, size_t n_words,
                       const char *(*name)(const Policy *policy, size_t place), GrantNames *ret_names)
{
        size_t n = 0;

        for (size_t i = 0; i < n_words; i++)
                n += (size_t)__builtin_popcountll(set[i]);
        ret_names->items = calloc(n + 1, sizeof(char *));
        if (!ret_names->items)
                return -ENOMEM;
        for (size_t i = 0; (i = bits_next(set, n_words, i)) != BITS_NONE; i++)
                if (name(policy, i))
                        ret_names->items[ret_names->n++] = name(policy, i);
        qsort(ret_names->items, ret_names->n, sizeof(char *), name_compare);
        return 0;
}

static int maker_fill(const GrantsMaker *maker, const FoldRow *row, Grant *grant)
{
        const Policy *policy = maker->policy;
        const GrantsNamed *named = &maker->named[row->key];
        const size_t n_party_words = bits_words(maker->n_parties);
        const Fold *fold = &maker->fold;
        const struct {
                const uint64_t *set;
                size_t n_words;
                const char *(*name)(const Policy *policy, size_t place);
                GrantNames *names;
        } lists[] = {
                {fold_set(fold, row, FOLD_ASKERS), fold->offsets[1], maker_party_name, &grant->askers},
                {fold_set(fold, row, FOLD_PURPOSES), fold->offsets[3] - fold->offsets[2], maker_purpose_name,
                 &grant->purposes},
                {fold_set(fold, row, FOLD_GALLERIES), fold->offsets[4] - fold->offsets[3], maker_gallery_name,
                 &grant->galleries},
                {named->on_behalf_of, n_party_words, maker_party_name, &grant->on_behalf_of},
                {named->recipients, n_party_words, maker_party_name, &grant->recipients},
        };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
                r = maker_names(policy, lists[i].set, lists[i].n_words, lists[i].name, lists[i].names);
        grant->operations = (uint32_t)fold_set(fold, row, FOLD_OPERATIONS)[0];
        return r;
}

static int maker_add_row(GrantsMaker *maker, const FoldRow *row)
{
        const Policy *policy = maker->policy;
        const Allow *allow = &policy->allows[maker->allow];
        const Object *object = &policy->objects[OBJECT_ALLOW].items[maker->allow];
        const Value *rate = object->main.values[KEY_RATE];
        Grants *grants = &maker->grants;

        Grant *items = reallocarray(grants->items, grants->n + 1, sizeof(Grant));
        if (!items)
                return -ENOMEM;
        grants->items = items;
        grants->items[grants->n++] = (Grant){
                .allow = allow->name,
                .place = object->main.place,
                .roles = allow->roles & query_word(&vocabulary_roles, maker->query->sought),
                .probes = allow->probes & query_word(&vocabulary_probes, maker->query->probe),
                .requirements = allow->requirements,
                .floor_millionths = allow->floor_millionths,
                .limit = allow->limit,
                .release = allow->release,
                .rate = rate ? rate->text : NULL,
        };
        return maker_fill(maker, row, &grants->items[grants->n - 1]);
}

static void maker_find_harmful(GrantsMaker *maker)
{
        const Policy *policy = maker->policy;

        memcpy(maker->harmful, bit_table_row(&policy->index.unpierced, maker->allow),
               maker->n_moratoria_words * sizeof(uint64_t));
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                if (!moratorium_in_force(&policy->moratoria[i], maker->query->at))
                        bits_drop(maker->harmful, i);
}

static int maker_allow(GrantsMaker *maker)
{
        const size_t n_values[N_FOLD] = {maker->policy->objects[OBJECT_ORGANISATION].n, _OPERATION_MAX,
                                         maker->policy->purposes.n, maker->n_galleries + 1};
        int r = 0;

        maker_find_harmful(maker);
        fold_init(&maker->fold, n_values, N_FOLD);
        for (int compare = 0; compare < 2 && r == 0; compare++) {
                maker->operations.n = maker->purposes.n = maker->galleries.n = 0;
                if (compare == 0)
                        r = maker_group_askers(maker);
                if (r == 0)
                        r = maker_group_values(maker, compare);
                if (r == 0)
                        r = maker_add_cells(maker);
        }
        fold_merge(&maker->fold);
        for (size_t i = 0; i < maker->fold.n && r == 0; i++)
                r = maker_add_row(maker, &maker->fold.rows[i]);
        maker_clear(maker);
        return r;
}

int policy_grants(const Policy *policy, const GrantsQuery *query, Grants *ret_grants)
{
        const size_t n_words = policy->index.parties.n_words;
        _cleanup_(maker_deinit) GrantsMaker maker = {
                .policy = policy,
                .query = query,
                .n_parties = policy->objects[OBJECT_ORGANISATION].n + policy->classes.n,
                .n_galleries = policy->objects[OBJECT_GALLERY].n,
                .n_moratoria_words = n_words,
                .n_burden_words = n_words + policy->index.stopped.n_words,
        };

        for (; maker.allow < policy->objects[OBJECT_ALLOW].n; maker.allow++) {
                if (!span_is_valid(policy->allows[maker.allow].span, query->at))
                        continue;
                int r = maker_allow(&maker);
                if (r < 0)
                        return r;
        }
        *ret_grants = maker.grants;
        maker.grants = GRANTS_INIT;
        return 0;
}
