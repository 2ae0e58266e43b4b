#pragma once
/*
 * Archive: the text of every policy that was ever loaded, in the export under its digest, so that any
 * decision can be recomputed.
 */

#include <stddef.h>

#include "base/digest.h"
#include "trail/trail.h"

/**
 * archive_policy() - Writes policy/<digest>/ into the export; any thread, blocks until it is durable.
 * @export_fd:  borrowed
 *
 * It appears as a whole or not at all; one that stands there is left alone. Return: 0; -EINVAL for a path
 * that would leave the folder; another -errno.
 */
int archive_policy(int export_fd, const Digest *digest, const TrailPolicyText *texts, size_t n_texts);
