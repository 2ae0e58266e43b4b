/* Trying changes of policy. Owns a folder in /tmp while it loads. */

#include "tools/policy-trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

typedef struct Trial {
        char folder[32];
        int fd;
        const PolicyEdit *edits;
        size_t n;
} Trial;

static int trial_begin(Trial *trial)
{
        strcpy(trial->folder, "/tmp/matchguard.XXXXXX");
        if (!mkdtemp(trial->folder)) { /* 0700: nobody else can come in between */
                trial->folder[0] = '\0';
                return -errno;
        }
        trial->fd = open(trial->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = trial->fd < 0 ? -errno : 0;
        for (size_t i = 0; r == 0 && i < trial->n; i++)
                r = policy_edit_try(&trial->edits[i], trial->fd);
        return r;
}

static void trial_end(Trial *trial)
{
        for (size_t i = 0; trial->fd >= 0 && i < trial->n; i++)
                (void)unlinkat(trial->fd, trial->edits[i].name, 0); /* It may not have come so far. */
        trial->fd = fd_close(trial->fd);
        if (trial->folder[0])
                (void)rmdir(trial->folder); /* What stays behind is in /tmp, and holds no secret. */
}

/* Faults name files where they would stand, not where they were tried. */
static int rename_in(char **line, const char *tried, const char *strongest)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        const char *rest = *line;

        for (const char *at; (at = strstr(rest, tried)); rest = at + strlen(tried)) {
                buffer_append(&text, rest, (size_t)(at - rest));
                buffer_append_text(&text, strongest);
        }
        buffer_append_text(&text, rest);
        if (text.failed)
                return -ENOMEM;
        free(*line);
        *line = buffer_take(&text, NULL);
        return 0;
}

static int trial_load(const Trial *trial, const PolicySource *source, Policy **ret_policy,
                      PolicyFaults *faults)
{
        _cleanup_(freep) const char **dirs = calloc(source->n_dirs + 1, sizeof(*dirs));
        PolicySource tried = *source;

        if (!dirs)
                return -ENOMEM;
        dirs[0] = trial->folder;
        memcpy(dirs + 1, source->dirs, source->n_dirs * sizeof(*dirs));
        tried.dirs = dirs;
        tried.n_dirs++;
        int r = policy_load(ret_policy, &tried, faults);
        int renamed = 0;
        for (size_t i = 0; i < faults->n && renamed == 0; i++)
                renamed = rename_in(&faults->lines[i], trial->folder, source->dirs[0]);
        return renamed < 0 ? renamed : r;
}

int policy_trial_load(const PolicySource *source, const PolicyEdit *edits, size_t n, Policy **ret_policy,
                      PolicyFaults *ret_faults)
{
        Trial trial = {.fd = -1, .edits = edits, .n = n};
        PolicyFaults faults = {};

        int r = trial_begin(&trial);
        if (r == 0)
                r = trial_load(&trial, source, ret_policy, &faults);
        trial_end(&trial);
        if (r == POLICY_E_INVALID)
                *ret_faults = faults;
        else
                policy_faults_deinit(&faults);
        return r;
}
