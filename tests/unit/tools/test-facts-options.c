/* One request as options: what each comes to, what holds without it, and what is no request. */

#include "tools/facts-options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

static const Command command = {"policy", "explain", "OPTION...", "why", NULL};

enum { ARGUMENTS_MAX = 64 };

/* Reads a command line of words that spaces separate. */
static int read_line(const char *words, FactsOptions *options, FactsJson *json)
{
        static char text[1024];
        char *argv[ARGUMENTS_MAX] = {"explain"};
        int argc = 1;
        OptionSet set = OPTION_SET_INIT;

        snprintf(text, sizeof(text), "%s", words);
        for (char *word = strtok(text, " "); word && argc < ARGUMENTS_MAX - 1; word = strtok(NULL, " "))
                argv[argc++] = word;
        *options = FACTS_OPTIONS_INIT;
        facts_options(&set, options);
        OptionLine line = {argc, argv};
        cr_assert_eq(options_parse(&set, &command, &line), 0);
        return facts_options_read(options, &command, json);
}

#define MUST "--uid 7 --operation identify --gallery g --purpose p"

static FactsJson read_more(const char *more)
{
        char words[512];
        FactsOptions options;
        FactsJson json = FACTS_JSON_INIT;

        snprintf(words, sizeof(words), MUST " %s", more);
        cr_assert_eq(read_line(words, &options, &json), EXIT_DONE, "%s", more);
        cr_expect(facts_options_given(&options));
        return json;
}

Test(facts_options, every_option_is_a_fact)
{
        FactsJson json = read_more(
                "--group 5 --group 6 --unit u.service --label l --sought missing --on-behalf-of a "
                "--recipient b "
                "--recipient c --probe sketch --case C --authorisation A --operator O --limit 3 "
                "--minimum-similarity 0.6000001 --at 2020-07-01 --clock unsynchronised --mark 2020-06-01");
        const Facts *facts = &json.facts;

        cr_expect_eq(facts->peer.uid, 7);
        cr_expect_eq(facts->peer.n_groups, 2);
        cr_expect_eq(facts->peer.groups[1], 6);
        cr_expect_str_eq(facts->peer.unit, "u.service");
        cr_expect_str_eq(facts->peer.label, "l");
        cr_expect_str_eq(facts->operation, "identify");
        cr_expect_str_eq(facts->gallery, "g");
        cr_expect_str_eq(facts->purpose, "p");
        cr_expect_str_eq(facts->sought, "missing");
        cr_expect_eq(facts->n_on_behalf_of, 1);
        cr_expect_str_eq(facts->on_behalf_of[0], "a");
        cr_expect_eq(facts->n_recipients, 2);
        cr_expect_str_eq(facts->recipients[1], "c");
        cr_expect_str_eq(facts->probe, "sketch");
        cr_expect_str_eq(facts->case_reference, "C");
        cr_expect_str_eq(facts->authorisation, "A");
        cr_expect_str_eq(facts->operator, "O");
        cr_expect(facts->has_limit && facts->limit == 3);
        cr_expect(facts->has_floor && facts->floor_millionths == 600001);
        cr_expect_eq(facts->time_usec, UINT64_C(1593561600000000));
        cr_expect_eq(facts->clock, CLOCK_UNSYNCHRONISED);
        cr_expect(facts->has_mark && facts->mark_usec == UINT64_C(1590969600000000));
        facts_json_deinit(&json);
}

Test(facts_options, who_is_not_named_is_nobody_and_it_is_now)
{
        ClockReading before = {}, after = {};
        cr_assert_eq(clock_read(&before), 0);
        FactsJson json = read_more("");
        cr_assert_eq(clock_read(&after), 0);

        cr_expect_geq(json.facts.time_usec, before.wall_usec);
        cr_expect_leq(json.facts.time_usec, after.wall_usec);
        cr_expect_eq(json.facts.clock, CLOCK_SYNCHRONISED);
        cr_expect_eq(json.facts.n_on_behalf_of, 0);
        cr_expect_eq(json.facts.n_recipients, 0);
        cr_expect_not(json.facts.has_mark);
        facts_json_deinit(&json);
}

static void expect_fault(const char *words, const char *expected)
{
        FactsOptions options;
        FactsJson json = FACTS_JSON_INIT;
        char said[512] = "";

        FILE *err = stderr;
        stderr = fmemopen(said, sizeof(said) - 1, "w");
        int status = read_line(words, &options, &json);
        fclose(stderr);
        stderr = err;
        cr_expect_eq(status, EXIT_USAGE, "%s", words);
        cr_expect(strstr(said, expected), "%s: %s", words, said);
}

Test(facts_options, what_is_no_request_is_told_by_its_option)
{
        expect_fault("", "--uid is missing: expected a user number");
        expect_fault("--uid 1 --purpose p --gallery g", "--operation is missing: expected identify,");
        expect_fault("--uid 1 --operation list --gallery g", "--purpose is missing: expected a name");
        expect_fault("--uid 1 --operation list --purpose p", "--gallery is missing: expected a name");
        expect_fault("--uid me --operation list --purpose p", "--uid: expected a user number");
        expect_fault(MUST " --group staff", "--group: expected a list of group numbers");
        expect_fault(MUST " --recipient A", "--recipient: expected a list of at most 16 names");
        expect_fault(MUST " --on-behalf-of A", "--on-behalf-of: expected a list of at most 16 names");
        expect_fault(MUST " --limit 0", "--limit: expected a whole number, at least 1");
        expect_fault(MUST " --minimum-similarity 2", "--minimum-similarity: expected a number from -1 to 1");
        expect_fault(MUST " --at noon", "--at: expected YYYY-MM-DD or RFC 3339");
        expect_fault(MUST " --mark noon", "--mark: expected YYYY-MM-DD or RFC 3339");
        expect_fault(MUST " --clock right", "--clock: expected synchronised, unsynchronised or behind");
}

Test(facts_options, none_given_is_told)
{
        cr_expect_not(facts_options_given(&FACTS_OPTIONS_INIT));
        cr_expect(facts_options_given(&(FactsOptions){.mark = "2020-07-01"}));
        cr_expect(facts_options_given(&(FactsOptions){.groups = {.n = 1}}));
}
