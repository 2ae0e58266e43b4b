#pragma once
/*
 * A device that scans: what the engine wants of a graphics processor, whoever made it. A driver is a module, engine-NAME.so, loaded
 * where it is wanted: the worker itself needs no vendor's library, and one package serves machines with and without. A driver exports one
 * symbol, DEVICE_DRIVER_SYMBOL, and calls nothing of the worker's.
 *
 * What a driver computes is what worker/scan-kernels.h says, to the bit: upper bounds of rows, of which those that reach a probe's floor leave the device.
 * It decides nothing: which galleries are there, which rows are asked for and what becomes of those found is the engine's (worker/accelerator.h).
 *
 * One caller at a time, not always the same thread. All memory of the device that held templates or probes is overwritten before it is given back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/codes.h"
#include "worker/scan.h"

enum {
        DEVICE_DRIVER_VERSION = 1, /* of this header */
        DEVICE_PROBES_MAX = 1024,  /* at once */
        DEVICE_FOUND_MAX = 8192,   /* of `most` in DeviceScan, and of all probes together: */
        DEVICE_FOUND_ALL = 1 << 20,
        DEVICE_NAME_MAX = 127,
        DEVICE_WHY_MAX = 255,
};

#define DEVICE_DRIVER_SYMBOL "matchguard_device_driver"

typedef struct Device Device;
typedef struct DeviceMemory DeviceMemory;

typedef struct DeviceFacts {
        char name[DEVICE_NAME_MAX + 1]; /* by its vendor's library; printable ASCII */
        char kind[16];                  /* "gpu", "cpu", "sm_90": behind the driver's name in the record */
        bool is_gpu;                    /* else it is taken by who asks for it only, never by "auto" */
        uint64_t memory;                /* bytes */
        uint64_t largest;               /* bytes of one DeviceMemory, at most */
} DeviceFacts;

/* Which call failed and how, in words, for the log: "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES". */
typedef struct DeviceWhy {
        char text[DEVICE_WHY_MAX + 1];
} DeviceWhy;

/* A row whose bound reached its probe's floor. */
typedef struct DeviceFound {
        uint32_t probe;
        uint32_t row; /* counted from the first of the memory */
        float upper;
} DeviceFound;

typedef struct DeviceScan {
        const DeviceMemory *memory; /* blocks of worker/codes.h, of the probes' dimension */
        uint32_t n_blocks;          /* that it holds */
        uint32_t first, n;   /* positions; position p is block (p * step) % n_blocks, computed in 64 bits */
        uint32_t step;       /* no divisor in common with n_blocks */
        const float *floors; /* a probe; INFINITY: nothing reaches it */
        uint32_t
                most; /* rows of a probe that are handed out, 1 to DEVICE_FOUND_MAX; times the probes at most DEVICE_FOUND_ALL */

        uint32_t *
                ret_counts; /* a probe: rows that reached its floor; above `most`: not all of them are handed out */
        DeviceFound *
                ret_found; /* room for most * probes; in no order; only those of probes whose count is at most `most` are to be used */
        size_t n_found; /* filled in */
        uint64_t
                nanoseconds; /* filled in: how long the device worked on it, by its own clock; 0 where it has none */
} DeviceScan;

/* Return of each that has one: 0; -ENOMEM: the device has no room (nothing has changed, all else works); -ENODEV: no such device; or -EIO: it failed,
 * and is to be closed; with @ret_why filled in but where it is 0. */
typedef struct DeviceDriver {
        unsigned version; /* DEVICE_DRIVER_VERSION */
        const char *name; /* as of --engine= */

        /* Tells of each device, in the order of their numbers from 0. None is 0, and nothing told. */
        int (*list)(void (*found)(const DeviceFacts *facts, void *userdata), void *userdata,
                    DeviceWhy *ret_why);

        /* Opens the device of a number, and makes ready all that it will ever need, by running each kernel once in each way in which it is run later:
         * nothing is compiled, loaded or opened any more once this has returned (the calls of the system are then few). It may take seconds. */
        int (*open)(size_t number, Device **ret_device, DeviceWhy *ret_why);
        /* Takes NULL. What was allocated is overwritten as far as the device still does what it is told. */
        void (*close)(Device *device);
        const DeviceFacts *(*facts)(const Device *device);

        /* Return: 0 and memory that no template is in. */
        int (*allocate)(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why);
        /* Overwrites it and gives it back; returns when that is done. Given back it is in any case; -EIO: it may not have been overwritten. Takes NULL. */
        int (*release)(Device *device, DeviceMemory *memory, DeviceWhy *ret_why);
        /* Copies to the device; returns when it is there, and when nothing of what was there before is left. */
        int (*write)(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
                     DeviceWhy *ret_why);

        /* What is searched for until forget_probes(): copied. 1 to DEVICE_PROBES_MAX, all with one digit or all with two. Those before are overwritten. */
        int (*set_probes)(Device *device, const ScanProbe *probes, size_t n, size_t dimension,
                          DeviceWhy *ret_why);
        int (*forget_probes)(Device *device, DeviceWhy *ret_why);

        int (*scan)(Device *device, DeviceScan *scan, DeviceWhy *ret_why);
} DeviceDriver;
