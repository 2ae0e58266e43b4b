/*
 * Comparing a policy with the one before it. Run by the guard's loop before it serves, and by the helper
 * thread of a reload.
 */

#include "guard/wider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/macro.h"
#include "policy/diff.h"

DEFINE_CLEANUP(Policy *, policy_unref);

void wider_deinit(Wider *wider)
{
        free(wider->why);
        *wider = WIDER_INIT;
}

int wider_than(const Policy *old, const Policy *new, Wider *ret_wider)
{
        _cleanup_(policy_unrefp) Policy *none = NULL;
        bool wider = false;

        if (old && digest_equal(policy_digest(old), policy_digest(new))) {
                *ret_wider = (Wider){.known = true};
                return 0;
        }
        if (!old) {
                int r = policy_none(&none);
                if (r < 0)
                        return r;
        }
        int r = policy_wider(old ? old : none, new, &wider);
        if (r < 0)
                return r;
        *ret_wider = (Wider){.known = true, .wider = wider};
        return 0;
}

__attribute__((format(printf, 2, 3))) static int wider_unknown(Wider *ret_wider, const char *format, ...)
{
        va_list arguments;
        char *why = NULL;

        va_start(arguments, format);
        int n = vasprintf(&why, format, arguments);
        va_end(arguments);
        if (n < 0)
                return -ENOMEM;
        *ret_wider = (Wider){.why = why};
        return 0;
}

int wider_than_archived(const char *state_dir, const Digest *old, const Policy *new, Wider *ret_wider)
{
        _cleanup_(freep) char *folder = NULL, *ids = NULL;
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        char hex[DIGEST_HEX_SIZE];
        PolicyFaults faults = {};

        digest_hex(old, hex);
        if (asprintf(&folder, "%s/export/policy/%s", state_dir, hex) < 0) {
                folder = NULL;
                return -ENOMEM;
        }
        if (asprintf(&ids, "%s/.ids", folder) < 0) {
                ids = NULL;
                return -ENOMEM;
        }
        const char *const dirs[] = {folder};
        PolicySource source = {.dirs = dirs, .n_dirs = 1, .ids_path = ids, .unproved = true};
        int r = policy_load(&policy, &source, &faults);
        if (r < 0)
                return r;
        if (r > 0) {
                r = wider_unknown(ret_wider, "its text in %s does not load: %s", folder, faults.lines[0]);
                policy_faults_deinit(&faults);
                return r;
        }
        if (!digest_equal(policy_digest(policy), old))
                return wider_unknown(ret_wider, "the text in %s is not the one that was in force", folder);
        return wider_than(policy, new, ret_wider);
}
