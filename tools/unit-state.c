/* One run of systemctl(1), whose properties come as lines of NAME=VALUE. */

#include "tools/unit-state.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"

enum { UNIT_STATE_TEXT_MAX = 4096 };

static const struct {
        const char *name;
        size_t offset;
} properties[] = {
        {"LoadState", offsetof(UnitState, load)},        {"ActiveState", offsetof(UnitState, active)},
        {"UnitFileState", offsetof(UnitState, file)},    {"Result", offsetof(UnitState, result)},
        {"ExecMainStatus", offsetof(UnitState, status)},
};

static void read_line(const char *line, size_t n, UnitState *state)
{
        for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
                size_t n_name = strlen(properties[i].name);
                if (n <= n_name || line[n_name] != '=' || strncmp(line, properties[i].name, n_name) != 0)
                        continue;
                size_t n_value = MIN_OF(n - n_name - 1, (size_t)UNIT_STATE_WORD_SIZE - 1);
                memcpy((char *)state + properties[i].offset, line + n_name + 1, n_value);
        }
}

static void read_all(int fd, Buffer *text)
{
        char bytes[512];

        for (;;) {
                ssize_t n = read(fd, bytes, sizeof(bytes));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0 || text->n > UNIT_STATE_TEXT_MAX)
                        return;
                buffer_append(text, bytes, (size_t)n);
        }
}

/* Its stdout goes into a pipe, and what it says of a system without systemd nowhere. Return: 0 or an errno. */
static int run_systemctl(const char *unit, int out_fd, pid_t *ret_pid)
{
        char *arguments[] = {
                "systemctl",  "show",
                "--no-pager", "--property=LoadState,ActiveState,UnitFileState,Result,ExecMainStatus",
                "--",         (char *)(uintptr_t)unit,
                NULL};
        posix_spawn_file_actions_t actions;

        int r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawnp(ret_pid, "systemctl", &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

bool unit_state(const char *unit, UnitState *ret_state)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        UnitState state = {};
        int ends[2], status;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return false;
        _cleanup_(fd_closep) int in_fd = ends[0];
        int r = run_systemctl(unit, ends[1], &pid);
        fd_close(ends[1]);
        if (r != 0)
                return false;
        read_all(in_fd, &text);
        in_fd = fd_close(in_fd); /* So that one that would go on for ever ends. */
        if (waitpid(pid, &status, 0) != pid || status != 0 || text.failed)
                return false;
        for (const char *line = buffer_text(&text); *line;) {
                size_t n = strcspn(line, "\n");
                read_line(line, n, &state);
                line += n + (line[n] == '\n');
        }
        *ret_state = state;
        return *state.active != '\0';
}
