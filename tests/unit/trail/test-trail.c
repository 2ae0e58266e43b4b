/*
 * The trail from the loop's side: order, receipts, reopening, look-ups, proofs. What goes wrong at start and
 * with the disk is in test-opening.c and test-failure.c.
 */

#include "trail/trail.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"
#include "log/proof.h"

static Fixture fixture;

static void setup(void)
{
        fixture_init(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
}

static void teardown(void)
{
        fixture_deinit(&fixture);
}

TestSuite(trail, .init = setup, .fini = teardown, .timeout = 600);

static void reopen(void)
{
        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
}

Test(trail, a_new_log_is_empty_clean_and_signed)
{
        TreeHead head;
        cr_assert_eq(fixture.found.head.size, 0);
        cr_assert(fixture.found.clean);
        cr_assert_eq(fixture.found.n_open, 0);
        cr_assert_not(fixture.found.has_previous);
        cr_assert_not(fixture.found.state.has_policy);
        cr_assert_eq(note_open(trail_verifier(fixture.trail), trail_note(fixture.trail),
                               strlen(trail_note(fixture.trail)), &head),
                     0);
        cr_assert_eq(head.size, 0);
}

static unsigned n_checked;

static void check_receipt(TrailEntry *entry, const TrailCommit *commit, void *userdata)
{
        char leaf[FIXTURE_LEAF_SIZE];
        Digest hash;
        size_t n = 0;
        size_t n_expected = fixture_leaf(entry->index, entry->role, leaf);
        const uint8_t *bytes = receipt_leaf(entry->receipt, &n);

        cr_assert_eq(receipt_index(entry->receipt), entry->index);
        cr_assert_eq(n, n_expected);
        cr_assert_eq(memcmp(bytes, leaf, n), 0);
        cr_assert_str_eq(receipt_origin(entry->receipt), "example.org/log");
        cr_assert_eq(receipt_tree_size(entry->receipt), commit->head.size);
        cr_assert_eq(receipt_path(entry->receipt) != NULL, entry->role == TRAIL_PERMIT);
        if (receipt_path(entry->receipt)) {
                tree_leaf_hash(bytes, n, &hash);
                cr_assert(tree_check_inclusion(&hash, entry->index, commit->head.size,
                                               receipt_path(entry->receipt), &commit->head.root));
        }
        n_checked++;
}

static void check_note(const TrailCommit *commit, void *userdata)
{
        TreeHead head;
        cr_assert_eq(note_open(trail_verifier(fixture.trail), commit->note, strlen(commit->note), &head), 0);
        cr_assert_eq(head.size, commit->head.size);
        cr_assert(digest_equal(&head.root, &commit->head.root));
}

Test(trail, every_entry_comes_back_in_order_with_a_receipt_under_a_signed_checkpoint)
{
        fixture.on_entry = check_receipt;
        fixture.on_commit = check_note;
        for (unsigned i = 0; i < 1500; i++) {
                cr_assert_eq(fixture_append(&fixture, i % 3 == 0   ? TRAIL_PERMIT
                                                      : i % 3 == 1 ? TRAIL_DENY
                                                                   : TRAIL_PLAIN),
                             0);
                if (i % 97 == 0)
                        fixture_run(&fixture, i + 1);
        }
        fixture_run(&fixture, 1500);
        cr_assert_eq(n_checked, 1500);
        cr_assert_lt(fixture.n_commits, 1500, "what gathered was committed together");
        cr_assert_eq(trail_head(fixture.trail).size, 1500);
}

static void take_receipt(TrailEntry *entry, const TrailCommit *commit, void *userdata)
{
        *(Receipt **)userdata = TAKE_PTR(entry->receipt);
}

Test(trail, a_receipt_that_was_taken_outlives_entry_and_trail)
{
        Receipt *kept = NULL;

        fixture.on_entry = take_receipt;
        fixture.userdata = &kept;
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run(&fixture, 1);
        fixture_close(&fixture);
        cr_assert_eq(receipt_index(kept), 0);
        cr_assert_str_eq(receipt_origin(kept), "example.org/log");
        receipt_free(kept);
}

Test(trail, a_reopened_log_goes_on_where_it_ended)
{
        fixture_grow(&fixture, 700);
        TreeHead before = trail_head(fixture.trail);
        reopen();
        cr_assert_eq(fixture.found.head.size, 700);
        cr_assert(digest_equal(&fixture.found.head.root, &before.root));
        cr_assert_eq(fixture.found.state.time_usec, 700);
        fixture_grow(&fixture, 1400);
        cr_assert_eq(trail_head(fixture.trail).size, 1400);
        reopen();
        cr_assert_eq(fixture.found.head.size, 1400);
}

Test(trail, the_state_of_the_last_entry_is_kept)
{
        TrailEntry *entry = fixture_entry(&fixture, TRAIL_PLAIN);
        fixture_set_leaf(entry, "{\"clock\":\"synchronised\",\"index\":0,\"kind\":\"policy\",\"new\":"
                                "\"0102030000000000000000000000000000000000000000000000000000000000\","
                                "\"result\":\"loaded\",\"time\":1,\"v\":1,\"wall\":1790000000000000}");
        entry->state = (TrailState){.time_usec = 1,
                                    .epoch_usec = 1,
                                    .has_mark = true,
                                    .mark_usec = 1790000000000000,
                                    .has_policy = true,
                                    .policy = {{1, 2, 3}}};
        cr_assert_eq(trail_append(fixture.trail, entry), 0);
        fixture_run(&fixture, 1);
        reopen();
        cr_assert(fixture.found.state.has_mark);
        cr_assert_eq(fixture.found.state.mark_usec, 1790000000000000);
        cr_assert(fixture.found.state.has_policy);
        cr_assert_eq(fixture.found.state.policy.bytes[1], 2);
}

Test(trail, permits_without_an_outcome_are_found_at_the_next_start)
{
        for (unsigned i = 0; i < 5; i++)
                cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        fixture_run(&fixture, 6);
        cr_assert_eq(fixture_outcome(&fixture, 1), 0);
        cr_assert_eq(fixture_outcome(&fixture, 3), 0);
        fixture_run(&fixture, 8);
        reopen();
        cr_assert_eq(fixture.found.n_open, 3);
        cr_assert_eq(fixture.found.open[0], 0);
        cr_assert_eq(fixture.found.open[1], 2);
        cr_assert_eq(fixture.found.open[2], 4);
}

static void append_stop(void)
{
        TrailEntry *entry = fixture_entry(&fixture, TRAIL_PLAIN);
        free(entry->leaf);
        entry->leaf = (uint8_t *)strdup("{\"kind\":\"stop\",\"open\":0}");
        entry->n_leaf = strlen((char *)entry->leaf);
        cr_assert_eq(trail_append(fixture.trail, entry), 0);
}

Test(trail, a_log_is_clean_only_when_a_stop_ends_it)
{
        append_stop();
        fixture_run(&fixture, 1);
        reopen();
        cr_assert(fixture.found.clean);
        fixture_grow(&fixture, 2);
        reopen();
        cr_assert_not(fixture.found.clean);
}

static bool count_back(uint64_t index, const uint8_t *leaf, size_t n, void *userdata)
{
        uint64_t *expected = userdata;
        char text[FIXTURE_LEAF_SIZE];

        cr_assert_eq(index, --*expected);
        cr_assert_eq(n, fixture_leaf(index, TRAIL_PLAIN, text));
        cr_assert_eq(memcmp(leaf, text, n), 0);
        return index > 100;
}

Test(trail, leaves_are_scanned_from_the_newest_back_until_told_to_stop)
{
        Trail *trail = NULL;
        uint64_t expected = 600;

        fixture_grow(&fixture, 600);
        fixture_close(&fixture);
        cr_assert_eq(trail_open(&trail, &fixture.config, &fixture.found, &fixture.why), 0);
        cr_assert_eq(trail_scan_back(trail, &(TrailScan){count_back, &expected}), 0);
        cr_assert_eq(expected, 100);
        trail_free(trail);
}

typedef struct Sighting {
        unsigned n;
        bool found;
        uint64_t index;
        bool has_outcome;
} Sighting;

static int check_record(const TrailRecord *record, void *userdata)
{
        Sighting *sighting = userdata;
        TreeHead head = trail_head(fixture.trail), proven;

        sighting->n++;
        sighting->found = record != NULL;
        if (!record)
                return 0;
        Buffer leaf = {.data = (uint8_t *)record->decision, .n = record->n_decision};
        ProofText proof = {record->decision_proof, strlen(record->decision_proof)};
        cr_assert_eq(proof_check(trail_verifier(fixture.trail), &leaf, proof, &sighting->index, &proven), 0);
        cr_assert_eq(proven.size, head.size);
        sighting->has_outcome = record->outcome != NULL;
        if (record->outcome) {
                leaf = (Buffer){.data = (uint8_t *)record->outcome, .n = record->n_outcome};
                proof = (ProofText){record->outcome_proof, strlen(record->outcome_proof)};
                cr_assert_eq(proof_check(trail_verifier(fixture.trail), &leaf, proof, NULL, NULL), 0);
        }
        return 0;
}

static Sighting look_up_id(const uint8_t id[static REQUEST_ID_SIZE])
{
        Sighting sighting = {};

        cr_assert_eq(trail_find(fixture.trail, id, check_record, &sighting), 0);
        while (sighting.n == 0)
                cr_assert_gt(sd_event_run(fixture.event, 30000000), 0);
        return sighting;
}

static Sighting look_up(uint64_t index)
{
        uint8_t id[REQUEST_ID_SIZE];

        fixture_request_id(index, id);
        return look_up_id(id);
}

Test(trail, a_request_is_found_with_proofs_of_decision_and_outcome)
{
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        fixture_run(&fixture, 2);
        cr_assert_not(look_up(0).has_outcome);
        cr_assert_eq(fixture_outcome(&fixture, 0), 0);
        fixture_grow(&fixture, 9000);

        Sighting permit = look_up(0), deny = look_up(1), none = look_up(2);
        cr_assert(permit.found);
        cr_assert_eq(permit.index, 0);
        cr_assert(permit.has_outcome);
        cr_assert(deny.found);
        cr_assert_eq(deny.index, 1);
        cr_assert_not(deny.has_outcome);
        cr_assert_not(none.found);
        reopen();
        cr_assert(look_up(0).has_outcome);
}

Test(trail, an_id_that_was_never_given_out_finds_nothing)
{
        uint8_t id[REQUEST_ID_SIZE];

        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        fixture_run(&fixture, 2);
        /* Its place is that of another request, of a leaf that is no request, and beyond the end. */
        for (uint64_t index = 0; index < 3; index++) {
                request_id_make(index, id);
                cr_assert_not(look_up_id(id).found);
        }
        memset(id, 0xff, sizeof(id));
        cr_assert_not(look_up_id(id).found);
}

Test(trail, ids_tell_their_index_and_are_not_the_same_twice)
{
        static const uint64_t indices[] = {0, 1, 255, 256, (UINT64_C(1) << 53) - 1};
        uint8_t one[REQUEST_ID_SIZE], other[REQUEST_ID_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
                request_id_make(indices[i], one);
                request_id_make(indices[i], other);
                cr_assert_eq(request_id_index(one), indices[i]);
                cr_assert_neq(memcmp(one, other, sizeof(one)), 0);
        }
}

typedef struct Shown {
        TreeHead last; /* what the worker has accepted */
        unsigned n_proofs;
} Shown;

static void check_shown(const TrailCommit *commit, void *userdata)
{
        Shown *shown = userdata;

        if (!commit->has_consistency)
                return;
        cr_assert_eq(commit->old_size, shown->last.size, "each proof begins where the last one ended");
        cr_assert(tree_check_consistency(&shown->last, &commit->head, commit->consistency));
        shown->last = commit->head;
        shown->n_proofs++;
}

Test(trail, commits_with_a_permit_carry_consistency_proofs_that_follow_each_other)
{
        Shown shown = {};

        fixture_grow(&fixture, 300);
        shown.last = trail_head(fixture.trail);
        fixture.on_commit = check_shown;
        fixture.userdata = &shown;
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run(&fixture, 301);
        cr_assert_eq(shown.n_proofs, 0, "nobody has asked for proofs yet");

        trail_show_from(fixture.trail, shown.last.size);
        for (unsigned i = 0; i < 2000; i++) {
                cr_assert_eq(fixture_append(&fixture, i % 5 == 0 ? TRAIL_PERMIT : TRAIL_PLAIN), 0);
                if (i % 7 == 0)
                        cr_assert_geq(sd_event_run(fixture.event, 0), 0);
                if (i % 500 == 499)
                        fixture_run(&fixture, 302 + i);
        }
        fixture_run(&fixture, 2301);
        cr_assert_gt(shown.n_proofs, 1);

        /* A session that begins anew, with a worker that never saw a checkpoint. */
        shown = (Shown){};
        digest_of(NULL, 0, &shown.last.root);
        trail_show_from(fixture.trail, 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run(&fixture, 2302);
        cr_assert_eq(shown.n_proofs, 1);
}

Test(trail, a_batch_without_a_permit_carries_no_consistency_proof)
{
        Shown shown = {};

        digest_of(NULL, 0, &shown.last.root);
        trail_show_from(fixture.trail, 0);
        fixture.on_commit = check_shown;
        fixture.userdata = &shown;
        fixture_grow(&fixture, 10);
        cr_assert_eq(shown.n_proofs, 0);
}

Test(trail, no_more_than_the_limit_waits)
{
        unsigned n = 0;

        while (fixture_append(&fixture, TRAIL_PLAIN) == 0)
                n++;
        cr_assert_eq(n, TRAIL_PENDING_MAX);
        fixture_run(&fixture, n);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0, "and there is room again");
        fixture_run(&fixture, n + 1);
}

Test(trail, freeing_it_with_entries_and_look_ups_under_way_is_safe)
{
        uint8_t id[16] = {};

        for (unsigned i = 0; i < 1000; i++) {
                cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
                cr_assert_eq(trail_find(fixture.trail, id, check_record, NULL), 0);
        }
        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_eq(fixture.found.n_open, fixture.found.head.size, "what was committed stands");
}

Test(trail, a_policy_is_archived_whole_once_and_within_its_folder)
{
        const Digest digest = {{0xab}};
        const TrailPolicyText texts[] = {
                {"10-a.class", (const uint8_t *)"[Class]\n", 8},
                {"10-a.class.d/20-b.conf", (const uint8_t *)"x", 1},
        };
        const TrailPolicyText outside[] = {{"../outside", (const uint8_t *)"x", 1}};
        const Digest other = {{0xcd}};

        cr_assert_eq(trail_archive_policy(fixture.trail, &digest, texts, ARRAY_SIZE(texts)), 0);
        cr_assert_eq(trail_archive_policy(fixture.trail, &digest, outside, 1), 0,
                     "what stands there is left alone");
        cr_assert_eq(trail_archive_policy(fixture.trail, &other, outside, 1), -EINVAL);
        fixture_shell(&fixture, "test \"$(cat export/policy/ab*/10-a.class.d/20-b.conf)\" = x");
        fixture_shell(&fixture, "test \"$(cat export/policy/ab*/10-a.class)\" = '[Class]'");
        fixture_shell(&fixture, "test \"$(ls export/policy)\" = \"$(ls export/policy | grep ^ab)\"");
        fixture_shell(&fixture, "test ! -e export/outside && test ! -e export/policy/outside");
}

/* ------------------------------------------------------------------------------------------------- epochs */

static NoteVerifier epoch_verifier(uint64_t epoch, const uint8_t *key)
{
        NoteVerifier found;

        cr_assert_eq(note_epoch_verifier("example.org/log", epoch, key, &found), 0);
        return found;
}

static bool signed_by(const NoteVerifier *by, const char *note)
{
        const Buffer text = {.data = (uint8_t *)note, .n = strlen(note)};
        TreeHead head;

        return note_open_of(by, "example.org/log", &text, &head) == 0;
}

/* The first epoch of the log, and what comes to its key after it. */
typedef struct Change {
        uint64_t end; /* its last size */
        NoteVerifier next;
        unsigned n_at_end;
} Change;

/* Of each commit, for the loop may hear of several at once. */
static void check_key(const TrailCommit *commit, void *userdata)
{
        Change *change = userdata;

        change->n_at_end += commit->head.size == change->end;
        cr_expect_eq(signed_by(&change->next, commit->note), commit->head.size > change->end,
                     "%llu leaves, by the wrong key", (unsigned long long)commit->head.size);
}

Test(trail, a_commit_ends_with_the_leaf_that_ends_an_epoch_and_the_next_key_signs)
{
        uint8_t first_next[NOTE_PUBLIC_KEY_SIZE];

        memcpy(first_next, trail_next_epoch_key(fixture.trail), sizeof(first_next));
        Change change = {.end = 21, .next = epoch_verifier(1, first_next)};
        fixture.on_commit = check_key;
        fixture.userdata = &change;
        for (unsigned i = 0; i < 20; i++)
                cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_end_epoch(&fixture);
        for (unsigned i = 0; i < 20; i++)
                cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        fixture_run(&fixture, 41);
        cr_expect_eq(change.n_at_end, 1, "the commit ends with the epoch");
        cr_expect(signed_by(&change.next, trail_note(fixture.trail)));
        cr_expect_neq(memcmp(first_next, trail_next_epoch_key(fixture.trail), sizeof(first_next)), 0);
        reopen();
        cr_expect_eq(fixture.found.state.epoch, 1);
        cr_expect_eq(fixture.found.state.epoch_first, 21);
        fixture_grow(&fixture, 42);
        cr_expect(signed_by(&change.next, trail_note(fixture.trail)), "nor does a restart change the key");
}
