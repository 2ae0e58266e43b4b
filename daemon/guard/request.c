/*
 * The way of a request. Owns each Request. Run by the guard's loop; waits for nothing: trail, worker and
 * clocks call back.
 */

#include "guard/request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"
#include "guard/child.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/job.h"
#include "guard/leaves.h"
#include "guard/recount.h"
#include "guard/request-check.h"
#include "guard/request-step.h"
#include "guard/timer.h"
#include "trail/event.h"
#include "wire/job.h"

#define REQUEST_DEADLINE_USEC (30 * CLOCK_USEC_PER_SEC)
#define REQUEST_AWAIT_USEC    (2 * CLOCK_USEC_PER_SEC)
#define REQUEST_SETTLE_USEC   (CLOCK_USEC_PER_SEC / 10)

struct Request {
        Guard *guard;
        RequestState state;
        Call call;
        bool answered; /* the call has ended; the request may still owe an outcome */
        QuotaUser user;

        uint8_t id[MESSAGE_REQUEST_SIZE];
        char id_text[2 * MESSAGE_REQUEST_SIZE + 1];
        Packet packet; /* what `message` points into */
        CallMessage message;
        uint8_t job_salt[COMMITMENT_SALT_SIZE];

        Policy *policy; /* what `decision` points into */
        Decision decision;
        uint64_t index;
        uint64_t deadline_usec;            /* boot time */
        char session[WORKER_SESSION_SIZE]; /* as the leaf has it; "": none */
        uint64_t awaits_until_usec;        /* boot time; of one that awaits the kernel's record */
        bool has_audit;
        uint64_t audit; /* serial of the kernel's own record of the decision */

        const char *result;   /* a word of matchguard-trail(7)'s table */
        Packet result_packet; /* what `answer` points into */
        ResultMessage answer;
        bool has_answer;

        Waiter waiter; /* for the leaf that is on its way */
        Receipt *decided;
        Receipt *ended;
        TAILQ_ENTRY(Request) link; /* in `awaiting`, `submitted` or `owing` */
        TAILQ_ENTRY(Request) open; /* in `open` */
};

/* -----------------------------------------------------------------------------------------------------
 * states */

static void request_tell(const Request *request, RequestState state)
{
        const Decision *decision = &request->decision;
        bool decided = state != REQUEST_RECEIVED && *request->id_text;

        request_step(&(RequestStep){.request = request->id_text,
                                    .index = request->index,
                                    .uid = request->user.uid,
                                    .operation = request->message.operation,
                                    .gallery = request->message.gallery,
                                    .verdict = !decided           ? NULL
                                               : decision->permit ? "permitted"
                                                                  : "denied",
                                    .rule = !decided           ? NULL
                                            : decision->permit ? decision->allow
                                                               : reason_name(decision->reason),
                                    .result = request->result},
                     state);
}

/* The one place where a state changes: it also keeps the lists that the states mean. */
static void request_set(Request *request, RequestState state)
{
        Requests *requests = &request->guard->requests;

        assert(request_may_move(request->state, state));
        if (diag_is_on(DIAG_DEBUG))
                request_tell(request, state);
        if (request->state == REQUEST_AWAITING)
                TAILQ_REMOVE(&requests->awaiting, request, link);
        if (request->state == REQUEST_SUBMITTED)
                TAILQ_REMOVE(&requests->submitted, request, link);
        if (request->state == REQUEST_OWING)
                TAILQ_REMOVE(&requests->owing, request, link);
        request->state = state;
        if (state == REQUEST_AWAITING)
                TAILQ_INSERT_TAIL(&requests->awaiting, request, link);
        if (state == REQUEST_SUBMITTED)
                TAILQ_INSERT_TAIL(&requests->submitted, request, link);
        if (state == REQUEST_OWING)
                TAILQ_INSERT_TAIL(&requests->owing, request, link);
}

/* ----------------------------------------------------------------------------------------- life and death */

static int request_committed(Waiter *waiter, TrailEntry *entry);
static int request_failed(Waiter *waiter);
static void request_lost(Call *call);

/* Return: the request, charged; NULL where a bound or memory says no. */
static Request *request_new(Client *client, Packet *packet, CallMessage *message)
{
        Guard *guard = client->guard;

        if (guard->requests.n_job_bytes + message->n_job > QUOTA_JOB_BYTES_MAX)
                return NULL;
        Request *request = calloc(1, sizeof(*request));
        if (!request)
                return NULL;
        if (!quota_take(&guard->quota, QUOTA_REQUEST, client->user)) {
                free(request);
                return NULL;
        }
        *request = (Request){.guard = guard,
                             .user = client->user,
                             .packet = *packet,
                             .message = *message,
                             .policy = policy_ref(guard->policy),
                             .result_packet = PACKET_INIT,
                             .waiter = {.committed = request_committed, .failed = request_failed}};
        *packet = PACKET_INIT;
        *message = (CallMessage){};
        TAILQ_INSERT_TAIL(&guard->requests.open, request, open);
        guard->requests.n_open++;
        guard->requests.n_job_bytes += request->message.n_job;
        return request;
}

static Request *request_free(Request *request)
{
        Guard *guard = request->guard;

        TAILQ_REMOVE(&guard->requests.open, request, open);
        guard->requests.n_open--;
        guard->requests.n_job_bytes -= request->message.n_job;
        quota_drop(&guard->quota, QUOTA_REQUEST, request->user);
        receipt_free(request->decided);
        receipt_free(request->ended);
        decision_deinit(&request->decision);
        call_deinit(&request->message);
        packet_deinit(&request->packet);
        if (request->has_answer)
                result_deinit(&request->answer);
        packet_deinit(&request->result_packet);
        policy_unref(request->policy);
        free(request);
        return NULL;
}

/* Says what there is to say, if anybody is there and nothing was said yet. Return: 0 or -errno. */
static int request_answer(Request *request, Buffer *answer)
{
        if (request->answered)
                return 0;
        request->answered = true;
        int r = call_end(&request->call, answer);
        return r < 0 ? r : 0;
}

static int request_end(Request *request)
{
        Guard *guard = request->guard;

        request_set(request, REQUEST_ENDED);
        request_free(request);
        return guard_request_ended(guard);
}

static int request_answer_unavailable(Request *request)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Recorder *recorder = &request->guard->recorder;

        if (!request->answered)
                recorder_refuse(recorder);
        answer_error(request->call.to, ANSWER_TRAIL_UNAVAILABLE, recorder->why, &answer);
        return request_answer(request, &answer);
}

/* ------------------------------------------------------------------------------------------------ the end */

static AnswerRecords request_records(const Request *request)
{
        return (AnswerRecords){
                .request = request->id_text, .decision = request->decided, .outcome = request->ended};
}

/* The outcome cannot be written now: it will be. Where the trail
 * is only behind, the caller waits for that. */
static int request_owe(Request *request, bool unavailable)
{
        if (request->state != REQUEST_OWING)
                request_set(request, REQUEST_OWING);
        return unavailable ? request_answer_unavailable(request)
                           : timer_arm(request->guard->requests.settle, REQUEST_SETTLE_USEC);
}

/* Sends the outcome's leaf on its way. The request may be gone afterwards. */
static int request_record_outcome(Request *request)
{
        Recorder *recorder = &request->guard->recorder;
        _cleanup_(draft_deinit) Draft draft = DRAFT_INIT;
        LeafOutcome outcome = {.of = request->index,
                               .result = request->result,
                               .operation = request->message.operation,
                               .has_audit = request->has_audit,
                               .audit = request->audit,
                               .answer = request->has_answer ? &request->answer : NULL};
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        draft_begin(&draft, &recorder->ledger, &now, "outcome");
        r = leaf_outcome(&outcome, &draft);
        if (r == 0)
                r = recorder_append(recorder, &draft, &request->waiter);
        if (r < 0)
                return r;
        if (r == RECORDER_E_UNAVAILABLE || r == RECORDER_E_FULL)
                return request_owe(request, r == RECORDER_E_UNAVAILABLE);
        /* Everything that goes into an outcome was checked. */
        if (r > 0)
                return -ENOTRECOVERABLE;
        request_set(request, REQUEST_RESULTED);
        return 0;
}

/* It ended in a way that only the guard knows of. */
static int request_give_up(Request *request, const char *result)
{
        request->result = result;
        return request_record_outcome(request);
}

static int request_outcome_recorded(Request *request, TrailEntry *entry)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;

        request->ended = TAKE_PTR(entry->receipt);
        request_set(request, REQUEST_OUTCOME_RECORDED);
        AnswerRecords records = request_records(request);
        AnswerOutcome outcome = {.operation = request->message.operation,
                                 .allow = request->decision.allow,
                                 .result = request->result,
                                 .answer = request->has_answer ? &request->answer : NULL};
        answer_outcome(request->call.to, &records, &outcome, &answer);
        int r = request_answer(request, &answer);
        return r < 0 ? r : request_end(request);
}

/* ------------------------------------------------------------------------------------------ to the worker */

static int request_arm_deadline(Requests *requests)
{
        Request *first = TAILQ_FIRST(&requests->submitted);

        return first ? timer_arm_at(requests->deadline, first->deadline_usec) : 0;
}

static int request_send_job(Request *request, uint64_t now_usec)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        JobParts parts = {.salt = request->job_salt,
                          .job = request->message.job,
                          .n_job = request->message.n_job,
                          .deadline_usec = request->deadline_usec - now_usec};
        WorkerJob job = {.tree_size = receipt_tree_size(request->decided),
                         .session = *request->session ? request->session : NULL};

        if (job_from_receipt(request->decided, &parts, &body) != 0)
                return -ENOTRECOVERABLE;
        return worker_send(&request->guard->worker, &job, &body);
}

static int request_submit(Request *request)
{
        Requests *requests = &request->guard->requests;
        uint64_t now_usec = clock_boottime();

        if (!call_has_caller(&request->call))
                return request_give_up(request, "caller-gone");
        if (now_usec >= request->deadline_usec || request->guard->out_of_time)
                return request_give_up(request, "timeout");
        int r = request_send_job(request, now_usec);
        if (r < 0)
                return r;
        if (r > 0)
                return request_give_up(request, r == WORKER_E_OVERLOADED ? "overloaded" : "worker-gone");
        request_set(request, REQUEST_SUBMITTED);
        return timer_is_armed(requests->deadline) ? 0 : request_arm_deadline(requests);
}

/* ------------------------------------------------------------------------------- the kernel's own record */

static int request_arm_await(Requests *requests)
{
        Request *first = TAILQ_FIRST(&requests->awaiting);

        return first ? timer_arm_at(requests->await, first->awaits_until_usec) : 0;
}

/* A permit is durable. Where the kernel's record of it is required, the job waits for that. */
static int request_permitted(Request *request)
{
        Guard *guard = request->guard;
        ClockReading now;

        if (guard->config.kernel_audit != CONFIG_MIRROR_REQUIRED)
                return request_submit(request);
        if (!mirrors_hear(&guard->mirrors))
                return request_give_up(request, "mirror-required");
        int r = clock_read(&now);
        if (r < 0)
                return r;
        request->awaits_until_usec = now.boottime_usec + REQUEST_AWAIT_USEC;
        request_set(request, REQUEST_AWAITING);
        return timer_is_armed(guard->requests.await) ? 0 : request_arm_await(&guard->requests);
}

/* Some that awaited the kernel's record do no more, and not all of those became jobs: what the worker was not
 * shown for their sake it is shown now, so that no more is held back than the first that still awaits asks for.
 * Every job of what was committed is either sent or awaiting, as this is never called from within a commit. */
static int requests_show_held(Requests *requests)
{
        const Request *first = TAILQ_FIRST(&requests->awaiting);

        return worker_show_held(&requests->guard->worker,
                                first ? receipt_tree_size(first->decided) : UINT64_MAX);
}

static int requests_on_await(sd_event_source *source, uint64_t usec, void *userdata)
{
        Requests *requests = userdata;
        ClockReading now;
        Request *request;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        while ((request = TAILQ_FIRST(&requests->awaiting)) &&
               request->awaits_until_usec <= now.boottime_usec) {
                mirrors_unheard(&requests->guard->mirrors, now.boottime_usec);
                r = request_give_up(request, "mirror-required");
                if (r < 0)
                        return r;
        }
        r = requests_show_held(requests);
        return r < 0 ? r : request_arm_await(requests);
}

static void request_note_echo(Request *request, const AuditEcho *echo)
{
        request->has_audit = true;
        request->audit = echo->serial;
}

static bool request_is_of(const Request *request, const AuditEcho *echo)
{
        return request->index == echo->index && memcmp(request->id, echo->request, sizeof(request->id)) == 0;
}

/* The worker takes jobs in the order of their leaves, and the kernel records in the order in which it is told:
 * a permit whose record is passed over has none. */
static int requests_pass_over(Requests *requests, const Request *heard)
{
        Request *request;

        while ((request = TAILQ_FIRST(&requests->awaiting)) && request != heard) {
                int r = request_give_up(request, "mirror-required");
                if (r < 0)
                        return r;
        }
        return 0;
}

int requests_hear(Requests *requests, const AuditEcho *echo)
{
        Request *request;

        TAILQ_FOREACH (request, &requests->awaiting, link)
                if (request_is_of(request, echo)) {
                        int r = requests_pass_over(requests, request);
                        mirrors_heard(&requests->guard->mirrors);
                        request_note_echo(request, echo);
                        if (r == 0)
                                r = request_submit(request);
                        return r < 0 ? r : requests_show_held(requests);
                }
        TAILQ_FOREACH (request, &requests->submitted, link)
                if (request_is_of(request, echo))
                        request_note_echo(request, echo);
        return 0;
}

bool requests_await(const Requests *requests)
{
        return !TAILQ_EMPTY(&requests->awaiting);
}

/* ---------------------------------------------------------------------------------------- from the trail */

static int request_decision_recorded(Request *request, TrailEntry *entry)
{
        request->decided = TAKE_PTR(entry->receipt);
        request_set(request, REQUEST_DECISION_RECORDED);
        if (request->decision.permit)
                return request_permitted(request);

        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        AnswerRecords records = request_records(request);
        answer_denied(request->call.to, &records, &request->decision, &answer);
        int r = request_answer(request, &answer);
        return r < 0 ? r : request_end(request);
}

static int request_committed(Waiter *waiter, TrailEntry *entry)
{
        Request *request = CONTAINER_OF(waiter, Request, waiter);

        return request->state == REQUEST_DECIDED ? request_decision_recorded(request, entry)
                                                 : request_outcome_recorded(request, entry);
}

static int request_failed(Waiter *waiter)
{
        Request *request = CONTAINER_OF(waiter, Request, waiter);

        if (request->state == REQUEST_RESULTED)
                return request_owe(request, true);
        int r = request_answer_unavailable(request);
        return r < 0 ? r : request_end(request);
}

/* The caller went: what the worker does for it is of no use any more. It still says how it ended. */
static void request_lost(Call *call)
{
        Request *request = CONTAINER_OF(call, Request, call);

        if (request->state == REQUEST_SUBMITTED)
                /* What cannot be cancelled runs to its end; the worker's own failure shows elsewhere. */
                (void)worker_cancel(&request->guard->worker, request->index, false);
}

/* ---------------------------------------------------------------------------------------- from the worker */

Request *requests_find(Requests *requests, uint64_t index)
{
        Request *request;

        TAILQ_FOREACH (request, &requests->submitted, link)
                if (request->index == index)
                        return request;
        return NULL;
}

/* The model that the leaf of the decision names. */
static const char *request_model(const Request *request, const PolicyGallery *gallery)
{
        JobReader reader = job_read(request->message.job, request->message.n_job);
        JobEntry probe;

        if (request->message.gallery)
                return gallery ? gallery->model : NULL;
        return job_next(&reader, &probe) ? probe.model : NULL;
}

void request_bounds(const Request *request, ResultBounds *ret_bounds)
{
        const PolicyGallery *gallery =
                request->message.gallery ? policy_gallery(request->policy, request->message.gallery) : NULL;

        *ret_bounds = (ResultBounds){
                .operation = request->message.operation,
                .gallery = request->message.gallery,
                .release = request->decision.release,
                .has_limit = request->decision.has_limit,
                .limit = request->decision.limit,
                .has_floor = request->decision.has_floor,
                .floor_millionths = request->decision.floor_millionths,
                .consolidated = gallery && gallery->kind == GALLERY_CONSOLIDATED,
                .model = request_model(request, gallery),
                .dimension = gallery ? gallery->dimension : 0,
                .job = request->message.job,
                .n_job = request->message.n_job,
                .engine = request->guard->worker.engine.name,
                .fallback = request->guard->worker.engine.fallback,
        };
}

/* A word of a message as one that lives for ever. */
static const char *request_intern(const char *result)
{
        static const char *const words[] = {
                "ok",      "no-subject", "model-mismatch", "bad-template", "gallery-full", "gallery-damaged",
                "timeout", "overloaded", "worker-refused", "caller-gone",
        };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(words[i], result) == 0)
                        return words[i];
        return "worker-refused";
}

int request_result(Request *request, Packet *packet, ResultMessage *message)
{
        bool changes = !policy_is_search(request->message.operation) &&
                       strcmp(request->message.operation, "list") != 0;

        request->result_packet = *packet;
        *packet = PACKET_INIT;
        request->answer = *message;
        *message = (ResultMessage){};
        request->has_answer = true;
        request->result = request_intern(request->answer.result);
        /* What was found for a caller who has gone goes nowhere; what was changed stays changed. */
        if (!call_has_caller(&request->call) && !changes)
                request->result = "caller-gone";
        if (strcmp(request->result, "worker-refused") == 0)
                event_tell(EVENT_WORKER_REFUSED,
                           EVENT_FIELDS({"index", .number = request->index}, {"why", request->answer.why}),
                           "The worker refused leaf %llu: %s", (unsigned long long)request->index,
                           request->answer.why);
        return request_record_outcome(request);
}

int requests_worker_gone(Requests *requests)
{
        Request *request;

        while ((request = TAILQ_FIRST(&requests->submitted))) {
                int r = request_give_up(request, "worker-gone");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Return: 0 or -errno; afterwards the request is not submitted any more. */
static int request_time_out(Request *request)
{
        Worker *worker = &request->guard->worker;
        uint64_t index = request->index;

        int r = request_give_up(request, "timeout");
        return r < 0 ? r : worker_cancel(worker, index, true);
}

int requests_out_of_time(Requests *requests)
{
        Request *request;

        while ((request = TAILQ_FIRST(&requests->submitted))) {
                int r = request_time_out(request);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int requests_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Requests *requests = userdata;
        uint64_t now_usec = clock_boottime();
        Request *request;

        while ((request = TAILQ_FIRST(&requests->submitted)) && request->deadline_usec <= now_usec) {
                int r = request_time_out(request);
                if (r < 0)
                        return r;
        }
        return request_arm_deadline(requests);
}

int requests_settle(Requests *requests)
{
        size_t n = 0;
        Request *request;

        TAILQ_FOREACH (request, &requests->owing, link)
                n++;
        /* Each either goes on its way or stays at the head, owing. */
        while (n-- > 0 && (request = TAILQ_FIRST(&requests->owing))) {
                int r = request_record_outcome(request);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int requests_on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
        return requests_settle(userdata);
}

int requests_init(Requests *requests, Guard *guard)
{
        *requests = (Requests){.guard = guard};
        TAILQ_INIT(&requests->awaiting);
        TAILQ_INIT(&requests->submitted);
        TAILQ_INIT(&requests->owing);
        TAILQ_INIT(&requests->open);
        int r = timer_new(guard->event, &requests->deadline, requests_on_deadline, requests);
        if (r == 0)
                r = timer_new(guard->event, &requests->await, requests_on_await, requests);
        return r < 0 ? r : timer_new(guard->event, &requests->settle, requests_on_settle, requests);
}

void requests_deinit(Requests *requests)
{
        if (!requests->guard)
                return;
        requests->deadline = sd_event_source_disable_unref(requests->deadline);
        requests->await = sd_event_source_disable_unref(requests->await);
        requests->settle = sd_event_source_disable_unref(requests->settle);
        while (!TAILQ_EMPTY(&requests->open))
                request_free(TAILQ_FIRST(&requests->open));
}

/* ------------------------------------------------------------------------------------------ the beginning */

/* An answer to a call that is no request, or cannot be one now. */
typedef struct RequestRefusal {
        AnswerKind kind;
        const char *reason;
} RequestRefusal;

static int request_turn_away(Client *client, const CallMessage *message, RequestRefusal refusal)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Call call = {};

        if (refusal.kind == ANSWER_OVERLOADED)
                guard_overloaded(client->guard);
        if (refusal.kind == ANSWER_INVALID_PARAMETER)
                guard_refuse(client->guard, client->user, REFUSED_MALFORMED);
        call_begin(&call, client, message->serial);
        answer_error(call.to, refusal.kind, refusal.reason, &answer);
        int r = call_end(&call, &answer);
        return r < 0 ? r : 0;
}

/* Makes the leaf of a decision and sends it on its way. Return: 0, RECORDER_E_*, LEAF_E_*, or -errno. */
static int request_record_decision(Request *request, const Facts *facts, const ClockReading *now)
{
        Guard *guard = request->guard;
        Recorder *recorder = &guard->recorder;
        const char *session = worker_session(&guard->worker);
        _cleanup_(draft_deinit) Draft draft = DRAFT_INIT;

        if (session && request->decision.permit)
                memcpy(request->session, session, sizeof(request->session));
        random_bytes(request->job_salt, sizeof(request->job_salt));
        LeafRequest leaf = {.request = request->id,
                            .attestation = &request->call.client->attestation,
                            .facts = facts,
                            .policy = request->policy,
                            .decision = &request->decision,
                            .worker = *request->session ? request->session : NULL,
                            .job = request->message.job,
                            .n_job = request->message.n_job,
                            .job_salt = request->job_salt};
        draft_begin(&draft, &recorder->ledger, now, "request");
        request->index = draft.stamp.index;
        request_id_make(request->index, request->id);
        text_hex(request->id, sizeof(request->id), request->id_text);
        request->deadline_usec = now->boottime_usec + REQUEST_DEADLINE_USEC;
        int r = leaf_request(&leaf, &draft);
        if (r != 0)
                return r < 0 ? r : RECORDER_E_UNFIT;
        return recorder_append(recorder, &draft, &request->waiter);
}

/* Counts a permit against the rate of its allow. */
static int request_count(const Request *request, const ClockReading *now)
{
        Recorder *recorder = &request->guard->recorder;
        RatesPermit permit = {.allow = request->decision.allow,
                              .organisation = request->decision.organisation,
                              .wall_usec = now->wall_usec,
                              .index = request->index};

        return request->decision.permit ? recount_add(&recorder->rates, &permit, now, &recorder->ledger.state)
                                        : 0;
}

/* Ends a request whose decision could not be sent on its way: it was never made. */
static int request_withdraw(Request *request, int why)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        int r;

        if (why == RECORDER_E_UNAVAILABLE) {
                r = request_answer_unavailable(request);
        } else {
                guard_overloaded(request->guard);
                answer_error(request->call.to, ANSWER_OVERLOADED, NULL, &answer);
                r = request_answer(request, &answer);
        }
        return r < 0 ? r : request_end(request);
}

/* A permit that hangs on permits which were not counted is no decision; the journal has been told
 * (warnings.c). It takes a clock that was set back by far while no record of a synchronised one forbids it;
 * the next start counts from there. */
static int request_uncounted(Request *request)
{
        static const char reason[] = "the clock was set back to before the permits that are counted; "
                                     "matchguard.service has to be restarted";
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;

        answer_error(request->call.to, ANSWER_TRAIL_UNAVAILABLE, reason, &answer);
        int r = request_answer(request, &answer);
        return r < 0 ? r : request_end(request);
}

static int request_decide(Request *request, const Facts *facts, const ClockReading *now)
{
        const FactsUsed *used = facts->used_userdata;

        int r = policy_decide(request->policy, facts, &request->decision);
        if (r < 0)
                return r;
        if (request->decision.permit && used->uncounted)
                return request_uncounted(request);
        r = request_record_decision(request, facts, now);
        if (r < 0)
                return r;
        if (r > 0)
                return request_withdraw(request, r);
        request->call.recorded = true;
        request_set(request, REQUEST_DECIDED);
        return request_count(request, now);
}

int request_begin(Client *client, Packet *packet, CallMessage *message)
{
        Guard *guard = client->guard;
        Recorder *recorder = &guard->recorder;
        ClockReading now;
        FactsUsed used;
        Facts facts;

        if (guard->stopping)
                return request_turn_away(
                        client, message,
                        (RequestRefusal){ANSWER_TRAIL_UNAVAILABLE, "the service is stopping"});
        if (recorder->broken) {
                recorder_refuse(recorder);
                return request_turn_away(client, message,
                                         (RequestRefusal){ANSWER_TRAIL_UNAVAILABLE, recorder->why});
        }
        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        FactsSource source = {.attestation = &client->attestation,
                              .call = message,
                              .ledger = &recorder->ledger,
                              .now = &now,
                              .used = &used,
                              .rates = &recorder->rates};
        facts_make(&source, &facts);
        const char *parameter = request_check(&facts, message);
        if (parameter)
                return request_turn_away(client, message,
                                         (RequestRefusal){ANSWER_INVALID_PARAMETER, parameter});
        Request *request = request_new(client, packet, message);
        if (!request)
                return request_turn_away(client, message, (RequestRefusal){ANSWER_OVERLOADED, NULL});
        request->call.lost = request_lost;
        call_begin(&request->call, client, request->message.serial);
        return request_decide(request, &facts, &now);
}
