#pragma once
/*
 * A played device: a driver's module, as the engine loads it, that computes as plainly as can be, holds its caller to what worker/device.h says,
 * and fails, runs out of room or lies where it is told to. Tests reach it through the symbol PLAYED_SYMBOL of the loaded module.
 */

#include <stdatomic.h>

#include "worker/device.h"

#define PLAYED_SYMBOL "played_control"

enum { PLAYED_DEVICES_MAX = 4 };

typedef enum PlayedLie {
        PLAYED_TRUTH,
        PLAYED_LOSES_A_ROW,
        PLAYED_DOUBLES_A_ROW,
        PLAYED_ROW_BEYOND,   /* the gallery */
        PLAYED_PROBE_BEYOND, /* those that were set */
        PLAYED_BELOW_FLOOR,
        PLAYED_FOUND_BEYOND, /* the room */
        _PLAYED_LIE_MAX,
} PlayedLie;

/* What it computes. */
typedef enum PlayedWrong {
        PLAYED_RIGHT,
        PLAYED_WRONG_SUMS,
        PLAYED_WRONG_LONG_SUMS, /* of more than a thousand dimensions */
        PLAYED_WRONG_POSITIONS, /* in 32 bits */
        _PLAYED_WRONG_MAX,
} PlayedWrong;

typedef struct PlayedControl {
        /* What it is told. */
        DeviceDriver *driver; /* to make it another version */
        size_t n_devices;
        DeviceFacts facts[PLAYED_DEVICES_MAX];
        size_t fails_at; /* the call of this number, counted from 1; 0: none */
        int fails_with;  /* -EIO, -ENOMEM */
        size_t broken;   /* devices of lower numbers cannot be opened */
        PlayedLie lie;   /* of the next scan that finds a row of the second round or later */
        PlayedWrong wrong;
        atomic_int *stop; /* set to 1 by the scan of the number stops_at */
        size_t stops_at;
        uint64_t nanoseconds;  /* that each scan says it took */
        unsigned lingers_usec; /* in each scan, so that others who come meanwhile are seen */

        /* What it has seen. */
        const char *violation;              /* the first of what worker/device.h says; NULL: none */
        const char *failed;                 /* the name of the call that failed */
        size_t n_calls, n_scans, n_scanned; /* blocks */
        uint64_t n_found;                   /* rows of all probes, those that were not handed out as well */
        size_t n_open, n_memories;
        uint64_t used;
        size_t n_probes;       /* that are set */
        bool probes_are_there; /* anything of them, in memory of the device */
} PlayedControl;

extern PlayedControl played_control;
