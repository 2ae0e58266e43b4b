#pragma once
/*
 * A log whose leaves are shown only after they have been proved: each bundle that is read must hash to its
 * tile, each tile to its place in the tile above, and the right edge to the signed root. So a reader who
 * wants one leaf pays for a few tiles, and one who wants all of them for one pass.
 */

#include <stddef.h>
#include <stdint.h>

#include "tools/export-reader.h"

typedef struct ProvenLog ProvenLog;

enum {
        PROVEN_E_UNREADABLE = 1, /* the export is not there, or not whole */
        PROVEN_E_UNPROVEN = 2,   /* what is there is not what was signed */
};

/**
 * proven_log_open() - Opens an export and proves the right edge of its tree.
 * @ret_log:    to be given to proven_log_free()
 * @ret_why:    on a positive ending what is wrong, a line for people, for free()
 *
 * Return: 0, PROVEN_E_*, -ENOMEM.
 */
int proven_log_open(const ExportSource *source, ProvenLog **ret_log, char **ret_why);

/** proven_log_free() - Takes NULL, returns NULL. */
ProvenLog *proven_log_free(ProvenLog *log);

/** proven_log_export() - The export behind it: checkpoint, key, size. Borrowed. */
const Export *proven_log_export(const ProvenLog *log);

/**
 * proven_log_bundle() - Bundle @n, proved.
 * @ret_bundle: borrowed until the next call
 *
 * Return: as proven_log_open().
 */
int proven_log_bundle(ProvenLog *log, uint64_t n, const Bundle **ret_bundle, char **ret_why);
