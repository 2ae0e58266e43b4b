/*
 * The start of a run. Everything in here happens once, before a client is accepted: it may block. Anything
 * that is not as it should be refuses to start.
 *
 * Invariants (matchguard-trail(7), I5 and I7)
 *   1. `start` is the first leaf of the run, and tells what was found
 *   2. the outcome `unknown` of every request that was left open comes before any request
 *   3. the `policy` leaf comes before any request
 *   4. all of these are one commit, so that no signed checkpoint shows a `start` whose open requests are not
 *      closed yet: whoever copies the export at that moment would see a log that breaks a rule
 */

#include "guard/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/macro.h"
#include "guard/confine.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/recount.h"
#include "guard/wider.h"
#include "trail/event.h"
#include "trail/room.h"

PolicySource guard_policy_source(Guard *guard)
{
        const Options *options = guard->options;
        bool own = options->n_policy_dirs > 0;

        return (PolicySource){
                .dirs = own ? options->policy_dirs : policy_default_dirs,
                .n_dirs = own ? options->n_policy_dirs : ARRAY_SIZE(policy_default_dirs),
                .check_owner = true,
                .owner = options->private ? geteuid() : 0,
                .open_accounts = etc_reader_open,
                .userdata = &guard->etc_reader,
        };
}

int guard_archive_policy(Trail *trail, const Policy *policy)
{
        size_t n;
        const PolicyText *texts = policy_texts(policy, &n);
        _cleanup_(freep) TrailPolicyText *copies = calloc(MAX_OF(n, (size_t)1), sizeof(*copies));

        if (!copies)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                copies[i] =
                        (TrailPolicyText){.path = texts[i].path, .bytes = texts[i].bytes, .n = texts[i].n};
        return trail_archive_policy(trail, policy_digest(policy), copies, n);
}

static int start_load_policy(Guard *guard)
{
        PolicySource source = guard_policy_source(guard);
        PolicyFaults faults = {};

        int r = policy_load(&guard->policy, &source, &faults);
        if (r == 0) {
                guard->policy_durable = policy_ref(guard->policy);
                return 0;
        }
        if (r < 0) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot load the policy: %s", strerror(-r));
                return r;
        }
        EventKind kind = faults.unproved ? EVENT_INVARIANT_BROKEN : EVENT_POLICY_REJECTED;
        event_tell(kind, EVENT_FIELDS({"via", "start"}),
                   "The policy does not load, so nothing can be decided:");
        for (size_t i = 0; i < faults.n; i++)
                event_tell(kind, EVENT_FIELDS({"via", "start"}), "%s", faults.lines[i]);
        policy_faults_deinit(&faults);
        return -EBADMSG;
}

/* The permits of the log, so that rates hold across runs. */
static int start_count(Guard *guard, const TrailFound *found)
{
        Rates *rates = &guard->recorder.rates;
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        rates_durable(rates, found->head.size);
        Recount recount =
                recount_begin(rates, &now, &found->state, policy_longest_window_usec(guard->policy));
        TrailScan by = {.leaf = recount_leaf, .userdata = &recount};
        r = trail_scan_back(guard->trail, &by);
        int q = recount_end(&recount);
        return r < 0 ? r : q;
}

/* --------------------------------------------------------------------------------------- the first leaves */

/* Appends one of the leaves that precede service. */
static int start_append(Guard *guard, Draft *draft)
{
        int r = recorder_append(&guard->recorder, draft, &guard->starting);

        guard->n_starting += r == 0;
        return r > 0 ? -EAGAIN : r;
}

static int start_record_found(Guard *guard, const TrailFound *found)
{
        Draft draft = DRAFT_INIT;
        LeafStart start = {.program = MATCHGUARD_VERSION,
                           .head = found->head,
                           .n_open = found->n_open,
                           .clean = found->clean,
                           .previous = found->has_previous ? &found->previous : NULL};
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        draft_begin(&draft, &guard->recorder.ledger, &now, "start");
        leaf_start(&start, &draft);
        return start_append(guard, &draft);
}

static int start_close_open(Guard *guard, uint64_t of)
{
        Draft draft = DRAFT_INIT;
        LeafOutcome outcome = {.of = of, .result = "unknown"};
        ClockReading now;

        int r = recorder_now(&guard->recorder, &now);
        if (r < 0)
                return r;
        draft_begin(&draft, &guard->recorder.ledger, &now, "outcome");
        r = leaf_outcome(&outcome, &draft);
        return r != 0 ? error_fold(r) : start_append(guard, &draft);
}

/* Against the policy that the log says was last in force. */
static int start_compare(Guard *guard, const TrailFound *found, Wider *ret_wider)
{
        const Digest *old = found->state.has_policy ? &found->state.policy : NULL;

        if (!old)
                return wider_than(NULL, guard->policy, ret_wider);
        if (digest_equal(old, policy_digest(guard->policy))) {
                *ret_wider = (Wider){.known = true};
                return 0;
        }
        int r = wider_than_archived(guard->options->state_dir, old, guard->policy, ret_wider);
        if (r == 0 && !ret_wider->known)
                event_tell(
                        EVENT_WIDER_UNKNOWN, EVENT_FIELDS({"why", ret_wider->why}),
                        "Whether the policy permits more than the one of the last run is not known, and not "
                        "recorded: %s",
                        ret_wider->why);
        return r;
}

static int start_record_policy(Guard *guard, const TrailFound *found)
{
        _cleanup_(wider_deinit) Wider wider = WIDER_INIT;
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = start_compare(guard, found, &wider);
        if (r < 0)
                return r;
        r = recorder_now(&guard->recorder, &now);
        if (r < 0)
                return r;
        LeafPolicy policy = {.old = found->state.has_policy ? &found->state.policy : NULL,
                             .new = policy_digest(guard->policy),
                             .invariants = policy_invariants_digest(guard->policy),
                             .loaded = true,
                             .has_wider = wider.known,
                             .wider = wider.wider,
                             .via = "start"};
        draft_begin(&draft, &guard->recorder.ledger, &now, "policy");
        r = leaf_policy(&policy, &draft);
        return r != 0 ? error_fold(r) : start_append(guard, &draft);
}

/* That service was refused before the trail could be opened. */
static int start_record_gap(Guard *guard)
{
        Recorder *recorder = &guard->recorder;
        Draft draft = DRAFT_INIT;
        ClockReading now;

        guard->n_starting_told = recorder->n_refused;
        if (!guard->standby.active)
                return 0;
        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        recorder_begin_gap(recorder, &now, recorder->n_refused, &draft);
        return start_append(guard, &draft);
}

static int start_record(Guard *guard, const TrailFound *found)
{
        int r = start_record_found(guard, found);

        for (size_t i = 0; i < found->n_open && r >= 0; i++)
                r = start_close_open(guard, found->open[i]);
        if (r >= 0 && found->n_open > 0)
                event_tell(EVENT_LEFT_OPEN, EVENT_FIELDS({"open", .number = found->n_open}),
                           "%zu requests of the last run had no outcome; it is recorded as unknown.",
                           found->n_open);
        if (r >= 0)
                r = start_record_policy(guard, found);
        return r < 0 ? r : start_record_gap(guard);
}

/* ---------------------------------------------------------------------------------------------- the trail */

static const char *start_log_key(char *path, size_t n)
{
        const char *dir = getenv("CREDENTIALS_DIRECTORY");

        if (!dir || snprintf(path, n, "%s/log.key", dir) >= (int)n)
                return NULL;
        /* Only one that is not there is none: a key must not be made beside one that cannot be looked at. */
        return access(path, F_OK) < 0 && errno == ENOENT ? NULL : path;
}

enum { START_E_STANDBY = 1 };

/* What may pass; NULL: anything else. */
static const char *start_passing(int ending)
{
        static const struct {
                int ending;
                const char *why;
        } endings[] = {
                {TRAIL_E_NO_ROOM, "there is no room for the trail"},
                {TRAIL_E_READ_ONLY, "the trail is on a read-only file system"},
                {TRAIL_E_GONE, "the trail is not there"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
                if (endings[i].ending == ending)
                        return endings[i].why;
        return NULL;
}

/* Return: START_E_STANDBY, or -errno. */
static int start_stand_by(Guard *guard, const TrailFault *fault)
{
        int r = standby_begin(&guard->standby, fault);
        return r < 0 ? r : START_E_STANDBY;
}

/* An attempt to open the trail. */
typedef struct Attempt {
        int r; /* as of trail_open() */
        char *why;
        TrailFound found;
} Attempt;

static void attempt_deinit(Attempt *attempt)
{
        free(attempt->why);
        trail_found_deinit(&attempt->found);
}

static void start_attempt(Guard *guard, Attempt *ret_attempt)
{
        char path[4096];
        TrailConfig config = {.state_dir = guard->options->state_dir,
                              .origin = guard->config.origin,
                              .log_key_path = start_log_key(path, sizeof(path)),
                              .new_log = guard->options->new_log,
                              .known = guard->standby.active};

        guard->key_is_credential = config.log_key_path != NULL;
        *ret_attempt = (Attempt){};
        ret_attempt->r = trail_open(&guard->trail, &config, &ret_attempt->found, &ret_attempt->why);
}

/* What became of it. Return: 0, START_E_STANDBY, or -errno. */
static int start_judge(Guard *guard, const Attempt *attempt, int *ret_status)
{
        int r = attempt->r;

        if (r == 0) {
                guard->found_clean = attempt->found.clean;
                guard->n_found_open = attempt->found.n_open;
                return 0;
        }
        if (start_passing(r))
                return start_stand_by(guard, &(TrailFault){.why = start_passing(r), .advice = attempt->why});
        event_tell(r == TRAIL_E_BEHIND ? EVENT_TRAIL_BEHIND : EVENT_TRAIL_REFUSED, EVENT_NO_FIELDS,
                   "The trail in %s cannot be used: %s", guard->options->state_dir,
                   attempt->why ? attempt->why : strerror(-r));
        if (r == TRAIL_E_BEHIND)
                *ret_status = TRAIL_EXIT_BEHIND;
        if (r == TRAIL_E_BEHIND || r == TRAIL_E_DAMAGED)
                mirrors_fault(&guard->mirrors, r == TRAIL_E_BEHIND ? "behind" : "damaged");
        if (r == -EIO)
                *ret_status = TRAIL_EXIT_STORAGE;
        return r < 0 ? r : -ENOTRECOVERABLE;
}

/* What is counted from the trail, and the timers. */
static int start_recorder(Guard *guard, const TrailFound *found)
{
        char boot[LEDGER_BOOT_SIZE];

        int r = clock_boot_id(boot);
        if (r < 0) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "Cannot read this boot's id, /proc/sys/kernel/random/boot_id: %s", strerror(-r));
                return r;
        }
        ledger_init(&guard->recorder.ledger, boot, found->head.size, &found->state);
        guard->recorder.rates = RATES_INIT;
        r = start_count(guard, found);
        return r < 0 ? r
                     : recorder_init(&guard->recorder, guard->event, guard->trail, &guard_recorder_handlers,
                                     guard);
}

/* The policy's text has no room: with the trail closed again, that is as if it could not be opened. */
static int start_archive(Guard *guard)
{
        char advice[ROOM_TEXT_SIZE];

        int r = guard_archive_policy(guard->trail, guard->policy);
        if (r < 0 && !room_may_return(r))
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "Cannot keep the policy's text in %s/export: %s", guard->options->state_dir,
                           strerror(-r));
        if (!room_may_return(r))
                return r;
        trail_advice(guard->trail, r, advice);
        guard->trail = trail_free(guard->trail);
        return start_stand_by(guard, &(TrailFault){.why = start_passing(TRAIL_E_NO_ROOM), .advice = advice});
}

/* What follows an attempt, and is recorded. */
static int start_go_on(Guard *guard, const Attempt *attempt, int *ret_status)
{
        const TrailFound *found = &attempt->found;

        guard->n_starting = 0;
        int r = start_judge(guard, attempt, ret_status);
        if (r == 0)
                r = start_archive(guard);
        if (r != 0)
                return r == START_E_STANDBY ? 0 : r;
        r = start_recorder(guard, found);
        recorder_resume(&guard->recorder);
        if (r >= 0)
                r = start_record(guard, found);
        if (r >= 0)
                r = recorder_start(&guard->recorder, guard->config.epoch_length_usec);
        if (r == -EBADMSG) /* In the leaves that it counts. */
                mirrors_fault(&guard->mirrors, "damaged");
        if (r < 0)
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot begin to record: %s", strerror(-r));
        return r;
}

int start_try(Guard *guard, int *ret_status)
{
        _cleanup_(attempt_deinit) Attempt attempt;

        start_attempt(guard, &attempt);
        return start_go_on(guard, &attempt, ret_status);
}

static int start_confine(Guard *guard)
{
        int audit_fd = mirrors_open(&guard->config, listeners_take_audit_fd(&guard->listeners));
        SandboxRemarks remarks = {};

        int r = confine(guard->options, guard->config.kernel_audit != CONFIG_MIRROR_NO, &remarks);
        if (r < 0) {
                fd_close(audit_fd);
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot confine this process: %s",
                           strerror(-r));
                return r;
        }
        const char *const said[] = {remarks.notice, remarks.warning};
        for (size_t i = 0; i < ARRAY_SIZE(said); i++)
                if (said[i])
                        event_tell(EVENT_LESS_CONFINED, EVENT_FIELDS({"why", said[i]}),
                                   "Less confined than it could be: %s.", said[i]);
        r = mirrors_init(&guard->mirrors, guard, audit_fd);
        if (r < 0)
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "Cannot begin to tell the journal and the kernel's audit: %s", strerror(-r));
        return r;
}

/* The trail is looked at first: only then are the folders that stay open to the guard those of this log. */
int start_open(Guard *guard, int *ret_status)
{
        _cleanup_(attempt_deinit) Attempt attempt = {};

        int r = start_load_policy(guard);
        if (r < 0)
                return r;
        start_attempt(guard, &attempt);
        r = start_confine(guard);
        return r < 0 ? r : start_go_on(guard, &attempt, ret_status);
}
