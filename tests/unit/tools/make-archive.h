#pragma once
/* Archived policies for tests, in the folder of make-folder.h. */

#include "policy/policy.h"

typedef struct ArchiveFile {
        const char *name;
        const char *text;
} ArchiveFile;

/* Knows a rescuer (user 980), whose rate is two permits a minute, a police department (981), which a moratorium
 * stops, and a club (group 20). */
extern const ArchiveFile make_archive_files[];

/**
 * make_archive() - Archives a policy in export/ as the guard does.
 * @files:      ended by one without a name
 * @more:       likewise: those of its names take the place of the others'; may be NULL
 * @ret_digest: its digest, as the folder is called
 *
 * Return: the policy, for policy_unref().
 */
Policy *make_archive(const ArchiveFile *files, const ArchiveFile *more,
                     char ret_digest[static DIGEST_HEX_SIZE]);

/** make_archive_path() - The path in the folder of a file of an archived policy; good until the next call. */
const char *make_archive_path(const char *digest, const char *name);
