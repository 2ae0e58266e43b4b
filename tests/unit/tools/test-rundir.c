/* The private directory of `matchguard run`: its modes, its sockets, and whom it is refused. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macro.h"
#include "tools/rundir.h"

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
        return remove(path);
}

static void make_folder(void)
{
        strcpy(folder, "/tmp/test-rundir-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(rundir, .init = make_folder, .fini = remove_folder);

static const char *below(const char *name)
{
        static char path[256];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static mode_t mode_of(const char *path)
{
        struct stat st;
        return lstat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void expect_fault(const char *path, const char *said)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        cr_expect_eq(rundir_open(path, &dir, &fault), RUNDIR_E_FAULT);
        cr_expect(strstr(buffer_text(&fault), said), "said '%s'", buffer_text(&fault));
}

static void open_it(const char *path, RunDir *ret_dir)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        cr_assert_eq(rundir_open(path, ret_dir, &fault), 0, "%s", buffer_text(&fault));
}

Test(rundir, everything_gets_its_mode_whatever_the_umask)
{
        static const struct {
                const char *path;
                mode_t mode;
        } rows[] = {
                {"new", 0711},
                {"new/lock", 0600},
                {"new/run", 0755},
                {"new/run/org.matchguard.Match", 0666},
                {"new/run/org.matchguard.Admin", 0600},
                {"new/run/org.matchguard.Audit", 0660},
                {"new/run/internal", 0700},
                {"new/run/internal/frontend", 0600},
                {"new/run/internal/worker", 0600},
                {"new/run/internal/notify", 0600},
                {"new/state", 0700},
                {"new/state/galleries", 0700},
        };
        static const mode_t umasks[] = {0, 022, 077};
        for (size_t u = 0; u < ARRAY_SIZE(umasks); u++) {
                _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
                umask(umasks[u]);
                open_it(below("new"), &dir);
                for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                        cr_expect_eq(mode_of(below(rows[i].path)), rows[i].mode, "%s: %o", rows[i].path,
                                     mode_of(below(rows[i].path)));
        }
}

Test(rundir, the_sockets_are_listened_to)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        open_it(below("new"), &dir);
        strcpy(address.sun_path, below("new/run/org.matchguard.Match"));
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_expect_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
}

Test(rundir, sockets_left_behind_are_replaced)
{
        for (int i = 0; i < 2; i++) {
                _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
                open_it(folder, &dir);
        }
}

Test(rundir, one_run_at_a_time)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        open_it(folder, &dir);
        expect_fault(folder, "another 'matchguard run' uses it");
}

Test(rundir, an_empty_folder_is_opened_for_others_to_pass)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        cr_assert_eq(mkdir(below("policy.d"), 0755), 0);
        open_it(folder, &dir);
        cr_expect_eq(mode_of(folder), 0711);
}

Test(rundir, a_folder_with_other_things_keeps_its_mode)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        cr_assert_eq(mkdir(below("letters"), 0700), 0);
        open_it(folder, &dir);
        cr_expect_eq(mode_of(folder), 0700);
}

Test(rundir, a_folder_that_others_may_write_is_refused)
{
        cr_assert_eq(chmod(folder, 01777), 0);
        expect_fault(folder, "group or others may write there");
        cr_expect_eq(mode_of(folder), 01777);
}

Test(rundir, a_folder_of_somebody_else_is_refused)
{
        if (geteuid() == 0) {
                cr_assert_eq(chown(folder, 12345, 12345), 0);
                expect_fault(folder, "it belongs to another user");
        } else {
                expect_fault("/usr", "it belongs to another user");
        }
}

Test(rundir, a_link_in_the_place_of_a_folder_is_not_followed)
{
        /* A folder of this test's own: a build that follows the link changes what it points to. */
        cr_assert_eq(mkdir(below("elsewhere"), 0755), 0);
        cr_assert_eq(symlink("elsewhere", below("state")), 0);
        expect_fault(folder, "state: ");
        cr_expect_eq(mode_of(below("elsewhere")), 0755);
}

Test(rundir, a_name_too_long_for_sockets_is_said_so)
{
        char path[256];
        snprintf(path, sizeof(path), "%s/%0100d", folder, 1);
        expect_fault(path, "too long for the sockets");
}

Test(rundir, a_missing_parent_is_said_so)
{
        expect_fault(below("a/b"), "No such file or directory");
}
