/* Tests of policy/unitfile.h. */

#include "policy/unitfile.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

static Arena arena = ARENA_INIT;
static Faults faults = FAULTS_INIT;

static void teardown(void)
{
        arena_deinit(&arena);
        faults_deinit(&faults);
}

TestSuite(unitfile, .fini = teardown);

static UnitFile parse(const char *text)
{
        UnitFile file = {};
        UnitSource source = {"f", text, strlen(text)};

        cr_assert_eq(unitfile_parse(&file, &arena, &source, &faults), 0);
        return file;
}

/* The value of the first key of the first section. */
static const UnitEntry *first(const char *text)
{
        UnitFile file = parse(text);

        cr_assert_not(faults_any(&faults));
        cr_assert(file.sections && file.sections->entries);
        return file.sections->entries;
}

/* Parses, and compares the faults with lines ended by newlines. */
static int parse_badly(const void *bytes, size_t n, const char *expected)
{
        UnitFile file = {};
        UnitSource source = {"f", bytes, n};
        PolicyFaults lines = {};
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = unitfile_parse(&file, &arena, &source, &faults);
        cr_assert_eq(faults_take(&faults, &lines), 0);
        for (size_t i = 0; i < lines.n; i++)
                buffer_append_format(&text, "%s\n", lines.lines[i]);
        cr_expect_str_eq(buffer_text(&text), expected);
        policy_faults_deinit(&lines);
        return r;
}

Test(unitfile, white_space_around_key_and_value_is_dropped)
{
        const UnitEntry *entry = first(" [S] \n \tKey \t = \t a  b \t \n");

        cr_expect_str_eq(entry->key, "Key");
        cr_expect_str_eq(entry->value, "a  b");
        cr_expect_eq(entry->n_value, 4);
}

Test(unitfile, comments_and_blank_lines_are_passed_over)
{
        const UnitEntry *entry = first("# a\n; b\n\n  # c\n \t \n[S]\n#x=1\nK=v # not a comment\n");

        cr_expect_str_eq(entry->value, "v # not a comment");
        cr_expect_null(entry->next);
        cr_expect_eq(entry->place.line, 8);
}

Test(unitfile, the_last_line_needs_no_newline)
{
        cr_expect_str_eq(first("[S]\nK=v")->value, "v");
}

Test(unitfile, a_value_may_hold_an_equals_sign_or_nothing)
{
        const UnitEntry *entry = first("[S]\nA=b=c\nB=\n");

        cr_expect_str_eq(entry->value, "b=c");
        cr_expect_str_eq(entry->next->value, "");
        cr_expect_eq(entry->next->n_value, 0);
}

Test(unitfile, a_backslash_at_the_end_goes_on_and_becomes_a_space)
{
        cr_expect_str_eq(first("[S]\nK=one\\\ntwo \\\n   three\n")->value, "one two     three");
}

Test(unitfile, comments_within_a_continued_line_are_left_out)
{
        cr_expect_str_eq(first("[S]\nK=one\\\n# no\n; neither\ntwo\n")->value, "one two");
}

Test(unitfile, an_empty_line_ends_a_continued_one)
{
        const UnitEntry *entry = first("[S]\nK=one\\\n\nL=two\n");

        cr_expect_str_eq(entry->value, "one");
        cr_expect_str_eq(entry->next->key, "L");
}

Test(unitfile, an_escaped_backslash_at_the_end_does_not_go_on)
{
        const UnitEntry *entry = first("[S]\nK=one\\\\\nL=two\n");

        cr_expect_str_eq(entry->value, "one\\\\");
        cr_expect_str_eq(first("[S]\nK=one\\\\\\\ntwo\n")->value, "one\\\\ two");
}

Test(unitfile, a_backslash_followed_by_white_space_does_not_go_on)
{
        cr_expect_str_eq(first("[S]\nK=one\\ \nL=two\n")->value, "one\\");
}

Test(unitfile, sections_keep_their_order_and_may_repeat)
{
        UnitFile file = parse("[A]\nK=1\n[B]\n[A]\nK=2\n");

        cr_expect_str_eq(file.sections->name, "A");
        cr_expect_str_eq(file.sections->next->name, "B");
        cr_expect_null(file.sections->next->entries);
        cr_expect_str_eq(file.sections->next->next->entries->value, "2");
        cr_expect_null(file.sections->next->next->next);
}

Test(unitfile, words_know_their_line_and_column)
{
        const UnitEntry *entry = first("[S]\n  List = aa\tbb \\\n# comment\n  cc\\\n dd\n");
        static const struct {
                const char *text;
                unsigned line, column;
        } rows[] = {{"aa", 2, 10}, {"bb", 2, 13}, {"cc", 4, 3}, {"dd", 5, 2}};
        UnitWord *words = NULL;
        size_t n = 0;

        cr_assert_eq(unit_entry_words(entry, &arena, &words, &n), 0);
        cr_assert_eq(n, ARRAY_SIZE(rows));
        for (size_t i = 0; i < n; i++) {
                cr_expect_str_eq(words[i].text, rows[i].text);
                cr_expect_eq(words[i].place.line, rows[i].line, "%s", rows[i].text);
                cr_expect_eq(words[i].place.column, rows[i].column, "%s", rows[i].text);
        }
        cr_expect_eq(entry->place.column, 3);
}

Test(unitfile, a_file_without_anything_is_well_formed)
{
        cr_expect_null(parse("").sections);
        cr_expect_null(parse("\n# only this").sections);
        cr_expect_not(faults_any(&faults));
}

Test(unitfile, every_faulty_line_is_named)
{
        int r = parse_badly(
                "K=v\n[S\n[]\n[S] x\nnonsense\n=v\n[A]b]\nGood=1\n", 41,
                "f:1:1: assignment before any section; expected a [Section] first\n"
                "f:2:1: section header that does not end in ']'; expected [Section] alone on its line\n"
                "f:3:1: section header without a name; expected [Section]\n"
                "f:4:1: section header that does not end in ']'; expected [Section] alone on its line\n"
                "f:5:1: line without '='; expected Key=value, [Section] or a comment\n"
                "f:6:1: no key before '='; expected Key=value\n"
                "f:7:1: section header that does not end in ']'; expected [Section] alone on its line\n");

        cr_expect_eq(r, 0);
}

Test(unitfile, a_line_continued_at_the_end_of_the_file_is_a_fault)
{
        parse_badly("[S]\nK=v\\\n", 9,
                    "f:2:4: line continued by '\\' at the end of the file; expected a further line\n");
        parse_badly("[S]\nK=v\\", 8,
                    "f:2:4: line continued by '\\' at the end of the file; expected a further line\n");
        parse_badly("[S]\nK=v\\\n# c", 12,
                    "f:2:4: line continued by '\\' at the end of the file; expected a further line\n");
}

Test(unitfile, what_is_no_text_is_not_read)
{
        static const struct {
                const char *bytes;
                size_t n;
                const char *fault;
        } rows[] = {
                {"[S]\nK=\0v\n", 9, "f:2:3: NUL byte; expected text\n"},
                {"[S]\r\n", 5, "f:1:4: carriage return; expected lines that end in a newline alone\n"},
                {"[S]\n K\x1b[1m=v\n", 12, "f:2:3: control character 0x1b; expected text\n"},
                {"[S]\nK=\x7f\n", 8, "f:2:3: control character 0x7f; expected text\n"},
                {"\xef\xbb\xbf[S]\n", 7, "f:1:1: byte order mark; expected UTF-8 without one\n"},
                {"[S]\nK=\xc3\xa9\xff\n", 10, "f:2:5: byte 0xff that is not UTF-8; expected text in UTF-8\n"},
                {"\xc0\x80", 2, "f:1:1: byte 0xc0 that is not UTF-8; expected text in UTF-8\n"},
                {"\xed\xa0\x80", 3, "f:1:1: byte 0xed that is not UTF-8; expected text in UTF-8\n"},
                {"K\xe2\x82", 3, "f:1:2: byte 0xe2 that is not UTF-8; expected text in UTF-8\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_eq(parse_badly(rows[i].bytes, rows[i].n, rows[i].fault), UNITFILE_E_NOT_TEXT);
}

Test(unitfile, a_file_may_have_64_kib_and_no_more)
{
        static char bytes[UNITFILE_SIZE_MAX + 1];

        memset(bytes, '\n', sizeof(bytes));
        cr_expect_eq(parse_badly(bytes, UNITFILE_SIZE_MAX, ""), 0);
        cr_expect_eq(parse_badly(bytes, UNITFILE_SIZE_MAX + 1,
                                 "f: file of more than 65536 bytes; expected at most that: drop-ins can take "
                                 "a part\n"),
                     UNITFILE_E_NOT_TEXT);
}

Test(unitfile, a_value_may_have_4096_bytes_and_no_more)
{
        static char text[8 + UNITFILE_VALUE_MAX + 2];

        memcpy(text, "[S]\nK=", 6);
        memset(text + 6, 'x', UNITFILE_VALUE_MAX + 1);
        cr_expect_eq(parse_badly(text, 6 + UNITFILE_VALUE_MAX, ""), 0);
        cr_expect_eq(parse_badly(text, 6 + UNITFILE_VALUE_MAX + 1,
                                 "f:2:3: value of 4097 bytes in 'K'; expected at most 4096\n"),
                     0);
}

Test(unitfile, comments_are_read_one_by_one)
{
        static const char text[] = "# one\n[S]\n  ;\ttwo \nK=a # none\\\n#three\nb\n\n#\n# last";
        const UnitSource source = {"f", text, sizeof(text) - 1};
        UnitCommentReader reader = {};
        UnitComment comment;
        _cleanup_(buffer_deinit) Buffer found = BUFFER_INIT;

        while (unitfile_next_comment(&source, &reader, &comment))
                buffer_append_format(&found, "%s:%u:%u '%.*s'\n", comment.place.file, comment.place.line,
                                     comment.place.column, (int)comment.n, comment.text);
        cr_expect_str_eq(buffer_text(&found),
                         "f:1:1 'one'\nf:3:3 'two'\nf:5:1 'three'\nf:8:1 ''\nf:9:1 'last'\n");
}
