/*
 * Each single call that fails, of those to the kernel and of those for memory: what was under way says so, and
 * done again it succeeds, with every entry that stood before. The linker puts the calls below between the
 * library and the C library (--wrap); their names are those of large files, which meson asks for.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/macro.h"
#include "fixture.h"
#include "trail/archive.h"
#include "trail/ballast.h"
#include "trail/opening.h"

static long n_left = -1; /* calls until one fails; negative: none does */
static int failure;      /* the errno; ENOMEM: calls for memory fail, and no others */

static bool fails(bool memory)
{
        return memory == (failure == ENOMEM) && n_left >= 0 && n_left-- == 0;
}

/* Makes `__wrap_NAME`, which fails in its turn and is `NAME` else. */
#define FAILING(type, name, failed, parameters, arguments)                                                   \
        type __real_##name parameters;                                                                       \
        type __wrap_##name parameters;                                                                       \
        type __wrap_##name parameters                                                                        \
        {                                                                                                    \
                if (fails(false)) {                                                                          \
                        errno = failure;                                                                     \
                        return failed;                                                                       \
                }                                                                                            \
                return __real_##name arguments;                                                              \
        }                                                                                                    \
        struct failing_wants_a_semicolon

FAILING(int, openat64, -1, (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode));
FAILING(int, open64, -1, (const char *path, int flags, mode_t mode), (path, flags, mode));
FAILING(int, mkdirat, -1, (int fd, const char *path, mode_t mode), (fd, path, mode));
FAILING(int, fchmod, -1, (int fd, mode_t mode), (fd, mode));
FAILING(int, fstat64, -1, (int fd, struct stat *st), (fd, st));
FAILING(int, fstatvfs64, -1, (int fd, struct statvfs *space), (fd, space));
FAILING(int, fsync, -1, (int fd), (fd));
FAILING(int, syncfs, -1, (int fd), (fd));
FAILING(int, flock, -1, (int fd, int operation), (fd, operation));
FAILING(int, posix_fallocate64, failure, (int fd, off_t from, off_t n), (fd, from, n));
FAILING(int, renameat, -1, (int a, const char *from, int b, const char *to), (a, from, b, to));
FAILING(int, renameat2, -1, (int a, const char *from, int b, const char *to, unsigned flags),
        (a, from, b, to, flags));
FAILING(ssize_t, read, -1, (int fd, void *data, size_t n), (fd, data, n));
FAILING(ssize_t, write, -1, (int fd, const void *data, size_t n), (fd, data, n));

/* Makes the same of a call for memory. */
#define FORGETTING(type, name, parameters, arguments)                                                        \
        type __real_##name parameters;                                                                       \
        type __wrap_##name parameters;                                                                       \
        type __wrap_##name parameters                                                                        \
        {                                                                                                    \
                return fails(true) ? NULL : __real_##name arguments;                                         \
        }                                                                                                    \
        struct failing_wants_a_semicolon

FORGETTING(void *, malloc, (size_t n), (n));
FORGETTING(void *, realloc, (void *p, size_t n), (p, n));
FORGETTING(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size));
FORGETTING(char *, strdup, (const char *text), (text));

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
        /* One pointer is the digest's own state: base promises to abort there, so it is left alone. */
        return n * size != sizeof(void *) && fails(true) ? NULL : __real_calloc(n, size);
}

int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
        va_list arguments;

        if (fails(true))
                return -1;
        va_start(arguments, format);
        int n = vasprintf(ret_text, format, arguments);
        va_end(arguments);
        return n;
}

int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
        va_list arguments;

        if (fails(true))
                return -1;
        va_start(arguments, format);
        int n = vasprintf(ret_text, format, arguments);
        va_end(arguments);
        return n;
}

static Fixture fixture;

static void setup(void)
{
        /* In memory: these are thousands of syncs. */
        char dir[] = "/dev/shm/trail.XXXXXX";

        cr_assert(mkdtemp(dir));
        fixture_init_in(&fixture, dir);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_grow(&fixture, 300);
        fixture_close(&fixture);
        fixture_shell(&fixture, "mkdir kept && mv trail export public kept/");
}

static void teardown(void)
{
        fixture_deinit(&fixture);
}

TestSuite(failing, .init = setup, .fini = teardown, .timeout = 600);

#define EMPTY "rm -rf trail* export* public"
#define FRESH EMPTY " && cp -a kept/* ."

/* Something that is tried with each call failing. */
typedef struct Operation {
        const char *before; /* makes the folder what it is to be */
        int (*run)(void);   /* 0, -errno, or a positive ending that says why */
        const char *after;  /* must hold once it was run without a failure */
} Operation;

/* Opens the log as it is asked for, to its end and no further. */
static int run_opening(void)
{
        Opening opening = OPENING_INIT;
        TrailFound found = {};
        _cleanup_(freep) char *why = NULL;

        int r = opening_run(&opening, &fixture.config, &found, &why);
        long armed = n_left;
        n_left = -1;
        if (r > 0)
                cr_expect_not_null(why);
        trail_found_deinit(&found);
        opening_deinit(&opening);
        n_left = armed;
        return r;
}

static int run_archive(void)
{
        static const TrailPolicyText texts[] = {{"a.class", (const uint8_t *)"one", 3},
                                                {"a.class.d/b.conf", (const uint8_t *)"two", 3}};
        const Digest digest = {{1}};
        Folders folders = FOLDERS_INIT;

        int r = folders_lock(&folders, fixture.dir);
        if (r == 0)
                r = folders_open(&folders);
        if (r == 0)
                r = archive_policy(folders.export_fd, &digest, texts, ARRAY_SIZE(texts));
        folders_deinit(&folders);
        return r;
}

/* 0 where there is no room is what any failure but that must not be called. */
static int run_ballast(void)
{
        Folders folders = FOLDERS_INIT;

        int r = folders_lock(&folders, fixture.dir);
        if (r == 0)
                r = folders_open(&folders);
        if (r == 0)
                r = ballast_restore(folders.trail_fd);
        folders_deinit(&folders);
        return r == 1 ? 0 : r == 0 ? -ENOSPC : r;
}

/* Return: how many calls there were to fail. */
static unsigned fail_each(const Operation *operation, int error)
{
        for (unsigned at = 0;; at++) {
                fixture_shell(&fixture, operation->before);
                failure = error;
                n_left = at;
                int r = operation->run();
                bool failed = n_left < 0;
                n_left = -1;
                if (!failed && r == 0)
                        return at;
                /* What is told is what happened; a call may also be one that does not matter. */
                if (r < 0)
                        cr_expect_eq(r, -error, "call %u of %s: %s", at, operation->before, strerror(-r));
                else if (r > 0 && r != TRAIL_E_REFUSED)
                        cr_expect(room_may_return(-error), "call %u of %s: ending %d", at, operation->before,
                                  r);
                r = operation->run();
                cr_assert_eq(r, 0, "once more after call %u of %s: %d", at, operation->before, r);
                fixture_shell(&fixture, operation->after);
        }
}

static void try_all(const Operation *operation, unsigned least_calls, unsigned least_memory)
{
        static const int errors[] = {EIO, ENOSPC};

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                unsigned n = fail_each(operation, errors[i]);
                cr_expect_geq(n, least_calls, "only %u calls", n);
        }
        unsigned n = fail_each(operation, ENOMEM);
        cr_expect_geq(n, least_memory, "only %u calls for memory", n);
}

Test(failing, a_start)
{
        try_all(&(Operation){FRESH, run_opening, "grep -qx 300 export/checkpoint && test -e trail/ballast"},
                20, 10);
}

Test(failing, a_first_start)
{
        try_all(&(Operation){EMPTY, run_opening, "grep -qx 0 export/checkpoint && test -e public/log.vkey"},
                30, 10);
}

Test(failing, another_log)
{
        fixture.config.new_log = true;
        try_all(
                &(Operation){
                        FRESH, run_opening,
                        "cmp export.300/checkpoint kept/export/checkpoint && grep -qx 0 export/checkpoint && "
                        "test \"$(cat trail/previous)\" = "
                        "\"$(sha256sum kept/export/checkpoint | cut -c1-64)\" && "
                        "test -e trail.300/trail.db && test ! -e trail.next"},
                40, 10);
}

Test(failing, a_policy_s_text)
{
        try_all(
                &(Operation){
                        FRESH, run_archive,
                        "cd export/policy/01*/ && grep -qx one a.class && grep -qx two a.class.d/b.conf"},
                15, 1);
}

Test(failing, the_ballast)
{
        try_all(&(Operation){FRESH " && rm trail/ballast", run_ballast,
                             "test $(stat -c %b trail/ballast) -ge 2048"},
                5, 0);
}
