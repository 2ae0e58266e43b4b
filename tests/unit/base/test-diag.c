/*
 * base/diag.h: priorities for the journal, the program's name for everybody else.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"

/* What one line looks like on a stderr of which JOURNAL_STREAM says this; NULL: says nothing. */
static const char *line_with(const char *stream, bool own)
{
        static char line[256];
        char path[] = "/tmp/test-diag.XXXXXX", text[64];
        struct stat st;

        memset(line, 0, sizeof(line));
        int fd = mkstemp(path), saved = dup(STDERR_FILENO);
        cr_assert(fd >= 0 && saved >= 0 && fstat(fd, &st) == 0);
        unlink(path);
        snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        if (own || stream)
                setenv("JOURNAL_STREAM", own ? text : stream, 1);
        else
                unsetenv("JOURNAL_STREAM");
        dup2(fd, STDERR_FILENO);
        diag_init("program", DIAG_INFO);
        diag(DIAG_ERROR, "what %s", "happened");
        dup2(saved, STDERR_FILENO);
        cr_assert_geq(pread(fd, line, sizeof(line) - 1, 0), 0);
        close(fd);
        close(saved);
        return line;
}

Test(diag, a_person_is_told_who_speaks)
{
        cr_expect_str_eq(line_with(NULL, false), "program: what happened\n");
}

Test(diag, the_journal_is_told_the_priority)
{
        cr_expect_str_eq(line_with(NULL, true), "<3>what happened\n");
}

Test(diag, a_stderr_that_was_redirected_is_not_the_journal)
{
        static const char *const streams[] = {"0:0", "1:2", "", "nonsense"};

        for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++)
                cr_expect_str_eq(line_with(streams[i], false), "program: what happened\n", "%s", streams[i]);
}

/* Whether a line of that level comes out at this one. */
static bool is_written(DiagLevel level, DiagLevel at)
{
        char path[] = "/tmp/test-diag.XXXXXX", byte;
        int fd = mkstemp(path), saved = dup(STDERR_FILENO);

        cr_assert(fd >= 0 && saved >= 0);
        unlink(path);
        unsetenv("JOURNAL_STREAM");
        dup2(fd, STDERR_FILENO);
        diag_init("program", DIAG_ERROR);
        diag_set_level(at);
        diag(level, "x");
        dup2(saved, STDERR_FILENO);
        bool written = pread(fd, &byte, 1, 0) == 1;
        close(fd);
        close(saved);
        return written;
}

Test(diag, the_level_is_set_at_any_time)
{
        for (DiagLevel at = DIAG_ERROR; at <= DIAG_DEBUG; at++)
                for (DiagLevel level = DIAG_ERROR; level <= DIAG_DEBUG; level++) {
                        cr_expect_eq(is_written(level, at), level <= at, "%d at %d", level, at);
                        cr_expect_eq(diag_is_on(level), level <= at);
                        cr_expect_eq(diag_level(), at);
                }
}

Test(diag, each_level_has_a_name_and_no_other_number_has)
{
        DiagLevel level;

        for (unsigned number = 0; number < 20; number++) {
                const char *name = diag_level_name(number);
                cr_expect_eq(name != NULL, number >= DIAG_ERROR && number <= DIAG_DEBUG, "%u", number);
                if (name)
                        cr_expect(diag_level_find(name, &level) && (unsigned)level == number, "%s", name);
        }
        cr_expect_not(diag_level_find("", &level));
        cr_expect_not(diag_level_find("err", &level));
}

/* A journal that does not read must not hold up whoever says each step of a request. */
Test(diag, what_is_for_finding_faults_is_dropped_where_the_journal_does_not_read, .timeout = 600)
{
        int pair[2], saved = dup(STDERR_FILENO);
        struct stat st;
        char text[64];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        cr_assert_eq(fstat(pair[0], &st), 0);
        snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", text, 1);
        dup2(pair[0], STDERR_FILENO);
        diag_init("program", DIAG_DEBUG);
        for (unsigned i = 0; i < 100000; i++)
                diag(DIAG_DEBUG, "a step of a request that nobody reads of");
        dup2(saved, STDERR_FILENO);
        cr_assert_geq(read(pair[1], text, 3), 3);
        cr_expect_eq(memcmp(text, "<7>", 3), 0);
        close(pair[0]);
        close(pair[1]);
        close(saved);
}
