#pragma once
/*
 * From the files of all layers to a policy. Pure: policy/load.c reads the files.
 */

#include "policy/accounts.h"
#include "policy/policy.h"
#include "policy/sources.h"

typedef struct CompileInput {
        SourceFile *files; /* in any order; reordered. Their bytes are copied */
        size_t n_files;
        Accounts accounts;
} CompileInput;

/**
 * policy_compile() - Resolves, reads and checks everything, and builds the policy if nothing is wrong.
 * @faults:     those found so far; every further one is added, and one is enough to build nothing
 *
 * Return: 0, POLICY_E_INVALID, or -ENOMEM.
 */
int policy_compile(Policy **ret_policy, CompileInput *input, Faults *faults);
