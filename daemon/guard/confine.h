#pragma once
/*
 * What the guard gives up by itself, whatever its unit already took from it.
 */

#include "base/sandbox.h"
#include "guard/options.h"

/**
 * confine() - From now on the guard reaches its trail, its policy, what the kernel says of processes, and what is
 * open, and nothing else. To be called before threads are made.
 * @options:    where its folders are
 * @audits:     it keeps the right to write to the kernel's audit, where it has that
 * @ret_remarks: what an operator has to be told
 *
 * Return: 0 or -errno.
 */
int confine(const Options *options, bool audits, SandboxRemarks *ret_remarks);

/** confine_etc_reader() - The same for the process of guard/etc-reader.h. Return: 0 or -errno. */
int confine_etc_reader(bool log_seccomp);
