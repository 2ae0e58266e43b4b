/*
 * Rows beside the leaves: each that says something else than the leaves is found at the next start. The log that
 * is changed: 0 permit with an outcome, 1 denied, 2 permit left open, 3 the outcome of 0, 4 the policy.
 */

#include "trail/derived.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"

static const char policy_leaf[] =
        "{\"clock\":\"synchronised\",\"index\":4,\"kind\":\"policy\",\"new\":\"" ZEROS_32
        "\",\"result\":\"loaded\",\"time\":9,\"v\":1,\"wall\":7}";

static Fixture fixture;

static void setup(void)
{
        fixture_init(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        cr_assert_eq(fixture_outcome(&fixture, 0), 0);
        TrailEntry *entry = fixture_entry(&fixture, TRAIL_PLAIN);
        fixture_set_leaf(entry, policy_leaf);
        entry->state = (TrailState){.time_usec = 9, .has_mark = true, .mark_usec = 7, .has_policy = true};
        cr_assert_eq(trail_append(fixture.trail, entry), 0);
        fixture_run(&fixture, 5);
        fixture_close(&fixture);
}

static void teardown(void)
{
        fixture_deinit(&fixture);
}

TestSuite(derived, .init = setup, .fini = teardown, .timeout = 600);

static void change(const char *sql)
{
        _cleanup_(freep) char *command = NULL;
        cr_assert_gt(asprintf(&command, "sqlite3 trail/trail.db \"%s\"", sql), 0);
        fixture_shell(&fixture, command);
}

Test(derived, rows_that_follow_from_the_leaves_are_accepted)
{
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture.found.n_open, 1);
}

Test(derived, rows_that_do_not_are_refused)
{
        static const struct {
                const char *sql, *text;
        } cases[] = {
                {"DELETE FROM open_req", "open permits"},
                {"INSERT INTO open_req VALUES (0)", "open permits"},
                {"INSERT INTO open_req VALUES (1)", "open permits"},
                {"UPDATE open_req SET i = 1", "open permits"},
                {"DELETE FROM outcome_of", "outcomes"},
                {"UPDATE outcome_of SET outcome = 4", "outcomes"},
                {"UPDATE outcome_of SET i = 2", "outcomes"},
                {"INSERT INTO outcome_of VALUES (2, 3)", "outcomes"},
                {"INSERT INTO outcome_of VALUES (77, 3)", "outcomes"},
                {"UPDATE detail SET b = x'7b7c' WHERE i = 3", "details"},
                {"UPDATE detail SET salt = randomblob(32) WHERE i = 0", "details"},
                {"UPDATE detail SET salt = x'00' WHERE i = 0", "details"},
                {"UPDATE detail SET i = 99 WHERE i = 3", "details"},
                {"DELETE FROM detail WHERE i = 1", "details"},
                {"INSERT INTO detail SELECT 4, salt, b FROM detail WHERE i = 3", "details"},
                {"UPDATE head SET details = details + 1", "details"},
                {"UPDATE head SET time = 8", "time, mark or policy"},
                {"UPDATE head SET mark = 6", "time, mark or policy"},
                {"UPDATE head SET mark = NULL", "time, mark or policy"},
                {"UPDATE head SET policy = NULL", "time, mark or policy"},
                {"UPDATE head SET policy = x'" ZEROS_32 "01'", "damaged"},
                {"UPDATE head SET policy = randomblob(32)", "time, mark or policy"},
        };

        fixture_shell(&fixture, "cp -a trail kept");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                change(cases[i].sql);
                int r = fixture_open(&fixture);
                cr_expect_eq(r, TRAIL_E_DAMAGED, "%s: ending %d", cases[i].sql, r);
                cr_expect(fixture.why && strstr(fixture.why, cases[i].text), "%s: %s", cases[i].sql,
                          fixture.why ? fixture.why : "");
                fixture_close(&fixture);
                fixture_shell(&fixture, "rm -rf trail && cp -a kept trail");
        }
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
}

Test(derived, a_detail_may_be_missing_once_something_was_erased)
{
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        TrailEntry *entry = fixture_entry(&fixture, TRAIL_PLAIN);
        fixture_set_leaf(entry, "{\"by\":0,\"count\":1,\"index\":5,\"kind\":\"erase\",\"v\":1}");
        entry->state = (TrailState){.has_mark = true, .mark_usec = 7, .has_policy = true};
        cr_assert_eq(trail_append(fixture.trail, entry), 0);
        fixture_run(&fixture, 6);
        fixture_close(&fixture);
        change("DELETE FROM detail WHERE i = 0; UPDATE head SET details = details - 1");
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
}

/* More leaves than are read again, so that the first ones are too old. */
static void grow_old(void)
{
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_grow(&fixture, 65536 + 300);
        fixture_close(&fixture);
}

Test(derived, an_old_permit_may_be_open_and_nothing_else_may)
{
        grow_old();
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture.found.n_open, 1);
        fixture_close(&fixture);
        fixture_shell(&fixture, "cp -a trail kept");
        static const char *const rows[] = {"0", "1", "3", "4"};
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char sql[64];
                (void)snprintf(sql, sizeof(sql), "INSERT INTO open_req VALUES (%s)", rows[i]);
                change(sql);
                cr_expect_eq(fixture_open(&fixture), TRAIL_E_DAMAGED, "%s", sql);
                cr_expect(fixture.why && strstr(fixture.why, "open permits"), "%s", sql);
                fixture_close(&fixture);
                fixture_shell(&fixture, "rm -rf trail && cp -a kept trail");
        }
}
