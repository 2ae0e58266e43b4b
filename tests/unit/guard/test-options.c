/* The command line. */

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "guard/options.h"

static int parse(Options *options, const char *const *argv)
{
        int argc = 0;

        while (argv[argc])
                argc++;
        return options_parse(argc, (char **)argv, options);
}

Test(options, without_any_it_is_the_installed_service)
{
        const char *argv[] = {"matchguardd", NULL};
        Options options;

        cr_assert_eq(parse(&options, argv), 0);
        cr_expect_str_eq(options.state_dir, "/var/lib/matchguard");
        cr_expect_str_eq(options.config_path, "/etc/matchguard/matchguard.conf");
        cr_expect_eq(options.n_policy_dirs, 0);
        cr_expect_not(options.private);
        cr_expect_not(options.new_log);
}

Test(options, both_ways_to_give_a_value_do)
{
        const char *argv[] = {"matchguardd", "--state",     "/s",        "--policy-dir=/a", "--policy-dir",
                              "/b",          "--config=/c", "--private", "--new-log",       NULL};
        Options options;

        cr_assert_eq(parse(&options, argv), 0);
        cr_expect_str_eq(options.state_dir, "/s");
        cr_expect_str_eq(options.config_path, "/c");
        cr_assert_eq(options.n_policy_dirs, 2);
        cr_expect_str_eq(options.policy_dirs[0], "/a");
        cr_expect_str_eq(options.policy_dirs[1], "/b");
        cr_expect(options.private && options.new_log);
}

Test(options, what_cannot_be_understood_is_usage, .init = cr_redirect_stderr)
{
        static const char *const cases[][3] = {
                {"matchguardd", "--nothing"}, {"matchguardd", "x"},      {"matchguardd", "--private=1"},
                {"matchguardd", "--state"},   {"matchguardd", "--stat"}, {"matchguardd", ""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Options options;
                cr_expect_eq(parse(&options, cases[i]), OPTIONS_E_USAGE, "%s", cases[i][1]);
        }
}

Test(options, help_and_version_are_all_there_is_to_do, .init = cr_redirect_stdout)
{
        const char *help[] = {"matchguardd", "--help", NULL}, *version[] = {"matchguardd", "--version", NULL};
        Options options;

        cr_expect_eq(parse(&options, help), OPTIONS_E_DONE);
        cr_expect_eq(parse(&options, version), OPTIONS_E_DONE);
}
