/*
 * wire/job.h: which bytes are a job of which operation, and that reading gives what was put.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/job.h"

static const char *const operations[] = {"identify", "identify-stored", "verify", "compare",
                                         "enrol",    "remove",          "list"};

static const uint8_t vector[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void job_make(Buffer *buffer, const JobEntry *entries, uint32_t n)
{
        buffer_clear(buffer);
        job_begin(buffer, n);
        for (uint32_t i = 0; i < n; i++)
                job_put(buffer, &entries[i]);
        cr_assert_not(buffer->failed);
}

#define TEMPLATE .model = "m", .vector = vector, .n_vector = sizeof(vector)

/* One job, and the operations it is a job of. */
static const struct {
        const char *what;
        uint32_t n;
        JobEntry entries[3];
        const char *operations;
} job_rows[] = {
        {"template", 1, {{TEMPLATE}}, "identify"},
        {"two templates", 2, {{TEMPLATE}, {TEMPLATE}}, "compare"},
        {"three templates", 3, {{TEMPLATE}, {TEMPLATE}, {TEMPLATE}}, ""},
        {"subject", 1, {{.subject = "s"}}, "identify-stored remove list"},
        {"two subjects", 2, {{.subject = "s"}, {.subject = "t"}}, ""},
        {"subject and template", 1, {{.subject = "s", TEMPLATE}}, "verify enrol"},
        {"two of both", 2, {{.subject = "s", TEMPLATE}, {.subject = "s", TEMPLATE}}, "enrol"},
        {"two of both, one without subject", 2, {{.subject = "s", TEMPLATE}, {TEMPLATE}}, ""},
        {"two of both, one without template", 2, {{.subject = "s", TEMPLATE}, {.subject = "t"}}, ""},
        {"an empty entry", 1, {{}}, "list"},
        {"no entry", 0, {{}}, ""},
        {"model without vector", 1, {{.model = "m"}}, ""},
        {"vector without model", 1, {{.vector = vector, .n_vector = 8}}, ""},
        {"half a float", 1, {{.model = "m", .vector = vector, .n_vector = 6}}, ""},
        {"bad model", 1, {{.model = "m/m", .vector = vector, .n_vector = 8}}, ""},
        {"bad subject", 1, {{.subject = "a b"}}, ""},
        {"bad subject of a template", 1, {{.subject = "a b", TEMPLATE}}, ""},
};

static bool row_names(const char *list, const char *operation)
{
        size_t n = strlen(operation);

        for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
                if (strcspn(p, " ") == n && strncmp(p, operation, n) == 0)
                        return true;
        return false;
}

Test(job, is_checked_by_operation)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(job_rows); i++) {
                job_make(&buffer, job_rows[i].entries, job_rows[i].n);
                for (size_t j = 0; j < ARRAY_SIZE(operations); j++)
                        cr_expect_eq(job_check(operations[j], buffer.data, buffer.n),
                                     row_names(job_rows[i].operations, operations[j]), "%s as %s",
                                     job_rows[i].what, operations[j]);
        }
}

Test(job, of_no_known_operation_is_none)
{
        static const char *const bad[] = {"", "any", "Identify", "identify ", "lis", "enroll"};
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        job_make(&buffer, &(JobEntry){TEMPLATE}, 1);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(job_check(bad[i], buffer.data, buffer.n));
}

Test(job, gives_back_the_entries_in_place)
{
        static const JobEntry entries[] = {{.subject = "one", TEMPLATE},
                                           {.subject = "two", .model = "n", vector, 4}};
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        JobEntry entry = {};

        job_make(&buffer, entries, 2);
        cr_assert(job_check("enrol", buffer.data, buffer.n));
        JobReader reader = job_read(buffer.data, buffer.n);
        for (size_t i = 0; i < 2; i++) {
                cr_assert(job_next(&reader, &entry));
                cr_assert_str_eq(entry.subject, entries[i].subject);
                cr_assert_str_eq(entry.model, entries[i].model);
                cr_assert_eq(entry.n_vector, entries[i].n_vector);
                cr_assert_eq(memcmp(entry.vector, vector, entry.n_vector), 0);
                cr_assert(entry.vector > buffer.data && entry.vector < buffer.data + buffer.n);
        }
        cr_assert_not(job_next(&reader, &entry));
}

Test(job, an_entry_without_template_has_no_vector)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        JobEntry entry = {};

        job_make(&buffer, &(JobEntry){.subject = "s"}, 1);
        JobReader reader = job_read(buffer.data, buffer.n);
        cr_assert(job_next(&reader, &entry));
        cr_assert_null(entry.vector);
        cr_assert_str_eq(entry.model, "");
}

Test(job, cut_short_or_too_long_is_none)
{
        static const JobEntry entries[] = {{.subject = "one", TEMPLATE}, {.subject = "two", TEMPLATE}};
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        job_make(&buffer, entries, 2);
        for (size_t n = 0; n < buffer.n; n++) {
                /* Memory of exactly that size, so that a byte read beyond it is noticed. */
                _cleanup_(freep) uint8_t *cut = malloc(n + (n == 0));
                memcpy(cut, buffer.data, n);
                cr_assert_not(job_check("enrol", cut, n), "accepted %zu bytes", n);
        }
        put_u8(&buffer, 0);
        cr_assert_not(job_check("enrol", buffer.data, buffer.n));
}

Test(job, of_another_version_is_none)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        job_make(&buffer, &(JobEntry){TEMPLATE}, 1);
        for (unsigned version = 0; version < 256; version++) {
                buffer.data[0] = (uint8_t)version;
                cr_assert_eq(job_check("identify", buffer.data, buffer.n), version == 1);
        }
}

Test(job, has_at_most_the_largest_dimension)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(freep) uint8_t *large = calloc(JOB_DIMENSION_MAX + 1, 4);

        job_make(&buffer, &(JobEntry){.model = "m", .vector = large, .n_vector = 4 * JOB_DIMENSION_MAX}, 1);
        cr_assert(job_check("identify", buffer.data, buffer.n));
        job_make(&buffer, &(JobEntry){.model = "m", .vector = large, .n_vector = 4 * (JOB_DIMENSION_MAX + 1)},
                 1);
        cr_assert_not(job_check("identify", buffer.data, buffer.n));
}

Test(job, has_at_most_the_largest_number_of_entries)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        for (uint32_t n = JOB_ENTRIES_MAX; n <= JOB_ENTRIES_MAX + 1; n++) {
                buffer_clear(&buffer);
                job_begin(&buffer, n);
                for (uint32_t i = 0; i < n; i++)
                        job_put(&buffer,
                                &(JobEntry){.subject = "s", .model = "m", .vector = vector, .n_vector = 4});
                cr_assert_eq(job_check("enrol", buffer.data, buffer.n), n == JOB_ENTRIES_MAX);
        }
}

Test(job, reading_bytes_that_lie_about_their_count_ends)
{
        static const uint8_t bytes[] = {1, 0xff, 0xff, 0xff, 0xff, 0};
        JobReader reader = job_read(bytes, sizeof(bytes));
        JobEntry entry = {};

        cr_assert_not(job_check("enrol", bytes, sizeof(bytes)));
        cr_assert_not(job_next(&reader, &entry));
}
