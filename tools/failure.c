/*
 * Failure: puts the errors of org.matchguard.* and org.varlink.service into words. Pure tables and printing;
 * what an unknown error brought along is shown as it came.
 */

#include "tools/failure.h"

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "policy/vocabulary.h"
#include "tools/json.h"
#include "tools/page.h"

typedef struct Words {
        const char *word;
        const char *text;
} Words;

/* By the last part of an error's name, or by all of it where interfaces differ. */
static const Words headlines[] = {
        {"Denied", "Refused"},
        {"TrailUnavailable", "Not done, because the trail cannot be used"},
        {"WorkerUnavailable", "Permitted and recorded, but no worker could do it"},
        {"Overloaded",
         "Not done, because the service has too much to do; this is no refusal, try again later"},
        {"Failed", "Permitted and recorded, but it failed"},
        {"NoSuchSubject", "Permitted and recorded, but the gallery has no such subject"},
        {"ModelMismatch", "Permitted and recorded, but the template is of another model"},
        {"BadTemplate", "Permitted and recorded, but the template cannot be used"},
        {"NothingToRebase", "Nothing was done, because nothing has to be"},
        {"PolicyRejected", "Refused, and the policy in force stays"},
        {"NoSuchRequest", "You have made no such request"},
        {"org.matchguard.Audit.NoSuchRequest", "There is no such request or leaf"},
        {"org.matchguard.Admin.NoSuchRequest", "There is no such request or leaf"},
        {"NoDetails", "The record commits to no details"},
        {"InvalidParameter", "This is no request, because a value is not what it must be"},
        {"PermissionDenied", "Not open to this user"},
        {"MethodNotFound", "This service is too old for it"},
        {"InterfaceNotFound", "This socket does not serve it"},
        {"MethodNotImplemented", "This service cannot do it"},
};

/* The reasons of a denial. */
static const Words reasons[] = {
        {"clock-untrusted", "the clock stands before the newest record, so no time can be trusted"},
        {"unknown-peer", "no organisation in the policy has you as a peer ('matchguard whoami')"},
        {"ambiguous-peer", "more than one organisation has you as a peer, so none does"},
        {"expired-organisation", "your organisation's time has not begun, or is over"},
        {"unknown-term", "the policy declares no such purpose, gallery, organisation or class"},
        {"stood-down", "the service is stood down"},
        {"rate-limited", "the permission's rate is used up for now"},
        {"moratorium", "a moratorium covers it, and nothing excepts it"},
        {"missing-requirement", "it would be permitted if what is missing were given"},
        {"not-allowed", "nothing permits it"},
};

/* What a parameter may be, where no vocabulary says it. */
static const Words parameters_wanted[] = {
        {"gallery", "1 to 63 characters of a-z, 0-9 and -, not beginning with -"},
        {"purpose", "1 to 63 characters of a-z, 0-9 and -, not beginning with -"},
        {"onBehalfOf", "at most 16 names of 1 to 63 characters of a-z, 0-9 and -, not beginning with -"},
        {"recipients", "at most 16 names of 1 to 63 characters of a-z, 0-9 and -, not beginning with -"},
        {"caseReference", "at most 512 bytes without control characters"},
        {"authorisation", "at most 512 bytes without control characters"},
        {"operator", "at most 512 bytes without control characters"},
        {"model", "1 to 63 characters of A-Z, a-z, 0-9, ., _, + and -, a letter or digit first"},
        {"subject", "1 to 64 characters of A-Z, a-z, 0-9, ., _, : and -"},
        {"after", "1 to 64 characters of A-Z, a-z, 0-9, ., _, : and -"},
        {"data", "1 to 4,096 float32 values"},
        {"request", "32 hexadecimal digits"},
        {"reason", "1 to 512 bytes without control characters"},
        {"index", "the index of a leaf, from 1 on"},
        {"olderThanDays", "1 to 36500"},
};

static const struct {
        const char *parameter;
        const Vocabulary *vocabulary;
} vocabularies[] = {
        {"sought", &vocabulary_roles},
        {"kind", &vocabulary_probes},
};

static const char *find_words(const Words *words, size_t n, const char *word)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(words[i].word, word) == 0)
                        return words[i].text;
        return NULL;
}

static void print_text(FILE *out, const char *label, json_object *parameters, const char *key)
{
        const char *text = json_text(parameters, key);
        if (text && text[0])
                page_field(out, label, text);
}

static void print_reason(FILE *out, json_object *parameters)
{
        const char *reason = json_text(parameters, "reason");
        const char *text = reason ? find_words(reasons, ARRAY_SIZE(reasons), reason) : NULL;
        if (text)
                page_field_format(out, "reason", "%s: %s", reason, text);
        else
                print_text(out, "reason", parameters, "reason");
}

static void print_list(FILE *out, const char *label, json_object *list)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                buffer_append_format(&text, "%s%s", i > 0 ? ", " : "",
                                     json_object_get_string(json_object_array_get_idx(list, i)));
        if (text.n > 0)
                page_field(out, label, buffer_text(&text));
}

/* A line each: of a policy that does not load. */
static void print_faults(FILE *out, json_object *faults)
{
        for (size_t i = 0; faults && i < json_object_array_length(faults); i++)
                page_field(out, "fault", json_object_get_string(json_object_array_get_idx(faults, i)));
}

void failure_print_receipt(FILE *out, json_object *parameters)
{
        json_object *receipt = NULL;
        if (!json_object_object_get_ex(parameters, "receipt", &receipt) ||
            !json_object_is_type(receipt, json_type_object) || !json_text(receipt, "request"))
                return;
        int64_t outcome = json_number(receipt, "outcomeIndex", -1);
        const char *origin = json_text(receipt, "origin");
        page_field_format(out, "request", "%s", json_text(receipt, "request"));
        if (outcome >= 0)
                page_field_format(out, "recorded", "leaf %ld, and its outcome leaf %ld, of the log %s",
                                  (long)json_number(receipt, "decisionIndex", -1), (long)outcome,
                                  origin ? origin : "");
        else
                page_field_format(out, "recorded", "leaf %ld of the log %s",
                                  (long)json_number(receipt, "decisionIndex", -1), origin ? origin : "");
}

static void print_wanted(FILE *out, const char *parameter)
{
        _cleanup_(buffer_deinit) Buffer words = BUFFER_INIT;
        const char *text = find_words(parameters_wanted, ARRAY_SIZE(parameters_wanted), parameter);

        for (size_t i = 0; i < ARRAY_SIZE(vocabularies); i++)
                if (strcmp(vocabularies[i].parameter, parameter) == 0)
                        vocabulary_list(vocabularies[i].vocabulary,
                                        vocabulary_all(vocabularies[i].vocabulary), ", ", &words);
        if (words.n > 0)
                page_field_format(out, "expected", "one of %s", buffer_text(&words));
        else if (text)
                page_field(out, "expected", text);
}

/* An error that this tool does not know: everything that came with it. */
static void print_unknown(FILE *out, const char *what, const char *error, json_object *parameters)
{
        fprintf(out, "Not done: %s.\n", what);
        page_field(out, "error", error);
        page_field(out, "parameters", json_object_to_json_string_ext(parameters, JSON_C_TO_STRING_SPACED));
}

void failure_print(FILE *out, const char *what, const char *error, json_object *parameters)
{
        const char *dot = strrchr(error, '.'), *name = dot ? dot + 1 : error;
        const char *headline = find_words(headlines, ARRAY_SIZE(headlines), error);
        const char *parameter = json_text(parameters, "parameter");
        if (!headline)
                headline = find_words(headlines, ARRAY_SIZE(headlines), name);
        if (!headline) {
                print_unknown(out, what, error, parameters);
                return;
        }
        fprintf(out, "%s: %s.\n", headline, what);
        print_reason(out, parameters);
        print_text(out, "rule", parameters, "rule");
        print_text(out, "notice", parameters, "notice");
        print_list(out, "missing", json_list(parameters, "missing"));
        print_faults(out, json_list(parameters, "faults"));
        print_text(out, "result", parameters, "result");
        print_text(out, "expected", parameters, "expected");
        print_text(out, "parameter", parameters, "parameter");
        if (parameter)
                print_wanted(out, parameter);
        print_text(out, "method", parameters, "method");
        failure_print_receipt(out, parameters);
}

bool failure_is_open(const char *error, json_object *parameters)
{
        static const char *const open_results[] = {"timeout", "worker-gone", "unknown"};
        const char *dot = strrchr(error, '.'), *result = json_text(parameters, "result");
        if (dot && strcmp(dot + 1, "WorkerUnavailable") == 0)
                return true;
        for (size_t i = 0; result && i < ARRAY_SIZE(open_results); i++)
                if (strcmp(result, open_results[i]) == 0)
                        return true;
        return false;
}
