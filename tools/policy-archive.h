#pragma once
/*
 * A policy that once ran, out of the export's archive: policy/DIGEST/ holds its files, and in .ids the
 * numbers of the accounts that it names. Believed only if it really has that digest.
 */

#include "base/buffer.h"
#include "policy/policy.h"

enum {
        POLICY_ARCHIVE_E_FAULT = 1, /* @fault says why not */
};

/**
 * policy_archive_load() - Loads the policy of a digest.
 * @export_dir: the export
 * @digest:     64 hex digits
 * @ret_policy: to be given to policy_unref()
 * @fault:      where a sentence is appended on POLICY_ARCHIVE_E_FAULT
 *
 * Return: 0, POLICY_ARCHIVE_E_FAULT, or -ENOMEM.
 */
int policy_archive_load(const char *export_dir, const char *digest, Policy **ret_policy, Buffer *fault);
