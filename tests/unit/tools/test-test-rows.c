/* Files of tests: what a row holds, and what is no row is told by its place and stops nothing. */

#include "tools/test-rows.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

static char path[] = "/tmp/test-rows-XXXXXX";

static void setup(void)
{
        int fd = mkstemp(path);
        cr_assert_geq(fd, 0);
        close(fd);
}

static void teardown(void)
{
        unlink(path);
}

TestSuite(test_rows, .init = setup, .fini = teardown);

static int append_row(void *userdata, const TestRow *row)
{
        buffer_append_format(userdata, "%zu %s: %s, %s\n", row->line, row->name, row->facts.facts.operation,
                             json_object_to_json_string_ext(row->expect, JSON_C_TO_STRING_PLAIN));
        cr_expect_str_eq(row->file, path);
        return 0;
}

/* What rows and faults a file with this text holds; its path is left out of the faults. */
static void expect_file(const char *text, const char *rows, const char *faults)
{
        _cleanup_(buffer_deinit) Buffer found = BUFFER_INIT, faulty = BUFFER_INIT, expected = BUFFER_INIT;
        TestRows reading = {.path = path, .row = append_row, .userdata = &found, .faults = &faulty};

        FILE *file = fopen(path, "w");
        cr_assert(file);
        fputs(text, file);
        fclose(file);
        cr_assert_eq(test_rows_read(&reading), 0);
        cr_expect_str_eq(buffer_text(&found), rows);
        for (const char *line = faults; *line; line += strcspn(line, "\n") + 1)
                buffer_append_format(&expected, "%s:%.*s\n", path, (int)strcspn(line, "\n"), line);
        cr_expect_str_eq(buffer_text(&faulty), buffer_text(&expected));
}

#define FACTS                                                                                                \
        "\"facts\":{\"uid\":1,\"operation\":\"compare\",\"purpose\":\"p\",\"on_behalf_of\":[],"              \
        "\"recipients\":[],\"time\":\"2020-07-01\"}"
#define EXPECT "\"expect\":{\"verdict\":\"deny\"}"

Test(test_rows, each_line_is_a_row)
{
        expect_file("", "", "");
        expect_file("{\"name\":\"a\"," FACTS "," EXPECT "}\n"
                    "{\"name\":\"b\"," FACTS ",\"expect\":{\"term\":\"p\",\"moratoria\":[]}}",
                    "1 a: compare, {\"verdict\":\"deny\"}\n2 b: compare, {\"term\":\"p\",\"moratoria\":[]}\n",
                    "");
}

Test(test_rows, what_is_no_row_is_told_and_the_rest_goes_on)
{
        static const struct {
                const char *line, *fault;
        } cases[] = {
                {"x", "1: no JSON object; expected {\"name\":...,\"facts\":{...},\"expect\":{...}}, no "
                      "member twice\n"},
                {"[]", "1: no JSON object; expected {\"name\":...,\"facts\":{...},\"expect\":{...}}, no "
                       "member twice\n"},
                {"", "1: no JSON object; expected {\"name\":...,\"facts\":{...},\"expect\":{...}}, no member "
                     "twice\n"},
                {"{\"name\":\"a\",\"name\":\"a\"," FACTS "," EXPECT "}",
                 "1: no JSON object; expected {\"name\":...,\"facts\":{...},\"expect\":{...}}, no member "
                 "twice\n"},
                {"{" FACTS "," EXPECT "}", "1: 'name' is missing or of a wrong type; expected a string\n"},
                {"{\"name\":1," FACTS "," EXPECT "}",
                 "1: 'name' is missing or of a wrong type; expected a string\n"},
                {"{\"name\":\"\"," FACTS "," EXPECT "}",
                 "1: 'name' is empty; expected what the row is about\n"},
                {"{\"name\":\"a\"," EXPECT "}",
                 "1: 'facts' is missing or of a wrong type; expected an object\n"},
                {"{\"name\":\"a\"," FACTS ",\"expect\":[]}",
                 "1: 'expect' is missing or of a wrong type; expected an object\n"},
                {"{\"name\":\"a\"," FACTS ",\"expect\":{}}",
                 "1: 'expect' is empty; expected at least one key of a decision\n"},
                {"{\"name\":\"a\"," FACTS ",\"expect\":{\"verdikt\":\"deny\"}}",
                 "1: unknown key 'verdikt' in 'expect'; expected keys of a decision\n"},
                {"{\"name\":\"a\"," FACTS "," EXPECT ",\"why\":1}",
                 "1: unknown key 'why'; expected name, facts and expect\n"},
                {"{\"name\":\"a\",\"facts\":{\"uid\":1}," EXPECT "}",
                 "1: 'facts' are no request: operation: expected identify, identify-stored, verify, compare, "
                 "enrol, "
                 "remove or list\n"},
                {"{\"name\":\"a\",\"facts\":{\"uid\":1,\"colour\":1}," EXPECT "}",
                 "1: 'facts' are no request: colour: there is no such fact\n"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[1024];
                snprintf(text, sizeof(text), "%s\n{\"name\":\"b\"," FACTS "," EXPECT "}\n", cases[i].line);
                expect_file(text, "2 b: compare, {\"verdict\":\"deny\"}\n", cases[i].fault);
        }
}

Test(test_rows, a_name_stands_once)
{
        expect_file("{\"name\":\"a\"," FACTS "," EXPECT "}\n{\"name\":\"b\"," FACTS "," EXPECT "}\n"
                    "{\"name\":\"a\"," FACTS "," EXPECT "}\n",
                    "1 a: compare, {\"verdict\":\"deny\"}\n2 b: compare, {\"verdict\":\"deny\"}\n",
                    "3: the name 'a' was given in line 1; expected another one\n");
}

Test(test_rows, a_file_that_cannot_be_read_is_a_fault)
{
        _cleanup_(buffer_deinit) Buffer faults = BUFFER_INIT;
        TestRows reading = {.path = "/nowhere/x.test", .row = append_row, .faults = &faults};

        cr_expect_eq(test_rows_read(&reading), 0);
        cr_expect_str_eq(buffer_text(&faults),
                         "/nowhere/x.test: No such file or directory; expected a file of tests\n");
}

static int no_memory(void *userdata, const TestRow *row)
{
        return -ENOMEM;
}

Test(test_rows, what_the_row_fails_with_ends_it)
{
        _cleanup_(buffer_deinit) Buffer faults = BUFFER_INIT;
        TestRows reading = {.path = path, .row = no_memory, .faults = &faults};

        expect_file("{\"name\":\"a\"," FACTS "," EXPECT "}\n", "1 a: compare, {\"verdict\":\"deny\"}\n", "");
        cr_expect_eq(test_rows_read(&reading), -ENOMEM);
}
