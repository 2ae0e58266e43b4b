/*
 * Arguments to CallMessage and job bytes. Pure: no socket, no clock. Floats pass as the bytes they are;
 * whether one is finite is the worker's to find. Runs in the children of the frontend.
 */

#include "frontend/match.h"

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"

/* The probe kind of a template that says none. */
#define MATCH_KIND_UNSAID "unknown"

void match_call_deinit(MatchCall *call)
{
        buffer_deinit(&call->job);
        *call = MATCH_CALL_INIT;
}

static int match_invalid(MatchCall *call, const char *parameter)
{
        call->parameter = parameter;
        return MATCH_E_INVALID;
}

/* Takes note of a probe's kind, and of whether it is that of the probes before it. */
static bool match_same_kind(MatchCall *call, const TemplateArgument *template)
{
        const char *kind = template->kind ? template->kind : MATCH_KIND_UNSAID;

        if (!call->message.probe_kind)
                call->message.probe_kind = kind;
        return strcmp(call->message.probe_kind, kind) == 0;
}

static int match_put_template(MatchCall *call, const char *subject, const TemplateArgument *template)
{
        uint8_t vector[MATCH_VECTOR_MAX + 3]; /* what decoding may fill before its length is known */
        size_t n_text = strlen(template->data), n = 0;

        if (n_text >= TEXT_BASE64_SIZE(MATCH_VECTOR_MAX) ||
            !text_from_base64(template->data, n_text, vector, &n) || n == 0 || n % 4 != 0 ||
            n > MATCH_VECTOR_MAX)
                return match_invalid(call, "data");
        if (!match_same_kind(call, template))
                return match_invalid(call, "kind");
        job_put(&call->job, &(JobEntry){subject, template->model, vector, n});
        return 0;
}

static int match_put_entries(MatchCall *call)
{
        struct json_object *list = call->arguments.entries;
        size_t n = json_object_array_length(list);

        if (n == 0 || n > JOB_ENTRIES_MAX)
                return match_invalid(call, "entries");
        job_begin(&call->job, (uint32_t)n);
        for (size_t i = 0; i < n; i++) {
                EntryArgument entry = {};
                struct json_object *item = json_object_array_get_idx(list, i);
                if (!json_object_is_type(item, json_type_object))
                        return match_invalid(call, "entries");
                const char *bad = schema_read(&method_entry, item, &entry);
                int r = bad ? match_invalid(call, bad)
                            : match_put_template(call, entry.subject, &entry.template);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* What has no list of entries has one entry, or with a reference two; see wire/job.h. */
static int match_put_single(MatchCall *call)
{
        const Arguments *arguments = &call->arguments;
        const char *subject = arguments->subject ? arguments->subject : "";

        job_begin(&call->job, arguments->reference.data ? 2 : 1);
        if (!arguments->probe.data) {
                job_put(&call->job, &(JobEntry){.subject = subject, .model = ""});
                return 0;
        }
        int r = match_put_template(call, subject, &arguments->probe);
        if (r == 0 && arguments->reference.data)
                r = match_put_template(call, subject, &arguments->reference);
        return r;
}

static StringList match_list(const SchemaTexts *texts)
{
        /* Nobody writes through the list; its type has no const for those who own what it points to. */
        return (StringList){texts->n, (const char **)texts->items};
}

static int match_fill(MatchCall *call)
{
        const Arguments *arguments = &call->arguments;
        const StatementArgument *statement = &arguments->statement;
        CallMessage *message = &call->message;

        message->operation = call->method->operation;
        message->gallery = arguments->gallery;
        message->purpose = statement->purpose;
        message->sought = statement->sought;
        message->on_behalf_of = match_list(&statement->on_behalf_of);
        message->recipients = match_list(&statement->recipients);
        message->case_reference = statement->case_reference;
        message->authorisation = statement->authorisation;
        message->operator= statement->operator;
        message->has_limit = arguments->limit.present;
        message->limit = arguments->limit.value;
        message->has_floor = arguments->floor.present;
        message->floor_millionths = arguments->floor.millionths;

        int r = arguments->entries ? match_put_entries(call) : match_put_single(call);
        if (r != 0)
                return r;
        if (call->job.failed)
                return -ENOMEM;
        message->job = call->job.data;
        message->n_job = call->job.n;
        return 0;
}

/* Which details are meant: one member says it, and no second one may. */
static int match_fill_details(MatchCall *call)
{
        const Arguments *arguments = &call->arguments;
        CallMessage *message = &call->message;
        const struct {
                bool given;
                const char *parameter;
        } ways[_DETAILS_OF_MAX] = {
                [DETAILS_OF_REQUEST] = {arguments->request, "request"},
                [DETAILS_OF_LEAF] = {arguments->index.present, "index"},
                [DETAILS_OF_SUBJECT] = {arguments->subject, "subject"},
                [DETAILS_BY_AGE] = {arguments->days.present, "olderThanDays"},
        };
        size_t n_given = 0;

        for (uint8_t i = 0; i < ARRAY_SIZE(ways); i++) {
                if (!ways[i].given)
                        continue;
                if (n_given++ > 0)
                        return match_invalid(call, ways[i].parameter);
                message->details_of = i;
        }
        if (n_given == 0)
                return match_invalid(call, "request");
        message->index = arguments->index.value;
        message->subject = arguments->subject;
        message->days = arguments->days.value;
        message->reason = arguments->reason;
        return 0;
}

/* None: as the configuration says. */
static int match_fill_level(MatchCall *call)
{
        DiagLevel level = DIAG_INFO;

        if (call->arguments.level && !diag_level_find(call->arguments.level, &level))
                return match_invalid(call, "level");
        call->message.level = call->arguments.level ? (uint8_t)level : 0;
        return 0;
}

int match_call_read(MatchCall *call, struct json_object *parameters)
{
        const char *bad = schema_read(&call->method->parameters, parameters, &call->arguments);

        if (bad)
                return match_invalid(call, bad);
        call->message.kind = call->method->kind;
        call->message.request = call->arguments.request;
        switch (call->method->kind) {
        case CALL_MATCH:
                return match_fill(call);
        case CALL_OPEN_DETAILS:
        case CALL_COUNT_DETAILS:
        case CALL_ERASE:
                return match_fill_details(call);
        case CALL_LOG_LEVEL:
                return match_fill_level(call);
        case CALL_GET_RECEIPT:
        case CALL_WHO_AM_I:
        case CALL_GET_STATUS:
        case CALL_RELOAD:
        case CALL_GET_CHECKPOINT:
        case CALL_REBASE:
        case _CALL_MAX:
        default:
                return 0;
        }
}
