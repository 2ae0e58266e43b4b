/*
 * Directories that cannot be read: each single call that fails while a policy is read is a fault with the name
 * of the file or folder, and nothing is loaded. The linker puts the calls below between the library and the C
 * library (--wrap); their names are those of large files, which meson asks for.
 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "policy/policy.h"

static long n_left = -1; /* calls until one fails; negative: none does */
static int failure = EIO;
static char root[] = "/tmp/test-failing-XXXXXX";

/* Makes `__wrap_NAME`, which fails in its turn and is `NAME` else. */
#define FAILING(type, name, failed, parameters, arguments)                                                   \
        type __real_##name parameters;                                                                       \
        type __wrap_##name parameters;                                                                       \
        type __wrap_##name parameters                                                                        \
        {                                                                                                    \
                if (n_left >= 0 && n_left-- == 0) {                                                          \
                        errno = failure;                                                                     \
                        return failed;                                                                       \
                }                                                                                            \
                return __real_##name arguments;                                                              \
        }                                                                                                    \
        struct failing_wants_a_semicolon

/* None of them is given a mode, and F_DUPFD_CLOEXEC takes a number. */
FAILING(int, open64, -1, (const char *path, int flags), (path, flags));
FAILING(int, openat64, -1, (int fd, const char *path, int flags), (fd, path, flags));
FAILING(int, fcntl64, -1, (int fd, int operation, int argument), (fd, operation, argument));
FAILING(int, fstat64, -1, (int fd, struct stat *st), (fd, st));
FAILING(int, fstatat64, -1, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags));
FAILING(DIR *, fdopendir, NULL, (int fd), (fd));
FAILING(struct dirent *, readdir64, NULL, (DIR * dir), (dir));
FAILING(ssize_t, read, -1, (int fd, void *data, size_t n), (fd, data, n));
FAILING(ssize_t, readlinkat, -1, (int fd, const char *path, char *target, size_t n), (fd, path, target, n));

static void put(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        cr_assert_not_null(file, "%s", path);
        cr_assert_geq(fputs(text, file), 0);
        cr_assert_eq(fclose(file), 0);
}

static void setup(void)
{
        cr_assert(mkdtemp(root) && chdir(root) == 0);
        cr_assert(mkdir("etc", 0755) == 0 && mkdir("etc/c.class.d", 0755) == 0 && mkdir("lib", 0755) == 0);
        put("passwd", "");
        put("etc/c.class.d/x.conf", "[Class]\nDescription=d\n");
        put("lib/c.class", "[Class]\nDescription=c\n");
        cr_assert_eq(symlink("/dev/null", "lib/d.class"), 0);
}

static void teardown(void)
{
        char command[64];

        (void)snprintf(command, sizeof(command), "rm -r %s", root);
        cr_assert_eq(system(command), 0);
}

TestSuite(failing, .init = setup, .fini = teardown);

static int load(PolicyFaults *faults)
{
        static const char *const dirs[] = {"etc", "lib"};
        const PolicySource source = {
                .dirs = dirs, .n_dirs = 2, .passwd_path = "passwd", .group_path = "passwd"};
        Policy *policy = NULL;
        int r = policy_load(&policy, &source, faults);

        cr_expect_eq(policy != NULL, r == 0);
        policy_unref(policy);
        return r;
}

/* What came of loading when each single call failed. */
typedef struct Failures {
        size_t n_faults;   /* loads that were refused */
        size_t n_harmless; /* loads that went well all the same */
} Failures;

static void check_faults(const PolicyFaults *faults)
{
        bool said = false;

        for (size_t i = 0; i < faults->n; i++) {
                const char *line = faults->lines[i];
                cr_expect(strncmp(line, "etc", 3) == 0 || strncmp(line, "lib", 3) == 0, "%s", line);
                said |= strstr(line, strerror(failure)) != NULL;
        }
        cr_expect(said || faults->n == 0, "%s", faults->n > 0 ? faults->lines[0] : "");
}

static Failures fail_each(int error)
{
        Failures failures = {};
        bool reached = true;

        failure = error;
        for (long n = 0; reached; n++) {
                PolicyFaults faults = {};
                n_left = n;
                int r = load(&faults);
                reached = n_left < 0;
                n_left = -1;
                check_faults(&faults);
                cr_expect_eq(r, faults.n > 0 ? POLICY_E_INVALID : 0);
                failures.n_faults += faults.n > 0;
                failures.n_harmless += reached && faults.n == 0;
                /* Files of accounts are read last, and nobody here has to be looked up in them. */
                cr_expect(error == EINTR || faults.n == 0 || failures.n_harmless == 0, "call %ld", n);
                policy_faults_deinit(&faults);
        }
        return failures;
}

Test(failing, each_call_that_fails_is_a_fault_with_a_name)
{
        /* Three folders of five calls each, and their entries. */
        cr_expect_geq(fail_each(EIO).n_faults, 30);
}

Test(failing, a_read_that_is_interrupted_goes_on)
{
        size_t n_harmless = fail_each(EIO).n_harmless;

        /* Two files, each read twice: for its bytes, and for its end. */
        cr_expect_geq(fail_each(EINTR).n_harmless, n_harmless + 4);
}
