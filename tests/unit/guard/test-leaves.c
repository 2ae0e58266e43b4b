/* Every key of every leaf that the guard makes, in its canonical bytes. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "guard/facts.h"
#include "guard/leaves.h"
#include "wire/job.h"

static const FixtureFile files[] = {
        {"ngo.class", "[Class]\nDescription=x\n"},
        {"police.class", "[Class]\nDescription=x\n"},
        {"find.purpose", "[Purpose]\nDescription=x\n"},
        {"faces.gallery",
         "[Gallery]\nDescription=x\nModel=m-4\nDimension=16\nKind=event\nMaximumTemplates=99\n"},
        {"thorn.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=980\nGroup=20 100\n"},
        {"icmec.organisation", "[Organisation]\nDescription=x\nClass=ngo\n"},
        {"pd.organisation", "[Organisation]\nDescription=x\nClass=police\n[Peer]\nUser=981\n"},
        {"rescue.allow",
         "[Allow]\nDescription=x\nOrganisation=thorn\nOperation=any\nPurpose=find\nGallery=any\nSought=any\n"
         "OnBehalfOf=icmec\nRecipient=icmec\nMinimumSimilarity=0.6\nMaximumCandidates=5\nRelease=scores\n"},
        {"no-police.moratorium", "[Moratorium]\nDescription=x\nNotice=No.\nClass=police\n"},
        {},
};

static const uint8_t id[MESSAGE_REQUEST_SIZE] = {0x12, 0x34, [15] = 0xff};
static const uint8_t salt[COMMITMENT_SALT_SIZE] = {7};
static const ClockReading now = {.wall_usec = 1600000000000000, .boottime_usec = 5, .synchronised = true};

typedef struct Case {
        Policy *policy;
        Ledger ledger;
        Facts facts;
        gid_t groups[4];
        Attestation attestation;
        Decision decision;
        Buffer job;
        Draft draft;
} Case;

static void job_of(Buffer *job, const char *subject, const char *model, size_t n)
{
        uint8_t vector[64] = {};
        JobEntry entry = {.subject = subject, .model = model, .vector = n > 0 ? vector : NULL, .n_vector = n};

        job_begin(job, 1);
        job_put(job, &entry);
}

static void case_begin(Case *c, uid_t uid)
{
        TrailState state = {.has_mark = true, .mark_usec = 1500000000000000};

        *c = (Case){.policy = fixture_policy(files),
                    .groups = {5, 20, 100, 500},
                    .decision = DECISION_INIT,
                    .draft = DRAFT_INIT};
        ledger_init(&c->ledger, "0123456789abcdef0123456789abcdef", 3, &state);
        c->attestation = (Attestation){.uid = uid,
                                       .groups = c->groups,
                                       .n_groups = 4,
                                       .pid = 77,
                                       .unit = (char *)"thorn.service",
                                       .label = (char *)"label",
                                       .has_loginuid = true,
                                       .loginuid = 1000,
                                       .identity = ATTEST_PIDFD,
                                       .pidfd = -1};
        c->facts = (Facts){.peer = facts_peer(&c->attestation),
                           .operation = "identify",
                           .gallery = "faces",
                           .purpose = "find",
                           .sought = "missing",
                           .probe = "photograph",
                           .time_usec = now.wall_usec,
                           .clock = CLOCK_SYNCHRONISED,
                           .has_mark = true,
                           .mark_usec = state.mark_usec};
        job_of(&c->job, "", "m-4", 64);
}

/* Decides and makes the leaf. Return: its text, for free(). */
static char *case_leaf(Case *c, const char *worker)
{
        cr_assert_null(facts_check(&c->facts), "%s", facts_check(&c->facts));
        cr_assert_eq(policy_decide(c->policy, &c->facts, &c->decision), 0);
        LeafRequest request = {.request = id,
                               .attestation = &c->attestation,
                               .facts = &c->facts,
                               .policy = c->policy,
                               .decision = &c->decision,
                               .worker = worker,
                               .job = c->job.data,
                               .n_job = c->job.n,
                               .job_salt = salt};
        draft_begin(&c->draft, &c->ledger, &now, "request");
        cr_assert_eq(leaf_request(&request, &c->draft), 0);
        return fixture_text(&c->draft);
}

static void case_end(Case *c)
{
        draft_deinit(&c->draft);
        decision_deinit(&c->decision);
        buffer_deinit(&c->job);
        policy_unref(c->policy);
}

/* Reads a leaf back: what stands in it is canonical. */
static Leaf read_back(const char *text)
{
        Leaf leaf = LEAF_INIT;

        cr_assert_eq(leaf_parse(text, strlen(text), LEAF_MAX, &leaf), 0, "%s", text);
        return leaf;
}

static void expect_text(const Leaf *leaf, const char *key, const char *expected)
{
        const char *found = leaf_text(leaf, key);

        if (expected)
                cr_expect_str_eq(found ? found : "(none)", expected, "%s", key);
        else
                cr_expect_null(found, "%s is %s", key, found);
}

static void expect_number(const Leaf *leaf, const char *key, uint64_t expected)
{
        uint64_t found = UINT64_MAX;

        cr_expect(leaf_number(leaf, key, &found), "%s", key);
        cr_expect_eq(found, expected, "%s is %lu", key, found);
}

static void expect_no_number(const Leaf *leaf, const char *key)
{
        uint64_t found;

        cr_expect_not(leaf_number(leaf, key, &found), "%s", key);
}

Test(leaves, a_permit_has_all_keys_that_the_worker_will_run_by)
{
        const char *behalf[] = {"icmec", "icmec"}, *recipients[] = {"thorn", "icmec"};
        char commitment[COMMITMENT_TEXT_SIZE];
        char policy[DIGEST_HEX_SIZE];
        Case c;

        case_begin(&c, 980);
        c.facts.on_behalf_of = behalf;
        c.facts.n_on_behalf_of = 2;
        c.facts.recipients = recipients;
        c.facts.n_recipients = 2;
        c.facts.case_reference = "2020-118";
        c.facts.operator= "\"Ann\"";
        c.facts.has_limit = true;
        c.facts.limit = 50;
        c.facts.has_floor = true;
        c.facts.floor_millionths = 100000;
        char *text = case_leaf(&c, "00112233445566778899aabbccddeeff");
        Leaf leaf = read_back(text);

        expect_text(&leaf, "request", "123400000000000000000000000000ff");
        expect_text(&leaf, "kind", "request");
        expect_number(&leaf, "index", 3);
        expect_number(&leaf, "wall", now.wall_usec);
        expect_number(&leaf, "uid", 980);
        expect_text(&leaf, "groups", "100 20");
        expect_number(&leaf, "pid", 77);
        expect_number(&leaf, "loginuid", 1000);
        expect_text(&leaf, "unit", "thorn.service");
        expect_text(&leaf, "label", "label");
        expect_text(&leaf, "identity", "pidfd");
        expect_text(&leaf, "organisation", "thorn");
        expect_text(&leaf, "operation", "identify");
        expect_text(&leaf, "gallery", "faces");
        expect_text(&leaf, "purpose", "find");
        expect_text(&leaf, "sought", "missing");
        expect_text(&leaf, "behalf", "icmec");
        expect_text(&leaf, "recipients", "icmec thorn");
        expect_text(&leaf, "probe", "photograph");
        expect_text(&leaf, "given", "case operator");
        expect_number(&leaf, "asked-floor", 1100000);
        expect_number(&leaf, "asked-limit", 50);
        expect_number(&leaf, "mark", 1500000000000000);
        expect_text(&leaf, "verdict", "permit");
        expect_text(&leaf, "reason", NULL);
        expect_text(&leaf, "rule", "rescue");
        expect_text(&leaf, "moratoria", NULL);
        digest_hex(policy_digest(c.policy), policy);
        expect_text(&leaf, "policy", policy);
        expect_number(&leaf, "floor", 1600000);
        expect_number(&leaf, "limit", 5);
        expect_text(&leaf, "release", "scores");
        expect_text(&leaf, "model", "m-4");
        expect_number(&leaf, "dimension", 16);
        expect_text(&leaf, "gallery-kind", "event");
        expect_number(&leaf, "gallery-maximum", 99);
        expect_text(&leaf, "worker", "00112233445566778899aabbccddeeff");
        commitment_of(COMMITMENT_JOB, salt, c.job.data, c.job.n, commitment);
        expect_text(&leaf, "job", commitment);
        cr_expect_eq(leaf.n_fields, 9 + 33, "%zu fields: %s", leaf.n_fields, text);
        cr_expect(commitment_opens(leaf_text(&leaf, "detail"), COMMITMENT_DETAIL, c.draft.salt,
                                   c.draft.detail.data, c.draft.detail.n));
        cr_expect_eq(c.draft.role, TRAIL_PERMIT);
        cr_expect(c.draft.wants_path);
        leaf_deinit(&leaf);
        free(text);
        case_end(&c);
}

Test(leaves, the_personal_part_is_in_the_detail_alone)
{
        Case c;

        case_begin(&c, 980);
        c.facts.case_reference = "2020-118";
        c.facts.operator= "Ann";
        c.facts.authorisation = "court order";
        char *text = case_leaf(&c, NULL);
        char *detail = fixture_detail(&c.draft);

        cr_expect_null(strstr(text, "2020-118"));
        cr_expect_null(strstr(text, "Ann"));
        cr_expect_str_eq(
                detail,
                "{\"authorisation\":\"Y291cnQgb3JkZXI\",\"case\":\"MjAyMC0xMTg\",\"operator\":\"QW5u\","
                "\"probe\":\"f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b\"}");
        free(detail);
        free(text);
        case_end(&c);
}

Test(leaves, a_denial_has_a_reason_and_nothing_to_run)
{
        static const char *const absent[] = {"release", "model", "gallery-kind", "worker", "job"};
        Case c;

        case_begin(&c, 981);
        char *text = case_leaf(&c, "00112233445566778899aabbccddeeff");
        Leaf leaf = read_back(text);

        expect_text(&leaf, "verdict", "deny");
        expect_text(&leaf, "reason", "moratorium");
        expect_text(&leaf, "rule", "no-police");
        expect_text(&leaf, "moratoria", "no-police");
        expect_text(&leaf, "organisation", "pd");
        for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
                expect_text(&leaf, absent[i], NULL);
        expect_no_number(&leaf, "floor");
        expect_no_number(&leaf, "limit");
        expect_no_number(&leaf, "dimension");
        cr_expect_eq(c.draft.role, TRAIL_DENY);
        cr_expect_not(c.draft.wants_path);
        leaf_deinit(&leaf);
        free(text);
        case_end(&c);
}

Test(leaves, what_is_not_known_is_left_out)
{
        static const char *const absent[] = {"unit",   "label", "organisation", "groups",
                                             "sought", "given", "probe",        "recipients",
                                             "behalf", "rule",  "worker"};
        Case c;

        case_begin(&c, 7);
        c.attestation = (Attestation){.uid = 7, .identity = ATTEST_UID, .pidfd = -1};
        c.facts.peer = facts_peer(&c.attestation);
        c.facts.sought = NULL;
        c.facts.probe = NULL;
        c.facts.has_mark = false;
        char *text = case_leaf(&c, NULL);
        Leaf leaf = read_back(text);

        for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
                expect_text(&leaf, absent[i], NULL);
        expect_no_number(&leaf, "mark");
        expect_no_number(&leaf, "pid");
        expect_no_number(&leaf, "loginuid");
        expect_no_number(&leaf, "asked-limit");
        expect_text(&leaf, "identity", "uid");
        expect_text(&leaf, "reason", "unknown-peer");
        leaf_deinit(&leaf);
        free(text);
        case_end(&c);
}

Test(leaves, a_comparison_names_the_probes_model_and_no_gallery)
{
        Case c;

        case_begin(&c, 980);
        c.facts.operation = "compare";
        c.facts.gallery = NULL;
        uint8_t vector[8] = {};
        JobEntry entry = {.subject = "", .model = "other-2", .vector = vector, .n_vector = 8};
        buffer_clear(&c.job);
        job_begin(&c.job, 2);
        job_put(&c.job, &entry);
        job_put(&c.job, &entry);
        char *text = case_leaf(&c, NULL);
        Leaf leaf = read_back(text);

        expect_text(&leaf, "verdict", "permit");
        expect_text(&leaf, "model", "other-2");
        expect_text(&leaf, "gallery", NULL);
        expect_text(&leaf, "gallery-kind", NULL);
        expect_no_number(&leaf, "dimension");
        leaf_deinit(&leaf);
        free(text);
        case_end(&c);
}

/* The text of a draft of a kind, without what every leaf has before it. */
static char *text_of(Draft *draft)
{
        char *text = fixture_text(draft);

        cr_assert_neq(*text, '\0');
        return text;
}

static void begin(Draft *draft, Ledger *ledger, const char *kind)
{
        TrailState state = {};

        *draft = DRAFT_INIT;
        ledger_init(ledger, "0123456789abcdef0123456789abcdef", 3, &state);
        draft_begin(draft, ledger, &now, kind);
}

Test(leaves, an_outcome_says_what_a_search_found_and_whom_in_the_detail)
{
        Candidate candidates[] = {{"b", true, 0.9}, {"a", true, 0.8}};
        ResultMessage answer = {.result = "ok",
                                .engine = "cpu/avx2",
                                .matched = true,
                                .searched = 1000,
                                .gallery_epoch = 4,
                                .microseconds = 123,
                                .n_candidates = 2,
                                .candidates = candidates};
        LeafOutcome outcome = {.of = 2, .result = "ok", .operation = "identify", .answer = &answer};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "outcome");
        cr_assert_eq(leaf_outcome(&outcome, &draft), 0);
        char *text = text_of(&draft);
        char *detail = fixture_detail(&draft);
        Leaf leaf = read_back(text);
        expect_number(&leaf, "of", 2);
        expect_text(&leaf, "result", "ok");
        expect_number(&leaf, "candidates", 2);
        expect_number(&leaf, "matched", 1);
        expect_number(&leaf, "searched", 1000);
        expect_number(&leaf, "gallery-epoch", 4);
        expect_text(&leaf, "engine", "cpu/avx2");
        expect_number(&leaf, "microseconds", 123);
        cr_expect_str_eq(detail, "{\"subjects\":\"YQ Yg\"}");
        cr_expect_eq(draft.role, TRAIL_OUTCOME);
        cr_expect_eq(draft.of, 2);
        leaf_deinit(&leaf);
        free(text);
        free(detail);
        draft_deinit(&draft);
}

Test(leaves, an_outcome_of_a_later_start_has_only_its_result)
{
        LeafOutcome outcome = {.of = 2, .result = "unknown"};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "outcome");
        cr_assert_eq(leaf_outcome(&outcome, &draft), 0);
        char *text = text_of(&draft);
        Leaf leaf = read_back(text);
        cr_expect_eq(leaf.n_fields, 9 + 2);
        leaf_deinit(&leaf);
        free(text);
        draft_deinit(&draft);
}

Test(leaves, a_failed_outcome_says_nothing_of_the_gallery)
{
        ResultMessage answer = {.result = "timeout", .engine = "cpu", .microseconds = 5};
        LeafOutcome outcome = {.of = 2, .result = "timeout", .operation = "identify", .answer = &answer};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "outcome");
        cr_assert_eq(leaf_outcome(&outcome, &draft), 0);
        char *text = text_of(&draft);
        Leaf leaf = read_back(text);
        expect_no_number(&leaf, "matched");
        expect_no_number(&leaf, "gallery-epoch");
        expect_text(&leaf, "detail", NULL);
        leaf_deinit(&leaf);
        free(text);
        draft_deinit(&draft);
}

Test(leaves, an_outcome_names_the_kernels_record_where_it_was_read_back)
{
        LeafOutcome outcome = {.of = 2, .result = "worker-gone", .has_audit = true, .audit = 4711};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "outcome");
        cr_assert_eq(leaf_outcome(&outcome, &draft), 0);
        char *text = text_of(&draft);
        cr_expect_not_null(strstr(text, "{\"audit\":4711,\"boot\":"), "%s", text);
        free(text);
        draft_deinit(&draft);

        outcome = (LeafOutcome){.of = 2, .result = "mirror-required"};
        begin(&draft, &ledger, "outcome");
        cr_assert_eq(leaf_outcome(&outcome, &draft), 0);
        text = text_of(&draft);
        cr_expect_null(strstr(text, "audit"), "%s", text);
        free(text);
        draft_deinit(&draft);
}

Test(leaves, a_gap_a_jump_a_refusal_and_a_stop_are_these_bytes)
{
        Ledger ledger;
        Draft draft;
        char *text;

        begin(&draft, &ledger, "stop");
        leaf_stop(0, &draft);
        text = text_of(&draft);
        cr_expect_str_eq(
                text,
                "{\"boot\":\"0123456789abcdef0123456789abcdef\",\"boottime\":5,\"clock\":\"synchronised\","
                "\"epoch\":0,\"index\":3,\"kind\":\"stop\",\"open\":0,\"time\":1600000000000000,\"v\":1,"
                "\"wall\":1600000000000000}");
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "gap");
        leaf_gap(&(LeafGap){.count = 4, .why = "no room", .since_usec = 9}, &draft);
        text = text_of(&draft);
        cr_expect_str_eq(
                text,
                "{\"boot\":\"0123456789abcdef0123456789abcdef\",\"boottime\":5,\"clock\":\"synchronised\","
                "\"count\":4,\"epoch\":0,\"index\":3,\"kind\":\"gap\",\"since\":9,"
                "\"time\":1600000000000000,\"v\":1,\"wall\":1600000000000000,\"why\":\"no room\"}");
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "epoch");
        leaf_epoch((const uint8_t[NOTE_PUBLIC_KEY_SIZE]){0xab, [31] = 0xcd}, &draft);
        text = text_of(&draft);
        cr_expect_not_null(strstr(text, "\"index\":3,\"kind\":\"epoch\",\"next\":\"ab00000000000000000000"
                                        "0000000000000000000000000000000000000000cd\",\"time\""),
                           "%s", text);
        cr_expect(draft.effect.ends_epoch && draft.role == TRAIL_EPOCH);
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "jump");
        leaf_jump(&(LedgerJump){.from_usec = 1, .to_usec = 2}, &draft);
        text = text_of(&draft);
        cr_expect_not_null(
                strstr(text, "\"from\":1,\"index\":3,\"kind\":\"jump\",\"time\":1600000000000000,\"to\":2,"));
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "jump");
        leaf_rebase(&(LedgerJump){.from_usec = 5, .to_usec = 2}, 0, &draft);
        text = text_of(&draft);
        cr_expect_not_null(
                strstr(text, "{\"boot\":\"0123456789abcdef0123456789abcdef\",\"boottime\":5,\"by\":0,"));
        cr_expect_not_null(
                strstr(text, "\"from\":5,\"index\":3,\"kind\":\"jump\",\"time\":1600000000000000,\"to\":2,"));
        cr_expect(draft.effect.rebase, "its time becomes the mark");
        free(text);
        draft_deinit(&draft);

        const uint64_t erased[] = {1, 2};
        begin(&draft, &ledger, "erase");
        leaf_erase(
                &(LeafErase){
                        .has_by = true, .by = 7, .has_of = true, .of = 1, .leaves = erased, .n_leaves = 2},
                &draft);
        text = text_of(&draft);
        cr_expect_not_null(strstr(text, "\"boottime\":5,\"by\":7,"));
        cr_expect_not_null(
                strstr(text, "\"count\":2,\"epoch\":0,\"index\":3,\"kind\":\"erase\",\"of\":1,\"time\":"));
        cr_expect(draft.n_erases == 2 && draft.erases[1] == 2);
        free(text);
        draft_deinit(&draft);

        Attestation auditor = {
                .uid = 44, .has_loginuid = true, .loginuid = 1000, .unit = (char *)"a.service"};
        begin(&draft, &ledger, "disclose");
        cr_assert_eq(
                leaf_disclose(&(LeafDisclose){.attestation = &auditor, .of = 2, .reason = "why not"}, &draft),
                0);
        cr_expect_str_eq(buffer_text(&draft.detail),
                         "{\"loginuid\":1000,\"reason\":\"d2h5IG5vdA\",\"unit\":\"a.service\"}");
        text = text_of(&draft);
        cr_expect_not_null(strstr(text, "\"by\":44,"));
        cr_expect_not_null(strstr(text, "\"kind\":\"disclose\",\"of\":2,"));
        cr_expect_null(strstr(text, "1000"), "whose login it was is personal");
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "refused");
        leaf_refused(&(RefusedRow){.has_uid = true, .uid = 5, .why = REFUSED_MALFORMED, .count = 8}, &draft);
        text = text_of(&draft);
        cr_expect_not_null(strstr(text, "\"count\":8,"));
        cr_expect_not_null(strstr(text, "\"uid\":5,"));
        cr_expect_not_null(strstr(text, "\"why\":\"malformed\""));
        free(text);
        draft_deinit(&draft);

        begin(&draft, &ledger, "mirror");
        leaf_mirror(&(LeafMirror){.to = "kernel-audit", .lost = 17}, &draft);
        text = text_of(&draft);
        cr_expect_not_null(strstr(
                text, "\"kind\":\"mirror\",\"lost\":17,\"time\":1600000000000000,\"to\":\"kernel-audit\","));
        free(text);
        draft_deinit(&draft);
}

Test(leaves, a_start_says_what_was_found)
{
        Digest previous = {.bytes = {0xab}};
        LeafStart start = {.program = "0.1.0",
                           .head = {.size = 3, .root = {.bytes = {0xcd}}},
                           .n_open = 2,
                           .previous = &previous};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "start");
        leaf_start(&start, &draft);
        char *text = text_of(&draft);
        Leaf leaf = read_back(text);
        expect_text(&leaf, "program", "0.1.0");
        expect_number(&leaf, "size", 3);
        expect_text(&leaf, "root", "cd00000000000000000000000000000000000000000000000000000000000000");
        expect_number(&leaf, "open", 2);
        expect_number(&leaf, "clean", 0);
        expect_text(&leaf, "previous", "ab00000000000000000000000000000000000000000000000000000000000000");
        leaf_deinit(&leaf);
        free(text);
        draft_deinit(&draft);
}

Test(leaves, a_policy_that_was_rejected_puts_nothing_in_force)
{
        Digest old = {.bytes = {1}}, new = {.bytes = {2}};
        Ledger ledger;
        Draft draft;

        begin(&draft, &ledger, "policy");
        LeafPolicy policy = {.old = &old, .via = "admin", .has_by = true, .by = 0, .why = "x.allow:1:1: no"};
        cr_assert_eq(leaf_policy(&policy, &draft), 0);
        char *text = text_of(&draft);
        char *detail = fixture_detail(&draft);
        Leaf leaf = read_back(text);
        expect_text(&leaf, "result", "rejected");
        expect_text(&leaf, "new", NULL);
        expect_number(&leaf, "by", 0);
        expect_text(&leaf, "via", "admin");
        cr_expect_null(draft.effect.policy);
        cr_expect_str_eq(detail, "{\"why\":\"eC5hbGxvdzoxOjE6IG5v\"}");
        leaf_deinit(&leaf);
        free(text);
        free(detail);
        draft_deinit(&draft);

        begin(&draft, &ledger, "policy");
        policy = (LeafPolicy){.old = &old, .new = &new, .invariants = &old, .loaded = true, .via = "start"};
        cr_assert_eq(leaf_policy(&policy, &draft), 0);
        text = text_of(&draft);
        leaf = read_back(text);
        expect_text(&leaf, "result", "loaded");
        cr_expect_not_null(leaf_text(&leaf, "new"));
        cr_expect_not_null(leaf_text(&leaf, "invariants"));
        expect_text(&leaf, "detail", NULL);
        expect_no_number(&leaf, "wider");
        cr_expect_eq(draft.effect.policy, &new);
        leaf_deinit(&leaf);
        free(text);
        draft_deinit(&draft);
}

Test(leaves, a_policy_that_loaded_says_whether_it_is_wider_where_that_is_known)
{
        Digest new = {.bytes = {2}};
        Ledger ledger;
        Draft draft;

        for (uint64_t wider = 0; wider < 2; wider++) {
                LeafPolicy policy = {.new = &new,
                                     .invariants = &new,
                                     .loaded = true,
                                     .has_wider = true,
                                     .wider = wider > 0,
                                     .via = "start"};
                begin(&draft, &ledger, "policy");
                cr_assert_eq(leaf_policy(&policy, &draft), 0);
                char *text = text_of(&draft);
                Leaf leaf = read_back(text);
                expect_number(&leaf, "wider", wider);
                leaf_deinit(&leaf);
                free(text);
                draft_deinit(&draft);
        }
}
