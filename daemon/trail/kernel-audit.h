#pragma once
/*
 * Kernel audit: the mirror's destination that writes records to the kernel's audit, through libaudit. What
 * the records say is in audit-record.h. Its thread may be made to wait by the kernel, whose backlog may be
 * full; nobody waits for it.
 */

#include "trail/mirror.h"

typedef struct KernelAudit KernelAudit;

typedef enum KernelAuditScope {
        KERNEL_AUDIT_CHECKPOINTS, /* checkpoints and faults of the trail */
        KERNEL_AUDIT_ALL,         /* decisions and policies as well */
} KernelAuditScope;

enum {
        KERNEL_AUDIT_E_UNFIT = 1, /* it cannot be written to from here: see the text */
};

/**
 * kernel_audit_new() - Opens the way to the kernel's audit.
 * @ret_why:    on KERNEL_AUDIT_E_UNFIT why it cannot be, and what to do; lives for ever
 *
 * Return: 0, KERNEL_AUDIT_E_UNFIT, or -errno.
 */
int kernel_audit_new(KernelAudit **ret_audit, KernelAuditScope scope, const char **ret_why);

/** kernel_audit_free() - Closes it; takes NULL, returns NULL. */
KernelAudit *kernel_audit_free(KernelAudit *audit);

/* For mirror_add(), with a KernelAudit as `self`. */
extern const MirrorDestination kernel_audit_destination;
