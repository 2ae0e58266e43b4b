/*
 * Programs: looks for the daemons from where this program itself lies, so that a build tree, a copy under
 * another prefix and an installed system each run their own.
 */

#include "tools/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "policy/policy.h"

static const struct {
        const char *name;
        const char *build_path; /* from the folder of this program in a build tree */
} programs[_PROGRAM_MAX] = {
        [PROGRAM_GUARD] = {"matchguardd", "../daemon/guard/matchguardd"},
        [PROGRAM_FRONTEND] = {"matchguard-frontend", "../daemon/frontend/matchguard-frontend"},
        [PROGRAM_WORKER] = {"matchguard-worker", "../daemon/worker/matchguard-worker"},
};

const char *program_name(Program program)
{
        return programs[program].name;
}

/* The folder that this program lies in; "" where /proc does not tell. */
static const char *own_folder(void)
{
        static char folder[4096];
        ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
        folder[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(folder, '/');
        if (slash)
                *slash = '\0';
        return folder;
}

static bool try_path(Buffer *path, const char *folder, const char *below)
{
        _cleanup_(buffer_deinit) Buffer candidate = BUFFER_INIT;
        buffer_append_format(&candidate, "%s/%s", folder, below);
        if (access(buffer_text(&candidate), X_OK) != 0)
                return false;
        buffer_append_text(path, buffer_text(&candidate));
        return true;
}

int programs_find(Program program, Buffer *path, Buffer *fault)
{
        const char *name = programs[program].name, *given = getenv("MATCHGUARD_LIBEXEC"), *own = own_folder();
        if (given && given[0]) {
                if (try_path(path, given, name))
                        return 0;
                buffer_append_format(fault, "there is no %s in MATCHGUARD_LIBEXEC=%s", name, given);
                return PROGRAMS_E_MISSING;
        }
        _cleanup_(buffer_deinit) Buffer beside = BUFFER_INIT;
        buffer_append_format(&beside, "%s/../libexec/matchguard", own);
        if (try_path(path, own, programs[program].build_path) || try_path(path, buffer_text(&beside), name) ||
            try_path(path, LIBEXECDIR, name))
                return 0;
        buffer_append_format(fault, "there is no %s: looked beside %s, and in %s", name, own, LIBEXECDIR);
        return PROGRAMS_E_MISSING;
}

/* A build leaves this file beside the tool; an installation does not. */
static bool read_source_folder(Buffer *folder)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT, text = BUFFER_INIT;
        buffer_append_format(&path, "%s/policy-folder", own_folder());
        if (path.failed || fd_read_file(AT_FDCWD, buffer_text(&path), PATH_MAX, &text) < 0)
                return false;
        buffer_append(folder, text.data, strcspn(buffer_text(&text), "\n"));
        return true;
}

void programs_policy_dir(Buffer *path)
{
        if (!read_source_folder(path))
                buffer_append_text(path, policy_default_dirs[ARRAY_SIZE(policy_default_dirs) - 1]);
}
