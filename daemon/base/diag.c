/*
 * Diagnostics on stderr. Owns the program's name, which is set once, before threads start, and the level, which
 * one thread may set while another writes.
 */

#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *diag_program = "matchguard";
static atomic_int diag_max_level = DIAG_INFO;
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
        diag_set_level(max_level);
        diag_to_journal = diag_reaches_journal();
}

void diag_set_level(DiagLevel max_level)
{
        atomic_store_explicit(&diag_max_level, (int)max_level, memory_order_relaxed);
}

DiagLevel diag_level(void)
{
        return (DiagLevel)atomic_load_explicit(&diag_max_level, memory_order_relaxed);
}

bool diag_is_on(DiagLevel level)
{
        return level <= diag_level();
}

static const char *const diag_names[] = {
        [DIAG_ERROR] = "error", [DIAG_WARNING] = "warning", [DIAG_NOTICE] = "notice",
        [DIAG_INFO] = "info",   [DIAG_DEBUG] = "debug",
};

const char *diag_level_name(unsigned level)
{
        return level <= DIAG_DEBUG ? diag_names[level] : NULL;
}

bool diag_level_find(const char *name, DiagLevel *ret_level)
{
        for (unsigned level = DIAG_ERROR; level <= DIAG_DEBUG; level++)
                if (strcmp(name, diag_names[level]) == 0) {
                        *ret_level = (DiagLevel)level;
                        return true;
                }
        return false;
}

/* A diagnostic that cannot be written is lost on purpose: nothing may depend on it. Those of each step of a request
 * are lost, too, where the journal is slow: requests do not wait for it. */
static void diag_write(DiagLevel level, const char *line, size_t n)
{
        struct iovec part = {.iov_base = (void *)(uintptr_t)line, .iov_len = n};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t written = diag_to_journal && level == DIAG_DEBUG
                                  ? sendmsg(STDERR_FILENO, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : write(STDERR_FILENO, line, n);

        (void)written;
}

void diag(DiagLevel level, const char *format, ...)
{
        if (!diag_is_on(level))
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

        diag_write(level, line, (size_t)n);
        errno = saved_errno;
}
