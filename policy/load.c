/*
 * Loading: the directories and the files of accounts are read here, everything else is done with bytes in
 * memory.
 */

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/macro.h"
#include "policy/compile.h"
#include "policy/layers.h"
#include "policy/prove.h"

/* More than any machine's own accounts take. */
enum { LOAD_ACCOUNTS_MAX = 16 * 1024 * 1024 };

static int load_read(const PolicySource *source, const char *path, Buffer *bytes)
{
        if (!source->open_accounts)
                return fd_read_file(AT_FDCWD, path, LOAD_ACCOUNTS_MAX, bytes);
        _cleanup_(fd_closep) int fd = source->open_accounts(path, source->userdata);
        return fd < 0 ? fd : fd_read_open(fd, LOAD_ACCOUNTS_MAX, bytes);
}

/* A file that cannot be read is a fault only where a name has to be looked up in it. */
static int load_accounts(const PolicySource *source, const char *path, Buffer *bytes, AccountFile *file)
{
        file->path = path;
        file->error = load_read(source, path, bytes);
        if (bytes->failed)
                return -ENOMEM;
        file->bytes = buffer_text(bytes);
        file->n = bytes->n;
        return 0;
}

static int load_compile(Policy **ret_policy, const PolicySource *source, CompileInput *input, Faults *faults)
{
        _cleanup_(buffer_deinit) Buffer users = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer groups = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer ids = BUFFER_INIT;
        const PolicySource plain = {};
        int r = 0;

        if (source->ids_path)
                r = load_accounts(&plain, source->ids_path, &ids, &input->accounts.ids);
        else {
                r = load_accounts(source, source->passwd_path ? source->passwd_path : "/etc/passwd", &users,
                                  &input->accounts.users);
                if (r == 0)
                        r = load_accounts(source, source->group_path ? source->group_path : "/etc/group",
                                          &groups, &input->accounts.groups);
        }
        return r < 0 ? r : policy_compile(ret_policy, input, faults);
}

int policy_none(Policy **ret_policy)
{
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        CompileInput input = {};

        return error_fold(policy_compile(ret_policy, &input, &faults));
}

/* Return: 0, POLICY_E_INVALID, or -ENOMEM. */
static int load_prove(const Policy *policy, Faults *faults)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;

        int r = policy_prove(policy, &proof);
        if (r < 0 || proof.n_broken == 0)
                return r;
        proof_faults(&proof, faults);
        return faults->failed ? -ENOMEM : POLICY_E_INVALID;
}

DEFINE_CLEANUP(Policy *, policy_unref);

int policy_load(Policy **ret_policy, const PolicySource *source, PolicyFaults *ret_faults)
{
        _cleanup_(arena_deinit) Arena arena = ARENA_INIT;
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        CompileInput input = {};

        int r = layers_read(&arena, source, &input.files, &input.n_files, &faults);
        if (r < 0)
                return r;
        r = load_compile(&policy, source, &input, &faults);
        bool sound = r == 0;
        if (sound && !source->unproved)
                r = load_prove(policy, &faults);
        if (r == 0)
                *ret_policy = TAKE_PTR(policy);
        if (r != POLICY_E_INVALID)
                return r;
        r = faults_take(&faults, ret_faults);
        if (r < 0)
                return r;
        ret_faults->unproved = sound;
        return POLICY_E_INVALID;
}
