/*
 * base/diag.h: priorities for the journal, the program's name for everybody else.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
