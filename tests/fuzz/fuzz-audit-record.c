/*
 * Audit records: any bytes as what the kernel says, and any bytes as a leaf, a note. Whatever is read back must
 * stand in the text, and no text holds what the kernel, or a reader of its log, would take for an end.
 */

#include "trail/audit-record.h"

#include <libaudit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_text(AuditRecord *record, int r)
{
        if (r == 0 && (record->text.n >= AUDIT_RECORD_MAX || strchr(buffer_text(&record->text), '\'') ||
                       strstr(buffer_text(&record->text), " res=")))
                abort();
        for (size_t i = 0; r == 0 && i < record->text.n; i++)
                if (record->text.data[i] < 0x20 || record->text.data[i] > 0x7e)
                        abort();
        audit_record_deinit(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        AuditRecord record = AUDIT_RECORD_INIT;
        AuditEcho echo;
        uint32_t uid;

        if (audit_record_echo(AUDIT_MAC_CHECK, (const char *)data, n, &echo)) {
                char index[32];
                int length = snprintf(index, sizeof(index), " seqno=%llu ", (unsigned long long)echo.index);
                if (!memmem(data, n, index, (size_t)length))
                        abort();
        }
        check_text(&record, audit_record_of_leaf(data, n, 1, &record));
        record = AUDIT_RECORD_INIT;
        check_text(&record, audit_record_of_checkpoint((const char *)data, n, &record));
        (void)audit_record_unknown_peer(data, n, &uid); /* Only that it does not read past the end. */
        return 0;
}
