/*
 * Searching a log: what is found, that outcomes stand beside their permits, and that rows keep their order.
 */

#include "tools/log-search.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "make-export.h"

static MakeExport maker;

static void setup(void)
{
        static const char *const specs[] = {
                "start size=0 open=0 clean=1",
                "policy result=loaded new=@a",
                "request verdict=permit policy=@a organisation=thorn uid=7 operation=identify gallery=faces "
                "rule=r",
                "request verdict=deny policy=@a uid=8 operation=identify gallery=faces reason=unknown-peer",
                "request verdict=permit policy=@a organisation=thorn uid=7 operation=verify gallery=other "
                "rule=r",
                "outcome of=4 result=no-subject",
                "beat",
                "outcome of=2 result=ok candidates=3",
                "request verdict=deny policy=@a organisation=town uid=9 operation=enrol gallery=faces "
                "reason=moratorium",
                "request verdict=permit policy=@a organisation=thorn uid=7 operation=list gallery=faces "
                "rule=r",
        };

        make_export_new(&maker);
        for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
                make_export_add(&maker, specs[i]);
}

static void teardown(void)
{
        make_export_remove(&maker);
}

TestSuite(log_search, .init = setup, .fini = teardown);

typedef struct Found {
        char text[4096];
} Found;

/* A row as "index", "index>outcome" or "index?" where the outcome is still to come. */
static int on_row(const SearchRow *row, void *userdata)
{
        Found *found = userdata;
        size_t at = strlen(found->text);

        cr_assert_eq(row->n_leaf, maker.leaves[row->index].n);
        cr_assert_eq(memcmp(row->leaf, maker.leaves[row->index].data, row->n_leaf), 0);
        at += (size_t)snprintf(found->text + at, sizeof(found->text) - at, "%s%" PRIu64, at ? " " : "",
                               row->index);
        if (row->outcome) {
                cr_assert_eq(row->n_outcome, maker.leaves[row->outcome_index].n);
                snprintf(found->text + at, sizeof(found->text) - at, ">%" PRIu64, row->outcome_index);
        } else if (row->waits) {
                snprintf(found->text + at, sizeof(found->text) - at, "?");
        }
        return 0;
}

static void expect(const SearchFilter *filter, const char *expected, uint64_t n_found)
{
        const ExportSource source = {.dir = maker.dir};
        Found found = {};
        ProvenLog *log = NULL;
        char *why = NULL;

        cr_assert_eq(proven_log_open(&source, &log, &why), 0, "%s", why);
        Search search = {.log = log, .filter = *filter, .row = on_row, .userdata = &found};
        cr_assert_eq(log_search(&search, &why), 0, "%s", why);
        cr_expect_str_eq(found.text, expected);
        cr_expect_eq(search.n_found, n_found);
        proven_log_free(log);
}

#define AT(index) (UINT64_C(1593604800000000) + (index)*1000)
#define ID(digit) "a000000000000000000000000000000" digit

Test(log_search, each_filter_finds_what_it_says)
{
        static const struct {
                SearchFilter filter;
                const char *expected;
                uint64_t n;
        } cases[] = {
                {{}, "0 1 2>7 3 4>5 8 9?", 7},
                {{.kind = "outcome"}, "5 7", 2},
                {{.kind = "beat"}, "6", 1},
                {{.kind = "request"}, "2>7 3 4>5 8 9?", 5},
                {{.kind = "nothing"}, "", 0},
                {{.verdict = "deny"}, "3 8", 2},
                {{.verdict = "permit"}, "2>7 4>5 9?", 3},
                {{.reason = "moratorium"}, "8", 1},
                {{.organisation = "thorn", .operation = "verify"}, "4>5", 1},
                {{.gallery = "faces"}, "2>7 3 8 9?", 4},
                {{.has_uid = true, .uid = 8}, "3", 1},
                {{.has_uid = true, .uid = 0}, "", 0},
                {{.request = ID("4")}, "4>5", 1},
                {{.request = ID("3")}, "3", 1},
                {{.request = ID("9")}, "9?", 1},
                {{.has_since = true, .since_usec = AT(4)}, "4>5 8 9?", 3},
                {{.has_until = true, .until_usec = AT(4)}, "0 1 2>7 3", 4},
                {{.has_since = true, .since_usec = AT(3), .has_until = true, .until_usec = AT(3)}, "", 0},
                {{.has_since = true, .since_usec = AT(3), .has_until = true, .until_usec = AT(4)}, "3", 1},
                {{.limit = 2}, "8 9?", 7},
                {{.limit = 3, .verdict = "permit"}, "2>7 4>5 9?", 3},
                {{.limit = 1, .verdict = "deny"}, "8", 2},
                {{.first = 4}, "4>5 8 9?", 3},
                {{.first = 5, .only_first = true}, "5", 1},
                {{.first = 6, .only_first = true}, "6", 1},
                {{.first = 2, .only_first = true}, "2>7", 1},
                {{.first = 99, .only_first = true}, "", 0},
        };

        make_export_write(&maker);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                expect(&cases[i].filter, cases[i].expected, cases[i].n);
}

Test(log_search, since_begins_at_the_right_bundle_of_a_long_log)
{
        char expected[64];

        make_export_fill(&maker, 2000);
        make_export_write(&maker);
        for (uint64_t index = 250; index < 1999; index += 251) {
                const SearchFilter filter = {.kind = "beat",
                                             .has_since = true,
                                             .since_usec = AT(index),
                                             .has_until = true,
                                             .until_usec = AT(index + 2)};
                snprintf(expected, sizeof(expected), "%" PRIu64 " %" PRIu64, index, index + 1);
                expect(&filter, expected, 2);
        }
}

Test(log_search, many_rows_behind_a_permit_that_waits_keep_their_order)
{
        const SearchFilter filter = {.kind = "request"};
        char expected[4096] = "2>7 3 4>5 8 9>310";
        size_t at = strlen(expected);

        for (uint64_t i = 10; i < 310; i++) {
                make_export_add(&maker, "request verdict=deny policy=@a reason=not-allowed");
                at += (size_t)snprintf(expected + at, sizeof(expected) - at, " %" PRIu64, i);
        }
        make_export_add(&maker, "outcome of=9 result=ok");
        make_export_write(&maker);
        expect(&filter, expected, 305);
}

Test(log_search, what_is_not_proved_is_not_shown)
{
        const ExportSource source = {.dir = maker.dir};
        Found found = {};
        ProvenLog *log = NULL;
        char *why = NULL;

        make_export_fill(&maker, 600);
        make_export_write(&maker);
        cr_assert(make_export_flip(&maker, "tile/entries/001", 300, 1));
        cr_assert_eq(proven_log_open(&source, &log, &why), 0);
        Search search = {.log = log, .filter = {.kind = "beat"}, .row = on_row, .userdata = &found};
        cr_expect_eq(log_search(&search, &why), PROVEN_E_UNPROVEN);
        cr_expect_not_null(strstr(found.text, " 255"));
        cr_expect_null(strstr(found.text, " 256"));
        free(why);
        proven_log_free(log);
}
