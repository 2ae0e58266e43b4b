#pragma once
/*
 * The files of an export that the tree does not need: left over, unfinished, of a longer tree, or of nobody
 * knows what; and the archived policies, by their digest.
 */

#include "base/digest.h"
#include "tools/export-reader.h"
#include "tools/findings.h"

typedef struct ExportFolder {
        const char *dir;   /* where the export lies, as it was opened */
        uint64_t n_epochs; /* that have ended in the tree; UINT64_MAX: nobody knows */
} ExportFolder;

/**
 * export_files_check() - Looks at every file and reports those that do not belong to the tree of the
 * checkpoint.
 *
 * Partial files of a smaller tree may stay (C2SP), but must hold what the tree holds: else they are a fault.
 * Return: 0 or -errno.
 */
int export_files_check(Export *export, const ExportFolder *folder, Findings *findings);

/**
 * export_files_check_policy() - Whether the archived text of a policy is there and has its digest.
 * @index:      of the leaf that says it was loaded
 *
 * Return: 0 (also when a fault was reported) or -errno.
 */
int export_files_check_policy(const Export *export, uint64_t index, const Digest *digest, Findings *findings);
