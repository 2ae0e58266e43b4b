/*
 * Rows against leaves. Runs in trail_open(), before anything is served.
 *
 * The leaves are read once, 256 at a time, each 256 followed by the rows that belong to them. Rows that belong to
 * no leaf are found by counting: those that should be there are, so that one more is one too many.
 *
 * What a leaf does not say (one of a test, or of a program to come) is not known, and not compared: that the
 * leaves themselves are the log's own is the root's business.
 */

#include "trail/derived.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/leaf.h"

enum {
        DERIVED_LEAVES = 65536, /* as many as are hashed again at start */
        DERIVED_STEP = 256,
};

/* Which rows are wrong. */
static const char derived_open[] = "what it says of open permits";
static const char derived_outcomes[] = "what it says of outcomes";
static const char derived_details[] = "what it holds of details";
static const char derived_head[] = "what it says of time, mark or policy";

/* Indices, ascending. */
typedef struct Indices {
        uint64_t *items;
        size_t n, capacity;
} Indices;

/* What a leaf says of other rows. */
typedef struct Said {
        bool is_outcome;
        uint64_t of;
        char detail[COMMITMENT_TEXT_SIZE]; /* "" where it commits to none */
} Said;

typedef struct Derived {
        Store *store;
        uint64_t first, size; /* leaves [first, size) are compared */
        uint64_t next;        /* leaf that is read next */
        Said said[DERIVED_STEP];
        size_t n_said;

        Indices open; /* of these leaves: permits without an outcome */
        size_t n_outcomes, n_details;
        bool misses_detail, has_erase;
        uint64_t missing, erase; /* the last of each */

        bool knows_time, knows_mark, knows_policy;
        TrailState state; /* after the leaves that were read, as far as it is known */
} Derived;

static int indices_add(Indices *indices, uint64_t index)
{
        if (indices->n == indices->capacity) {
                size_t capacity = indices->capacity > 0 ? 2 * indices->capacity : 64;
                uint64_t *items = reallocarray(indices->items, capacity, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                indices->items = items;
                indices->capacity = capacity;
        }
        indices->items[indices->n++] = index;
        return 0;
}

/* Few are open at a time, so that the latest are looked at first. */
static void indices_remove(Indices *indices, uint64_t index)
{
        for (size_t i = indices->n; i-- > 0 && indices->items[i] >= index;)
                if (indices->items[i] == index) {
                        indices->n--;
                        memmove(indices->items + i, indices->items + i + 1,
                                (indices->n - i) * sizeof(*indices->items));
                        return;
                }
}

static void derived_deinit(Derived *derived)
{
        free(derived->open.items);
}

/* The largest synchronised wall time, since an administrator set it back; a request says what it was before. */
static void derived_note_mark(Derived *derived, const Leaf *leaf)
{
        TrailState *state = &derived->state;
        uint64_t wall, mark;

        if (leaf_is(leaf, "kind", "request")) {
                derived->knows_mark = true;
                state->has_mark = leaf_number(leaf, "mark", &mark);
                state->mark_usec = state->has_mark ? mark : 0;
        }
        if (!leaf_number(leaf, "wall", &wall))
                return;
        bool rebase = leaf_is(leaf, "kind", "jump") && leaf_number(leaf, "by", &mark);
        derived->knows_mark = derived->knows_mark || rebase;
        if (rebase ||
            (leaf_is(leaf, "clock", "synchronised") && (!state->has_mark || wall > state->mark_usec))) {
                state->has_mark = true;
                state->mark_usec = wall;
        }
}

static void derived_note_state(Derived *derived, const Leaf *leaf)
{
        const char *new = leaf_text(leaf, "new");

        derived->knows_time = leaf_number(leaf, "time", &derived->state.time_usec);
        derived_note_mark(derived, leaf);
        if (!leaf_is(leaf, "kind", "policy") || !leaf_is(leaf, "result", "loaded") || !new)
                return;
        derived->knows_policy = derived->state.has_policy = digest_from_hex(new, &derived->state.policy);
}

static int derived_note(Derived *derived, uint64_t index, const Leaf *leaf)
{
        Said *said = &derived->said[derived->n_said++];
        const char *detail = leaf_text(leaf, "detail");

        *said = (Said){};
        derived_note_state(derived, leaf);
        if (detail && strlen(detail) < COMMITMENT_TEXT_SIZE)
                memcpy(said->detail, detail, strlen(detail) + 1);
        if (leaf_is(leaf, "kind", "erase")) {
                derived->has_erase = true;
                derived->erase = index;
        }
        if (leaf_is(leaf, "kind", "request") && leaf_is(leaf, "verdict", "permit"))
                return indices_add(&derived->open, index);
        said->is_outcome = leaf_is(leaf, "kind", "outcome") && leaf_number(leaf, "of", &said->of);
        if (said->is_outcome)
                indices_remove(&derived->open, said->of);
        return 0;
}

static int derived_on_leaf(const StoreRow *row, void *userdata)
{
        Derived *derived = userdata;
        Leaf leaf = LEAF_INIT;

        /* One that is not in canonical form says nothing. */
        int r = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf);
        if (r >= 0)
                r = derived_note(derived, row->number, &leaf);
        leaf_deinit(&leaf);
        return r;
}

static int derived_on_number(const StoreRow *row, void *userdata)
{
        *(uint64_t *)userdata = row->number;
        return 0;
}

static int derived_check_outcome(Derived *derived, uint64_t index, const Said *said)
{
        const StoreQuery query = {STORE_OUTCOME, .first = said->of};
        uint64_t outcome = 0;

        if (!said->is_outcome)
                return 0;
        derived->n_outcomes += said->of >= derived->first;
        int r = store_read(derived->store, &query, derived_on_number, &outcome);
        return r < 0 ? r : r == 0 && outcome == index ? 0 : DERIVED_E_DAMAGED;
}

static int derived_on_detail(const StoreRow *row, void *userdata)
{
        const Said *said = userdata;
        return commitment_opens(said->detail, COMMITMENT_DETAIL, row->salt, row->bytes, row->n) ? 0
                                                                                                : -EBADMSG;
}

static int derived_check_detail(Derived *derived, uint64_t index, const Said *said)
{
        const StoreQuery query = {STORE_DETAILS, .first = index, .last = index};

        if (said->detail[0] == 0)
                return 0;
        int r = store_read(derived->store, &query, derived_on_detail, (void *)said);
        if (r == 0)
                derived->n_details++;
        if (r == STORE_E_NONE) {
                derived->misses_detail = true;
                derived->missing = index;
                return 0;
        }
        return r;
}

/* The next leaves, and the rows that belong to them. */
static int derived_step(Derived *derived, const char **ret_what)
{
        uint64_t last = MIN_OF(derived->next + DERIVED_STEP, derived->size) - 1;
        const StoreQuery leaves = {STORE_LEAVES, .first = derived->next, .last = last};

        derived->n_said = 0;
        int r = store_read(derived->store, &leaves, derived_on_leaf, derived);
        for (size_t i = 0; r == 0 && i < derived->n_said; i++) {
                *ret_what = derived_outcomes;
                r = derived_check_outcome(derived, derived->next + i, &derived->said[i]);
                if (r != 0)
                        break;
                *ret_what = derived_details;
                r = derived_check_detail(derived, derived->next + i, &derived->said[i]);
        }
        derived->next = last + 1;
        return r;
}

static int derived_on_count(const StoreRow *row, void *userdata)
{
        ++*(size_t *)userdata;
        return 0;
}

/* Whether there are as many rows of the leaves that were read as were found by them. */
static int derived_check_count(Derived *derived, StoreWhat what, size_t expected)
{
        const StoreQuery query = {what, .first = derived->first, .last = INT64_MAX};
        size_t n = 0;

        int r = store_read(derived->store, &query, derived_on_count, &n);
        return r < 0 ? r : n == expected ? 0 : DERIVED_E_DAMAGED;
}

static int derived_on_open(const StoreRow *row, void *userdata)
{
        return indices_add(userdata, row->number);
}

static int derived_on_permit(const StoreRow *row, void *userdata)
{
        Leaf leaf = LEAF_INIT;

        int r = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf);
        *(bool *)userdata = r == 0 && leaf_is(&leaf, "verdict", "permit");
        leaf_deinit(&leaf);
        return r < 0 ? r : 0;
}

/* One that is older than the leaves that were read. */
static int derived_check_old(Derived *derived, uint64_t index)
{
        const StoreQuery leaf = {STORE_LEAVES, .first = index, .last = index};
        const StoreQuery outcome = {STORE_OUTCOME, .first = index};
        uint64_t ignored = 0;
        bool permit = false;

        int r = store_read(derived->store, &leaf, derived_on_permit, &permit);
        if (r < 0)
                return r;
        if (!permit)
                return DERIVED_E_DAMAGED;
        r = store_read(derived->store, &outcome, derived_on_number, &ignored);
        return r < 0 ? r : r == STORE_E_NONE ? 0 : DERIVED_E_DAMAGED;
}

static int derived_check_open(Derived *derived, const Indices *rows)
{
        size_t n_old = 0;

        for (; n_old < rows->n && rows->items[n_old] < derived->first; n_old++) {
                int r = derived_check_old(derived, rows->items[n_old]);
                if (r != 0)
                        return r;
        }
        size_t n = rows->n - n_old;
        bool same = n == derived->open.n &&
                    (n == 0 || memcmp(rows->items + n_old, derived->open.items, n * sizeof(uint64_t)) == 0);
        return same ? 0 : DERIVED_E_DAMAGED;
}

static int derived_read_open(Derived *derived)
{
        const StoreQuery query = {STORE_OPEN};
        Indices rows = {};

        int r = store_read(derived->store, &query, derived_on_open, &rows);
        if (r >= 0)
                r = derived_check_open(derived, &rows);
        free(rows.items);
        return r;
}

static bool derived_is_state(const Derived *derived, const TrailState *found)
{
        const TrailState *state = &derived->state;
        bool same_mark = found->has_mark == state->has_mark &&
                         (!found->has_mark || found->mark_usec == state->mark_usec);
        bool same_policy = found->has_policy == state->has_policy &&
                           (!found->has_policy || digest_equal(&found->policy, &state->policy));

        return (!derived->knows_time || found->time_usec == state->time_usec) &&
               (!derived->knows_mark || same_mark) && (!derived->knows_policy || same_policy);
}

/* What is known once all leaves were read. */
static int derived_finish(Derived *derived, const StoreHead *head, const char **ret_what)
{
        *ret_what = derived_details;
        if (derived->misses_detail && (!derived->has_erase || derived->erase < derived->missing))
                return DERIVED_E_DAMAGED;
        /* Older ones may be held as well. */
        if (derived->first == 0 ? head->n_details != derived->n_details
                                : head->n_details < derived->n_details)
                return DERIVED_E_DAMAGED;
        int r = derived_check_count(derived, STORE_DETAILS, derived->n_details);
        if (r != 0)
                return r;
        *ret_what = derived_outcomes;
        r = derived_check_count(derived, STORE_OUTCOMES, derived->n_outcomes);
        if (r != 0)
                return r;
        *ret_what = derived_open;
        r = derived_read_open(derived);
        if (r != 0)
                return r;
        *ret_what = derived_head;
        return derived_is_state(derived, &head->state) ? 0 : DERIVED_E_DAMAGED;
}

int derived_verify(Store *store, const StoreHead *head, const char **ret_what)
{
        _cleanup_(derived_deinit) Derived derived = {.store = store, .size = head->size};
        int r = 0;

        derived.first = head->size > DERIVED_LEAVES ? head->size - DERIVED_LEAVES : 0;
        derived.next = derived.first;
        /* Of a log that is read whole it is known that there is neither before the first leaf says so. */
        derived.knows_mark = derived.knows_policy = derived.first == 0;
        while (r == 0 && derived.next < derived.size)
                r = derived_step(&derived, ret_what);
        if (r == 0)
                r = derived_finish(&derived, head, ret_what);
        /* A row that cannot be read, or is none, is damage like one that says something else. */
        return r == -EBADMSG ? DERIVED_E_DAMAGED : r;
}
