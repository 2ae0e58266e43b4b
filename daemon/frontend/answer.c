/*
 * AnswerMessage to JSON, one table row a kind. Pure. Members stand in the order of the interfaces' texts.
 * Runs in the children of the frontend.
 */

#include "frontend/answer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "varlink/reply.h"
#include "wire/commitment.h"

/* Builds the parameters; false: no memory. */
typedef bool (*AnswerFill)(const AnswerMessage *answer, struct json_object *to);

static bool add_number(struct json_object *to, const char *name, uint64_t number)
{
        return json_add(to, name, json_object_new_int64((int64_t)number));
}

static bool add_bool(struct json_object *to, const char *name, bool value)
{
        return json_add(to, name, json_object_new_boolean(value));
}

static bool add_similarity(struct json_object *to, bool present, double similarity)
{
        return !present || !isfinite(similarity) || json_add(to, "similarity", json_double_new(similarity));
}

/* Appends a value, which is consumed whatever happens; NULL is one that there was no memory for. */
static bool add_item(struct json_object *list, struct json_object *item)
{
        if (list && item && json_object_array_add(list, item) == 0)
                return true;
        json_free(item);
        return false;
}

static bool add_texts(struct json_object *to, const char *name, const char *const *texts, size_t n)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < n; i++)
                if (!add_item(list, json_object_new_string(texts[i]))) {
                        json_free(list);
                        return false;
                }
        return json_add(to, name, list);
}

static bool add_list(struct json_object *to, const char *name, const StringList *texts)
{
        return add_texts(to, name, (const char *const *)texts->items, texts->n);
}

static bool add_receipt(struct json_object *to, const ReceiptField *receipt)
{
        if (!receipt->present)
                return true;
        struct json_object *object = json_object_new_object();
        if (json_add_text(object, "request", receipt->request) &&
            json_add_text(object, "origin", receipt->origin) &&
            add_number(object, "decisionIndex", receipt->decision_index) &&
            (!receipt->has_outcome || add_number(object, "outcomeIndex", receipt->outcome_index)))
                return json_add(to, "receipt", object);
        json_free(object);
        return false;
}

/* What every reply of an operation ends with. */
static bool add_standing(struct json_object *to, const AnswerMessage *answer)
{
        return add_number(to, "galleryEpoch", answer->gallery_epoch) &&
               json_add_text(to, "allow", answer->allow) && add_receipt(to, &answer->receipt);
}

static struct json_object *candidate_object(const Candidate *candidate, size_t rank)
{
        _cleanup_(json_freep) JsonRef object = json_object_new_object();

        if (!add_number(object, "rank", rank) || !json_add_text(object, "subject", candidate->subject) ||
            !add_similarity(object, candidate->has_similarity, candidate->similarity))
                return NULL;
        return TAKE_PTR(object);
}

static bool fill_identify(const AnswerMessage *answer, struct json_object *to)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < answer->n_candidates; i++)
                if (!add_item(list, candidate_object(&answer->candidates[i], i + 1))) {
                        json_free(list);
                        return false;
                }
        return json_add(to, "candidates", list) && add_bool(to, "matched", answer->matched) &&
               add_number(to, "searched", answer->searched) && add_standing(to, answer);
}

static bool fill_verify(const AnswerMessage *answer, struct json_object *to)
{
        return add_bool(to, "matched", answer->matched) &&
               add_similarity(to, answer->has_similarity, answer->similarity) && add_standing(to, answer);
}

static bool fill_compare(const AnswerMessage *answer, struct json_object *to)
{
        return add_bool(to, "matched", answer->matched) &&
               add_similarity(to, answer->has_similarity, answer->similarity) &&
               json_add_text(to, "allow", answer->allow) && add_receipt(to, &answer->receipt);
}

static bool fill_enrol(const AnswerMessage *answer, struct json_object *to)
{
        return add_number(to, "stored", answer->count) && add_standing(to, answer);
}

static bool fill_remove(const AnswerMessage *answer, struct json_object *to)
{
        return add_number(to, "removed", answer->count) && add_standing(to, answer);
}

static bool fill_subjects(const AnswerMessage *answer, struct json_object *to)
{
        return add_list(to, "subjects", &answer->subjects) && add_standing(to, answer);
}

static bool fill_get_receipt(const AnswerMessage *answer, struct json_object *to)
{
        static const char *const names[] = {"decision", "decisionProof", "outcome", "outcomeProof"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (!json_add_text(to, names[i], answer->texts[i]))
                        return false;
        return true;
}

static bool fill_checkpoint(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "checkpoint", answer->texts[0]);
}

/* Salts and digests are base64url wherever the trail is concerned. */
static bool add_salt(struct json_object *to, const uint8_t *salt)
{
        char text[COMMITMENT_TEXT_SIZE];

        (void)text_base64url(salt, COMMITMENT_SALT_SIZE, text); /* Its length is known. */
        return json_add_text(to, "salt", text);
}

static struct json_object *detail_object(const DetailField *detail)
{
        _cleanup_(json_freep) JsonRef object = json_object_new_object();

        if (!add_number(object, "index", detail->index) || !json_add_text(object, "leaf", detail->leaf) ||
            !json_add_text(object, "proof", detail->proof) || !add_bool(object, "erased", !detail->salt))
                return NULL;
        if (detail->salt &&
            (!add_salt(object, detail->salt) ||
             !json_add(object, "detail",
                       json_object_new_string_len((const char *)detail->bytes, (int)detail->n_bytes))))
                return NULL;
        return TAKE_PTR(object);
}

static bool fill_details(const AnswerMessage *answer, struct json_object *to)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < answer->n_details; i++)
                if (!add_item(list, detail_object(&answer->details[i]))) {
                        json_free(list);
                        return false;
                }
        return add_number(to, "recorded", answer->record) && json_add(to, "details", list);
}

static bool fill_count(const AnswerMessage *answer, struct json_object *to)
{
        return add_number(to, "count", answer->count) &&
               (!answer->has_record || add_number(to, "recorded", answer->record));
}

static bool fill_who_am_i(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "organisation", answer->organisation) &&
               add_list(to, "classes", &answer->classes) && add_number(to, "uid", answer->uid) &&
               json_add_text(to, "unit", answer->unit) && json_add_text(to, "identity", answer->identity);
}

/* The object that a status key's last part goes into, made where it is not there yet. */
static struct json_object *status_folder(struct json_object *folder, const char **key)
{
        const char *dot = NULL;

        while (folder && (dot = strchr(*key, '.'))) {
                char name[64];
                if (snprintf(name, sizeof(name), "%.*s", (int)(dot - *key), *key) >= (int)sizeof(name))
                        return NULL;
                struct json_object *inner = json_object_object_get(folder, name);
                if (!inner && json_add(folder, name, json_object_new_object()))
                        inner = json_object_object_get(folder, name);
                folder = json_object_is_type(inner, json_type_object) ? inner : NULL;
                *key = dot + 1;
        }
        return folder;
}

static bool status_add_to_list(struct json_object *folder, const char *key, const char *text)
{
        struct json_object *list = json_object_object_get(folder, key);

        if (!list && json_add(folder, key, json_object_new_array()))
                list = json_object_object_get(folder, key);
        if (!json_object_is_type(list, json_type_array))
                return false;
        return !text || add_item(list, json_object_new_string(text));
}

static bool status_add(struct json_object *status, const StatusItem *item)
{
        const char *key = item->key;
        struct json_object *folder = status_folder(status, &key);

        if (!folder)
                return false;
        switch ((StatusType)item->type) {
        case STATUS_TEXT:
                return json_add_text(folder, key, item->text);
        case STATUS_NUMBER:
                return add_number(folder, key, item->number);
        case STATUS_BOOL:
                return add_bool(folder, key, item->number != 0);
        case STATUS_LIST:
                return status_add_to_list(folder, key, item->text);
        default:
                return false;
        }
}

static bool fill_status(const AnswerMessage *answer, struct json_object *to)
{
        struct json_object *status = json_object_new_object();

        for (size_t i = 0; i < answer->n_status; i++)
                if (!status_add(status, &answer->status[i])) {
                        json_free(status);
                        return false;
                }
        return json_add(to, "status", status);
}

static bool fill_denied(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "reason", answer->reason) && json_add_text(to, "rule", answer->rule) &&
               json_add_text(to, "notice", answer->notice) && add_list(to, "missing", &answer->missing) &&
               add_receipt(to, &answer->receipt);
}

static bool fill_reason(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "reason", answer->reason) && add_receipt(to, &answer->receipt);
}

static bool fill_receipt(const AnswerMessage *answer, struct json_object *to)
{
        return add_receipt(to, &answer->receipt);
}

static bool fill_failed(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "result", answer->reason) && add_receipt(to, &answer->receipt);
}

static bool fill_expected(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "expected", answer->reason) && add_receipt(to, &answer->receipt);
}

static bool fill_parameter(const AnswerMessage *answer, struct json_object *to)
{
        return json_add_text(to, "parameter", answer->reason);
}

static bool fill_nothing(const AnswerMessage *answer, struct json_object *to)
{
        return true;
}

/* The faults come as lines of one text. */
static bool fill_faults(const AnswerMessage *answer, struct json_object *to)
{
        struct json_object *list = json_object_new_array();

        for (const char *line = answer->reason ? answer->reason : ""; *line;) {
                size_t n = strcspn(line, "\n");
                if (n > 0 && !add_item(list, json_object_new_string_len(line, (int)n))) {
                        json_free(list);
                        return false;
                }
                line += n + (line[n] == '\n');
        }
        return json_add(to, "faults", list);
}

/* `error` without a dot is one of the interface's own; NULL: a reply. */
static const struct {
        AnswerFill fill;
        const char *error;
} answer_forms[] = {
        [ANSWER_IDENTIFY] = {fill_identify, NULL},
        [ANSWER_VERIFY] = {fill_verify, NULL},
        [ANSWER_COMPARE] = {fill_compare, NULL},
        [ANSWER_ENROL] = {fill_enrol, NULL},
        [ANSWER_REMOVE] = {fill_remove, NULL},
        [ANSWER_LIST] = {fill_subjects, NULL},
        [ANSWER_RECEIPT] = {fill_get_receipt, NULL},
        [ANSWER_WHO_AM_I] = {fill_who_am_i, NULL},
        [ANSWER_STATUS] = {fill_status, NULL},
        [ANSWER_CHECKPOINT] = {fill_checkpoint, NULL},
        [ANSWER_DETAILS] = {fill_details, NULL},
        [ANSWER_COUNT] = {fill_count, NULL},
        [ANSWER_DENIED] = {fill_denied, "Denied"},
        [ANSWER_TRAIL_UNAVAILABLE] = {fill_reason, "TrailUnavailable"},
        [ANSWER_WORKER_UNAVAILABLE] = {fill_reason, "WorkerUnavailable"},
        [ANSWER_OVERLOADED] = {fill_receipt, "Overloaded"},
        [ANSWER_FAILED] = {fill_failed, "Failed"},
        [ANSWER_NO_SUCH_SUBJECT] = {fill_receipt, "NoSuchSubject"},
        [ANSWER_MODEL_MISMATCH] = {fill_expected, "ModelMismatch"},
        [ANSWER_BAD_TEMPLATE] = {fill_reason, "BadTemplate"},
        [ANSWER_INVALID_PARAMETER] = {fill_parameter, VARLINK_INVALID_PARAMETER},
        [ANSWER_PERMISSION_DENIED] = {fill_nothing, VARLINK_PERMISSION_DENIED},
        [ANSWER_NO_SUCH_REQUEST] = {fill_nothing, "NoSuchRequest"},
        [ANSWER_POLICY_REJECTED] = {fill_faults, "PolicyRejected"},
        [ANSWER_NOTHING_TO_REBASE] = {fill_reason, "NothingToRebase"},
        [ANSWER_NO_DETAILS] = {fill_nothing, "NoDetails"},
};

int answer_write(MessageInterface interface, const AnswerMessage *answer, Buffer *buffer)
{
        _cleanup_(json_freep) JsonRef parameters = json_object_new_object();
        char error[128];

        if (answer->kind >= ARRAY_SIZE(answer_forms) || !answer_forms[answer->kind].fill)
                return ANSWER_E_UNKNOWN;
        const char *name = answer_forms[answer->kind].error;
        if (!parameters || !answer_forms[answer->kind].fill(answer, parameters))
                return -ENOMEM;
        if (!name)
                return varlink_reply_write(parameters, buffer);
        if (strchr(name, '.'))
                return varlink_error_write(name, parameters, buffer);
        (void)snprintf(error, sizeof(error), "%s.%s", message_interface_name(interface),
                       name); /* both are ours */
        return varlink_error_write(error, parameters, buffer);
}
