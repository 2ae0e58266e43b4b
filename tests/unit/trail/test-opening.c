/*
 * What trail_open() refuses, and what it does not: every way in which database, export and key can fail to
 * belong together, and a first start that died at any of its steps.
 */

#include "trail/opening.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "fixture.h"

static Fixture fixture;

static void setup(void)
{
        fixture_init(&fixture);
}

static void teardown(void)
{
        fixture_deinit(&fixture);
}

TestSuite(opening, .init = setup, .fini = teardown, .timeout = 600);

/* A log of some entries, closed. */
static void make_log(uint64_t size)
{
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_grow(&fixture, size);
        fixture_close(&fixture);
}

static void expect(int ending, const char *text)
{
        int r = fixture_open(&fixture);
        cr_assert_eq(r, ending, "ending %d: %s", r, fixture.why ? fixture.why : "");
        if (text)
                cr_assert_not_null(strstr(fixture.why, text), "%s", fixture.why);
        fixture_close(&fixture);
}

/* The triggers that refuse to change a leaf, put back by somebody who did it all the same. */
#define STAYS                                                                                                \
        "CREATE TRIGGER leaf_stays BEFORE UPDATE ON leaf "                                                   \
        "BEGIN SELECT RAISE(ABORT, 'a leaf never changes'); END"
#define REMAINS                                                                                              \
        "CREATE TRIGGER leaf_remains BEFORE DELETE ON leaf "                                                 \
        "BEGIN SELECT RAISE(ABORT, 'a leaf never goes'); END"

typedef struct Case {
        const char *what; /* done to a log of 600 entries, of which a copy of 300 stands in old/ */
        int ending;
        const char *text;
} Case;

Test(opening, what_does_not_belong_together_is_refused_and_stays_refused)
{
        static const Case cases[] = {
                {"true", 0, NULL},
                {"cp old/trail/trail.db trail/", TRAIL_E_BEHIND, "only 300"},
                {"rm trail/trail.db", TRAIL_E_BEHIND, "missing"},
                {"rm -r trail", TRAIL_E_BEHIND, "missing"},
                {": > trail/trail.db", TRAIL_E_BEHIND, "empty"},
                {"rm export/checkpoint", TRAIL_E_BEHIND, "export/checkpoint is missing"},
                {"rm -r export", TRAIL_E_BEHIND, "export/checkpoint is missing"},
                {"echo nonsense > export/checkpoint", TRAIL_E_BEHIND, "no checkpoint"},
                {": > export/checkpoint", TRAIL_E_BEHIND, "no checkpoint"},
                {"sed -i '2s/600/599/' export/checkpoint", TRAIL_E_BEHIND, "no checkpoint"},
                {"cp other/export/checkpoint export/", TRAIL_E_BEHIND, "are not those published"},
                {"head -c 9000 trail/trail.db > t && mv t trail/trail.db", TRAIL_E_DAMAGED, "damaged"},
                {"dd if=/dev/urandom of=trail/trail.db bs=4096 count=1 conv=notrunc 2>/dev/null",
                 TRAIL_E_DAMAGED, "damaged"},
                {"rm trail/log.key", TRAIL_E_DAMAGED, "key is missing"},
                {"head -c 31 trail/log.key > t && mv t trail/log.key", TRAIL_E_DAMAGED, "not 32 bytes"},
                {"echo >> trail/log.key", TRAIL_E_DAMAGED, "not 32 bytes"},
                {"head -c 32 /dev/zero > trail/log.key", TRAIL_E_DAMAGED, "not the one that signed"},
                {"sqlite3 trail/trail.db 'UPDATE head SET size = 599'", TRAIL_E_DAMAGED,
                 "do not belong together"},
                {"sqlite3 trail/trail.db 'PRAGMA application_id = 1'", TRAIL_E_DAMAGED, "no trail"},
                {"sqlite3 trail/trail.db 'DROP TABLE tile'", TRAIL_E_DAMAGED, "no trail"},
                {"sqlite3 trail/trail.db 'DELETE FROM tile WHERE k = 1'", TRAIL_E_DAMAGED,
                 "do not belong together"},
                {"sqlite3 trail/trail.db 'UPDATE tile SET h = zeroblob(8192) WHERE k = 1'", TRAIL_E_DAMAGED,
                 "do not belong together"},
                {"sqlite3 trail/trail.db 'UPDATE tile SET h = zeroblob(64) WHERE k = 1<<48'", TRAIL_E_DAMAGED,
                 "do not belong together"},
                {"sqlite3 trail/trail.db 'DROP TRIGGER leaf_stays'", TRAIL_E_DAMAGED, "no trail"},
                {"sqlite3 trail/trail.db 'CREATE TABLE more (i INTEGER)'", TRAIL_E_DAMAGED, "no trail"},
                {"sqlite3 trail/trail.db \"DROP TRIGGER leaf_stays; UPDATE leaf SET b = x'7b7d' WHERE i = "
                 "3;" STAYS "\"",
                 TRAIL_E_DAMAGED, "do not belong together"},
                {"sqlite3 trail/trail.db \"DROP TRIGGER leaf_stays; UPDATE leaf SET b = x'7b7d' WHERE i = "
                 "599;" STAYS "\"",
                 TRAIL_E_DAMAGED, "do not belong together"},
                {"sqlite3 trail/trail.db \"DROP TRIGGER leaf_remains; DELETE FROM leaf WHERE i = 599;" REMAINS
                 "\"",
                 TRAIL_E_DAMAGED, "do not belong together"},
        };

        make_log(300);
        fixture_shell(&fixture, "mkdir old && cp -a trail export old/");
        make_log(600);
        /* Another log under the same name and key, that went another way after 300 entries. */
        fixture_shell(
                &fixture,
                "mkdir now && cp -a trail export now/ && rm -r trail export && cp -a old/trail old/export .");
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        fixture_run(&fixture, 301);
        fixture_grow(&fixture, 500);
        fixture_close(&fixture);
        fixture_shell(&fixture, "mkdir other && mv trail export other/");

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fixture_shell(&fixture, "rm -rf trail export && cp -a now/trail now/export .");
                fixture_shell(&fixture, cases[i].what);
                expect(cases[i].ending, cases[i].text);
                expect(cases[i].ending, NULL);
        }
}

Test(opening, a_leaf_in_the_database_cannot_be_changed_or_removed)
{
        make_log(10);
        fixture_shell(&fixture,
                      "! sqlite3 trail/trail.db \"UPDATE leaf SET b = x'00' WHERE i = 3\" 2>/dev/null");
        fixture_shell(&fixture, "! sqlite3 trail/trail.db 'DELETE FROM leaf WHERE i = 3' 2>/dev/null");
        expect(0, NULL);
}

Test(opening, a_first_start_that_died_at_any_step_begins_again)
{
        static const char *const remains[] = {
                "true",
                "mkdir trail",
                "mkdir trail export public",
                "mkdir trail && : > trail/trail.db",
                /* Tables, but no head yet. */
                "cp -a full/trail . && sqlite3 trail/trail.db 'DELETE FROM head'",
                "cp -a full/trail . && sqlite3 trail/trail.db 'DELETE FROM head' && rm trail/log.key",
                /* The head of the empty log, but no checkpoint. */
                "cp -a full/trail . && mkdir export",
                "cp -a full/trail full/export .",
        };

        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_close(&fixture);
        fixture_shell(&fixture, "mkdir full && mv trail export full/ && rm -r public");
        for (size_t i = 0; i < ARRAY_SIZE(remains); i++) {
                fixture_shell(&fixture, "rm -rf trail export public");
                fixture_shell(&fixture, remains[i]);
                cr_assert_eq(fixture_open(&fixture), 0, "%s: %s", remains[i], fixture.why);
                fixture_grow(&fixture, 3);
                fixture_close(&fixture);
                expect(0, NULL);
        }
}

Test(opening, an_export_that_lags_is_caught_up_before_anything_is_served)
{
        make_log(300);
        fixture_shell(&fixture, "cp -a export lagging");
        make_log(1100);
        fixture_shell(&fixture, "mv export whole && mv lagging export");
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(trail_exported_size(fixture.trail), 1100);
        fixture_shell(&fixture, "cmp export/checkpoint whole/checkpoint");
        /* The other one may have been published in between, and so hold more tiles that are not full. */
        fixture_shell(&fixture, "for file in $(cd export && find tile -type f) "
                                "$(cd whole && find tile -type f ! -path '*.p/*'); do "
                                "cmp export/$file whole/$file || exit 1; done");
}

Test(opening, a_second_guard_is_refused_while_the_first_serves)
{
        Fixture second;

        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_init_in(&second, fixture.dir);
        cr_assert_eq(fixture_open(&second), TRAIL_E_REFUSED);
        cr_assert_not_null(strstr(second.why, "Another matchguardd"));
        fixture_close(&second);
        fixture_grow(&fixture, 5);
        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&second), 0, "and is let in afterwards");
        fixture_close(&second);
}

Test(opening, a_database_that_somebody_holds_is_refused)
{
        make_log(3);
        fixture_shell(
                &fixture,
                "mkfifo held; (echo 'BEGIN EXCLUSIVE; SELECT 1;'; cat held) | sqlite3 trail/trail.db > out & "
                "while ! grep -q 1 out 2>/dev/null; do sleep 0.01; done");
        expect(TRAIL_E_REFUSED, "open");
        fixture_shell(&fixture, ": > held");
}

Test(opening, the_origin_stays_what_it_was)
{
        make_log(3);
        fixture.config.origin = "example.org/other";
        expect(TRAIL_E_REFUSED, "example.org/log");
        expect(TRAIL_E_REFUSED, "take the line away, or begin another log");
        fixture.config.origin = NULL;
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_str_eq(trail_origin(fixture.trail), "example.org/log");
}

Test(opening, an_origin_that_no_note_can_carry_is_refused)
{
        fixture.config.origin = "two words";
        expect(TRAIL_E_REFUSED, "two words");
}

Test(opening, without_an_origin_the_machine_names_the_log)
{
        fixture.config.origin = NULL;
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_eq(strlen(trail_origin(fixture.trail)), strlen("matchguard/") + 32);
        cr_assert(note_name_is_valid(trail_origin(fixture.trail)));
        fixture_shell(&fixture,
                      "! grep -q \"$(cat /etc/machine-id 2>/dev/null || echo none)\" public/log.vkey");
}

Test(opening, a_credential_is_used_and_no_key_is_made)
{
        char path[256];

        fixture_shell(&fixture, "head -c 32 /dev/urandom > credential");
        (void)snprintf(path, sizeof(path), "%s/credential", fixture.dir);
        fixture.config.log_key_path = path;
        make_log(3);
        fixture_shell(&fixture, "test ! -e trail/log.key");
        expect(0, NULL);
        fixture_shell(&fixture, "mv credential kept; head -c 32 /dev/urandom > credential");
        expect(TRAIL_E_DAMAGED, "is not the one that signed its checkpoint: the credential /");
        fixture_shell(&fixture, "base64 kept > credential");
        expect(TRAIL_E_DAMAGED, "is not 32 bytes: the credential /");
        fixture_shell(&fixture, "rm credential");
        expect(TRAIL_E_DAMAGED, "is missing: the credential /");
        fixture_shell(&fixture, "test ! -e trail/log.key; mv kept credential");
        expect(0, NULL);
}

Test(opening, folders_and_keys_have_their_permissions_whatever_the_umask)
{
        (void)umask(0077);
        make_log(3);
        fixture_shell(&fixture,
                      "test \"$(stat -c %a trail export public trail/log.key public/log.vkey export/log.vkey "
                      "export/checkpoint export/tile export/tile/entries/000.p/3 | tr '\\n' ' ')\" = "
                      "'700 750 755 600 644 640 640 750 640 '");
        fixture_shell(&fixture, "cmp public/log.vkey export/log.vkey");
        (void)umask(0000);
        fixture_shell(&fixture, "rm -r trail export public");
        make_log(3);
        fixture_shell(&fixture,
                      "test \"$(stat -c %a trail export trail/log.key | tr '\\n' ' ')\" = '700 750 600 '");
}

Test(opening, a_new_log_puts_the_old_one_aside_and_names_its_checkpoint)
{
        make_log(300);
        fixture_shell(&fixture, "sha256sum < export/checkpoint | cut -c1-64 > expected");
        fixture.config.new_log = true;
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture.config.new_log = false;
        cr_assert_eq(fixture.found.head.size, 0);
        cr_assert(fixture.found.has_previous);
        char hex[DIGEST_HEX_SIZE], command[128];
        digest_hex(&fixture.found.previous, hex);
        (void)snprintf(command, sizeof(command), "test \"$(cat expected)\" = %s", hex);
        fixture_shell(&fixture, command);
        fixture_shell(&fixture,
                      "test -e export.300/tile/0/000 && test -e trail.300/trail.db && test ! -e trail.next");

        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0, "a start that died before its first leaf");
        cr_assert(fixture.found.has_previous, "still knows what it follows");
        fixture_grow(&fixture, 3);
        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_not(fixture.found.has_previous, "but once begun it is a log as any");
}

Test(opening, a_new_log_is_for_the_auditors_who_read_the_old_one)
{
        make_log(3);
        /* As units/matchguard.tmpfiles makes it; another group than one's own takes root. */
        fixture_shell(&fixture, "chgrp 4242 export 2>/dev/null; chmod 2750 export");
        fixture_shell(&fixture, "stat -c '%a %g' export > expected");
        fixture.config.new_log = true;
        make_log(3);
        fixture_shell(&fixture, "stat -c '%a %g' export | cmp - expected && stat -c '%a %g' export.3 | cmp - "
                                "expected");
        fixture_shell(&fixture, "test \"$(stat -c %g export/checkpoint export/tile/0/000.p/3 | sort -u)\" = "
                                "\"$(cut -d' ' -f2 expected)\"");
        fixture_shell(&fixture, "test ! -e export.next && test ! -e export.3/.next");
}

Test(opening, a_new_log_of_the_same_size_takes_another_name_aside)
{
        make_log(3);
        fixture.config.new_log = true;
        make_log(3);
        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_shell(&fixture,
                      "test -d trail.3 && test -d trail.3.1 && test -d export.3 && test -d export.3.1");
}

Test(opening, a_new_log_where_none_was_is_a_first_start)
{
        fixture.config.new_log = true;
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_not(fixture.found.has_previous);
        fixture_shell(&fixture, "test -z \"$(ls | grep '\\.')\"");
}

Test(opening, a_new_log_heals_each_refusal)
{
        static const char *const faults[] = {
                "cp old/trail/trail.db trail/",
                "rm -r trail",
                "rm -r export",
                "echo nonsense > export/checkpoint",
                "rm trail/log.key",
                "dd if=/dev/urandom of=trail/trail.db bs=4096 count=1 conv=notrunc 2>/dev/null",
        };

        make_log(30);
        fixture_shell(&fixture, "mkdir old && cp -a trail export old/");
        make_log(60);
        fixture_shell(&fixture, "mkdir now && cp -a trail export now/");
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                fixture_shell(&fixture, "rm -rf trail export && cp -a now/trail now/export .");
                fixture_shell(&fixture, faults[i]);
                cr_assert_gt(fixture_open(&fixture), 0, "%s", faults[i]);
                fixture_close(&fixture);
                fixture.config.new_log = true;
                cr_assert_eq(fixture_open(&fixture), 0, "%s: %s", faults[i], fixture.why);
                cr_assert(fixture.found.has_previous, "%s", faults[i]);
                fixture_close(&fixture);
                fixture.config.new_log = false;
                expect(0, NULL);
        }
}

Test(opening, a_new_log_that_died_half_way_is_refused_until_it_is_asked_for_again)
{
        /* What stands after each of the steps of renewal.c. */
        static const struct {
                const char *what;
                int ending;
        } steps[] = {
                {"mkdir trail.next", 0},
                {"mkdir trail.next && cp previous trail.next/", 0},
                {"mkdir trail.next && cp previous trail.next/ && mkdir export/.next", 0},
                {"mkdir trail.next && cp previous trail.next/ && mkdir export.next", 0},
                {"mkdir trail.next export.next && cp previous trail.next/ && mv export export.60",
                 TRAIL_E_BEHIND},
                {"mkdir trail.next export.next && cp previous trail.next/ && mv export export.60 && mv trail "
                 "trail.60",
                 TRAIL_E_BEHIND},
                {"mkdir trail.next export.next && cp previous trail.next/ && mv export export.60 && mv trail "
                 "trail.60 && mv export.next export",
                 TRAIL_E_BEHIND},
        };
        char hex[DIGEST_HEX_SIZE], command[128];

        make_log(60);
        fixture_shell(&fixture, "mkdir now && cp -a trail export now/ && sha256sum < export/checkpoint | cut "
                                "-c1-64 > previous");
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                fixture_shell(&fixture, "rm -rf trail* export* && cp -a now/trail now/export .");
                fixture_shell(&fixture, steps[i].what);
                expect(steps[i].ending, NULL);
                if (steps[i].ending == 0) {
                        fixture_shell(&fixture, "test ! -e trail.next && test ! -e export.next");
                        fixture_shell(&fixture, steps[i].what);
                }
                fixture.config.new_log = true;
                cr_assert_eq(fixture_open(&fixture), 0, "%s: %s", steps[i].what, fixture.why);
                cr_assert(fixture.found.has_previous);
                digest_hex(&fixture.found.previous, hex);
                (void)snprintf(command, sizeof(command), "test \"$(cat previous)\" = %s", hex);
                fixture_shell(&fixture, command);
                fixture_close(&fixture);
                fixture.config.new_log = false;
                fixture_shell(
                        &fixture,
                        "test -e export.60/checkpoint && test -e trail.60/trail.db && test ! -e trail.next");
                expect(0, NULL);
        }
}

/* ------------------------------------------------------------------------------------------------- epochs */

/* A log in its third epoch, closed; an older copy of it, in its first, stands in old/. */
static void make_epochs(void)
{
        make_log(3);
        fixture_shell(&fixture, "mkdir old && cp -a trail export old/");
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        for (unsigned i = 0; i < 2; i++) {
                fixture_end_epoch(&fixture);
                fixture_run(&fixture, fixture.next);
        }
        fixture_grow(&fixture, 10);
        fixture_close(&fixture);
}

Test(opening, checkpoints_of_epochs_that_were_not_exported_are_on_the_next_start)
{
        make_epochs();
        /* As a crash leaves it: the export is as it was before the epochs ended. */
        fixture_shell(&fixture, "mkdir new && cp -a export/epoch new/ && rm -r export && cp -a old/export .");
        fixture_shell(&fixture, "test ! -e export/epoch");
        expect(0, NULL);
        fixture_shell(&fixture, "diff -r new/epoch export/epoch && test $(ls export/epoch | wc -l) = 2");
        /* What had been published and was taken away is nobody's to repair. */
        fixture_shell(&fixture, "rm export/epoch/0");
        expect(0, NULL);
        fixture_shell(&fixture, "test ! -e export/epoch/0 && test -e export/epoch/1");
}

Test(opening, a_seed_that_does_not_belong_to_the_database_is_refused_and_stays_refused)
{
        static const Case cases[] = {
                {"true", 0, NULL},
                {"rm trail/epoch.seed", TRAIL_E_DAMAGED, "epoch.seed is missing"},
                {": > trail/epoch.seed", TRAIL_E_DAMAGED, "epoch.seed is damaged"},
                {"cp old/trail/epoch.seed trail/", TRAIL_E_DAMAGED, "older than the database"},
                {"rm -r trail export && cp -a old/trail old/export . && cp now/trail/epoch.seed trail/",
                 TRAIL_E_DAMAGED, "of a later epoch"},
                {"sqlite3 trail/trail.db \"UPDATE head SET epoch_first = 3\"", TRAIL_E_DAMAGED,
                 "in its epochs"},
                {"sqlite3 trail/trail.db \"UPDATE head SET epoch_first = 9\"", TRAIL_E_DAMAGED,
                 "in its epochs"},
                {"sqlite3 trail/trail.db \"UPDATE head SET epoch = 1\"", TRAIL_E_DAMAGED, "in its epochs"},
                {"sqlite3 trail/trail.db \"UPDATE head SET epoch = 3\"", TRAIL_E_DAMAGED, "in its epochs"},
                {"sqlite3 trail/trail.db \"UPDATE head SET note = replace(note, '/epoch2', '/epoch1')\"",
                 TRAIL_E_DAMAGED, "in its epochs"},
                {"sqlite3 trail/trail.db \"UPDATE head SET epoch0 = replace(epoch0, '+', '-')\"",
                 TRAIL_E_DAMAGED, "in its epochs"},
        };

        make_epochs();
        fixture_shell(&fixture, "mkdir now && cp -a trail export now/");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fixture_shell(&fixture, "rm -rf trail export && cp -a now/trail now/export .");
                fixture_shell(&fixture, cases[i].what);
                expect(cases[i].ending, cases[i].text);
                expect(cases[i].ending, NULL);
        }
}

Test(opening, the_first_epochs_key_is_shown_for_ever)
{
        make_epochs();
        fixture_shell(&fixture, "cmp public/epoch0.vkey export/epoch0.vkey && cp public/epoch0.vkey kept");
        fixture_shell(&fixture, "rm public/epoch0.vkey export/epoch0.vkey");
        expect(0, NULL);
        fixture_shell(&fixture, "cmp public/epoch0.vkey kept && cmp export/epoch0.vkey kept");
        fixture_shell(&fixture, "grep -q '^example.org/log/epoch0+' kept");
}
