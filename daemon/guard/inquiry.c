/*
 * Answers that need no decision. Owns what waits for the trail's thread. Run by the guard's loop.
 */

#include "guard/inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "guard/child.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/log-level.h"
#include "guard/status.h"
#include "wire/leaf.h"

/* Answers a call from begin to end. */
static int inquiry_answer(Client *client, const CallMessage *message, AnswerMessage *answer)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        Call call = {};

        call_begin(&call, client, message->serial);
        answer->connection = call.to.connection;
        answer->serial = call.to.serial;
        answer_encode(answer, &body);
        int r = call_end(&call, &body);
        return r < 0 ? r : 0;
}

int inquiry_who_am_i(Client *client, Packet *packet, CallMessage *message)
{
        Guard *guard = client->guard;
        const char *const *classes = NULL;
        size_t n_classes = 0;
        ClockReading now;
        FactsUsed used;
        Facts facts;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        FactsSource source = {.attestation = &client->attestation,
                              .ledger = &guard->recorder.ledger,
                              .now = &now,
                              .used = &used,
                              .rates = &guard->recorder.rates};
        facts_make(&source, &facts);
        AnswerMessage answer = {.kind = ANSWER_WHO_AM_I,
                                .uid = client->attestation.uid,
                                .unit = client->attestation.unit,
                                .identity = attest_identity_name(client->attestation.identity)};
        answer.organisation = policy_whoami(guard->policy, &facts, &classes, &n_classes);
        /* The encoder reads the list only. */
        answer.classes = (StringList){.n = n_classes, .items = (const char **)(uintptr_t)classes};
        return inquiry_answer(client, message, &answer);
}

int inquiry_status(Client *client, Packet *packet, CallMessage *message)
{
        _cleanup_(status_deinit) Status status = STATUS_INIT;
        Guard *guard = client->guard;

        if (client->child->interface == INTERFACE_ADMIN)
                status_in_full(guard, &status);
        else
                status_for_anybody(guard, &status);
        AnswerMessage answer = {.kind = ANSWER_STATUS, .status = status.items, .n_status = status.n};
        return inquiry_answer(client, message, &answer);
}

int inquiry_checkpoint(Client *client, Packet *packet, CallMessage *message)
{
        AnswerMessage answer = {.kind = ANSWER_CHECKPOINT, .texts = {trail_note(client->guard->trail)}};

        return inquiry_answer(client, message, &answer);
}

int inquiry_reload(Client *client, Packet *packet, CallMessage *message)
{
        return reload_by_admin(&client->guard->reload, client, message->serial);
}

int inquiry_rebase(Client *client, Packet *packet, CallMessage *message)
{
        return rebase_by_admin(&client->guard->rebase, client, message->serial);
}

int inquiry_log_level(Client *client, Packet *packet, CallMessage *message)
{
        return log_level_by_admin(client, message->serial, message->level);
}

int inquiry_count_details(Client *client, Packet *packet, CallMessage *message)
{
        return eraser_by_admin(&client->guard->eraser, client, message);
}

int inquiry_erase(Client *client, Packet *packet, CallMessage *message)
{
        return eraser_by_admin(&client->guard->eraser, client, message);
}

/* ---------------------------------------------------------------------------------------------------
 * receipts */

/* A look-up under way. */
typedef struct Lookup {
        Call call;
        bool own_only;
        uid_t uid;
        LIST_ENTRY(Lookup) link;
} Lookup;

static void lookup_freep(Lookup **lookup)
{
        if (*lookup)
                LIST_REMOVE(*lookup, link);
        free(*lookup);
}

void lookups_deinit(Lookups *lookups)
{
        while (!LIST_EMPTY(&lookups->all)) {
                Lookup *first = LIST_FIRST(&lookups->all);
                lookup_freep(&first);
        }
}

/* Whether a leaf is of this uid. */
static bool lookup_is_of(const TrailRecord *record, uid_t uid)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        uint64_t leaf_uid;

        return leaf_parse(record->decision, record->n_decision, LEAF_MAX, &leaf) == 0 &&
               leaf_number(&leaf, "uid", &leaf_uid) && leaf_uid == uid;
}

static char *lookup_text(const uint8_t *bytes, size_t n)
{
        return bytes ? strndup((const char *)bytes, n) : NULL;
}

static void lookup_answer(const Lookup *lookup, const TrailRecord *record, Buffer *body)
{
        _cleanup_(freep) char *decision = lookup_text(record->decision, record->n_decision);
        _cleanup_(freep) char *outcome = lookup_text(record->outcome, record->n_outcome);
        AnswerMessage answer = {
                .connection = lookup->call.to.connection,
                .serial = lookup->call.to.serial,
                .kind = ANSWER_RECEIPT,
                .texts = {decision, record->decision_proof, outcome, outcome ? record->outcome_proof : NULL}};

        answer_encode(&answer, body);
}

static int lookup_found(const TrailRecord *record, void *userdata)
{
        _cleanup_(lookup_freep) Lookup *lookup = userdata;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        /* One answer for "none" and "somebody else's": that there is one is told to nobody else either. */
        if (!record || (lookup->own_only && !lookup_is_of(record, lookup->uid)))
                answer_error(lookup->call.to, ANSWER_NO_SUCH_REQUEST, NULL, &body);
        else
                lookup_answer(lookup, record, &body);
        int r = call_end(&lookup->call, &body);
        return r < 0 ? r : 0;
}

static int lookup_overloaded(Lookup *own)
{
        _cleanup_(lookup_freep) Lookup *lookup = own;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        answer_error(lookup->call.to, ANSWER_OVERLOADED, NULL, &body);
        int r = call_end(&lookup->call, &body);
        return r < 0 ? r : 0;
}

int inquiry_receipt(Client *client, Packet *packet, CallMessage *message)
{
        uint8_t request[MESSAGE_REQUEST_SIZE];

        Lookup *lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return -ENOMEM;
        lookup->own_only = client->child->interface == INTERFACE_MATCH;
        lookup->uid = client->attestation.uid;
        LIST_INSERT_HEAD(&client->guard->lookups.all, lookup, link);
        call_begin(&lookup->call, client, message->serial);
        if (!text_from_hex(message->request, strlen(message->request), request, sizeof(request)))
                return lookup_found(NULL, lookup);
        int r = trail_find(client->guard->trail, request, lookup_found, lookup);
        return r == -EOVERFLOW ? lookup_overloaded(lookup) : r;
}
