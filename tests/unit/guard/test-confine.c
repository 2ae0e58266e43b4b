/* guard/confine.h: which folders a reload can read in, and which nobody meant to open. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "guard/confine.h"
#include "policy/policy.h"

static char site[] = "/tmp/matchguard-test-confine-XXXXXX";

static void set_up(void)
{
        cr_assert_not_null(mkdtemp(site));
        cr_assert_eq(chdir(site), 0);
        cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void tear_down(void)
{
        (void)unlink("x.conf");
        cr_assert_eq(rmdir(site), 0);
}

TestSuite(confine, .init = set_up, .fini = tear_down);

static bool has(const ConfineFolders *folders, const char *path, SandboxAccess access)
{
        for (size_t i = 0; i < folders->n; i++)
                if (strcmp(folders->items[i].path, path) == 0 && folders->items[i].access == access)
                        return true;
        return false;
}

static bool has_parent(const ConfineFolders *folders, const char *path)
{
        char parent[PATH_MAX];

        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
        return has(folders, parent, SANDBOX_READ);
}

/* All that is read of whole folders, one behind the other. */
static const char *read_folders(const Options *options)
{
        static char text[4096];
        _cleanup_(confine_folders_deinit) ConfineFolders folders;

        text[0] = 0;
        cr_assert_eq(confine_folders(options, &folders), 0);
        cr_assert(has(&folders, options->config_path, SANDBOX_READ_FILE));
        for (size_t i = 0; i < folders.n; i++)
                if (folders.items[i].access == SANDBOX_READ) {
                        cr_assert_lt(strlen(text) + strlen(folders.items[i].path) + 2, sizeof(text));
                        strcat(strcat(text, folders.items[i].path), " ");
                }
        return text;
}

Test(confine, the_policy_folders_are_those_of_the_library_and_may_be_made_later)
{
        _cleanup_(confine_folders_deinit) ConfineFolders folders;
        const Options options = {.state_dir = "/var/lib/matchguard",
                                 .config_path = "/etc/matchguard/matchguard.conf"};

        cr_assert_eq(confine_folders(&options, &folders), 0);
        for (size_t i = 0; i < ARRAY_SIZE(policy_default_dirs); i++) {
                cr_expect(has(&folders, policy_default_dirs[i], SANDBOX_READ), "%s", policy_default_dirs[i]);
                cr_expect(has_parent(&folders, policy_default_dirs[i]), "above %s", policy_default_dirs[i]);
        }
}

Test(confine, of_the_state_folder_its_names_are_read_and_the_trail_is_written)
{
        _cleanup_(confine_folders_deinit) ConfineFolders folders;
        const Options options = {
                .state_dir = "/s", .policy_dirs = {"/p"}, .n_policy_dirs = 1, .config_path = "/c"};

        cr_assert_eq(confine_folders(&options, &folders), 0);
        cr_expect(has(&folders, "/s", SANDBOX_LIST));
        cr_expect(has(&folders, "/s/trail", SANDBOX_WRITE));
        cr_expect(has(&folders, "/s/export", SANDBOX_WRITE));
        cr_expect(has(&folders, "/s/public", SANDBOX_WRITE));
        cr_expect_eq(folders.n, 7, "/proc, /p and /c beside them, and not %zu", folders.n - 4);
}

Test(confine, folders_that_are_given_are_all_there_is)
{
        Options options = {.state_dir = "/s", .config_path = "/etc/matchguard/other.conf"};

        while (options.n_policy_dirs < OPTIONS_POLICY_DIRS_MAX)
                options.policy_dirs[options.n_policy_dirs++] = "/p";
        cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/it", 1), 0);
        cr_expect_str_eq(read_folders(&options),
                         "/proc /run/credentials/it /p /p /p /p /p /p /p /p /p /p /p /p /p /p /p "
                         "/p /etc/matchguard ");
}

Test(confine, a_configuration_elsewhere_opens_no_folder)
{
        const char *const paths[] = {"/x.conf",     "x.conf",    "./x.conf",
                                     "/etc/x.conf", "../x.conf", "/home/somebody/x.conf"};
        FILE *file = fopen("x.conf", "we");

        cr_assert(file && fclose(file) == 0);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                const Options options = {.state_dir = "/s",
                                         .policy_dirs = {"/p"},
                                         .n_policy_dirs = 1,
                                         .config_path = paths[i]};
                cr_expect_str_eq(read_folders(&options), "/proc /p ", "%s", paths[i]);
        }
}

Test(confine, who_may_not_read_by_owner_and_mode_is_not_refused_by_confinement)
{
        char hidden[PATH_MAX];

        cr_expect_not(confine_refuses("/nowhere-at-all"));
        cr_expect_not(confine_refuses(site));
        (void)snprintf(hidden, sizeof(hidden), "%s/x.conf", site);
        int fd = open(hidden, O_WRONLY | O_CREAT | O_CLOEXEC, 0000);
        cr_assert(fd >= 0 && close(fd) == 0);
        cr_assert_eq(sandbox_shed(0), 0); /* Root, too, needs a mode now. */
        cr_expect_not(confine_refuses(hidden));
}
