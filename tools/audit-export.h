#pragma once
/* Which export a reading command works on: --export, --dir, or the installed one; and whom it must be signed
 * by. */

#include "tools/export-reader.h"
#include "tools/options.h"

typedef struct AuditExport {
        const char *export; /* --export */
        const char *dir;    /* --dir: the folder of `matchguard run` */
        const char *vkey;   /* --vkey */
        char *path;         /* what came out of them */
} AuditExport;

#define AUDIT_EXPORT_INIT ((AuditExport){})

void audit_export_deinit(AuditExport *where);

/** audit_export_options() - Adds --export, --dir and --vkey. */
void audit_export_options(OptionSet *set, AuditExport *where);

/** audit_export_source() - The export after the options were read; borrowed from @where. Return: 0 or
 * -ENOMEM. */
int audit_export_source(AuditExport *where, ExportSource *ret_source);
