/* What would have been: rows that fold, in their order, with rates of their own and limits that are told. */

#include "tools/what-if.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "make-archive.h"
#include "make-folder.h"
#include "make-leaf.h"

static char digest[DIGEST_HEX_SIZE], dir[256];
static Policy *other;
static WhatIf what_if;
static Replay replay;
static LogState state;
static uint64_t next_index;
static bool wanted;

static void begin(const ArchiveFile *more)
{
        char other_digest[DIGEST_HEX_SIZE];

        folder_make();
        policy_unref(make_archive(make_archive_files, NULL, digest));
        other = make_archive(make_archive_files, more, other_digest);
        snprintf(dir, sizeof(dir), "%s", folder_path("export"));
        replay = REPLAY_INIT(dir);
        what_if = WHAT_IF_INIT(other);
        state = LOG_STATE_INIT;
        next_index = 0;
        wanted = true;
}

static void end(void)
{
        what_if_deinit(&what_if);
        replay_deinit(&replay);
        policy_unref(other);
        folder_remove();
}

static void take(const char *spec, const char *more)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        char words[900];
        LeafEntry entry;

        snprintf(words, sizeof(words), "%s %s", spec, more);
        make_leaf(next_index, words, &bytes);
        cr_assert_eq(leaf_entry_read(next_index++, bytes.data, bytes.n, &entry), 0);
        if (entry.kind == LEAF_REQUEST) {
                ReplayedLeaf leaf = {.entry = &entry, .replay = &replay, .wanted = wanted};
                cr_assert_eq(replay_request(&replay, &state, &entry, &leaf.fault), 0);
                cr_assert_eq(what_if_take(&what_if, &leaf), 0);
        }
        log_state_take(&state, &entry);
        leaf_entry_deinit(&entry);
}

static void load(void)
{
        char spec[128];

        snprintf(spec, sizeof(spec), "policy result=loaded new=%s clock=synchronised", digest);
        take(spec, "");
}

static void ask(const char *spec, const char *more)
{
        char words[300];
        snprintf(words, sizeof(words), "policy=%s %s", digest, more);
        take(spec, words);
}

#define ASKED "identity=pidfd operation=identify gallery=faces purpose=find probe=photograph "
#define PERMIT                                                                                               \
        "request verdict=permit uid=980 organisation=thorn rule=rescue floor=1600000 limit=5 "               \
        "release=scores "                                                                                    \
        "model=m-4 dimension=16 gallery-kind=event gallery-maximum=99 job=x " ASKED
#define DENY                                                                                                 \
        "request verdict=deny uid=981 organisation=pd rule=no-police moratoria=no-police "                   \
        "reason=moratorium " ASKED
#define STRANGER "request verdict=deny uid=7 reason=unknown-peer " ASKED

static const char *row_text(size_t i)
{
        static char text[512];
        const char *const *f = what_if.rows[i]->fields;

        snprintf(text, sizeof(text), "%zu x %s %s %s: %s,%s,%s,%s -> %s,%s,%s,%s %s; %zu",
                 (size_t)what_if.rows[i]->count, f[WHAT_IF_OPERATION], f[WHAT_IF_GALLERY], f[WHAT_IF_PURPOSE],
                 f[WHAT_IF_ORGANISATION], f[WHAT_IF_VERDICT], f[WHAT_IF_REASON], f[WHAT_IF_RULE],
                 f[WHAT_IF_NEW_ORGANISATION], f[WHAT_IF_NEW_VERDICT], f[WHAT_IF_NEW_REASON],
                 f[WHAT_IF_NEW_RULE], f[WHAT_IF_CHANGES], (size_t)what_if.rows[i]->example);
        return text;
}

Test(what_if, under_the_same_policy_nothing_would_be_otherwise)
{
        begin(NULL);
        load();
        ask(PERMIT, "");
        ask(DENY, "");
        ask(STRANGER, "");
        cr_expect_eq(what_if.n_decisions, 3);
        cr_expect_eq(what_if.n_same, 3);
        cr_expect_eq(what_if.n_rows, 0);
        end();
}

static const ArchiveFile reversed[] = {
        {"no-police.moratorium", "[Moratorium]\nDescription=x\nClass=ngo\n"},
        {"late.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=7\n"},
        {},
};

Test(what_if, what_becomes_permitted_comes_first_and_equal_ones_are_one_row)
{
        begin(reversed);
        load();
        ask(STRANGER, "");
        ask(PERMIT, "");
        ask(DENY, "");
        ask(DENY, "");
        what_if_sort(&what_if);
        cr_expect_eq(what_if.n_decisions, 4);
        cr_expect_eq(what_if.n_same, 0);
        cr_expect_eq(what_if.n_permitted, 2);
        cr_expect_eq(what_if.n_denied, 1);
        cr_assert_eq(what_if.n_rows, 3);
        cr_expect_str_eq(row_text(0),
                         "2 x identify faces find: pd,deny,moratorium,no-police -> pd,permit,,rescue ; 3");
        cr_expect_str_eq(
                row_text(1),
                "1 x identify faces find: thorn,permit,,rescue -> thorn,deny,moratorium,no-police ; 2");
        cr_expect_str_eq(row_text(2), "1 x identify faces find: ,deny,unknown-peer, -> "
                                      "late,deny,moratorium,no-police ; 1");
        cr_expect_eq(what_if.rows[0]->last_usec - what_if.rows[0]->first_usec, 1000);
        cr_expect_eq(strlen(what_if.rows[0]->request), 32);
        end();
}

Test(what_if, its_rates_count_the_permits_that_would_have_been)
{
        begin(reversed);
        load();
        for (int i = 0; i < 5; i++)
                ask(DENY, "");
        what_if_sort(&what_if);
        cr_assert_eq(what_if.n_rows, 2);
        cr_expect_str_eq(row_text(0),
                         "2 x identify faces find: pd,deny,moratorium,no-police -> pd,permit,,rescue ; 1");
        cr_expect_str_eq(row_text(1), "3 x identify faces find: pd,deny,moratorium,no-police -> "
                                      "pd,deny,rate-limited,rescue ; 3");
        end();
}

Test(what_if, another_floor_of_the_same_permit_is_another_answer)
{
        static const ArchiveFile more[] = {
                {"rescue.allow", "[Allow]\nDescription=x\nClass=ngo "
                                 "police\nOperation=any\nPurpose=find\nGallery=any\nSought=any\n"
                                 "MinimumSimilarity=0.7\nMaximumCandidates=4\nRelease=scores\n"},
                {},
        };
        begin(more);
        load();
        ask(PERMIT, "");
        cr_assert_eq(what_if.n_rows, 1);
        cr_expect_str_eq(
                row_text(0),
                "1 x identify faces find: thorn,permit,,rescue -> thorn,permit,,rescue floor limit; 1");
        end();
}

Test(what_if, what_lies_outside_the_time_counts_for_rates_alone)
{
        begin(reversed);
        load();
        wanted = false;
        ask(DENY, "");
        ask(DENY, "");
        wanted = true;
        ask(DENY, "");
        cr_expect_eq(what_if.n_decisions, 1);
        cr_assert_eq(what_if.n_rows, 1);
        cr_expect_str_eq(what_if.rows[0]->fields[WHAT_IF_NEW_REASON], "rate-limited");
        end();
}

Test(what_if, groups_that_no_leaf_could_hold_are_counted)
{
        static const ArchiveFile more[] = {
                {"late.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nGroup=21\n"}, {}};
        begin(more);
        load();
        ask(PERMIT, "");
        ask(DENY, "");
        cr_expect_eq(what_if.n_groups_unknown, 2);
        end();
}

Test(what_if, a_leaf_that_is_no_request_is_counted)
{
        begin(NULL);
        load();
        ask(DENY, "uid=");
        cr_expect_eq(what_if.n_unread, 1);
        cr_expect_eq(what_if.n_decisions, 0);
        end();
}

Test(what_if, rows_beyond_a_bound_are_only_counted)
{
        begin(reversed);
        load();
        for (unsigned i = 0; i < WHAT_IF_ROWS_MAX + 3; i++) {
                char more[64];
                snprintf(more, sizeof(more), "purpose=p%u", i);
                ask(STRANGER, more);
        }
        cr_expect_eq(what_if.n_rows, WHAT_IF_ROWS_MAX);
        cr_expect_eq(what_if.n_unfolded, 3);
        end();
}
