#pragma once
/*
 * Job: what the worker is asked to do. It can be made from nothing but the receipt of a permit (promise 1):
 * there is no other way to a JOB message in this program.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "trail/receipt.h"

/* What goes with the leaf. All borrowed. */
typedef struct JobParts {
        const uint8_t *salt; /* COMMITMENT_SALT_SIZE bytes, of the leaf's `job` */
        const uint8_t *job;
        size_t n_job;
        uint64_t deadline_usec; /* from now */
} JobParts;

enum {
        JOB_E_NOT_A_PERMIT =
                1, /* the receipt is of another leaf, or has no audit path: nothing was written */
};

/**
 * job_from_receipt() - Appends the body of a JOB message.
 *
 * Return: 0 or JOB_E_NOT_A_PERMIT.
 */
int job_from_receipt(const Receipt *receipt, const JobParts *parts, Buffer *buffer);
