/*
 * Side by side. Two rules of one name mean the same if they answer alike for every value that both policies
 * declare and neither lets in a party that only one of them knows: text, order of files and places in tables do
 * not matter.
 */

#include "policy/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/caller.h"

void pair_deinit(Pair *pair)
{
        free(pair->callers);
        arena_deinit(&pair->arena);
        *pair = (Pair){};
}

/* ----------------------------------------------------------------------------------------------------- names */

static int pair_name_compare(const void *a, const void *b)
{
        return strcmp(((const PairName *)a)->name, ((const PairName *)b)->name);
}

size_t pair_find(const PairNames *names, const char *name)
{
        const PairName key = {name};
        size_t low = 0, high = names->n;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;
                if (!names->items[middle].name || pair_name_compare(&key, &names->items[middle]) < 0)
                        high = middle;
                else
                        low = middle;
        }
        return low;
}

/* Both policies' names of some types, each once. */
static int pair_names(Pair *pair, const ObjectType *types, size_t n_types, PairNames *ret_names)
{
        size_t n = 0;

        for (size_t i = 0; i < 2 * n_types; i++)
                n += pair->policies[i % 2]->objects[types[i / 2]].n;
        PairName *items = arena_new(&pair->arena, n + 1, sizeof(PairName));
        if (!items)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; i < 2 * n_types; i++) {
                const ObjectTable *table = &pair->policies[i % 2]->objects[types[i / 2]];
                for (size_t k = 0; k < table->n; k++)
                        items[n++] = (PairName){table->items[k].name, {-1, -1}};
        }
        if (n > 1)
                qsort(items, n, sizeof(PairName), pair_name_compare);
        *ret_names = (PairNames){items, 0};
        for (size_t i = 0; i < n; i++)
                if (i == 0 || strcmp(items[i].name, items[ret_names->n - 1].name) != 0)
                        items[ret_names->n++] = items[i];
        return 0;
}

static int pair_terms(Pair *pair, ObjectType type, PairNames *ret_names)
{
        int r = pair_names(pair, &type, 1, ret_names);

        for (size_t i = 0; i < ret_names->n && r == 0; i++)
                for (int side = 0; side < 2; side++)
                        ret_names->items[i].places[side] =
                                policy_find(pair->policies[side], type, ret_names->items[i].name);
        return r;
}

/* A request without a gallery is a value too; its place is behind the last gallery. */
static void pair_add_no_gallery(Pair *pair)
{
        PairName *none = &pair->galleries.items[pair->galleries.n++];

        none->name = NULL;
        for (int side = 0; side < 2; side++)
                none->places[side] = (int)pair->policies[side]->objects[OBJECT_GALLERY].n;
}

static int pair_party(const Policy *policy, const char *name)
{
        int organisation = policy_find(policy, OBJECT_ORGANISATION, name);
        int class = organisation < 0 ? policy_find(policy, OBJECT_CLASS, name) : -1;

        if (class >= 0)
                return (int)index_party(policy, true, (size_t) class);
        return organisation;
}

static int pair_parties(Pair *pair)
{
        static const ObjectType types[] = {OBJECT_ORGANISATION, OBJECT_CLASS};
        int r = pair_names(pair, types, ARRAY_SIZE(types), &pair->parties);

        for (size_t i = 0; i < pair->parties.n && r == 0; i++)
                for (int side = 0; side < 2; side++)
                        pair->parties.items[i].places[side] =
                                pair_party(pair->policies[side], pair->parties.items[i].name);
        return r;
}

/* ----------------------------------------------------------------------------------------- rules that changed */

/* Whether a rule of each policy stands alike in a table of each, for every value that both declare; and, where
 * `strict`, whether it lets in nobody whom only one declares. */
typedef struct PairTwins {
        const Pair *pair;
        size_t places[2];
} PairTwins;

static bool twins_agree(const PairTwins *twins, const PairNames *names,
                        const BitTable *const tables[static 2], bool strict)
{
        for (size_t i = 0; i < names->n; i++) {
                bool has[2] = {};
                const int *places = names->items[i].places;
                for (int side = 0; side < 2; side++)
                        if (places[side] >= 0)
                                has[side] = bits_has(bit_table_row(tables[side], (size_t)places[side]),
                                                     twins->places[side]);
                if (has[0] != has[1] && (strict || (places[0] >= 0 && places[1] >= 0)))
                        return false;
        }
        return true;
}

static bool twins_agree_on_scope(const PairTwins *twins, const RuleIndex *a, const RuleIndex *b)
{
        for (size_t i = 0; i < _OPERATION_MAX; i++)
                if (bits_has(bit_table_row(&a->operations, i), twins->places[0]) !=
                    bits_has(bit_table_row(&b->operations, i), twins->places[1]))
                        return false;
        return twins_agree(twins, &twins->pair->purposes,
                           (const BitTable *const[]){&a->purposes, &b->purposes}, false) &&
               twins_agree(twins, &twins->pair->galleries,
                           (const BitTable *const[]){&a->galleries, &b->galleries}, false);
}

/* Only organisations have a row among those who ask. */
static bool twins_agree_on_askers(const PairTwins *twins, const BitTable *const tables[static 2])
{
        const Policy *const *policies = twins->pair->policies;

        for (size_t i = 0; i < policies[0]->objects[OBJECT_ORGANISATION].n; i++) {
                int other = policy_find(policies[1], OBJECT_ORGANISATION, policies[0]->organisations[i].name);
                if (other >= 0 && bits_has(bit_table_row(tables[0], i), twins->places[0]) !=
                                          bits_has(bit_table_row(tables[1], (size_t)other), twins->places[1]))
                        return false;
        }
        return true;
}

static bool span_equal(Span a, Span b)
{
        return a.from == b.from && a.until == b.until;
}

/* Whether both are excepted by the same moratoria, among those of one name. */
static bool twins_agree_on_exceptions(const PairTwins *twins)
{
        const Policy *const *policies = twins->pair->policies;

        for (size_t i = 0; i < policies[0]->objects[OBJECT_MORATORIUM].n; i++) {
                int other = policy_find(policies[1], OBJECT_MORATORIUM, policies[0]->moratoria[i].name);
                if (other >= 0 && bits_has(policies[0]->moratoria[i].except, twins->places[0]) !=
                                          bits_has(policies[1]->moratoria[other].except, twins->places[1]))
                        return false;
        }
        return true;
}

static bool allow_equal(const PairTwins *twins)
{
        const Policy *const *policies = twins->pair->policies;
        const Allow *a = &policies[0]->allows[twins->places[0]], *b = &policies[1]->allows[twins->places[1]];
        const Index *x = &policies[0]->index, *y = &policies[1]->index;
        const PairNames *parties = &twins->pair->parties;

        return a->roles == b->roles && a->probes == b->probes && a->requirements == b->requirements &&
               span_equal(a->span, b->span) && a->floor_millionths == b->floor_millionths &&
               a->limit == b->limit && a->release == b->release && a->rate == b->rate &&
               a->window_usec == b->window_usec && twins_agree_on_scope(twins, &x->allows, &y->allows) &&
               twins_agree_on_askers(twins, (const BitTable *const[]){&x->askers, &y->askers}) &&
               twins_agree(twins, parties, (const BitTable *const[]){&x->on_behalf, &y->on_behalf}, true) &&
               twins_agree(twins, parties, (const BitTable *const[]){&x->recipients, &y->recipients}, true) &&
               twins_agree_on_exceptions(twins);
}

static bool moratorium_equal(const PairTwins *twins)
{
        const Policy *const *policies = twins->pair->policies;
        const Moratorium *a = &policies[0]->moratoria[twins->places[0]];
        const Moratorium *b = &policies[1]->moratoria[twins->places[1]];
        const Index *x = &policies[0]->index, *y = &policies[1]->index;

        return span_equal(a->span, b->span) && a->expiry == b->expiry && a->released == b->released &&
               twins_agree_on_scope(twins, &x->moratoria, &y->moratoria) &&
               twins_agree(twins, &twins->pair->parties, (const BitTable *const[]){&x->parties, &y->parties},
                           false);
}

static bool stand_down_equal(const PairTwins *twins)
{
        const Index *x = &twins->pair->policies[0]->index, *y = &twins->pair->policies[1]->index;

        return twins_agree_on_scope(twins, &x->stand_downs, &y->stand_downs) &&
               twins_agree_on_askers(twins, (const BitTable *const[]){&x->stopped, &y->stopped});
}

static int pair_rules(Pair *pair, ObjectType type, bool (*equal)(const PairTwins *twins),
                      PairChanged *ret_changed)
{
        const ObjectTable *tables[2] = {&pair->policies[0]->objects[type], &pair->policies[1]->objects[type]};

        for (int side = 0; side < 2; side++) {
                ret_changed->rules[side] =
                        arena_new(&pair->arena, bits_words(tables[side]->n) + 1, sizeof(uint64_t));
                if (!ret_changed->rules[side])
                        return -ENOMEM;
                for (size_t i = 0; i < tables[side]->n; i++) {
                        int other = policy_find(pair->policies[!side], type, tables[side]->items[i].name);
                        PairTwins twins = {pair};
                        twins.places[side] = i;
                        twins.places[!side] = (size_t)other;
                        if (other < 0 || !equal(&twins))
                                bits_add(ret_changed->rules[side], i);
                }
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------- callers */

static bool peer_rule_equal(const PeerRule *a, const PeerRule *b)
{
        if (a->n_users != b->n_users || a->n_groups != b->n_groups || a->n_units != b->n_units ||
            !a->label != !b->label)
                return false;
        for (size_t i = 0; i < a->n_users; i++)
                if (a->users[i] != b->users[i])
                        return false;
        for (size_t i = 0; i < a->n_groups; i++)
                if (a->groups[i] != b->groups[i])
                        return false;
        for (size_t i = 0; i < a->n_units; i++)
                if (strcmp(a->units[i].text, b->units[i].text) != 0)
                        return false;
        return !a->label || strcmp(a->label, b->label) == 0;
}

static bool organisation_equal(const Organisation *a, const Organisation *b)
{
        if (!span_equal(a->span, b->span) || a->n_peers != b->n_peers)
                return false;
        for (size_t i = 0; i < a->n_peers; i++)
                if (!peer_rule_equal(&a->peers[i], &b->peers[i]))
                        return false;
        return true;
}

static int pair_organisations(Pair *pair)
{
        for (int side = 0; side < 2; side++) {
                const Policy *policy = pair->policies[side], *other = pair->policies[!side];
                const size_t n = policy->objects[OBJECT_ORGANISATION].n;
                pair->changed_organisations[side] =
                        arena_new(&pair->arena, bits_words(n) + 1, sizeof(uint64_t));
                if (!pair->changed_organisations[side])
                        return -ENOMEM;
                for (size_t i = 0; i < n; i++) {
                        int twin = policy_find(other, OBJECT_ORGANISATION, policy->organisations[i].name);
                        if (twin < 0 ||
                            !organisation_equal(&policy->organisations[i], &other->organisations[twin]))
                                bits_add(pair->changed_organisations[side], i);
                }
        }
        return 0;
}

/* Sets over the organisations of each policy. */
typedef struct PairMatches {
        uint64_t sets[2][BITS_WORDS_MAX];
        size_t n_words[2];
} PairMatches;

static bool pair_has_caller(const Pair *pair, const PairMatches *matches)
{
        for (size_t i = 0; i < pair->n_callers; i++)
                if (memcmp(pair->callers[i].matches[0], matches->sets[0],
                           matches->n_words[0] * sizeof(uint64_t)) == 0 &&
                    memcmp(pair->callers[i].matches[1], matches->sets[1],
                           matches->n_words[1] * sizeof(uint64_t)) == 0)
                        return true;
        return false;
}

static int pair_keep_caller(Pair *pair, const Caller *caller, const PairMatches *matches)
{
        PairCaller kept = {.caller = *caller};

        if (pair->n_callers == pair->callers_capacity) {
                size_t capacity = pair->callers_capacity ? 2 * pair->callers_capacity : 64;
                PairCaller *callers = reallocarray(pair->callers, capacity, sizeof(PairCaller));
                if (!callers)
                        return -ENOMEM;
                pair->callers = callers;
                pair->callers_capacity = capacity;
        }
        for (int side = 0; side < 2; side++) {
                kept.matches[side] = arena_new(&pair->arena, matches->n_words[side] + 1, sizeof(uint64_t));
                if (!kept.matches[side])
                        return -ENOMEM;
                memcpy(kept.matches[side], matches->sets[side], matches->n_words[side] * sizeof(uint64_t));
                kept.changed |= bits_meet(kept.matches[side], pair->changed_organisations[side],
                                          matches->n_words[side]);
        }
        pair->callers[pair->n_callers++] = kept;
        return 0;
}

/* Keeps a caller who matches others than those who are kept already. Return: 0, or -ENOMEM. */
static int pair_add_caller(Pair *pair, const Caller *caller)
{
        Peer peer = caller_peer(caller);
        PairMatches matches;

        for (int side = 0; side < 2; side++) {
                matches.n_words[side] = bits_words(pair->policies[side]->objects[OBJECT_ORGANISATION].n);
                policy_match_peer(pair->policies[side], &peer, matches.sets[side]);
        }
        return pair_has_caller(pair, &matches) ? 0 : pair_keep_caller(pair, caller, &matches);
}

/* Atoms of all [Peer]s of both policies. */
typedef struct PairAtoms {
        struct {
                Caller caller;
                bool changed;
        } * items;
        size_t n, capacity;
        bool changed; /* of the organisation at hand */
        bool failed;
} PairAtoms;

static bool atoms_add(const Caller *caller, void *userdata)
{
        PairAtoms *atoms = userdata;

        if (atoms->n == atoms->capacity) {
                size_t capacity = atoms->capacity ? 2 * atoms->capacity : 64;
                void *items = reallocarray(atoms->items, capacity, sizeof(atoms->items[0]));
                if (!items) {
                        atoms->failed = true;
                        return true;
                }
                atoms->items = items;
                atoms->capacity = capacity;
        }
        atoms->items[atoms->n].caller = *caller;
        atoms->items[atoms->n++].changed = atoms->changed;
        return false;
}

static void atoms_of(const Pair *pair, int side, uint32_t free_uid, PairAtoms *atoms)
{
        const Policy *policy = pair->policies[side];

        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n && !atoms->failed; i++) {
                const Organisation *organisation = &policy->organisations[i];
                atoms->changed = bits_has(pair->changed_organisations[side], i);
                /* Of one that is the same in both, one side's atoms do. */
                for (size_t k = 0; k < organisation->n_peers && (side == 0 || atoms->changed); k++)
                        (void)caller_each_atom(&organisation->peers[k], free_uid, atoms_add,
                                               atoms); /* see failed */
        }
}

static bool text_merge(const char *a, const char *b, const char **ret_text)
{
        *ret_text = a ? a : b;
        return !a || !b || strcmp(a, b) == 0;
}

/* Somebody who is both. Return: whether there can be anybody. */
static bool caller_merge(const Caller *a, const Caller *b, uint32_t free_uid, Caller *ret_caller)
{
        Caller caller = {.uid = a->uid != free_uid ? a->uid : b->uid};

        if (a->uid != b->uid && a->uid != free_uid && b->uid != free_uid)
                return false;
        if (!text_merge(a->unit, b->unit, &caller.unit) || !text_merge(a->label, b->label, &caller.label))
                return false;
        for (size_t i = 0; i < a->n_groups; i++)
                caller.groups[caller.n_groups++] = a->groups[i];
        for (size_t i = 0; i < b->n_groups; i++)
                if (caller.n_groups == 0 || caller.groups[0] != b->groups[i])
                        caller.groups[caller.n_groups++] = b->groups[i];
        *ret_caller = caller;
        return true;
}

static uint32_t pair_free_uid(const Pair *pair)
{
        uint32_t uid = caller_free_uid(pair->policies[0]);
        size_t n[2] = {1, 1};

        while (n[0] + n[1] > 0) {
                for (int side = 0; side < 2; side++)
                        (void)peer_keys_find(&pair->policies[side]->index.users, uid, &n[side]);
                uid -= n[0] + n[1] > 0;
        }
        return uid;
}

/*
 * Which callers show every difference. If one policy permits somebody as an organisation, it permits the atom of
 * that [Peer] as well, and the other either denies the atom, or takes it for some organisation. In the last case
 * a difference needs at most one [Peer] of the other policy more: it may make the caller somebody else, or two at
 * once. Where both [Peer]s belong to organisations that did not change, both policies see both.
 */
static int pair_callers(Pair *pair)
{
        const uint32_t free_uid = pair_free_uid(pair);
        PairAtoms atoms = {};
        int r = 0;

        for (int side = 0; side < 2; side++)
                atoms_of(pair, side, free_uid, &atoms);
        if (atoms.failed)
                r = -ENOMEM;
        for (size_t i = 0; i < atoms.n && r == 0; i++)
                r = pair_add_caller(pair, &atoms.items[i].caller);
        for (size_t i = 0; i < atoms.n && r == 0; i++)
                for (size_t k = 0; k < atoms.n && r == 0 && atoms.items[i].changed; k++) {
                        Caller both;
                        if (k != i &&
                            caller_merge(&atoms.items[i].caller, &atoms.items[k].caller, free_uid, &both))
                                r = pair_add_caller(pair, &both);
                }
        free(atoms.items);
        return r;
}

int pair_init(Pair *pair, const Policy *old, const Policy *new)
{
        *pair = (Pair){.policies = {old, new}};
        int r = pair_terms(pair, OBJECT_PURPOSE, &pair->purposes);
        if (r == 0)
                r = pair_terms(pair, OBJECT_GALLERY, &pair->galleries);
        if (r == 0)
                r = pair_parties(pair);
        if (r < 0)
                return r;
        pair_add_no_gallery(pair);
        r = pair_rules(pair, OBJECT_ALLOW, allow_equal, &pair->allows);
        if (r == 0)
                r = pair_rules(pair, OBJECT_MORATORIUM, moratorium_equal, &pair->moratoria);
        if (r == 0)
                r = pair_rules(pair, OBJECT_STAND_DOWN, stand_down_equal, &pair->stand_downs);
        if (r == 0)
                r = pair_organisations(pair);
        return r < 0 ? r : pair_callers(pair);
}

static bool pair_names_agree(const PairNames *names)
{
        for (size_t i = 0; i < names->n; i++)
                if (names->items[i].places[0] < 0 || names->items[i].places[1] < 0)
                        return false;
        return true;
}

static bool pair_is_empty(const Pair *pair, int side, ObjectType type, const uint64_t *set)
{
        return bits_next(set, bits_words(pair->policies[side]->objects[type].n), 0) == BITS_NONE;
}

bool pair_only_tightens(const Pair *pair)
{
        /* A prohibition of the old policy without a twin is gone, or is another: either may let something through. */
        return pair_names_agree(&pair->purposes) && pair_names_agree(&pair->galleries) &&
               pair_names_agree(&pair->parties) &&
               pair_is_empty(pair, 0, OBJECT_MORATORIUM, pair->moratoria.rules[0]) &&
               pair_is_empty(pair, 0, OBJECT_STAND_DOWN, pair->stand_downs.rules[0]) &&
               pair_is_empty(pair, 0, OBJECT_ALLOW, pair->allows.rules[0]) &&
               pair_is_empty(pair, 1, OBJECT_ALLOW, pair->allows.rules[1]) &&
               pair_is_empty(pair, 0, OBJECT_ORGANISATION, pair->changed_organisations[0]) &&
               pair_is_empty(pair, 1, OBJECT_ORGANISATION, pair->changed_organisations[1]);
}
