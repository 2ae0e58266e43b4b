/* Loading an archived policy. Reads the export, and looks nothing up on this machine. */

#include "tools/policy-archive.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

static int load_from(const char *folder, Policy **ret_policy, PolicyFaults *faults)
{
        _cleanup_(buffer_deinit) Buffer ids = BUFFER_INIT;
        const char *const dirs[] = {folder};
        /* Its invariants were proved when it ran. */
        PolicySource source = {.dirs = dirs, .n_dirs = 1, .unproved = true};

        buffer_append_format(&ids, "%s/.ids", folder);
        /* Where it names no account there is no such file, and nothing is looked up elsewhere either. */
        source.ids_path = access(buffer_text(&ids), F_OK) == 0 ? buffer_text(&ids) : "/dev/null";
        return ids.failed ? -ENOMEM : policy_load(ret_policy, &source, faults);
}

/* What was loaded is what the digest says, or it is not given out. */
static int check(const char *folder, const Digest *wanted, Policy **policy, Buffer *fault)
{
        char found[DIGEST_HEX_SIZE];

        if (digest_equal(policy_digest(*policy), wanted))
                return 0;
        digest_hex(policy_digest(*policy), found);
        buffer_append_format(fault, "what stands in %s is another policy, %s: the archive has been changed",
                             folder, found);
        *policy = policy_unref(*policy);
        return POLICY_ARCHIVE_E_FAULT;
}

int policy_archive_load(const char *export_dir, const char *digest, Policy **ret_policy, Buffer *fault)
{
        _cleanup_(policy_faults_deinit) PolicyFaults faults = {};
        _cleanup_(buffer_deinit) Buffer folder = BUFFER_INIT;
        Policy *policy = NULL;
        Digest wanted;

        if (!digest_from_hex(digest, &wanted)) {
                buffer_append_format(fault, "'%s' is no digest of a policy", digest);
                return POLICY_ARCHIVE_E_FAULT;
        }
        buffer_append_format(&folder, "%s/policy/%s", export_dir, digest);
        if (folder.failed)
                return -ENOMEM;
        if (access(buffer_text(&folder), R_OK | X_OK) < 0) {
                buffer_append_format(fault, "%s: %s", buffer_text(&folder), strerror(errno));
                return POLICY_ARCHIVE_E_FAULT;
        }
        int r = load_from(buffer_text(&folder), &policy, &faults);
        if (r == -ENOMEM)
                return r;
        if (r != 0) {
                buffer_append_text(fault, r < 0          ? strerror(-r)
                                          : faults.n > 0 ? faults.lines[0]
                                                         : "it does not load");
                return POLICY_ARCHIVE_E_FAULT;
        }
        r = check(buffer_text(&folder), &wanted, &policy, fault);
        if (r == 0)
                *ret_policy = policy;
        return r;
}
