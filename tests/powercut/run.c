/* A run. The leaves are made by the guard's own code. */

#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "must.h"
#include "watch.h"
#include "wire/job.h"

static const char run_boot[] = "0123456789abcdef0123456789abcdef";

enum {
        RUN_NGO = 980,
        RUN_POLICE = 981,
        RUN_REST_USEC = 150000, /* longer than the trail waits before it tidies */
        RUN_PATIENCE_USEC = 30 * 1000000,
};

static const struct {
        const char *name, *text;
} run_files[] = {
        {"ngo.class", "[Class]\nDescription=x\n"},
        {"police.class", "[Class]\nDescription=x\n"},
        {"find.purpose", "[Purpose]\nDescription=x\n"},
        {"faces.gallery", "[Gallery]\nDescription=x\nModel=m-4\nDimension=16\n"},
        {"finder.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=980\n"},
        {"pd.organisation", "[Organisation]\nDescription=x\nClass=police\n[Peer]\nUser=981\n"},
        {"rescue.allow",
         "[Allow]\nDescription=x\nOrganisation=finder\nOperation=any\nPurpose=find\nGallery=any\n"
         "Sought=any\nMinimumSimilarity=0.6\nMaximumCandidates=5\nRelease=scores\n"},
        {"no-police.moratorium", "[Moratorium]\nDescription=x\nNotice=No.\nClass=police\n"},
};

Policy *run_policy(void)
{
        char dir[] = "/tmp/powercut-policy.XXXXXX", path[128];
        _cleanup_(policy_faults_deinit) PolicyFaults faults = {};
        const char *dirs[] = {dir};
        const PolicySource source = {.dirs = dirs, .n_dirs = 1};
        Policy *policy = NULL;

        MUST(mkdtemp(dir));
        for (size_t i = 0; i < ARRAY_SIZE(run_files); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, run_files[i].name);
                FILE *file = fopen(path, "we");
                MUST(file);
                MUST(fputs(run_files[i].text, file) >= 0);
                MUST(fclose(file) == 0);
        }
        MUST(policy_load(&policy, &source, &faults) == 0);
        for (size_t i = 0; i < ARRAY_SIZE(run_files); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, run_files[i].name);
                MUST(unlink(path) == 0);
        }
        MUST(rmdir(dir) == 0);
        return policy;
}

static ClockReading run_now(const Run *run)
{
        uint64_t usec = (run->book->n + 1) * CLOCK_USEC_PER_SEC;
        return (ClockReading){
                .wall_usec = UINT64_C(1600000000000000) + usec, .boottime_usec = usec, .synchronised = true};
}

/* Hands a draft over; @request is the id of a decision, else NULL. */
static void run_append_request(Run *run, Draft *draft, const uint8_t *request)
{
        TrailState after = ledger_after(&run->ledger, &draft->stamp, &draft->effect);
        TrailEntry *entry = NULL;

        MUST(draft_finish(draft, &after, &entry) == 0);
        book_add(run->book, entry, request);
        ledger_advance(&run->ledger, &after);
        MUST(trail_append(run->trail, entry) == 0);
        draft_deinit(draft);
}

static void run_append(Run *run, Draft *draft)
{
        run_append_request(run, draft, NULL);
}

static void run_wait(Run *run)
{
        while (run->told < run->book->n)
                MUST(sd_event_run(run->event, RUN_PATIENCE_USEC) > 0);
}

static int run_on_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        Run *run = userdata;

        run->told = commit->head.size;
        watch_told(run->told);
        for (const TrailEntry *entry = first; entry; entry = entry->next)
                MUST(entry->receipt);
        return 0;
}

static int run_on_failed(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                         void *userdata)
{
        (void)fprintf(stderr, "the trail failed at %llu: %s\n", (unsigned long long)size, fault->why);
        return -1;
}

static Draft run_draft(const Run *run, const char *kind)
{
        const ClockReading now = run_now(run);
        Draft draft = DRAFT_INIT;

        draft_begin(&draft, &run->ledger, &now, kind);
        return draft;
}

static void run_record_policy(Run *run, const TrailFound *found)
{
        const LeafPolicy leaf = {.old = found->state.has_policy ? &found->state.policy : NULL,
                                 .new = policy_digest(run->policy),
                                 .invariants = policy_invariants_digest(run->policy),
                                 .loaded = true,
                                 .via = "start"};
        Draft draft = run_draft(run, "policy");

        MUST(leaf_policy(&leaf, &draft) == 0);
        run_append(run, &draft);
}

static void run_record_found(Run *run, const TrailFound *found)
{
        const LeafStart start = {
                .program = "0.0.0", .head = found->head, .n_open = found->n_open, .clean = found->clean};
        Draft draft = run_draft(run, "start");

        leaf_start(&start, &draft);
        run_append(run, &draft);
        for (size_t i = 0; i < found->n_open; i++) {
                const LeafOutcome outcome = {.of = found->open[i], .result = "unknown"};
                draft = run_draft(run, "outcome");
                MUST(leaf_outcome(&outcome, &draft) == 0);
                run_append(run, &draft);
        }
        run_record_policy(run, found);
}

void run_begin(Run *run)
{
        static const TrailHandlers handlers = {run_on_committed, run_on_failed};
        const TrailConfig config = {.state_dir = run->state_dir, .origin = "example.org/powercut"};
        TrailFound found = {};
        char *why = NULL;

        int r = trail_open(&run->trail, &config, &found, &why);
        if (r != 0) {
                (void)fprintf(stderr, "%s: %d: %s\n", run->state_dir, r, why ? why : "");
                abort();
        }
        MUST(found.head.size == run->book->n);
        run->told = run->book->n;
        ledger_init(&run->ledger, run_boot, found.head.size, &found.state);
        MUST(sd_event_new(&run->event) >= 0);
        MUST(guard_archive_policy(run->trail, run->policy) == 0);
        run_record_found(run, &found);
        MUST(trail_start(run->trail, run->event, &handlers, run) == 0);
        trail_found_deinit(&found);
        run_wait(run);
}

/* A request by a user, decided by the policy. */
static uint64_t run_request(Run *run, uid_t uid)
{
        const ClockReading now = run_now(run);
        Attestation attestation = {.uid = uid, .pid = 77, .identity = ATTEST_PIDFD, .pidfd = -1};
        uint8_t request[REQUEST_ID_SIZE], vector[64] = {}, salt[COMMITMENT_SALT_SIZE] = {7};
        Facts facts = facts_of_time(&run->ledger, &now);
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        const JobEntry entry = {.subject = "", .model = "m-4", .vector = vector, .n_vector = sizeof(vector)};
        uint64_t index = run->book->n;
        Draft draft = run_draft(run, "request");

        request_id_make(index, request);
        facts.peer = facts_peer(&attestation);
        facts.operation = "identify";
        facts.gallery = "faces";
        facts.purpose = "find";
        facts.sought = "missing";
        facts.probe = "photograph";
        facts.case_reference = "case 1";
        facts.operator= "somebody";
        MUST(policy_decide(run->policy, &facts, &decision) == 0);
        MUST(decision.permit == (uid == RUN_NGO));
        job_begin(&job, 1);
        job_put(&job, &entry);
        const LeafRequest leaf = {.request = request,
                                  .attestation = &attestation,
                                  .facts = &facts,
                                  .policy = run->policy,
                                  .decision = &decision,
                                  .job = job.data,
                                  .n_job = job.n,
                                  .job_salt = salt};
        MUST(leaf_request(&leaf, &draft) == 0);
        run_append_request(run, &draft, request);
        run_wait(run);
        return index;
}

uint64_t run_permit(Run *run)
{
        return run_request(run, RUN_NGO);
}

void run_deny(Run *run)
{
        (void)run_request(run, RUN_POLICE);
}

void run_outcome(Run *run, uint64_t of)
{
        Candidate candidate = {.subject = "subject-1", .similarity = 0.75};
        const ResultMessage answer = {.result = "ok",
                                      .matched = true,
                                      .searched = 3,
                                      .gallery_epoch = 1,
                                      .microseconds = 12,
                                      .engine = "cpu",
                                      .n_candidates = 1,
                                      .candidates = &candidate};
        const LeafOutcome outcome = {.of = of, .result = "ok", .operation = "identify", .answer = &answer};
        Draft draft = run_draft(run, "outcome");

        MUST(leaf_outcome(&outcome, &draft) == 0);
        run_append(run, &draft);
        run_wait(run);
}

void run_beats(Run *run, uint64_t size)
{
        while (run->book->n < size) {
                Draft draft = run_draft(run, "beat");
                run_append(run, &draft);
        }
        run_wait(run);
}

void run_epoch(Run *run)
{
        Draft draft = run_draft(run, "epoch");

        leaf_epoch(trail_next_epoch_key(run->trail), &draft);
        run_append(run, &draft);
        run_wait(run);
}

static int run_on_scrubbed(bool scrubbed, void *userdata)
{
        MUST(scrubbed);
        *(bool *)userdata = true;
        return 0;
}

void run_erase(Run *run, const uint64_t leaves[static 2])
{
        const LeafErase erase = {
                .has_by = true, .has_of = true, .of = leaves[0], .leaves = leaves, .n_leaves = 2};
        Draft draft = run_draft(run, "erase");
        bool scrubbed = false;

        leaf_erase(&erase, &draft);
        run_append(run, &draft);
        run_wait(run);
        MUST(trail_scrub(run->trail, run_on_scrubbed, &scrubbed) == 0);
        while (!scrubbed)
                MUST(sd_event_run(run->event, RUN_PATIENCE_USEC) > 0);
}

void run_settle(Run *run)
{
        while (trail_exported_size(run->trail) < run->book->n)
                MUST(sd_event_run(run->event, RUN_REST_USEC / 4) >= 0);
        MUST(usleep(RUN_REST_USEC) == 0);
}

void run_end(Run *run)
{
        Draft draft = run_draft(run, "stop");

        leaf_stop(0, &draft);
        run_append(run, &draft);
        run_wait(run);
        run->trail = trail_free(run->trail);
        run->event = sd_event_unref(run->event);
}
