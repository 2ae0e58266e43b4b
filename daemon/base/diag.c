/*
 * Diagnostics on stderr. Owns the program's name and the level; both are set once, before threads start.
 */

#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *diag_program = "matchguard";
static DiagLevel diag_max_level = DIAG_INFO;
static bool diag_to_journal = false;

/* systemd names the stream that it made; whoever redirects stderr leaves the variable behind. */
bool diag_reaches_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void diag_init(const char *program, DiagLevel max_level)
{
        diag_program = program;
        diag_max_level = max_level;
        diag_to_journal = diag_reaches_journal();
}

void diag(DiagLevel level, const char *format, ...)
{
        if (level > diag_max_level)
                return;

        int saved_errno = errno;
        char line[2048];
        int n = diag_to_journal ? snprintf(line, sizeof(line), "<%d>", level)
                                : snprintf(line, sizeof(line), "%s: ", diag_program);

        va_list arguments;
        va_start(arguments, format);
        int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, arguments);
        va_end(arguments);
        if (m > 0)
                n += m;
        if ((size_t)n > sizeof(line) - 2)
                n = sizeof(line) - 2;
        line[n++] = '\n';

        /* A diagnostic that cannot be written is lost on purpose: nothing may depend on it. */
        ssize_t written = write(STDERR_FILENO, line, (size_t)n);
        (void)written;
        errno = saved_errno;
}
