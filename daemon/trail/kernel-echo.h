#pragma once
/*
 * Kernel echo: hears on the audit multicast (netlink group 1) what the kernel has recorded, and tells the
 * loop of our own permits, each with the kernel's serial. A thread of its own reads, so that a machine that
 * audits much does not slow the loop; it only ever reads, and sends nothing.
 *
 * Only messages from netlink port 0 count: those are the kernel's own. What it cannot keep up with is lost, and
 * counted; a permit that waits for its echo then waits in vain.
 */

#include <stdbool.h>
#include <stdint.h>

#include "trail/audit-record.h"

typedef struct KernelEcho KernelEcho;

/**
 * kernel_echo_open() - A descriptor on the multicast, for who may have one (CAP_AUDIT_READ). Return: it, or
 * -errno.
 */
int kernel_echo_open(void);

/** kernel_echo_is_fd() - Whether a descriptor that somebody handed over is such a one. */
bool kernel_echo_is_fd(int fd);

/**
 * kernel_echo_new() - Begins to listen.
 * @fd:         consumed on success
 *
 * Return: 0 or -errno.
 */
int kernel_echo_new(KernelEcho **ret_echo, int fd);

/** kernel_echo_free() - Stops the thread; takes NULL, returns NULL. */
KernelEcho *kernel_echo_free(KernelEcho *echo);

/** kernel_echo_event_fd() - Readable (an eventfd) once there is something to take, or nothing more comes; borrowed. */
int kernel_echo_event_fd(const KernelEcho *echo);

/** kernel_echo_take() - The next permit, in the kernel's order. Return: whether there was one. */
bool kernel_echo_take(KernelEcho *echo, AuditEcho *ret_echo);

typedef struct KernelEchoCounts {
        uint64_t heard; /* permits of ours */
        uint64_t
                overruns; /* times that messages were lost, by the socket or by a loop that did not take them */
        int error;        /* the thread has ended for this errno; 0 while it listens */
} KernelEchoCounts;

KernelEchoCounts kernel_echo_counts(KernelEcho *echo);
