/*
 * make-decisions: grows a log of many requests, as the guard would have recorded them: facts by chance, decided
 * by the policy in force, the leaves made by the guard's own code, signed and exported by the trail. Clocks are
 * made up: they lose their synchronisation, step back, and are rebased.
 *
 * Usage: make-decisions STATE_DIR LEAVES SEED POLICY_DIR...
 *
 * Each POLICY_DIR is a whole policy; they take turns. Callers are users 3000 to 3015 in some of the groups 4000
 * to 4003, some of them in search.service; what they ask for are names that the first policy declares, and one
 * that none does. The log ends with a stop. The same arguments give the same decisions.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/macro.h"
#include "base/text.h"
#include "guard/facts.h"
#include "guard/leaves.h"
#include "guard/rates.h"
#include "policy/vocabulary.h"
#include "trail/request-id.h"
#include "trail/trail.h"
#include "wire/job.h"

enum {
        POLICIES_MAX = 8,
        NAMES_MAX = 64,
        OPEN_MAX = 12,
        TURNS = 9, /* how often the policy changes */
        FIRST_UID = 3000,
        N_UIDS = 16,
        FIRST_GID = 4000,
        N_GIDS = 4,
        STEP_USEC = 40000,      /* between two leaves, at most */
        BEHIND_USEC = 6000000,  /* more than is believed */
        EPOCH_USEC = 600000000, /* of log time, at most */
        EPOCH_LEAVES = 60000,
        TAKE_OVER = 64, /* leaves that may wait for their commit before the loop runs */
};

typedef struct Names {
        const char *items[NAMES_MAX];
        char texts[NAMES_MAX][64];
        size_t n;
} Names;

typedef struct OpenRequest {
        uint64_t index;
        const char *operation;
} OpenRequest;

typedef struct Maker {
        uint64_t random;
        sd_event *event;
        Trail *trail;
        uint64_t committed;
        Ledger ledger;
        Rates rates;
        ClockReading now;
        uint64_t n_leaves;

        Policy *policies[POLICIES_MAX];
        size_t n_policies;
        Policy *policy;
        Names purposes, galleries, parties;
        OpenRequest open[OPEN_MAX];
        size_t n_open;
        Buffer job;
} Maker;

static void fail(const char *what, const char *why)
{
        fprintf(stderr, "make-decisions: %s: %s\n", what, why);
        exit(1);
}

static void need(int r, const char *what)
{
        if (r != 0)
                fail(what, r < 0 ? strerror(-r) : "refused");
}

static unsigned roll(Maker *maker, unsigned n)
{
        maker->random = maker->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(maker->random >> 33) % n;
}

/* ------------------------------------------------------------------------------------------------ the policies */

static void names_add(Names *names, const char *path, const char *type)
{
        size_t n = strcspn(path, ".");

        if (strcmp(path + n + 1, type) != 0 || names->n == NAMES_MAX)
                return;
        snprintf(names->texts[names->n], sizeof(names->texts[0]), "%.*s", (int)n, path);
        names->items[names->n] = names->texts[names->n];
        names->n++;
}

static void read_names(Maker *maker, const Policy *policy)
{
        size_t n = 0;
        const PolicyText *texts = policy_texts(policy, &n);

        for (size_t i = 0; i < n; i++) {
                names_add(&maker->purposes, texts[i].path, "purpose");
                names_add(&maker->galleries, texts[i].path, "gallery");
                names_add(&maker->parties, texts[i].path, "organisation");
                names_add(&maker->parties, texts[i].path, "class");
        }
        names_add(&maker->purposes, "declared-nowhere.purpose", "purpose");
        names_add(&maker->parties, "nobody-known.class", "class");
}

static void load_policies(Maker *maker, char **dirs)
{
        for (; *dirs; dirs++) {
                const char *const layers[] = {*dirs};
                const PolicySource source = {.dirs = layers, .n_dirs = 1};
                PolicyFaults faults = {};
                if (maker->n_policies == POLICIES_MAX)
                        fail(*dirs, "too many policies");
                if (policy_load(&maker->policies[maker->n_policies++], &source, &faults) != 0)
                        fail(*dirs, faults.n > 0 ? faults.lines[0] : "it does not load");
        }
        read_names(maker, maker->policies[0]);
}

/* --------------------------------------------------------------------------------------------------- the trail */

static int on_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        Maker *maker = userdata;
        maker->committed = commit->head.size;
        return 0;
}

static int on_failed(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                     void *userdata)
{
        fail("the trail", fault->why);
        return 0;
}

static void open_trail(Maker *maker, const char *dir)
{
        static const TrailHandlers handlers = {on_committed, on_failed};
        const TrailConfig config = {.state_dir = dir, .origin = "example.org/made"};
        TrailFound found = {};
        char *why = NULL;

        need(sd_event_new(&maker->event), "event");
        int r = trail_open(&maker->trail, &config, &found, &why);
        if (r != 0)
                fail(dir, why ? why : strerror(-r));
        need(trail_start(maker->trail, maker->event, &handlers, maker), "start");
        ledger_init(&maker->ledger, "0123456789abcdef0123456789abcdef", found.head.size, &found.state);
        trail_found_deinit(&found);
}

static void wait_for_commit(Maker *maker)
{
        need(sd_event_run(maker->event, UINT64_MAX) < 0, "event");
}

/* What goes in stays below what may wait for a commit and for the export. */
static void hand_over(Maker *maker, Draft *draft)
{
        TrailState after = ledger_after(&maker->ledger, &draft->stamp, &draft->effect);
        TrailEntry *entry = NULL;

        need(draft_finish(draft, &after, &entry), "leaf");
        draft_deinit(draft);
        while (maker->ledger.size - maker->committed >= TRAIL_PENDING_MAX)
                wait_for_commit(maker);
        for (int r = trail_append(maker->trail, entry); r != 0; r = trail_append(maker->trail, entry)) {
                if (r != -EOVERFLOW)
                        need(r, "append");
                need(sd_event_run(maker->event, TAKE_OVER * 1000) < 0, "event");
        }
        ledger_advance(&maker->ledger, &after);
}

static void tick(Maker *maker)
{
        uint64_t step = 1 + roll(maker, STEP_USEC);

        maker->now.wall_usec += step;
        maker->now.boottime_usec += step;
}

static void begin(Maker *maker, Draft *draft, const char *kind)
{
        *draft = DRAFT_INIT;
        draft_begin(draft, &maker->ledger, &maker->now, kind);
}

static void make_start(Maker *maker)
{
        const LeafStart start = {.program = "made", .head = trail_head(maker->trail), .clean = true};
        Draft draft;

        begin(maker, &draft, "start");
        leaf_start(&start, &draft);
        hand_over(maker, &draft);
}

static void make_policy(Maker *maker, Policy *policy)
{
        size_t n = 0;
        const PolicyText *texts = policy_texts(policy, &n);
        TrailPolicyText *copies = calloc(n + 1, sizeof(*copies));
        const LeafPolicy leaf = {.old = maker->policy ? policy_digest(maker->policy) : NULL,
                                 .new = policy_digest(policy),
                                 .invariants = policy_invariants_digest(policy),
                                 .loaded = true,
                                 .via = maker->policy ? "admin" : "start"};
        Draft draft;

        for (size_t i = 0; copies && i < n; i++)
                copies[i] = (TrailPolicyText){texts[i].path, texts[i].bytes, texts[i].n};
        need(copies ? trail_archive_policy(maker->trail, policy_digest(policy), copies, n) : -ENOMEM,
             "archive");
        free(copies);
        begin(maker, &draft, "policy");
        need(leaf_policy(&leaf, &draft), "policy");
        hand_over(maker, &draft);
        maker->policy = policy;
}

/* The key of the epoch after the next is known once this one's end is committed. */
static void turn_epoch(Maker *maker)
{
        const TrailState *state = &maker->ledger.state;
        Draft draft;

        if (state->time_usec - state->epoch_usec < EPOCH_USEC &&
            maker->ledger.size - state->epoch_first < EPOCH_LEAVES)
                return;
        begin(maker, &draft, "epoch");
        leaf_epoch(trail_next_epoch_key(maker->trail), &draft);
        hand_over(maker, &draft);
        while (maker->committed < maker->ledger.size)
                wait_for_commit(maker);
}

static void make_stop(Maker *maker)
{
        Draft draft;

        begin(maker, &draft, "stop");
        leaf_stop(0, &draft);
        hand_over(maker, &draft);
        while (maker->committed < maker->ledger.size)
                wait_for_commit(maker);
}

/* -------------------------------------------------------------------------------------------------- the clocks */

/* Loses or finds its synchronisation; steps back by more than is believed; is believed again by a rebase. */
static void disturb_clock(Maker *maker)
{
        LedgerJump jump;
        Draft draft;

        if (roll(maker, 200) == 0)
                maker->now.synchronised = !maker->now.synchronised;
        if (roll(maker, 1000) == 0)
                maker->now.wall_usec -= BEHIND_USEC;
        if (ledger_jumped(&maker->ledger, &maker->now, &jump)) {
                begin(maker, &draft, "jump");
                leaf_jump(&jump, &draft);
                hand_over(maker, &draft);
        }
        ledger_observe(&maker->ledger, &maker->now);
        if (ledger_clock(&maker->ledger, &maker->now) != CLOCK_BEHIND || roll(maker, 20) != 0)
                return;
        jump = (LedgerJump){.from_usec = maker->ledger.state.mark_usec, .to_usec = maker->now.wall_usec};
        begin(maker, &draft, "jump");
        leaf_rebase(&jump, 0, &draft);
        hand_over(maker, &draft);
}

/* ------------------------------------------------------------------------------------------------ the requests */

static const char *pick(Maker *maker, const Names *names)
{
        return names->items[roll(maker, (unsigned)names->n)];
}

static void ask_about_parties(Maker *maker, StringList *list)
{
        if (roll(maker, 4) > 0)
                return;
        for (list->n = 0; list->n < 1 + roll(maker, 2); list->n++)
                list->items[list->n] = pick(maker, &maker->parties);
}

static void ask_about_texts(Maker *maker, CallMessage *call)
{
        call->case_reference = roll(maker, 2) ? "2020-118" : NULL;
        call->authorisation = roll(maker, 3) ? NULL : "order 7";
        call->operator= roll(maker, 3) ? NULL : "somebody";
        call->has_limit = roll(maker, 2);
        call->limit = 1 + roll(maker, 20);
        call->has_floor = roll(maker, 2);
        call->floor_millionths = (int32_t)roll(maker, 1000001);
}

/* Every other request is one as it should be, but for who asks and for what. */
static void ask(Maker *maker, CallMessage *call)
{
        bool proper = roll(maker, 2) > 0;
        unsigned operation = roll(maker, 3) ? 0 : roll(maker, (unsigned)vocabulary_operations.n);
        unsigned role = roll(maker, (unsigned)vocabulary_roles.n);

        call->operation = vocabulary_operations.words[operation];
        call->gallery = strcmp(call->operation, "compare") == 0 ? NULL : pick(maker, &maker->galleries);
        call->purpose = pick(maker, &maker->purposes);
        call->sought = proper ? "missing" : roll(maker, 8) ? vocabulary_roles.words[role] : NULL;
        call->probe_kind = proper || roll(maker, 4) ? "photograph" : NULL;
        ask_about_texts(maker, call);
        if (proper) {
                call->case_reference = "2020-118";
                return;
        }
        ask_about_parties(maker, &call->on_behalf_of);
        ask_about_parties(maker, &call->recipients);
}

static void play_caller(Maker *maker, Attestation *attestation, gid_t groups[N_GIDS])
{
        *attestation = (Attestation){.uid = FIRST_UID + roll(maker, N_UIDS),
                                     .groups = groups,
                                     .pid = 100,
                                     .unit = roll(maker, 2) ? (char *)"search.service" : NULL,
                                     .identity = roll(maker, 2) ? ATTEST_PIDFD : ATTEST_UID,
                                     .pidfd = -1};
        for (unsigned i = 0; i < N_GIDS; i++)
                if (roll(maker, 12) == 0)
                        groups[attestation->n_groups++] = FIRST_GID + i;
}

static void make_leaf(Maker *maker, const LeafRequest *request)
{
        Draft draft;

        begin(maker, &draft, "request");
        RatesPermit permit = {.allow = request->decision->allow,
                              .organisation = request->decision->organisation,
                              .wall_usec = maker->now.wall_usec,
                              .index = draft.stamp.index};
        need(leaf_request(request, &draft), "request");
        hand_over(maker, &draft);
        if (!request->decision->permit)
                return;
        need(rates_add(&maker->rates, &permit), "rates");
        maker->open[maker->n_open++] = (OpenRequest){permit.index, request->facts->operation};
}

static void make_request(Maker *maker)
{
        const char *behalf[2], *recipients[2];
        CallMessage call = {.on_behalf_of = {.items = behalf}, .recipients = {.items = recipients}};
        uint8_t id[MESSAGE_REQUEST_SIZE], salt[COMMITMENT_SALT_SIZE] = {1};
        gid_t groups[N_GIDS];
        Attestation attestation;
        Decision decision = DECISION_INIT;
        FactsUsed used;
        Facts facts;

        ask(maker, &call);
        play_caller(maker, &attestation, groups);
        request_id_make(maker->ledger.size, id);
        const FactsSource source = {.attestation = &attestation,
                                    .call = &call,
                                    .ledger = &maker->ledger,
                                    .now = &maker->now,
                                    .used = &used,
                                    .rates = &maker->rates};
        facts_make(&source, &facts);
        need(facts_check(&facts) != NULL, "facts");
        need(policy_decide(maker->policy, &facts, &decision), "decision");
        const LeafRequest request = {.request = id,
                                     .attestation = &attestation,
                                     .facts = &facts,
                                     .policy = maker->policy,
                                     .decision = &decision,
                                     .worker = roll(maker, 9) ? "fedcba9876543210fedcba9876543210" : NULL,
                                     .job = maker->job.data,
                                     .n_job = maker->job.n,
                                     .job_salt = salt};
        make_leaf(maker, &request);
        decision_deinit(&decision);
}

static void make_outcome(Maker *maker)
{
        const OpenRequest open = maker->open[0];
        const ResultMessage answer = {.result = "ok",
                                      .searched = 10000,
                                      .gallery_epoch = 7,
                                      .microseconds = 1234,
                                      .engine = "cpu-avx2"};
        const LeafOutcome outcome = {
                .of = open.index, .result = "ok", .operation = open.operation, .answer = &answer};
        Draft draft;

        maker->n_open--;
        memmove(maker->open, maker->open + 1, maker->n_open * sizeof(open));
        begin(maker, &draft, "outcome");
        need(leaf_outcome(&outcome, &draft), "outcome");
        hand_over(maker, &draft);
}

static void make_job(Maker *maker)
{
        static const uint8_t vector[64];
        const JobEntry entry = {
                .subject = "", .model = "test-16", .vector = vector, .n_vector = sizeof(vector)};

        job_begin(&maker->job, 1);
        job_put(&maker->job, &entry);
}

static void make_log(Maker *maker, uint64_t n_leaves)
{
        uint64_t turn = n_leaves / TURNS + 1, n_turns = 0;

        make_start(maker);
        while (maker->ledger.size + maker->n_open + 1 < n_leaves) {
                tick(maker);
                if (maker->ledger.size >= turn * n_turns)
                        make_policy(maker, maker->policies[n_turns++ % maker->n_policies]);
                disturb_clock(maker);
                turn_epoch(maker);
                if (maker->n_open == OPEN_MAX || (maker->n_open > 0 && roll(maker, 3) == 0))
                        make_outcome(maker);
                else
                        make_request(maker);
        }
        while (maker->n_open > 0)
                make_outcome(maker);
        make_stop(maker);
}

int main(int argc, char **argv)
{
        uint64_t n_leaves = 0, seed = 0;

        if (argc < 5 || !text_to_u64(argv[2], strlen(argv[2]), &n_leaves) ||
            !text_to_u64(argv[3], strlen(argv[3]), &seed)) {
                fprintf(stderr, "Usage: make-decisions STATE_DIR LEAVES SEED POLICY_DIR...\n");
                return 2;
        }
        Maker maker = {
                .random = seed,
                .rates = RATES_INIT,
                .now = {.wall_usec = UINT64_C(1593604800000000), .boottime_usec = 1, .synchronised = true}};
        load_policies(&maker, argv + 4);
        open_trail(&maker, argv[1]);
        make_job(&maker);
        make_log(&maker, n_leaves);
        trail_free(maker.trail);
        sd_event_unref(maker.event);
        rates_deinit(&maker.rates);
        buffer_deinit(&maker.job);
        for (size_t i = 0; i < maker.n_policies; i++)
                policy_unref(maker.policies[i]);
        return 0;
}
