#pragma once
/*
 * Status facts: all that `matchguard status` knows when it looks for what is wrong: what the service told, and what the
 * tool has found beside it.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* The policy that lies on the disk, against the one that runs. */
typedef enum StatusDisk {
        STATUS_DISK_UNKNOWN, /* nobody could look */
        STATUS_DISK_SAME,
        STATUS_DISK_DIFFERS,
        STATUS_DISK_BROKEN,
} StatusDisk;

typedef struct StatusFacts {
        json_object *status; /* of GetStatus; borrowed */
        bool in_full;        /* it came from the Admin socket: it is all there is */
        int64_t now_usec;    /* wall time of whoever asks */
        StatusDisk disk;
        const char *disk_fault; /* of STATUS_DISK_BROKEN: the first fault */
        /* The state of its unit as systemd has it: "failed" and so on, "masked", "masked-runtime"; NULL: not known. */
        const char *worker_unit;
} StatusFacts;

/** status_object() - A member of the status that is an object; NULL where there is none. Takes NULL. */
json_object *status_object(json_object *object, const char *key);
