/*
 * Parameters to message and job bytes. What is refused, call by call, is tests/component/malformed.py's
 * table; here stands what comes out of what is accepted, and that the job is what the guard and the worker
 * take for one.
 */

#include "frontend/match.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "wire/job.h"

#define STATEMENT "\"statement\":{\"purpose\":\"p\",\"onBehalfOf\":[],\"recipients\":[]}"
/* 1.0f and 2.0f */
#define ONE     "{\"model\":\"m\",\"data\":\"AACAPw==\"}"
#define TWO     "{\"model\":\"n\",\"data\":\"AAAAQA==\"}"
#define GALLERY "\"gallery\":\"g\","

typedef struct Case {
        JsonRef parameters;
        MatchCall call;
} Case;

static void case_deinit(Case *c)
{
        match_call_deinit(&c->call);
        json_free(c->parameters);
}

static int case_read(Case *c, const char *method, const char *text)
{
        cr_assert_eq(json_message_read(text, strlen(text), &c->parameters), 0, "%s", text);
        c->call.method = method_find(INTERFACE_MATCH, method);
        cr_assert_not_null(c->call.method);
        return match_call_read(&c->call, c->parameters);
}

static const struct {
        const char *method, *operation, *text;
        size_t n_entries;
        struct {
                const char *subject, *model;
                float value; /* 0: no vector */
        } entries[2];
        const char *probe;
} good[] = {
        {"Identify",
         "identify",
         "{" GALLERY "\"probe\":" ONE "," STATEMENT "}",
         1,
         {{"", "m", 1}},
         "unknown"},
        {"IdentifyStored",
         "identify-stored",
         "{" GALLERY "\"subject\":\"s\"," STATEMENT "}",
         1,
         {{"s", "", 0}},
         NULL},
        {"Verify",
         "verify",
         "{" GALLERY "\"subject\":\"s\",\"probe\":" TWO "," STATEMENT "}",
         1,
         {{"s", "n", 2}},
         "unknown"},
        {"Compare",
         "compare",
         "{\"probe\":" ONE ",\"reference\":" TWO "," STATEMENT "}",
         2,
         {{"", "m", 1}, {"", "n", 2}},
         "unknown"},
        {"Enrol",
         "enrol",
         "{" GALLERY "\"entries\":[{\"subject\":\"a\",\"template\":" ONE
         "},{\"subject\":\"b\",\"template\":" TWO "}]," STATEMENT "}",
         2,
         {{"a", "m", 1}, {"b", "n", 2}},
         "unknown"},
        {"Remove", "remove", "{" GALLERY "\"subject\":\"s\"," STATEMENT "}", 1, {{"s", "", 0}}, NULL},
        {"List", "list", "{" GALLERY STATEMENT "}", 1, {{"", "", 0}}, NULL},
        {"List", "list", "{" GALLERY "\"after\":\"s\"," STATEMENT "}", 1, {{"s", "", 0}}, NULL},
};

Test(match, each_method_makes_a_job_of_its_operation)
{
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_(case_deinit) Case c = {};
                cr_assert_eq(case_read(&c, good[i].method, good[i].text), 0, "%s", good[i].text);
                const CallMessage *message = &c.call.message;
                cr_expect_eq(message->kind, CALL_MATCH);
                cr_expect_str_eq(message->operation, good[i].operation);
                cr_expect_eq(message->gallery == NULL, strcmp(good[i].operation, "compare") == 0);
                cr_expect_str_eq(message->purpose, "p");
                cr_expect_eq(message->probe_kind == NULL, good[i].probe == NULL);
                cr_assert(job_check(good[i].operation, message->job, message->n_job), "%s", good[i].text);

                JobReader reader = job_read(message->job, message->n_job);
                JobEntry entry = {};
                for (size_t e = 0; e < good[i].n_entries; e++) {
                        cr_assert(job_next(&reader, &entry));
                        cr_expect_str_eq(entry.subject, good[i].entries[e].subject);
                        cr_expect_str_eq(entry.model, good[i].entries[e].model);
                        float value = 0;
                        cr_expect_eq(entry.n_vector, good[i].entries[e].value == 0 ? 0 : sizeof(value));
                        if (entry.n_vector == sizeof(value))
                                memcpy(&value, entry.vector, sizeof(value));
                        cr_expect_eq(value, good[i].entries[e].value);
                }
                cr_expect(!job_next(&reader, &entry));
        }
}

Test(match, the_statement_comes_over_whole)
{
        _cleanup_(case_deinit) Case c = {};

        cr_assert_eq(case_read(&c, "Remove",
                               "{\"gallery\":\"g\",\"subject\":\"s\",\"statement\":{\"purpose\":\"p\","
                               "\"sought\":\"missing\","
                               "\"onBehalfOf\":[\"a\",\"b\"],\"recipients\":[\"c\"],\"caseReference\":\"1\","
                               "\"authorisation\":\"2\",\"operator\":\"\"}}"),
                     0);
        const CallMessage *message = &c.call.message;
        cr_expect_str_eq(message->sought, "missing");
        cr_assert_eq(message->on_behalf_of.n, 2);
        cr_expect_str_eq(message->on_behalf_of.items[1], "b");
        cr_assert_eq(message->recipients.n, 1);
        cr_expect_str_eq(message->recipients.items[0], "c");
        cr_expect_str_eq(message->case_reference, "1");
        cr_expect_str_eq(message->authorisation, "2");
        cr_expect_str_eq(message->operator, "", "given, though empty");
        cr_expect(!message->has_limit && !message->has_floor);
}

Test(match, limit_and_floor_come_over_exactly)
{
        _cleanup_(case_deinit) Case c = {};

        cr_assert_eq(case_read(&c, "IdentifyStored",
                               "{" GALLERY "\"subject\":\"s\"," STATEMENT
                               ",\"limit\":5,\"minimumSimilarity\":0.1000001}"),
                     0);
        cr_expect(c.call.message.has_limit);
        cr_expect_eq(c.call.message.limit, 5);
        cr_expect(c.call.message.has_floor);
        cr_expect_eq(c.call.message.floor_millionths, 100001, "rounded up");
}

Test(match, what_is_encoded_is_what_the_guard_decodes)
{
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_(case_deinit) Case c = {};
                _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
                _cleanup_(call_deinit) CallMessage heard = {};
                cr_assert_eq(case_read(&c, good[i].method, good[i].text), 0);
                call_encode(&c.call.message, &body);
                cr_assert(call_decode(body.data, body.n, &heard));
                cr_expect_str_eq(heard.operation, good[i].operation);
                cr_expect_eq(heard.n_job, c.call.message.n_job);
        }
}

Test(match, faults_that_no_table_sees_are_named)
{
        static const struct {
                const char *method, *text, *parameter;
        } rows[] = {
                {"Identify", "{" GALLERY "\"probe\":{\"model\":\"m\",\"data\":\"\"}," STATEMENT "}", "data"},
                {"Identify", "{" GALLERY "\"probe\":{\"model\":\"m\",\"data\":\"AAAA\"}," STATEMENT "}",
                 "data"},
                {"Identify", "{" GALLERY "\"probe\":{\"model\":\"m\",\"data\":\"AAAAAA\"}," STATEMENT "}",
                 "data"},
                {"Identify",
                 "{" GALLERY "\"probe\":{\"model\":\"m\",\"data\":\"A\\u0041AAAAA=\"}," STATEMENT "}",
                 "data"},
                {"Enrol", "{" GALLERY "\"entries\":[]," STATEMENT "}", "entries"},
                {"Enrol", "{" GALLERY "\"entries\":[[]]," STATEMENT "}", "entries"},
                {"Enrol",
                 "{" GALLERY "\"entries\":[{\"subject\":\"a\",\"template\":" ONE "},{}]," STATEMENT "}",
                 "subject"},
                {"Compare",
                 "{\"probe\":{\"model\":\"m\",\"kind\":\"sketch\",\"data\":\"AACAPw==\"},\"reference\":" ONE
                 "," STATEMENT "}",
                 "kind"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(case_deinit) Case c = {};
                cr_assert_eq(case_read(&c, rows[i].method, rows[i].text), MATCH_E_INVALID, "%s",
                             rows[i].text);
                cr_expect_str_eq(c.call.parameter, rows[i].parameter);
        }
}

Test(match, the_largest_vector_fits_and_one_float_more_does_not)
{
        for (unsigned n = JOB_DIMENSION_MAX; n <= JOB_DIMENSION_MAX + 1; n++) {
                _cleanup_(case_deinit) Case c = {};
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                buffer_append_text(&text, "{" GALLERY "\"probe\":{\"model\":\"m\",\"data\":\"");
                for (unsigned i = 0; i < n * 4 / 3; i++)
                        buffer_append_text(&text, "AAAA");
                buffer_append_text(&text, n * 4 % 3 == 1 ? "AA==" : n * 4 % 3 == 2 ? "AAA=" : "");
                buffer_append_text(&text, "\"}," STATEMENT "}");
                int r = case_read(&c, "Identify", buffer_text(&text));
                cr_expect_eq(r, n == JOB_DIMENSION_MAX ? 0 : MATCH_E_INVALID);
        }
}
