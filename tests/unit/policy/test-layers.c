/* Tests of policy/layers.h: real directories, owners and modes. */

#include "policy/layers.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

static char root[] = "/tmp/test-layers-XXXXXX";

static void setup(void)
{
        cr_assert_not_null(mkdtemp(root));
        cr_assert_eq(chdir(root), 0);
        umask(022);
        cr_assert_eq(mkdir("etc", 0755), 0);
        cr_assert_eq(mkdir("lib", 0755), 0);
}

static void teardown(void)
{
        char command[64];

        (void)snprintf(command, sizeof(command), "rm -r %s", root);
        cr_assert_eq(system(command), 0);
}

TestSuite(layers, .init = setup, .fini = teardown);

static void put(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        cr_assert_not_null(file, "%s", path);
        cr_assert_geq(fputs(text, file), 0);
        cr_assert_eq(fclose(file), 0);
}

static const char *const dirs[] = {"etc", "run", "lib"};

/* Loads etc, run and lib; `expected` are the faults, a line each, or "" where it loads. */
static void expect_load(bool check_owner, const char *expected)
{
        PolicySource source = {.dirs = dirs, .n_dirs = 3, .check_owner = check_owner, .owner = getuid()};
        Policy *policy = NULL;
        PolicyFaults faults = {};
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;

        int r = policy_load(&policy, &source, &faults);
        cr_assert_geq(r, 0);
        for (size_t i = 0; i < faults.n; i++)
                buffer_append_format(&lines, "%s\n", faults.lines[i]);
        cr_expect_str_eq(buffer_text(&lines), expected);
        cr_expect_eq(r, expected[0] ? POLICY_E_INVALID : 0);
        policy_faults_deinit(&faults);
        policy_unref(policy);
}

Test(layers, files_drop_ins_and_masks_are_read)
{
        put("lib/a.class", "[Class]\nDescription=a\n");
        put("lib/b.class", "[Class]\nParent=nobody\n");
        put("lib/README", "not policy");
        put("lib/.hidden", "not policy");
        put("lib/a.class~", "not policy");
        put("lib/a.test", "not policy");
        cr_assert_eq(mkdir("etc/a.class.d", 0755), 0);
        put("etc/a.class.d/x.conf", "[Class]\nDescription=b\n");
        put("etc/a.class.d/README", "not policy");
        cr_assert_eq(symlink("/dev/null", "etc/b.class"), 0);
        expect_load(true, "");
}

Test(layers, an_empty_directory_is_a_policy)
{
        expect_load(true, "");
}

Test(layers, no_directory_at_all_is_a_fault)
{
        cr_assert_eq(rmdir("etc"), 0);
        cr_assert_eq(rmdir("lib"), 0);
        expect_load(true,
                    "lib: does not exist, nor does a stronger policy directory; expected at least one\n");
}

Test(layers, no_layer_at_all_is_a_fault)
{
        const PolicySource source = {};
        Policy *policy = NULL;
        PolicyFaults faults = {};

        cr_assert_eq(policy_load(&policy, &source, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 1);
        cr_expect_str_eq(
                faults.lines[0],
                "policy: does not exist, nor does a stronger policy directory; expected at least one");
        policy_faults_deinit(&faults);
}

Test(layers, invariants_are_not_proved_where_that_is_asked_for)
{
        PolicySource source = {.dirs = dirs, .n_dirs = 3};
        Policy *policy = NULL;
        PolicyFaults faults = {};

        put("lib/a.class", "[Class]\nDescription=a\n");
        put("lib/p.purpose", "[Purpose]\nDescription=p\n");
        put("lib/g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n");
        put("lib/o.organisation", "[Organisation]\nDescription=o\nClass=a\n[Peer]\nUser=5\n");
        put("lib/a.allow", "[Allow]\nDescription=a\nClass=a\nOperation=list\nPurpose=p\nGallery=g\n");
        put("lib/i.invariant", "[Invariant]\nDescription=i\nNever=permit\n");
        cr_assert_eq(policy_load(&policy, &source, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 1);
        policy_faults_deinit(&faults);
        source.unproved = true;
        cr_expect_eq(policy_load(&policy, &source, &faults), 0);
        policy_unref(policy);
}

Test(layers, a_layer_that_is_no_directory_is_a_fault)
{
        put("run", "");
        expect_load(true, "run: cannot be read: Not a directory; expected a readable file or folder\n");
}

Test(layers, who_can_write_is_checked_on_request)
{
        put("etc/a.class", "[Class]\nDescription=a\n");
        put("lib/b.class", "[Class]\nDescription=a\n");
        cr_assert_eq(mkdir("lib/b.class.d", 0755), 0);
        cr_assert_eq(chmod("lib/b.class.d", 0777), 0);
        cr_assert_eq(chmod("etc/a.class", 0664), 0);
        expect_load(false, "");
        expect_load(true, "etc/a.class: mode 0664, writable by group or others; expected chmod go-w\n"
                          "lib/b.class.d: mode 0777, writable by group or others; expected chmod go-w\n");
        cr_assert_eq(chmod("lib", 0757), 0);
        cr_assert_eq(chmod("etc/a.class", 0600), 0);
        expect_load(true, "lib: mode 0757, writable by group or others; expected chmod go-w\n");
        cr_assert_eq(chmod("lib", 0755), 0);
}

Test(layers, whose_it_is_is_checked_on_request)
{
        PolicySource source = {.dirs = dirs, .n_dirs = 3, .check_owner = true, .owner = getuid() + 1};
        Policy *policy = NULL;
        PolicyFaults faults = {};
        char expected[96];

        (void)snprintf(expected, sizeof(expected),
                       "etc: owned by uid %u; expected uid %u, by chown: others could change it", getuid(),
                       getuid() + 1);
        cr_assert_eq(policy_load(&policy, &source, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 2);
        cr_expect_str_eq(faults.lines[0], expected);
        policy_faults_deinit(&faults);
}

Test(layers, other_kinds_of_files_are_faults)
{
        put("etc/a.class", "[Class]\nDescription=a\n");
        cr_assert_eq(symlink("a.class", "etc/b.class"), 0);
        cr_assert_eq(symlink("/dev/nullx", "etc/c.class"), 0);
        cr_assert_eq(mkfifo("etc/d.class", 0644), 0);
        cr_assert_eq(mkdir("etc/e.class", 0755), 0);
        cr_assert_eq(mkdir("etc/a.class.d", 0755), 0);
        cr_assert_eq(mkdir("etc/a.class.d/f.d", 0755), 0);
        cr_assert_eq(mkdir("etc/README.d", 0755), 0);
        expect_load(true, "etc/a.class.d/f.d: folder; expected files, and NAME.TYPE.d for drop-ins\n"
                          "etc/b.class: symbolic link; expected a file, or a link to /dev/null, which masks\n"
                          "etc/c.class: symbolic link; expected a file, or a link to /dev/null, which masks\n"
                          "etc/d.class: not a regular file; expected one\n"
                          "etc/e.class: folder; expected files, and NAME.TYPE.d for drop-ins\n");
}

Test(layers, a_file_that_is_too_large_is_a_fault_where_it_takes_effect)
{
        static char text[64 * 1024 + 2];

        memset(text, '\n', sizeof(text) - 1);
        put("lib/a.class", text);
        expect_load(true, "lib/a.class: file of more than 65536 bytes; expected at most that: drop-ins can "
                          "take a part\n");
        put("etc/a.class", "[Class]\nDescription=a\n");
        expect_load(true, "");
}

Test(layers, account_names_are_looked_up_in_the_files_given)
{
        PolicySource source = {.dirs = dirs, .n_dirs = 3, .passwd_path = "passwd", .group_path = "group"};
        Policy *policy = NULL;
        PolicyFaults faults = {};
        size_t n = 0;

        put("lib/a.class", "[Class]\nDescription=a\n");
        put("lib/o.organisation",
            "[Organisation]\nDescription=o\nClass=a\n[Peer]\nUser=thorn 5\nGroup=thorn\n");
        put("group", "thorn:x:77:\n");
        cr_assert_eq(policy_load(&policy, &source, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 1);
        cr_expect_str_eq(faults.lines[0],
                         "lib/o.organisation:5:6: user 'thorn' cannot be looked up: passwd: No such file or "
                         "directory; expected a number");
        policy_faults_deinit(&faults);

        put("passwd", "thorn:x:78:77::/:\n");
        cr_assert_eq(policy_load(&policy, &source, &faults), 0);
        const PolicyText *texts = policy_texts(policy, &n);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(texts[2].path, ".ids");
        cr_expect_str_eq((const char *)texts[2].bytes, "group thorn 77\nuser thorn 78\n");
        put("ids", (const char *)texts[2].bytes);
        Policy *again = NULL;
        PolicySource elsewhere = {.dirs = dirs, .n_dirs = 3, .ids_path = "ids", .passwd_path = "/nowhere"};
        cr_assert_eq(policy_load(&again, &elsewhere, &faults), 0);
        cr_expect(digest_equal(policy_digest(policy), policy_digest(again)));
        policy_unref(policy);
        policy_unref(again);
}
