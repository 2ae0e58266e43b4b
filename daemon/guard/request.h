#pragma once
/*
 * Request: one match request from the call to the answer. The state machine of the guard.
 *
 *   RECEIVED -> DECIDED -> DECISION_RECORDED -> (deny)   ENDED
 *                                            -> (permit) SUBMITTED -> RESULTED -> OUTCOME_RECORDED -> ENDED
 *
 * With KernelAudit=required a permit is AWAITING the kernel's own record of it before it is SUBMITTED.
 *
 * Invariants
 *   1. nothing leaves this process about a request (no job, no answer of a decision) before the receipt of
 *      its decision is in hand, and no match is answered before the receipt of its outcome is
 *   2. a job is made from a permit's receipt alone (guard/job.h), an answer from receipts alone
 *      (guard/answer.h)
 *   3. every permit that was recorded gets exactly one outcome in this run, unless the run ends first;
 *      while the trail cannot be written it is owed
 *   4. a caller is answered at most once, and only while it is there
 *   5. only request_set() changes a state, along request_moves
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "guard/client.h"
#include "guard/result.h"
#include "trail/kernel-echo.h"
#include "wire/message.h"
#include "wire/packet.h"

struct Guard;

typedef enum RequestState {
        REQUEST_RECEIVED,          /* a call, not looked at yet */
        REQUEST_DECIDED,           /* its leaf is on its way into the trail */
        REQUEST_DECISION_RECORDED, /* the receipt of its decision is in hand */
        REQUEST_AWAITING,          /* it is a permit, and the kernel has not said yet that it recorded it */
        REQUEST_SUBMITTED,         /* the worker has its job */
        REQUEST_RESULTED,          /* it is known how it ended, and that leaf is on its way */
        REQUEST_OUTCOME_RECORDED,  /* the receipt of its outcome is in hand */
        REQUEST_OWING,             /* it is known how it ended, but the trail cannot be written */
        REQUEST_ENDED,             /* answered, or there was nobody to answer */
        _REQUEST_STATE_MAX,
} RequestState;

/** request_state_name() - For people. */
const char *request_state_name(RequestState state);

/** request_may_move() - Whether a state may follow another. */
bool request_may_move(RequestState from, RequestState to);

typedef struct Request Request;

typedef struct Requests {
        struct Guard *guard;
        TAILQ_HEAD(RequestsAwaiting, Request) awaiting; /* in the order of their indices */
        TAILQ_HEAD(RequestsSubmitted, Request)
        submitted; /* in the order of their indices, and so of their deadlines */
        TAILQ_HEAD(RequestsOwing, Request) owing;
        TAILQ_HEAD(RequestsOpen, Request) open; /* all of them */
        size_t n_open;
        size_t n_job_bytes; /* of the open ones */
        sd_event_source *deadline;
        sd_event_source *await;
        sd_event_source *settle; /* tries again to record what is owed */
} Requests;

/** requests_init() - None yet. Return: 0 or -errno. */
int requests_init(Requests *requests, struct Guard *guard);

/** requests_deinit() - Forgets those that are open; the trail must be gone. Safe when all zero. */
void requests_deinit(Requests *requests);

/**
 * request_begin() - Decides a call and sends its leaf on its way, or answers that it cannot be.
 * @packet:     what @message points into; taken over where the request goes on
 * @message:    likewise
 *
 * Return: 0 or -errno.
 */
int request_begin(Client *client, Packet *packet, CallMessage *message);

/** requests_find() - The request that the worker has under this index, or NULL. */
Request *requests_find(Requests *requests, uint64_t index);

/** request_bounds() - What its leaf permits. */
void request_bounds(const Request *request, ResultBounds *ret_bounds);

/** request_result() - The worker's result, which result_check() has accepted; packet and message are taken
 * over. */
int request_result(Request *request, Packet *packet, ResultMessage *message);

/**
 * requests_hear() - The kernel has recorded a permit: one that awaited this goes to the worker, one that the
 * worker has already will say so in its outcome. Return: 0 or -errno.
 */
int requests_hear(Requests *requests, const AuditEcho *echo);

/** requests_await() - Whether a permit awaits the kernel's record. */
bool requests_await(const Requests *requests);

/** requests_worker_gone() - What was submitted ends as `worker-gone`. Return: 0 or -errno. */
int requests_worker_gone(Requests *requests);

/** requests_out_of_time() - What is submitted ends as `timeout`, now. Return: 0 or -errno. */
int requests_out_of_time(Requests *requests);

/** requests_settle() - The trail is written again: the outcomes that are owed follow. Return: 0 or -errno. */
int requests_settle(Requests *requests);
