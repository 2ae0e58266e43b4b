/* The policy is read, not proved: that takes long for a large one, and 'matchguard policy check' does it. */

#include "tools/status-disk.h"

#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/options.h"

void status_disk_deinit(StatusDiskReading *reading)
{
        policy_faults_deinit(&reading->faults);
        *reading = STATUS_DISK_READING_INIT;
}

/* Who may not read a folder knows nothing of the policy in it. */
static bool take_dirs(json_object *status, OptionList *dirs)
{
        json_object *list = json_list(status, "policyDirectories");
        size_t n = list ? json_object_array_length(list) : 0;

        for (size_t i = 0; i < n && dirs->n < OPTION_LIST_MAX; i++) {
                const char *dir = json_object_get_string(json_object_array_get_idx(list, i));
                if (access(dir, F_OK) == 0 && access(dir, R_OK | X_OK) < 0)
                        return false;
                dirs->items[dirs->n++] = dir;
        }
        return n > 0 && dirs->n == n;
}

void status_disk_read(json_object *status, StatusDiskReading *reading)
{
        OptionList dirs = {};
        const char *running = json_text(status, "policy");
        char digest[DIGEST_HEX_SIZE];
        Policy *policy = NULL;

        if (!running || !take_dirs(status, &dirs))
                return;
        PolicySource source = {.dirs = dirs.items,
                               .n_dirs = dirs.n,
                               .check_owner = true,
                               .owner = (uid_t)json_number(status, "policyOwner", 0),
                               .unproved = true};
        int r = policy_load(&policy, &source, &reading->faults);
        if (r < 0)
                return;
        if (r > 0) {
                reading->disk = STATUS_DISK_BROKEN;
                reading->fault = reading->faults.n > 0 ? reading->faults.lines[0] : NULL;
                return;
        }
        digest_hex(policy_digest(policy), digest);
        reading->disk = strcmp(running, digest) == 0 ? STATUS_DISK_SAME : STATUS_DISK_DIFFERS;
        policy_unref(policy);
}
