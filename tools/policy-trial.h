#pragma once
/*
 * A policy as it would be after some changes, loaded before any of them is made.
 */

#include "policy/policy.h"
#include "tools/policy-edit.h"

/**
 * policy_trial_load() - Loads a policy as if changes had been made.
 * @source:     the policy as it is
 * @edits:      the changes, @n of them
 * @ret_faults: set on POLICY_E_INVALID, to be given to policy_faults_deinit(); they name the files as they
 *              would be
 *
 * The changed files are put into a private folder, which stands before the others as a layer and is gone
 * afterwards. Return: as policy_load().
 */
int policy_trial_load(const PolicySource *source, const PolicyEdit *edits, size_t n, Policy **ret_policy,
                      PolicyFaults *ret_faults);
