/* matchguard.conf. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard/config.h"

static const char *log_begun; /* the name of one, or NULL */

static int load(const char *text, Config *config, PolicyFaults *faults)
{
        char path[] = "/tmp/matchguard-conf.XXXXXX";
        int fd = mkstemp(path);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
        *config = CONFIG_INIT;
        *faults = (PolicyFaults){};
        int r = config_load(&(ConfigSource){.path = path, .origin = log_begun}, config, faults);
        unlink(path);
        return r;
}

Test(config, no_file_is_an_empty_one)
{
        Config config = CONFIG_INIT;
        PolicyFaults faults = {};

        cr_assert_eq(config_load(&(ConfigSource){.path = "/nonexistent/matchguard.conf"}, &config, &faults),
                     0);
        cr_expect_null(config.origin);
        cr_expect_eq(config.kernel_audit, CONFIG_MIRROR_YES);
        cr_expect_eq(config.epoch_length_usec, 900 * CLOCK_USEC_PER_SEC);
        cr_expect_eq(config.n_rates, 0);
}

Test(config, all_keys_are_read)
{
        Config config;
        PolicyFaults faults;

        cr_assert_eq(
                load("# how it runs\n[Guard]\nOrigin=log.example/mg\nKernelAudit=no\nRequestRate=root 5/s\n"
                     "RequestRate=@0 60/min\nRequestRate=3001 7/h\n",
                     &config, &faults),
                0);
        cr_expect_str_eq(config.origin, "log.example/mg");
        cr_expect_eq(config.kernel_audit, CONFIG_MIRROR_NO);
        cr_assert_eq(config.n_rates, 3);
        cr_expect(!config.rates[0].is_group && config.rates[0].id == 0 && config.rates[0].n == 5);
        cr_expect(config.rates[1].is_group && config.rates[1].period_usec == 60000000);
        cr_expect(config.rates[2].id == 3001 && config.rates[2].period_usec == UINT64_C(3600000000));
        config_deinit(&config);
}

Test(config, each_way_to_mirror_is_read_by_its_name)
{
        for (ConfigMirror mirror = 0; mirror < _CONFIG_MIRROR_MAX; mirror++) {
                char text[64];
                Config config;
                PolicyFaults faults;

                (void)snprintf(text, sizeof(text), "[Guard]\nKernelAudit=%s\n", config_mirror_name(mirror));
                cr_assert_eq(load(text, &config, &faults), 0);
                cr_expect_eq(config.kernel_audit, mirror);
                config_deinit(&config);
        }
        cr_expect_str_eq(config_mirror_name(CONFIG_MIRROR_REQUIRED), "required");
}

Test(config, an_epoch_lasts_from_a_second_to_fifteen_minutes)
{
        static const struct {
                const char *text;
                uint64_t seconds; /* 0: refused */
        } cases[] = {{"1s", 1},
                     {"900s", 900},
                     {"15min", 900},
                     {"2min", 120},
                     {"0s", 0},
                     {"901s", 0},
                     {"16min", 0},
                     {"5", 0},
                     {"5 min", 0},
                     {"1h", 0},
                     {"-1s", 0},
                     {"s", 0},
                     {"18446744073709551615s", 0},
                     {"307445734561825861min", 0}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[64];
                Config config = CONFIG_INIT;
                PolicyFaults faults;
                snprintf(text, sizeof(text), "[Guard]\nEpochLength=%s\n", cases[i].text);
                int r = load(text, &config, &faults);
                cr_expect_eq(r, cases[i].seconds ? 0 : CONFIG_E_INVALID, "%s", cases[i].text);
                if (r == 0)
                        cr_expect_eq(config.epoch_length_usec, cases[i].seconds * CLOCK_USEC_PER_SEC, "%s",
                                     cases[i].text);
                config_deinit(&config);
                policy_faults_deinit(&faults);
        }
}

Test(config, a_log_that_has_begun_keeps_its_name)
{
        Config config;
        PolicyFaults faults;

        log_begun = "log.example/mg";
        cr_assert_eq(load("[Guard]\nOrigin=log.example/mg\n", &config, &faults), 0);
        config_deinit(&config);
        cr_assert_eq(load("[Guard]\nLogLevel=debug\n", &config, &faults), 0);
        config_deinit(&config);
        cr_assert_eq(load("[Guard]\nLogLevel=debug\nOrigin=log.example/other\n", &config, &faults),
                     CONFIG_E_INVALID);
        cr_assert_eq(faults.n, 1);
        cr_expect(strstr(faults.lines[0], ":3:8: the log is called \"log.example/mg\""), "%s",
                  faults.lines[0]);
        policy_faults_deinit(&faults);
}

Test(config, an_empty_value_is_as_if_it_were_not_there)
{
        Config config;
        PolicyFaults faults;

        cr_assert_eq(load("[Guard]\nOrigin=\nRequestRate=\n", &config, &faults), 0);
        cr_expect_null(config.origin);
        config_deinit(&config);
}

Test(config, details_are_kept_unless_a_time_is_given)
{
        Config config;
        PolicyFaults faults;

        cr_assert_eq(load("[Guard]\n", &config, &faults), 0);
        cr_expect_eq(config.retention_days, 0);
        config_deinit(&config);
        cr_assert_eq(load("[Guard]\nDetailRetention=6mon\n", &config, &faults), 0);
        cr_expect_eq(config.retention_days, 180);
        config_deinit(&config);
}

Test(config, what_is_wrong_is_said_with_its_place)
{
        static const struct {
                const char *text;
                const char *place;
                const char *says;
        } cases[] = {
                {"[Guard]\nKernelAudit=maybe\n", ":2:13:", "expected required, yes, checkpoints or no"},
                {"[Guard]\nDetailRetention=90\n", ":2:17:", "as in 90d"},
                {"[Guard]\nDetailRetention=0d\n", ":2:17:", "as in 90d"},
                {"[Guard]\nDetailRetention=3m\n", ":2:17:", "mon (30 days)"},
                {"[Guard]\nOrigin=a b\n", ":2:8:", "cannot name a log"},
                {"[Guard]\nOrigin=a\nOrigin=b\n", ":3:1:", "twice"},
                {"[Guard]\nNothing=1\n", ":2:1:", "unknown key"},
                {"[Other]\nOrigin=a\n", ":1:", "unknown section"},
                {"[Guard]\nRequestRate=root\n", ":2:13:", "expected a user"},
                {"[Guard]\nRequestRate=root 5/s x\n", ":2:13:", "expected a user"},
                {"[Guard]\nRequestRate=root 0/s\n", ":2:18:", "is no rate"},
                {"[Guard]\nRequestRate=root 5/y\n", ":2:18:", "is no rate"},
                {"[Guard]\nRequestRate=root 5\n", ":2:18:", "is no rate"},
                {"[Guard]\nRequestRate=nobody-of-this-name 5/s\n", ":2:13:", "is no user"},
                {"[Guard]\nRequestRate=@nobody-of-this-name 5/s\n", ":2:13:", "is no group"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Config config;
                PolicyFaults faults;
                cr_expect_eq(load(cases[i].text, &config, &faults), CONFIG_E_INVALID, "%s", cases[i].text);
                cr_assert_eq(faults.n, 1, "%s", cases[i].text);
                cr_expect_not_null(strstr(faults.lines[0], cases[i].place), "%s: %s", cases[i].text,
                                   faults.lines[0]);
                cr_expect_not_null(strstr(faults.lines[0], cases[i].says), "%s: %s", cases[i].text,
                                   faults.lines[0]);
                policy_faults_deinit(&faults);
        }
}

Test(config, a_users_own_rate_comes_before_its_groups)
{
        ConfigRate rates[] = {{.is_group = true, .id = 50, .n = 1},
                              {.is_group = true, .id = 60, .n = 2},
                              {.id = 7, .n = 3}};
        Config config = {.rates = rates, .n_rates = 3};
        gid_t groups[] = {60, 70};
        Attestation user = {.uid = 7, .groups = groups, .n_groups = 2};
        Attestation member = {.uid = 8, .groups = groups, .n_groups = 2};
        Attestation other = {.uid = 9};

        cr_expect_eq(config_rate(&config, &user)->n, 3);
        cr_expect_eq(config_rate(&config, &member)->n, 2);
        cr_expect_null(config_rate(&config, &other));
}

Test(config, accounts_are_looked_up_by_name)
{
        uid_t uid = 1;

        cr_expect_eq(config_account("root", &uid), 0);
        cr_expect_eq(uid, 0);
        cr_expect_eq(config_account("nobody-of-this-name", &uid), -ENOENT);
}

Test(config, the_log_has_five_levels)
{
        static const struct {
                const char *text;
                int level; /* -1: refused */
        } cases[] = {{"error", DIAG_ERROR},
                     {"warning", DIAG_WARNING},
                     {"notice", DIAG_NOTICE},
                     {"info", DIAG_INFO},
                     {"debug", DIAG_DEBUG},
                     {"", DIAG_INFO},
                     {"Debug", -1},
                     {"7", -1},
                     {"err", -1}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[64];
                Config config = CONFIG_INIT;
                PolicyFaults faults;
                snprintf(text, sizeof(text), "[Guard]\nLogLevel=%s\n", cases[i].text);
                int r = load(text, &config, &faults);
                cr_expect_eq(r, cases[i].level >= 0 ? 0 : CONFIG_E_INVALID, "%s", cases[i].text);
                if (r == 0)
                        cr_expect_eq((int)config.log_level, cases[i].level, "%s", cases[i].text);
                else
                        cr_expect(strstr(faults.lines[0], "expected error, warning, notice, info or debug"),
                                  "%s", faults.lines[0]);
                config_deinit(&config);
                policy_faults_deinit(&faults);
        }
}
