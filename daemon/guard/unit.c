/*
 * Units from cgroup paths. Pure; run by the guard at each accept.
 */

#include "guard/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A component of a path, not terminated. */
typedef struct UnitPart {
        const char *text;
        size_t n;
} UnitPart;

static bool unit_part_ends(UnitPart part, const char *suffix)
{
        size_t n = strlen(suffix);

        return part.n > n && memcmp(part.text + part.n - n, suffix, n) == 0;
}

static bool unit_part_is_unit_name(UnitPart part)
{
        if (part.n > UNIT_NAME_MAX)
                return false;
        for (size_t i = 0; i < part.n; i++) {
                char c = part.text[i];
                bool alphanumeric =
                        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!alphanumeric && !memchr(":_.@-", c, 5))
                        return false;
        }
        return true;
}

/* systemd puts an underscore before what would look like a file of the kernel's. */
static UnitPart unit_unescape(UnitPart part)
{
        if (part.n > 0 && part.text[0] == '_')
                return (UnitPart){.text = part.text + 1, .n = part.n - 1};
        return part;
}

/* The service that a path leads into: slices, then the service, then whatever it made below itself. */
static char *unit_of_path(const char *path, size_t n)
{
        static const char root[] = "/system.slice/";

        if (n < sizeof(root) - 1 || memcmp(path, root, sizeof(root) - 1) != 0)
                return NULL;
        const char *p = path + sizeof(root) - 1;
        const char *end = path + n;
        while (p < end) {
                const char *slash = memchr(p, '/', (size_t)(end - p));
                UnitPart part = {.text = p, .n = (size_t)((slash ? slash : end) - p)};
                part = unit_unescape(part);
                if (!unit_part_is_unit_name(part))
                        return NULL;
                if (unit_part_ends(part, ".service"))
                        return strndup(part.text, part.n);
                if (!unit_part_ends(part, ".slice"))
                        return NULL;
                p = slash ? slash + 1 : end;
        }
        return NULL;
}

/* The path in the hierarchy whose line begins so; NULL where there is no such line. */
static const char *unit_hierarchy(const char *text, const char *marker, bool at_start, size_t *ret_n)
{
        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
                size_t n_line = strcspn(line, "\n");
                const char *found = at_start ? line : memchr(line, ':', n_line);
                if (!found || strncmp(found, marker, strlen(marker)) != 0)
                        continue;
                found += strlen(marker);
                *ret_n = (size_t)(line + n_line - found);
                return found;
        }
        return NULL;
}

char *unit_of_cgroup(const char *cgroup_text)
{
        size_t n = 0;

        /* systemd's own hierarchy: the unified one, or where that is not in use the named one. */
        const char *path = unit_hierarchy(cgroup_text, "0::", true, &n);
        if (path && !(n == 1 && *path == '/'))
                return unit_of_path(path, n);
        path = unit_hierarchy(cgroup_text, ":name=systemd:", false, &n);
        return path ? unit_of_path(path, n) : NULL;
}
