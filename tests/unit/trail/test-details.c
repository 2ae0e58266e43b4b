/*
 * Selecting, opening and erasing details through the trail, as the guard's loop does it.
 */

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "fixture.h"

static Fixture fixture;

/* What came back of the last look-up. */
static struct {
        bool told;
        TrailSelected selected;
        uint64_t leaves[TRAIL_SELECTED_MAX];
        size_t n_details;
        uint64_t indices[MESSAGE_DETAILS_MAX];
        bool opened[MESSAGE_DETAILS_MAX];
        char bytes[MESSAGE_DETAILS_MAX][256];
        bool scrubbed;
} got;

static void setup(void)
{
        fixture_init(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0);
}

static void teardown(void)
{
        fixture_deinit(&fixture);
}

TestSuite(details, .init = setup, .fini = teardown, .timeout = 600);

static void wait_told(void)
{
        while (!got.told)
                cr_assert_gt(sd_event_run(fixture.event, 10 * UINT64_C(1000000)), 0);
}

static const char *kind_of(TrailRole role)
{
        return role == TRAIL_OUTCOME ? "outcome" : role == TRAIL_PLAIN ? "policy" : "request";
}

/* The leaf of an entry: of its minute, and true to the entry's detail. */
static void set_leaf(TrailEntry *entry, const char *kind, const char *more)
{
        char text[512], commitment[COMMITMENT_TEXT_SIZE], detail[64] = "";

        if (entry->has_detail) {
                commitment_of(COMMITMENT_DETAIL, entry->salt, entry->detail, entry->n_detail, commitment);
                (void)snprintf(detail, sizeof(detail), "\"detail\":\"%s\",", commitment);
        }
        (void)snprintf(text, sizeof(text), "{%s\"index\":%" PRIu64 ",\"kind\":\"%s\",%s}", detail,
                       entry->index, kind, more);
        fixture_set_leaf(entry, text);
}

/* An entry with a detail that names subjects, or with none. */
static TrailEntry *entry_of(TrailRole role, uint64_t of, const char *subjects)
{
        TrailEntry *entry = fixture_entry(&fixture, role);
        char text[256], id[2 * REQUEST_ID_SIZE + 1];
        uint8_t bytes[REQUEST_ID_SIZE];
        uint64_t time = entry->index * 60 + 1;

        free(entry->detail);
        entry->of = of;
        entry->state.time_usec = time;
        entry->has_detail = subjects != NULL;
        entry->detail = NULL;
        entry->n_detail = 0;
        if (subjects) {
                entry->n_detail = (size_t)snprintf(text, sizeof(text), "{\"subjects\":\"%s\"}", subjects);
                entry->detail = (uint8_t *)strdup(text);
                memset(entry->salt, (int)(entry->index % 255) + 1, sizeof(entry->salt));
        }
        fixture_request_id(entry->index, bytes);
        text_hex(bytes, sizeof(bytes), id);
        if (role == TRAIL_OUTCOME)
                (void)snprintf(text, sizeof(text), "\"of\":%" PRIu64 ",\"time\":%" PRIu64, of, time);
        else if (role == TRAIL_PLAIN)
                (void)snprintf(text, sizeof(text), "\"time\":%" PRIu64, time);
        else
                (void)snprintf(text, sizeof(text),
                               "\"request\":\"%s\",\"time\":%" PRIu64 ",\"verdict\":\"%s\"", id, time,
                               role == TRAIL_PERMIT ? "permit" : "deny");
        set_leaf(entry, kind_of(role), text);
        return entry;
}

static uint64_t add(TrailRole role, uint64_t of, const char *subjects)
{
        TrailEntry *entry = entry_of(role, of, subjects);
        uint64_t index = entry->index;

        cr_assert_eq(trail_append(fixture.trail, entry), 0);
        return index;
}

static int on_selected(const TrailSelected *selected, void *userdata)
{
        got.selected = *selected;
        memcpy(got.leaves, selected->leaves, selected->n_leaves * sizeof(*got.leaves));
        got.told = true;
        return 0;
}

static void select_some(TrailSelection selection)
{
        memset(&got, 0, sizeof(got));
        fixture_run(&fixture, fixture.next);
        if (selection.end == 0)
                selection.end = fixture.next;
        cr_assert_eq(trail_select(fixture.trail, &selection, on_selected, NULL), 0);
        wait_told();
}

static void expect_leaves(size_t n, const uint64_t *leaves)
{
        cr_assert_eq(got.selected.n_leaves, n, "%zu", got.selected.n_leaves);
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(got.leaves[i], leaves[i], "%" PRIu64, got.leaves[i]);
}

#define EXPECT_LEAVES(...) expect_leaves(ARRAY_SIZE(((uint64_t[]){__VA_ARGS__})), (uint64_t[]){__VA_ARGS__})

static void erase(size_t n, const uint64_t *leaves)
{
        TrailEntry *entry = entry_of(TRAIL_PLAIN, 0, NULL);
        char time[32];

        entry->erases = calloc(n, sizeof(*leaves));
        memcpy(entry->erases, leaves, n * sizeof(*leaves));
        entry->n_erases = n;
        (void)snprintf(time, sizeof(time), "\"time\":%" PRIu64, entry->state.time_usec);
        set_leaf(entry, "erase", time);
        cr_assert_eq(trail_append(fixture.trail, entry), 0);
        fixture_run(&fixture, fixture.next);
}

Test(details, a_request_is_its_decision_and_its_outcome)
{
        uint8_t request[REQUEST_ID_SIZE];

        add(TRAIL_PLAIN, 0, NULL);
        uint64_t permit = add(TRAIL_PERMIT, 0, "YQ");
        uint64_t deny = add(TRAIL_DENY, 0, "Yg");
        uint64_t outcome = add(TRAIL_OUTCOME, permit, "YQ Yg");
        uint64_t policy = add(TRAIL_PLAIN, 0, "d2h5");

        for (uint64_t index = permit; index <= outcome; index += outcome - permit) {
                select_some((TrailSelection){.of = DETAILS_OF_LEAF, .index = index});
                cr_assert(got.selected.found && got.selected.done);
                cr_assert_eq(got.selected.of, permit);
                EXPECT_LEAVES(permit, outcome);
        }
        TrailSelection selection = {.of = DETAILS_OF_REQUEST};
        fixture_request_id(deny, selection.request);
        select_some(selection);
        cr_assert_eq(got.selected.of, deny);
        EXPECT_LEAVES(deny);
        select_some((TrailSelection){.of = DETAILS_OF_LEAF, .index = policy});
        EXPECT_LEAVES(policy);

        select_some((TrailSelection){.of = DETAILS_OF_LEAF, .index = 0});
        cr_assert(got.selected.found && got.selected.n_commitments == 0 && got.selected.n_leaves == 0);
        select_some((TrailSelection){.of = DETAILS_OF_LEAF, .index = 999});
        cr_assert_not(got.selected.found);
        fixture_request_id(999, request);
        memcpy(selection.request, request, sizeof(request));
        select_some(selection);
        cr_assert_not(got.selected.found);
}

Test(details, a_subject_takes_both_of_each_request_that_names_it_once)
{
        uint64_t asked = add(TRAIL_PERMIT, 0, "YWFh YmJi");
        uint64_t found = add(TRAIL_PERMIT, 0, "Y2Nj");
        uint64_t asked_outcome = add(TRAIL_OUTCOME, asked, "YWFh");
        uint64_t found_outcome = add(TRAIL_OUTCOME, found, "YmJi YWFh");
        uint64_t silent = add(TRAIL_PERMIT, 0, NULL);
        uint64_t silent_outcome = add(TRAIL_OUTCOME, silent, "YWFh");
        add(TRAIL_DENY, 0, "YWFhYQ");

        select_some((TrailSelection){.of = DETAILS_OF_SUBJECT, .subject = "aaa"});
        EXPECT_LEAVES(asked, asked_outcome, found, found_outcome, silent_outcome);
        cr_assert(got.selected.done);
        select_some((TrailSelection){.of = DETAILS_OF_SUBJECT, .subject = "bbb"});
        EXPECT_LEAVES(asked, asked_outcome, found, found_outcome);
        select_some((TrailSelection){.of = DETAILS_OF_SUBJECT, .subject = "aa"});
        cr_assert_eq(got.selected.n_leaves, 0);
        select_some((TrailSelection){.of = DETAILS_OF_SUBJECT, .subject = "aaa", .end = found});
        EXPECT_LEAVES(asked, asked_outcome);
}

/* All that there is to select, step by step. Return: how many steps it took. */
static unsigned select_all(TrailSelection selection, uint64_t *ret_n)
{
        unsigned n_steps = 0;

        *ret_n = 0;
        do {
                select_some(selection);
                cr_assert_leq(got.selected.n_leaves, TRAIL_SELECTED_MAX);
                *ret_n += got.selected.n_leaves;
                cr_assert(got.selected.done || got.selected.next > selection.first);
                selection.first = got.selected.next;
                n_steps++;
        } while (!got.selected.done);
        return n_steps;
}

Test(details, many_are_gone_through_in_steps)
{
        uint64_t n;

        for (unsigned i = 0; i < 900; i++)
                add(TRAIL_OUTCOME, add(TRAIL_PERMIT, 0, i % 2 ? "YWFh" : "YmJi"), "YWFh");
        unsigned steps =
                select_all((TrailSelection){.of = DETAILS_OF_SUBJECT, .subject = "aaa", .end = 1800}, &n);
        cr_assert_eq(n, 1800);
        cr_assert_geq(steps, 4);
        steps = select_all((TrailSelection){.of = DETAILS_BY_AGE, .before_usec = 1000 * 60, .end = 1800}, &n);
        cr_assert_eq(n, 1000);
        cr_assert_eq(steps, 2);
        select_all((TrailSelection){.of = DETAILS_BY_AGE, .before_usec = 1, .end = 1800}, &n);
        cr_assert_eq(n, 0);
}

static int on_opened(const DetailField *details, size_t n, void *userdata)
{
        got.n_details = n;
        for (size_t i = 0; i < n; i++) {
                got.indices[i] = details[i].index;
                got.opened[i] = details[i].salt != NULL;
                if (details[i].salt)
                        cr_assert_eq(details[i].salt[31], details[i].index % 255 + 1);
                (void)snprintf(got.bytes[i], sizeof(got.bytes[i]), "%.*s", (int)details[i].n_bytes,
                               (const char *)details[i].bytes);
                cr_assert_not_null(strstr(details[i].leaf, "\"detail\""));
                cr_assert_not_null(strstr(details[i].proof, "c2sp.org/tlog-proof@v1"));
        }
        got.told = true;
        return 0;
}

static int on_scrubbed(bool scrubbed, void *userdata)
{
        got.scrubbed = scrubbed;
        got.told = true;
        return 0;
}

Test(details, what_is_opened_is_what_was_made_until_it_is_erased)
{
        uint64_t permit = add(TRAIL_PERMIT, 0, "YWFh");
        uint64_t outcome = add(TRAIL_OUTCOME, permit, "YmJi");

        fixture_run(&fixture, fixture.next);
        cr_assert_eq(trail_held(fixture.trail).n, 2);
        cr_assert_eq(trail_held(fixture.trail).oldest_usec, permit * 60 + 1);
        memset(&got, 0, sizeof(got));
        cr_assert_eq(trail_open_details(fixture.trail, permit, on_opened, NULL), 0);
        wait_told();
        cr_assert_eq(got.n_details, 2);
        cr_assert(got.opened[0] && got.opened[1] && got.indices[1] == outcome);
        cr_assert_str_eq(got.bytes[1], "{\"subjects\":\"YmJi\"}");

        erase(1, &permit);
        cr_assert_eq(trail_held(fixture.trail).n, 1);
        cr_assert_eq(trail_held(fixture.trail).oldest_usec, outcome * 60 + 1);
        memset(&got, 0, sizeof(got));
        cr_assert_eq(trail_scrub(fixture.trail, on_scrubbed, NULL), 0);
        wait_told();
        cr_assert(got.scrubbed);
        fixture_shell(&fixture, "test ! -s trail/trail.db-wal && ! grep -q YWFh trail/trail.db && grep -q "
                                "YmJi trail/trail.db");
        memset(&got, 0, sizeof(got));
        cr_assert_eq(trail_open_details(fixture.trail, permit, on_opened, NULL), 0);
        wait_told();
        cr_assert(!got.opened[0] && got.opened[1]);

        erase(1, &outcome);
        cr_assert_eq(trail_held(fixture.trail).n, 0);
        cr_assert_eq(trail_held(fixture.trail).oldest_usec, 0);
        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_eq(trail_held(fixture.trail).n, 0);
}
