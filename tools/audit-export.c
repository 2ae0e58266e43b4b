/* Finding the export. Reads nothing. */

#include "tools/audit-export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"

void audit_export_deinit(AuditExport *where)
{
        free(where->path);
        *where = AUDIT_EXPORT_INIT;
}

void audit_export_options(OptionSet *set, AuditExport *where)
{
        const Option rows[] = {
                {"export", OPTION_TEXT, &where->export, "DIR",
                 "the export, or a copy (default: " EXPORT_DEFAULT_DIR ")"},
                {"dir", OPTION_TEXT, &where->dir, "DIR", "the folder of a 'matchguard run', for its export"},
                {"vkey", OPTION_TEXT, &where->vkey, "KEY",
                 "who must have signed it: a verifier key or a file with one (default: the export's own)"},
        };
        options_add(set, rows, ARRAY_SIZE(rows));
}

int audit_export_source(AuditExport *where, ExportSource *ret_source)
{
        if (!where->export && where->dir && asprintf(&where->path, "%s/state/export", where->dir) < 0) {
                where->path = NULL;
                return -ENOMEM;
        }
        *ret_source = (ExportSource){
                .dir = where->export ? where->export
                       : where->path ? where->path
                                     : EXPORT_DEFAULT_DIR,
                .vkey = where->vkey,
        };
        return 0;
}
