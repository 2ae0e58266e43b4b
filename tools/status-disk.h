#pragma once
/* Status disk: whether the policy on disk is the one that runs, as far as whoever asks may read it. */

#include "policy/policy.h"
#include "tools/status-facts.h"

typedef struct StatusDiskReading {
        StatusDisk disk;
        const char *fault; /* of STATUS_DISK_BROKEN, into `faults` */
        PolicyFaults faults;
} StatusDiskReading;

#define STATUS_DISK_READING_INIT ((StatusDiskReading){})

void status_disk_deinit(StatusDiskReading *reading);

/**
 * status_disk_read() - Reads the folders that the service names.
 * @status:     its full status
 */
void status_disk_read(json_object *status, StatusDiskReading *reading);
