#pragma once
/*
 * The directories of a policy as files in memory.
 */

#include "policy/arena.h"
#include "policy/faults.h"
#include "policy/policy.h"
#include "policy/sources.h"

/**
 * layers_read() - Reads every file of every layer, whether it takes effect or not.
 * @source:     which directories, and whose they must be
 * @ret_files:  in @arena, @ret_n of them, for policy_compile()
 * @faults:     gets what cannot be read, is of a wrong kind, or could be changed by others
 *
 * Return: 0, or -ENOMEM.
 */
int layers_read(Arena *arena, const PolicySource *source, SourceFile **ret_files, size_t *ret_n,
                Faults *faults);
