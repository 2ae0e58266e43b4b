/* Changing one file of a policy: what a reader sees meanwhile, what a crash leaves, what undoing brings
 * back. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-folder.h"
#include "tools/policy-edit.h"

TestSuite(policy_edit, .init = folder_make, .fini = folder_remove);

#define NAME "x.stand-down"
#define TEXT "[StandDown]\nReason=a fault\n"

/* Two layers in the test's folder. */
static PolicySource layers(void)
{
        static const char *dirs[2];
        dirs[0] = folder_path("strong");
        dirs[1] = folder_path("weak");
        return (PolicySource){.dirs = dirs, .n_dirs = 2};
}

static PolicyEdit edit_new(const char *text)
{
        PolicyEdit edit = {.name = strdup(NAME)};
        buffer_append_text(&edit.text, text);
        return edit;
}

static const char *link_of(const char *name)
{
        static char target[64];
        ssize_t n = readlink(folder_path(name), target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        return target;
}

static mode_t mode_of(const char *name)
{
        struct stat st;
        return lstat(folder_path(name), &st) < 0 ? 0 : st.st_mode & 07777;
}

/* Makes it and keeps it. */
static void make(const char *text, const char *word)
{
        _cleanup_(policy_edit_deinit) PolicyEdit edit = edit_new(text);
        PolicySource source = layers();
        cr_assert_eq(policy_edit_make(&edit, &source), 0);
        policy_edit_keep(&edit, &source);
        cr_expect_str_eq(policy_edit_word(&edit), word);
}

static void expect_failure(const char *text, int error)
{
        _cleanup_(policy_edit_deinit) PolicyEdit edit = edit_new(text);
        PolicySource source = layers();
        cr_expect_eq(policy_edit_make(&edit, &source), error);
        cr_expect_eq(policy_edit_undo(&edit, &source), 0, "what was not made is not undone either");
}

static void make_and_undo(const char *text)
{
        _cleanup_(policy_edit_deinit) PolicyEdit edit = edit_new(text);
        PolicySource source = layers();
        cr_assert_eq(policy_edit_make(&edit, &source), 0);
        cr_expect_eq(policy_edit_undo(&edit, &source), 0);
}

Test(policy_edit, file_and_folder_get_their_modes_whatever_the_umask)
{
        umask(077);
        make(TEXT, "written");
        cr_expect_eq(mode_of("strong"), 0755);
        cr_expect_eq(mode_of("strong/" NAME), 0644);
        cr_expect_str_eq(folder_read("strong/" NAME), TEXT);
        cr_expect_eq(folder_count("strong"), 1);
}

Test(policy_edit, a_file_that_a_weaker_folder_has_is_masked_and_a_mask_gives_way_to_a_text)
{
        folder_write("weak/" NAME, "weaker");
        make("", "masked");
        cr_expect_str_eq(link_of("strong/" NAME), "/dev/null");
        cr_expect_eq(folder_count("strong"), 1);
        make(TEXT, "written");
        cr_expect_str_eq(folder_read("strong/" NAME), TEXT);
        cr_expect_eq(folder_count("strong"), 1);
        make("", "masked");
        cr_expect_str_eq(link_of("strong/" NAME), "/dev/null");
        cr_expect_str_eq(folder_read("weak/" NAME), "weaker");
}

Test(policy_edit, a_file_with_drop_ins_is_masked_for_without_it_they_would_be_a_fault)
{
        folder_write("strong/" NAME, TEXT);
        folder_write("weak/" NAME ".d/more.conf", "");
        make("", "masked");
        cr_expect_str_eq(link_of("strong/" NAME), "/dev/null");
}

Test(policy_edit, a_file_that_somebody_else_put_there_is_not_replaced)
{
        folder_write("strong/" NAME, "theirs");
        expect_failure(TEXT, -EEXIST);
        cr_expect_str_eq(folder_read("strong/" NAME), "theirs");
        cr_expect_eq(folder_count("strong"), 1);
}

Test(policy_edit, a_file_that_nobody_else_has_is_removed)
{
        folder_write("strong/" NAME, TEXT);
        make("", "removed");
        cr_expect_eq(folder_count("strong"), 0);
}

Test(policy_edit, what_is_not_there_cannot_be_removed)
{
        expect_failure("", -ENOENT);
}

Test(policy_edit, undoing_leaves_everything_as_it_was)
{
        folder_write("strong/other.class", "");
        make_and_undo(TEXT);
        cr_expect_eq(folder_count("strong"), 1);

        folder_write("strong/" NAME, TEXT);
        make_and_undo("");
        cr_expect_str_eq(folder_read("strong/" NAME), TEXT);
        cr_expect_eq(folder_count("strong"), 2);

        folder_write("weak/" NAME, "weaker");
        make_and_undo("");
        cr_expect_str_eq(folder_read("strong/" NAME), TEXT);
        cr_expect_eq(folder_count("strong"), 2);

        unlink(folder_path("strong/" NAME));
        cr_assert_eq(symlink("/dev/null", folder_path("strong/" NAME)), 0);
        make_and_undo(TEXT);
        cr_expect_str_eq(link_of("strong/" NAME), "/dev/null");
        cr_expect_eq(folder_count("strong"), 2);
}

Test(policy_edit, a_full_disk_changes_nothing)
{
        const struct rlimit limit = {.rlim_cur = 8, .rlim_max = 8};
        folder_write("strong/other.class", "");
        signal(SIGXFSZ, SIG_IGN);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        expect_failure(TEXT, -EFBIG);
        cr_expect_eq(folder_count("strong"), 1);
}

/* ------------------------------------------------------------------------------------------------- readers */

enum { READS = 3000, LONG_TEXT = 60000 };

static atomic_bool stop_writing;
static char long_text[LONG_TEXT + 1];

/* The file comes and goes, over nothing and over a mask. */
static void *write_again_and_again(void *userdata)
{
        while (!atomic_load(&stop_writing)) {
                make_and_undo(long_text);
                cr_assert_eq(symlink("/dev/null", folder_path("strong/" NAME)), 0);
                make_and_undo(long_text);
                unlink(folder_path("strong/" NAME));
        }
        return NULL;
}

Test(policy_edit, a_reader_never_sees_half_a_file)
{
        pthread_t writer;
        size_t n_whole = 0;
        char path[512];

        memset(long_text, 'x', LONG_TEXT);
        folder_write("strong/other.class", "");
        snprintf(path, sizeof(path), "%s", folder_path("strong/" NAME));
        cr_assert_eq(pthread_create(&writer, NULL, write_again_and_again, NULL), 0);
        for (int i = 0; i < READS || n_whole == 0; i++) {
                struct stat st;
                int fd = open(path, O_RDONLY | O_NOFOLLOW);
                if (fd < 0) {
                        cr_assert(errno == ENOENT || errno == ELOOP, "%s", strerror(errno));
                        continue;
                }
                cr_assert_eq(fstat(fd, &st), 0);
                cr_assert_eq(st.st_size, LONG_TEXT);
                n_whole++;
                close(fd);
        }
        atomic_store(&stop_writing, true);
        pthread_join(writer, NULL);
}

/* ------------------------------------------------------------------------------------------------- crashes */

/* From now on this call is the last that the process makes. */
static void die_at(int call)
{
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = {ARRAY_SIZE(filter), filter};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                _exit(2);
}

/* Return: whether the child died at that call, and did not come to its end without it. */
static bool crash_at(int call, const char *text)
{
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
                PolicyEdit edit = edit_new(text);
                PolicySource source = layers();
                die_at(call);
                _exit(policy_edit_make(&edit, &source) == 0 ? 0 : 3);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "it failed by itself: %d", status);
        return WIFSIGNALED(status);
}

/* What stands in the folder under a name that is read. */
static void expect_whole(const char *before, const char *after)
{
        DIR *entries = opendir(folder_path("strong"));
        const char *now = folder_read("strong/" NAME);
        cr_assert_not_null(entries);
        for (struct dirent *e; (e = readdir(entries));)
                cr_expect(e->d_name[0] == '.' || strcmp(e->d_name, NAME) == 0, "%s", e->d_name);
        closedir(entries);
        cr_expect(strcmp(now, before) == 0 || strcmp(now, after) == 0, "'%s'", now);
}

static const int calls[] = {SYS_write,    SYS_fchmod,   SYS_fsync,    SYS_linkat,
                            SYS_unlinkat, SYS_renameat, SYS_symlinkat};

/* Dies at each call that there is, from the state that @prepare makes. Return: at how many it did. */
static size_t crash_everywhere(void (*prepare)(void), const char *before, const char *text)
{
        size_t n_died = 0;
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                folder_remove();
                cr_assert_eq(mkdir(folder_path(""), 0700), 0);
                prepare();
                n_died += crash_at(calls[i], text);
                expect_whole(before, text);
        }
        return n_died;
}

static void prepare_nothing(void)
{
        folder_write("strong/.kept-by-somebody", "");
}

static void prepare_file(void)
{
        folder_write("strong/" NAME, "before");
}

static void prepare_both(void)
{
        folder_write("strong/" NAME, "before");
        folder_write("weak/" NAME, "weaker");
}

static void prepare_mask(void)
{
        prepare_nothing();
        cr_assert_eq(symlink("/dev/null", folder_path("strong/" NAME)), 0);
}

Test(policy_edit, a_crash_leaves_the_old_or_the_new_and_names_that_nobody_reads)
{
        cr_expect_geq(crash_everywhere(prepare_nothing, "", TEXT), 5, "a new file");
        cr_expect_geq(crash_everywhere(prepare_mask, "", TEXT), 5, "over a mask");
        cr_expect_geq(crash_everywhere(prepare_file, "before", ""), 3, "taking it away");
        cr_expect_geq(crash_everywhere(prepare_both, "before", ""), 3, "masking it");
}
