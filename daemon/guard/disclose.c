/*
 * The way of a disclosure: the leaf is looked up, the disclosure recorded, then the details are read and
 * answered. Owns each until it is answered. Run by the guard's loop; the trail calls back.
 */

#include "guard/disclose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "guard/call.h"
#include "guard/child.h"
#include "guard/details.h"
#include "guard/guard.h"
#include "guard/leaves.h"

typedef struct Disclosure {
        Guard *guard;
        Call call;
        Waiter waiter;
        char *reason;
        uint64_t of;
        uint64_t record; /* index of the `disclose` leaf */
        LIST_ENTRY(Disclosure) link;
} Disclosure;

static void disclosure_freep(Disclosure **disclosure)
{
        if (!*disclosure)
                return;
        LIST_REMOVE(*disclosure, link);
        free((*disclosure)->reason);
        free(*disclosure);
}

void disclosures_deinit(Disclosures *disclosures)
{
        while (!LIST_EMPTY(&disclosures->all)) {
                Disclosure *first = LIST_FIRST(&disclosures->all);
                disclosure_freep(&first);
        }
}

/* Ends one with an error. */
static int disclosure_refuse(Disclosure *own, AnswerKind kind, const char *reason)
{
        _cleanup_(disclosure_freep) Disclosure *disclosure = own;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        answer_error(disclosure->call.to, kind, reason, &body);
        int r = call_end(&disclosure->call, &body);
        return r < 0 ? r : 0;
}

static int disclosure_drop(Disclosure *own)
{
        _cleanup_(disclosure_freep) Disclosure *disclosure = own;

        return call_end(&disclosure->call, NULL);
}

static int disclosure_opened(const DetailField *details, size_t n, void *userdata)
{
        _cleanup_(disclosure_freep) Disclosure *disclosure = userdata;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        AnswerMessage answer = {.connection = disclosure->call.to.connection,
                                .serial = disclosure->call.to.serial,
                                .kind = ANSWER_DETAILS,
                                .has_record = true,
                                .record = disclosure->record,
                                .n_details = n,
                                /* The encoder reads the array only. */
                                .details = (DetailField *)(uintptr_t)details};

        answer_encode(&answer, &body);
        int r = call_end(&disclosure->call, &body);
        return r < 0 ? r : 0;
}

/* Only now anything is read that the leaves do not say. */
static int disclosure_committed(Waiter *waiter, TrailEntry *entry)
{
        Disclosure *disclosure = CONTAINER_OF(waiter, Disclosure, waiter);

        disclosure->record = entry->index;
        int r = trail_open_details(disclosure->guard->trail, disclosure->of, disclosure_opened, disclosure);
        return r == -EOVERFLOW ? disclosure_refuse(disclosure, ANSWER_OVERLOADED, NULL) : r;
}

static int disclosure_failed(Waiter *waiter)
{
        Disclosure *disclosure = CONTAINER_OF(waiter, Disclosure, waiter);

        return disclosure_refuse(disclosure, ANSWER_TRAIL_UNAVAILABLE, disclosure->guard->recorder.why);
}

/* Return: 0, RECORDER_E_*, or -errno. */
static int disclosure_record(Disclosure *disclosure)
{
        Recorder *recorder = &disclosure->guard->recorder;
        const LeafDisclose disclose = {.attestation = &disclosure->call.client->attestation,
                                       .of = disclosure->of,
                                       .reason = disclosure->reason};
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        draft_begin(&draft, &recorder->ledger, &now, "disclose");
        r = leaf_disclose(&disclose, &draft);
        if (r != 0) {
                draft_deinit(&draft);
                return r < 0 ? r : RECORDER_E_UNFIT;
        }
        return recorder_append(recorder, &draft, &disclosure->waiter);
}

static int disclosure_selected(const TrailSelected *selected, void *userdata)
{
        Disclosure *disclosure = userdata;
        const Recorder *recorder = &disclosure->guard->recorder;

        if (!call_has_caller(&disclosure->call))
                return disclosure_drop(disclosure);
        if (!selected->found)
                return disclosure_refuse(disclosure, ANSWER_NO_SUCH_REQUEST, NULL);
        if (selected->n_commitments == 0)
                return disclosure_refuse(disclosure, ANSWER_NO_DETAILS, NULL);
        disclosure->of = selected->of;
        int r = disclosure_record(disclosure);
        if (r == RECORDER_E_UNAVAILABLE)
                return disclosure_refuse(disclosure, ANSWER_TRAIL_UNAVAILABLE,
                                         recorder->closed ? "the service is stopping" : recorder->why);
        return r > 0 ? disclosure_refuse(disclosure, ANSWER_OVERLOADED, NULL) : r;
}

static Disclosure *disclosure_new(Client *client, const CallMessage *message)
{
        Disclosure *disclosure = calloc(1, sizeof(*disclosure));
        if (!disclosure)
                return NULL;
        *disclosure = (Disclosure){.guard = client->guard,
                                   .waiter = {.committed = disclosure_committed, .failed = disclosure_failed},
                                   .reason = strdup(message->reason)};
        if (!disclosure->reason) {
                free(disclosure);
                return NULL;
        }
        LIST_INSERT_HEAD(&client->guard->disclosures.all, disclosure, link);
        call_begin(&disclosure->call, client, message->serial);
        return disclosure;
}

int disclose_begin(Client *client, Packet *packet, CallMessage *message)
{
        Guard *guard = client->guard;
        TrailSelection selection;

        Disclosure *disclosure = disclosure_new(client, message);
        if (!disclosure)
                return -ENOMEM;
        const char *bad = details_selection(message, guard->recorder.ledger.size, &selection);
        if (!bad && !details_reason_fits(message->reason))
                bad = "reason";
        if (bad)
                return disclosure_refuse(disclosure, ANSWER_INVALID_PARAMETER, bad);
        int r = trail_select(guard->trail, &selection, disclosure_selected, disclosure);
        return r == -EOVERFLOW ? disclosure_refuse(disclosure, ANSWER_OVERLOADED, NULL) : r;
}
