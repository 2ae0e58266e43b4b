/*
 * Control groups: any bytes as what /proc/PID/cgroup says, parts of which a delegated service or a container may
 * choose. Whatever is taken for a service stands in a line of systemd's, behind slices alone, and can stand in
 * a leaf.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard/unit.h"

/* Whether the folders from the start of the path to @p are slices, of neither users nor machines. */
static bool is_behind_slices(const char *path, const char *p)
{
        while (path < p) {
                const char *slash = memchr(path + 1, '/', (size_t)(p - path - 1));
                size_t n = (size_t)((slash ? slash : p) - path);
                if (!slash)
                        return *path == '/' && (n == 1 || (n == 2 && path[1] == '_'));
                if (n <= strlen("/.slice") ||
                    memcmp(slash - strlen(".slice"), ".slice", strlen(".slice")) != 0 ||
                    strncmp(path, "/user.slice/", strlen("/user.slice/")) == 0 ||
                    strncmp(path, "/machine.slice/", strlen("/machine.slice/")) == 0)
                        return false;
                path = slash;
        }
        return false;
}

/* Whether a path of one of systemd's lines leads into that service. */
static bool is_said(const char *text, const char *unit)
{
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *path = strncmp(line, "0::", 3) == 0 ? line + 3 : strchr(line, ':');
                if (path && strncmp(path, ":name=systemd:", strlen(":name=systemd:")) == 0)
                        path += strlen(":name=systemd:");
                const char *end = line + strcspn(line, "\n");
                for (const char *p = path; p && p < end && (p = strstr(p, unit)) && p < end; p++)
                        if ((p + strlen(unit) == end || p[strlen(unit)] == '/') && is_behind_slices(path, p))
                                return true;
        }
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-";
        char *text = strndup((const char *)data, n);
        char *unit = text ? unit_of_cgroup(text) : NULL;

        if (unit) {
                size_t length = strlen(unit);
                if (length > UNIT_NAME_MAX || length <= strlen(".service") || unit[strspn(unit, letters)] ||
                    strcmp(unit + length - strlen(".service"), ".service") != 0 ||
                    strncmp(unit, "user@", strlen("user@")) == 0 || !is_said(text, unit))
                        abort();
        }
        free(unit);
        free(text);
        return 0;
}
