#pragma once
/*
 * A device at work for the engine: which one, the galleries on it (worker/copies.h), and searches of them (worker/rounds.h).
 *
 * Any error of the device ends the search with ACCELERATOR_E_FAILED, and the engine begins it anew on the processor. One caller at a time.
 */

#include "worker/copies.h"
#include "worker/device.h"
#include "worker/rounds.h"

typedef struct Accelerator Accelerator;

enum {
        ACCELERATOR_E_FAILED = ROUNDS_E_FAILED, /* the device has: it is to be closed */
        ACCELERATOR_E_NO_ROOM =
                ROUNDS_E_NO_ROOM, /* of the device for this search; nothing else is wrong with it */
        ACCELERATOR_E_NONE = 22,  /* there is no such device */
};

/* Which device. */
typedef struct AcceleratorWish {
        const char *folder; /* of the modules */
        const char *engine; /* "opencl", "cuda": that driver's; "auto": a GPU of any driver that works */
        const char *
                device; /* its number, or a part of its name; NULL: the first that works (with "auto": the first GPU) */
        uint64_t memory; /* bytes that templates may take there, at most; 0: nine tenths of what it has */
} AcceleratorWish;

/**
 * accelerator_new() - Loads the driver, opens the device, and holds what it computes against the processor.
 *
 * Where several are meant, the first that works; what is wrong with those before it is said in the log.
 * Return: 0; ACCELERATOR_E_NONE; ACCELERATOR_E_FAILED: none of those meant works; with @ret_why, a sentence without its full stop. Or -errno.
 */
int accelerator_new(const AcceleratorWish *wish, Accelerator **ret_accelerator, DeviceWhy *ret_why);

/** accelerator_free() - Overwrites what is on the device, and says so in the log where that cannot be known; takes NULL, returns NULL. */
Accelerator *accelerator_free(Accelerator *accelerator);

/** accelerator_name() - For the record: "opencl/gpu", "cuda/sm_90". */
const char *accelerator_name(const Accelerator *accelerator);
const DeviceFacts *accelerator_device(const Accelerator *accelerator);
CopiesFacts accelerator_memory(const Accelerator *accelerator);

/**
 * accelerator_run() - Shows all templates to the queries, which have begun with digits of a device.
 * @ret_nanoseconds: how long the device worked
 *
 * Return: 0, ENGINE_E_DAMAGED, ACCELERATOR_E_FAILED or ACCELERATOR_E_NO_ROOM with @ret_why filled in, or -errno.
 */
int accelerator_run(Accelerator *accelerator, const RoundsWork *work, uint64_t *ret_nanoseconds,
                    DeviceWhy *ret_why);

/** accelerator_sync(), accelerator_forget() - As copies_sync() and copies_forget(). Return: 0 or ACCELERATOR_E_FAILED. */
int accelerator_sync(Accelerator *accelerator, const Templates *templates, DeviceWhy *ret_why);
int accelerator_forget(Accelerator *accelerator, uint64_t identity, DeviceWhy *ret_why);

/** accelerator_list() - Tells of every device that any driver of the folder knows, and of drivers that cannot be loaded (facts NULL, why not). */
void accelerator_list(const char *folder,
                      void (*found)(const char *engine, size_t number, const DeviceFacts *facts,
                                    const char *why, void *userdata),
                      void *userdata);
