/*
 * Tables of methods and their parameters, and the grammars of their texts. The guard checks every name and
 * number again; here it is done so that callers are told which parameter is wrong, and so that a policy's
 * loader is the only place where names come into being. Runs in the children of the frontend.
 */

#include "frontend/method.h"

#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"

/* The closed vocabularies. They are the policy language's, which the frontend does not link. */
static const char *const method_roles[] = {"victim",  "missing", "deceased", "incapacitated",
                                           "witness", "suspect", "claimant", "unknown"};
static const char *const method_probe_kinds[] = {"photograph", "video-frame", "sketch", "composite",
                                                 "edited",     "synthetic",   "unknown"};

static bool method_is_word(const char *const *words, size_t n_words, const char *text)
{
        for (size_t i = 0; i < n_words; i++)
                if (strcmp(words[i], text) == 0)
                        return true;
        return false;
}

static bool method_is_role(const char *text, size_t n)
{
        return method_is_word(method_roles, ARRAY_SIZE(method_roles), text);
}

static bool method_is_probe_kind(const char *text, size_t n)
{
        return method_is_word(method_probe_kinds, ARRAY_SIZE(method_probe_kinds), text);
}

/* Text for people: no control characters, of neither ASCII nor Latin-1. UTF-8 it is already. */
static bool method_is_plain(const char *text, size_t n)
{
        if (n > MESSAGE_TEXT_MAX)
                return false;
        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
                        return false;
        return true;
}

static bool method_is_reason(const char *text, size_t n)
{
        return n > 0 && method_is_plain(text, n);
}

static bool method_is_request(const char *text, size_t n)
{
        uint8_t request[MESSAGE_REQUEST_SIZE];

        return text_from_hex(text, n, request, sizeof(request));
}

static bool method_is_level(const char *text, size_t n)
{
        DiagLevel level;

        return diag_level_find(text, &level);
}

#define SCHEMA_OF(array)                                                                                     \
        {                                                                                                    \
                ARRAY_SIZE(array), array                                                                     \
        }

static const SchemaField method_statement_fields[] = {
        {"purpose", SCHEMA_TEXT, true, offsetof(StatementArgument, purpose), text_is_name},
        {"sought", SCHEMA_TEXT, false, offsetof(StatementArgument, sought), method_is_role},
        {"onBehalfOf", SCHEMA_TEXTS, true, offsetof(StatementArgument, on_behalf_of), text_is_name},
        {"recipients", SCHEMA_TEXTS, true, offsetof(StatementArgument, recipients), text_is_name},
        {"caseReference", SCHEMA_TEXT, false, offsetof(StatementArgument, case_reference), method_is_plain},
        {"authorisation", SCHEMA_TEXT, false, offsetof(StatementArgument, authorisation), method_is_plain},
        {"operator", SCHEMA_TEXT, false, offsetof(StatementArgument, operator), method_is_plain},
};
static const Schema method_statement = SCHEMA_OF(method_statement_fields);

static const SchemaField method_template_fields[] = {
        {"model", SCHEMA_TEXT, true, offsetof(TemplateArgument, model), text_is_model},
        {"kind", SCHEMA_TEXT, false, offsetof(TemplateArgument, kind), method_is_probe_kind},
        {"data", SCHEMA_TEXT, true, offsetof(TemplateArgument, data)},
};
static const Schema method_template = SCHEMA_OF(method_template_fields);

static const SchemaField method_entry_fields[] = {
        {"subject", SCHEMA_TEXT, true, offsetof(EntryArgument, subject), text_is_subject},
        {"template", SCHEMA_OBJECT, true, offsetof(EntryArgument, template), .inner = &method_template},
};
const Schema method_entry = SCHEMA_OF(method_entry_fields);

/* Members that several methods take. */
#define TAKES_GALLERY                                                                                        \
        {                                                                                                    \
                "gallery", SCHEMA_TEXT, true, offsetof(Arguments, gallery), text_is_name                     \
        }
#define TAKES_SUBJECT                                                                                        \
        {                                                                                                    \
                "subject", SCHEMA_TEXT, true, offsetof(Arguments, subject), text_is_subject                  \
        }
#define TAKES_PROBE                                                                                          \
        {                                                                                                    \
                "probe", SCHEMA_OBJECT, true, offsetof(Arguments, probe), .inner = &method_template          \
        }
#define TAKES_STATEMENT                                                                                      \
        {                                                                                                    \
                "statement", SCHEMA_OBJECT, true, offsetof(Arguments, statement), .inner = &method_statement \
        }
#define TAKES_LIMIT                                                                                          \
        {                                                                                                    \
                "limit", SCHEMA_COUNT, false, offsetof(Arguments, limit)                                     \
        }
#define TAKES_FLOOR                                                                                          \
        {                                                                                                    \
                "minimumSimilarity", SCHEMA_SIMILARITY, false, offsetof(Arguments, floor)                    \
        }
#define TAKES_REQUEST                                                                                        \
        {                                                                                                    \
                "request", SCHEMA_TEXT, true, offsetof(Arguments, request), method_is_request                \
        }

static const SchemaField method_identify[] = {TAKES_GALLERY, TAKES_PROBE, TAKES_STATEMENT, TAKES_LIMIT,
                                              TAKES_FLOOR};
static const SchemaField method_identify_stored[] = {TAKES_GALLERY, TAKES_SUBJECT, TAKES_STATEMENT,
                                                     TAKES_LIMIT, TAKES_FLOOR};
static const SchemaField method_verify[] = {TAKES_GALLERY, TAKES_SUBJECT, TAKES_PROBE, TAKES_STATEMENT,
                                            TAKES_FLOOR};
static const SchemaField method_compare[] = {
        TAKES_PROBE,
        {"reference", SCHEMA_OBJECT, true, offsetof(Arguments, reference), .inner = &method_template},
        TAKES_STATEMENT,
        TAKES_FLOOR,
};
static const SchemaField method_enrol[] = {
        TAKES_GALLERY,
        {"entries", SCHEMA_LIST, true, offsetof(Arguments, entries)},
        TAKES_STATEMENT,
};
static const SchemaField method_remove[] = {TAKES_GALLERY, TAKES_SUBJECT, TAKES_STATEMENT};
static const SchemaField method_subjects[] = {
        TAKES_GALLERY,
        {"after", SCHEMA_TEXT, false, offsetof(Arguments, subject), text_is_subject},
        TAKES_LIMIT,
        TAKES_STATEMENT,
};
static const SchemaField method_request[] = {TAKES_REQUEST};

/* Of these, one is to be given; match.c sees to that. */
static const SchemaField method_open_details[] = {
        {"request", SCHEMA_TEXT, false, offsetof(Arguments, request), method_is_request},
        {"index", SCHEMA_COUNT, false, offsetof(Arguments, index)},
        {"reason", SCHEMA_TEXT, true, offsetof(Arguments, reason), method_is_reason},
};
static const SchemaField method_erase[] = {
        {"request", SCHEMA_TEXT, false, offsetof(Arguments, request), method_is_request},
        {"index", SCHEMA_COUNT, false, offsetof(Arguments, index)},
        {"subject", SCHEMA_TEXT, false, offsetof(Arguments, subject), text_is_subject},
        {"olderThanDays", SCHEMA_COUNT, false, offsetof(Arguments, days)},
};

static const SchemaField method_log_level[] = {
        {"level", SCHEMA_TEXT, false, offsetof(Arguments, level), method_is_level},
};

static const Method method_match[] = {
        {"Identify", CALL_MATCH, "identify", SCHEMA_OF(method_identify)},
        {"IdentifyStored", CALL_MATCH, "identify-stored", SCHEMA_OF(method_identify_stored)},
        {"Verify", CALL_MATCH, "verify", SCHEMA_OF(method_verify)},
        {"Compare", CALL_MATCH, "compare", SCHEMA_OF(method_compare)},
        {"Enrol", CALL_MATCH, "enrol", SCHEMA_OF(method_enrol)},
        {"Remove", CALL_MATCH, "remove", SCHEMA_OF(method_remove)},
        {"List", CALL_MATCH, "list", SCHEMA_OF(method_subjects)},
        {"GetReceipt", CALL_GET_RECEIPT, NULL, SCHEMA_OF(method_request)},
        {"GetStatus", CALL_GET_STATUS, NULL, {}},
        {"WhoAmI", CALL_WHO_AM_I, NULL, {}},
};

static const Method method_admin[] = {
        {"GetStatus", CALL_GET_STATUS, NULL, {}},
        {"Reload", CALL_RELOAD, NULL, {}},
        {"Rebase", CALL_REBASE, NULL, {}},
        {"CountDetails", CALL_COUNT_DETAILS, NULL, SCHEMA_OF(method_erase)},
        {"Erase", CALL_ERASE, NULL, SCHEMA_OF(method_erase)},
        {"SetLogLevel", CALL_LOG_LEVEL, NULL, SCHEMA_OF(method_log_level)},
};

static const Method method_audit[] = {
        {"GetCheckpoint", CALL_GET_CHECKPOINT, NULL, {}},
        {"GetReceipt", CALL_GET_RECEIPT, NULL, SCHEMA_OF(method_request)},
        {"OpenDetails", CALL_OPEN_DETAILS, NULL, SCHEMA_OF(method_open_details)},
};

static const struct {
        const Method *methods;
        size_t n_methods;
} method_tables[_INTERFACE_MAX] = {
        [INTERFACE_MATCH] = {method_match, ARRAY_SIZE(method_match)},
        [INTERFACE_ADMIN] = {method_admin, ARRAY_SIZE(method_admin)},
        [INTERFACE_AUDIT] = {method_audit, ARRAY_SIZE(method_audit)},
};

const Method *method_list(MessageInterface interface, size_t *ret_n)
{
        *ret_n = method_tables[interface].n_methods;
        return method_tables[interface].methods;
}

const Method *method_find(MessageInterface interface, const char *name)
{
        size_t n = 0;
        const Method *methods = method_list(interface, &n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}
