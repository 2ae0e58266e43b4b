/*
 * Units from cgroup paths. Pure; run by the guard at each accept.
 *
 * systemd makes one folder a unit, each in that of its slice, from the root on: slices, then the unit, then
 * whatever the unit makes below itself. Only root makes folders above a unit, and moves processes into one; so
 * the first name that is no slice's is the system's own, and all that comes behind it is the unit's claim.
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

static bool unit_part_begins(UnitPart part, const char *prefix)
{
        size_t n = strlen(prefix);

        return part.n >= n && memcmp(part.text, prefix, n) == 0;
}

static bool unit_part_is(UnitPart part, const char *name)
{
        return part.n == strlen(name) && unit_part_begins(part, name);
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

/* What is below these was chosen by a user, or runs in a container and is called as that pleases. */
static bool unit_slice_is_foreign(UnitPart part)
{
        return unit_part_is(part, "user.slice") || unit_part_is(part, "machine.slice");
}

/* A user's own manager, and so everything that the user has it run; wherever its slice was put. */
static bool unit_is_of_user(UnitPart part)
{
        return unit_part_begins(part, "user@");
}

static char *unit_of_service(UnitPart part)
{
        if (!unit_part_ends(part, ".service") || !unit_part_is_unit_name(part) || unit_is_of_user(part))
                return NULL;
        return strndup(part.text, part.n);
}

/* The service that a path leads into. A slice may have a backslash in its name: those of templates do. */
static char *unit_of_path(const char *path, size_t n)
{
        const char *end = path + n;

        while (path < end && *path == '/') {
                const char *p = path + 1;
                const char *slash = memchr(p, '/', (size_t)(end - p));
                path = slash ? slash : end;
                UnitPart part = unit_unescape((UnitPart){.text = p, .n = (size_t)(path - p)});
                if (!unit_part_ends(part, ".slice"))
                        return unit_of_service(part);
                if (unit_slice_is_foreign(part))
                        return NULL;
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
