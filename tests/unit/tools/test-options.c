/* Options as tables: where values go, what is left over, and what is said of mistakes. */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/options.h"

typedef struct Values {
        bool flag;
        const char *text;
        OptionList list;
        OptionNumber number;
        OptionSimilarity similarity;
} Values;

static const Command command = {NULL, "test", "[OPTION...]", "a command for this test", NULL};

/* Parses words (the last is NULL) with one option of each kind. */
static int parse(Values *values, char **words, OptionLine *ret_line)
{
        OptionSet set = OPTION_SET_INIT;
        const Option rows[] = {
                {"flag", OPTION_FLAG, &values->flag, NULL, "a flag"},
                {"text", OPTION_TEXT, &values->text, "TEXT", "a text"},
                {"list", OPTION_LIST, &values->list, "NAME", "a list"},
        };
        const Option more[] = {
                {"number", OPTION_NUMBER, &values->number, "N", "a number"},
                {"similarity", OPTION_SIMILARITY, &values->similarity, "S", "a similarity"},
        };
        options_add(&set, rows, ARRAY_SIZE(rows));
        options_add(&set, more, ARRAY_SIZE(more));
        *ret_line = (OptionLine){.argv = words};
        while (words[ret_line->argc])
                ret_line->argc++;
        return options_parse(&set, &command, ret_line);
}

/* In a variable of its own, or it would end with the block that an assertion is. */
#define WORDS(...) ((char *[]){"test", __VA_ARGS__, NULL})

Test(options, each_kind_takes_its_value)
{
        Values v = {};
        OptionLine line;
        cr_assert_eq(parse(&v,
                           WORDS("--flag", "--text", "a", "--list=b", "--list", "c", "--number", "12",
                                 "--similarity", "-0.25"),
                           &line),
                     0);
        cr_expect(v.flag);
        cr_expect_str_eq(v.text, "a");
        cr_assert_eq(v.list.n, 2);
        cr_expect_str_eq(v.list.items[0], "b");
        cr_expect_str_eq(v.list.items[1], "c");
        cr_expect(v.number.given);
        cr_expect_eq(v.number.value, 12);
        cr_expect(v.similarity.given);
        cr_expect_eq(v.similarity.millionths, -250000);
        cr_expect_str_eq(v.similarity.text, "-0.25");
        cr_expect_eq(line.argc, 0);
}

Test(options, nothing_given_leaves_nothing_set)
{
        Values v = {};
        OptionLine line;
        char **words = (char *[]){"test", NULL};
        cr_assert_eq(parse(&v, words, &line), 0);
        cr_expect(!v.flag && !v.text && v.list.n == 0 && !v.number.given && !v.similarity.given);
}

Test(options, arguments_may_stand_between_options)
{
        Values v = {};
        OptionLine line;
        char **words = WORDS("one", "--flag", "two", "--", "--text");
        cr_assert_eq(parse(&v, words, &line), 0);
        cr_assert_eq(line.argc, 3);
        cr_expect_str_eq(line.argv[0], "one");
        cr_expect_str_eq(line.argv[1], "two");
        cr_expect_str_eq(line.argv[2], "--text");
        cr_expect(!v.text);
}

Test(options, a_second_line_is_read_afresh)
{
        OptionLine line;
        for (int i = 0; i < 2; i++) {
                Values v = {};
                char **words = WORDS("one", "--text", "a");
                cr_assert_eq(parse(&v, words, &line), 0);
                cr_expect_str_eq(v.text, "a");
                cr_expect_eq(line.argc, 1);
        }
}

Test(options, mistakes_are_named)
{
        static const struct {
                const char *words[3];
                const char *said;
        } rows[] = {
                {{"--other"}, "--other is no option"},
                {{"-q"}, "-q is no option"},
                {{"--text"}, "--text wants a value"},
                {{"--flag=yes"}, "--flag=yes is no option"},
                {{"--number", "0"}, "--number wants a number from 1 on, not '0'"},
                {{"--number", "-1"}, "not '-1'"},
                {{"--number", "07"}, "not '07'"},
                {{"--number", "9007199254740992"}, "not '9007199254740992'"},
                {{"--number", ""}, "not ''"},
                {{"--similarity", "1.1"}, "not '1.1'"},
                {{"--similarity", "0.1234567"}, "not '0.1234567'"},
                {{"--similarity", "1e-1"}, "not '1e-1'"},
                {{"--similarity", "nan"}, "not 'nan'"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Values v = {};
                OptionLine line;
                char said[512] = "";
                char *words[] = {"test", (char *)rows[i].words[0], (char *)rows[i].words[1], NULL};
                FILE *old = stderr;
                stderr = fmemopen(said, sizeof(said), "w");
                int r = parse(&v, words, &line);
                fclose(stderr);
                stderr = old;
                cr_expect_eq(r, OPTIONS_E_USAGE, "%s: %d", rows[i].words[0], r);
                cr_expect(strstr(said, rows[i].said), "%s: said '%s'", rows[i].words[0], said);
        }
}

Test(options, a_list_has_an_end)
{
        Values v = {};
        OptionLine line;
        char *words[2 * OPTION_LIST_MAX + 4] = {"test"};
        for (size_t i = 0; i < OPTION_LIST_MAX + 1; i++) {
                words[1 + 2 * i] = "--list";
                words[2 + 2 * i] = "a";
        }
        cr_redirect_stderr();
        cr_expect_eq(parse(&v, words, &line), OPTIONS_E_USAGE);
        cr_expect_eq(v.list.n, OPTION_LIST_MAX);
}

Test(options, help_lists_every_option)
{
        Values v = {};
        OptionLine line;
        cr_redirect_stdout();
        char **words = WORDS("--help");
        cr_expect_eq(parse(&v, words, &line), OPTIONS_E_HELP);
        fflush(stdout);
        cr_expect_stdout_eq_str("Usage: matchguard test [OPTION...]\n\na command for this test\n\n"
                                "  --flag                       a flag\n"
                                "  --text TEXT                  a text\n"
                                "  --list NAME                  a list\n"
                                "  --number N                   a number\n"
                                "  --similarity S               a similarity\n"
                                "  --help                       this text\n");
}

Test(options, endings_have_their_exit_status)
{
        cr_expect_eq(options_exit(OPTIONS_E_HELP), EXIT_DONE);
        cr_expect_eq(options_exit(OPTIONS_E_USAGE), EXIT_USAGE);
        cr_expect_eq(options_exit(-12), EXIT_REFUSED);
}
