/*
 * Writing to the kernel's audit. Owns the netlink descriptor and what is folded. Once it is added to a mirror
 * all of it runs in the mirror's thread.
 *
 * libaudit says 0 for a record that was not taken where it thinks that a program should not care (no
 * capability, no audit in the kernel): only a number above 0 is success here.
 */

#include "trail/kernel-audit.h"

#include <errno.h>
#include <libaudit.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "trail/audit-record.h"
#include "trail/repeats.h"

struct KernelAudit {
        KernelAuditScope scope;
        int fd;
        Repeats repeats;
};

DEFINE_CLEANUP(KernelAudit *, kernel_audit_free);

static bool audit_may_write(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        return syscall(SYS_capget, &header, data) == 0 &&
               data[CAP_TO_INDEX(CAP_AUDIT_WRITE)].effective & CAP_TO_MASK(CAP_AUDIT_WRITE);
}

int kernel_audit_new(KernelAudit **ret_audit, KernelAuditScope scope, const char **ret_why)
{
        if (!audit_may_write()) {
                *ret_why = "the guard lacks CAP_AUDIT_WRITE; start it by systemd, or as root";
                return KERNEL_AUDIT_E_UNFIT;
        }
        _cleanup_(kernel_audit_freep) KernelAudit *audit = calloc(1, sizeof(*audit));
        if (!audit)
                return -ENOMEM;
        audit->scope = scope;
        /* Failures are counted and told of by us; the library would write to syslog, which may block. */
        set_aumessage_mode(MSG_QUIET, DBG_NO);
        audit->fd = audit_open();
        if (audit->fd < 0 && (errno == EINVAL || errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT)) {
                *ret_why = "this kernel has no audit, or the guard may not use AF_NETLINK";
                return KERNEL_AUDIT_E_UNFIT;
        }
        if (audit->fd < 0)
                return -errno;
        *ret_audit = TAKE_PTR(audit);
        return 0;
}

KernelAudit *kernel_audit_free(KernelAudit *audit)
{
        if (!audit)
                return NULL;
        fd_close(audit->fd);
        repeats_deinit(&audit->repeats);
        free(audit);
        return NULL;
}

static void kernel_audit_destroy(void *self)
{
        kernel_audit_free(self);
}

static bool kernel_audit_wants(const void *self, const MirrorItem *item)
{
        const KernelAudit *audit = self;

        if (item->kind != MIRROR_LEAF)
                return item->kind == MIRROR_CHECKPOINT || item->kind == MIRROR_FAULT;
        return audit->scope == KERNEL_AUDIT_ALL &&
               (strcmp(item->leaf_kind, "request") == 0 || strcmp(item->leaf_kind, "policy") == 0);
}

/* ------------------------------------------------------------------------------------------------- sending */

/* Return: 1 or -errno. */
static int kernel_audit_try(KernelAudit *audit, const AuditRecord *record)
{
        if (audit->fd < 0)
                audit->fd = audit_open();
        if (audit->fd < 0)
                return -errno;
        errno = 0;
        int r = audit_log_user_message(audit->fd, record->type, buffer_text(&record->text), NULL, NULL, "",
                                       record->success);
        if (r > 0)
                return 1;
        return errno > 0 ? -errno : -EPERM;
}

static int kernel_audit_write(KernelAudit *audit, const AuditRecord *record)
{
        int r = kernel_audit_try(audit, record);

        if (r == -ENOBUFS || r == -EBADF) {
                audit->fd = fd_close(audit->fd);
                r = kernel_audit_try(audit, record);
        }
        return r;
}

static int kernel_audit_write_leaf(KernelAudit *audit, const void *leaf, size_t n, uint64_t repeated)
{
        _cleanup_(audit_record_deinit) AuditRecord record = AUDIT_RECORD_INIT;

        int r = audit_record_of_leaf(leaf, n, repeated, &record);
        if (r == AUDIT_RECORD_E_NONE)
                return 0;
        return r < 0 ? r : kernel_audit_write(audit, &record);
}

static uint64_t kernel_audit_now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* This clock always exists. */
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int kernel_audit_send(void *self, const MirrorItem *item)
{
        _cleanup_(audit_record_deinit) AuditRecord record = AUDIT_RECORD_INIT;
        KernelAudit *audit = self;
        uint32_t uid;
        int r;

        if (item->kind == MIRROR_LEAF) {
                if (audit_record_unknown_peer(item->bytes, item->n, &uid) &&
                    repeats_keep(&audit->repeats, uid, kernel_audit_now_usec(), item->bytes, item->n))
                        return 0;
                return kernel_audit_write_leaf(audit, item->bytes, item->n, 1);
        }
        r = item->kind == MIRROR_CHECKPOINT ? audit_record_of_checkpoint(item->bytes, item->n, &record)
                                            : audit_record_of_fault(item->bytes, &record);
        return r < 0 ? r : kernel_audit_write(audit, &record);
}

static int kernel_audit_rest(void *self, uint64_t now_usec, bool last, uint64_t *ret_next_usec)
{
        KernelAudit *audit = self;
        RepeatsRow row;
        int n = 0;

        while (n >= 0 && repeats_due(&audit->repeats, now_usec, last, &row)) {
                int r = kernel_audit_write_leaf(audit, row.bytes, row.n_bytes, row.n);
                free(row.bytes);
                n = r < 0 ? r : n + r;
        }
        *ret_next_usec = n < 0 ? now_usec : repeats_next_usec(&audit->repeats);
        return n;
}

const MirrorDestination kernel_audit_destination = {
        .wants = kernel_audit_wants,
        .send = kernel_audit_send,
        .rest = kernel_audit_rest,
        .free = kernel_audit_destroy,
};
