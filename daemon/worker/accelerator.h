#pragma once
/*
 * A device at work for the engine: a pass over a gallery on it, for many queries. The device gives rows whose bounds reach the thresholds, in rounds that
 * grow: what a round found raises the thresholds of the next (worker/candidates.h), and each round takes its blocks from all over the part in steps of the golden section (worker/pass.c says why).
 * A query of which a round finds more than can be handed out has that round's blocks scanned by the processor, which knows what to do about near-duplicates.
 *
 * Any error of the device ends the search with ACCELERATOR_E_FAILED, and the engine begins it anew on the processor.
 */

#include "worker/copies.h"
#include "worker/device.h"
#include "worker/pass.h"

typedef struct Accelerator Accelerator;

enum { ACCELERATOR_E_FAILED = 20 /* the device did; above what engine_search() ends with */ };

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
 * Return: 0; ACCELERATOR_E_FAILED: none could be had, @ret_why says why in a sentence's middle; or -errno.
 */
int accelerator_new(const AcceleratorWish *wish, Accelerator **ret_accelerator, DeviceWhy *ret_why);

/** accelerator_free() - Overwrites what is on the device, and says so in the log where that cannot be known; takes NULL, returns NULL. */
Accelerator *accelerator_free(Accelerator *accelerator);

/** accelerator_name() - For the record: "opencl/gpu", "cuda/sm_90". */
const char *accelerator_name(const Accelerator *accelerator);
const DeviceFacts *accelerator_device(const Accelerator *accelerator);
CopiesFacts accelerator_memory(const Accelerator *accelerator);

/**
 * accelerator_run() - Shows all templates to the queries, whose candidates have begun; as pass_run().
 * @pass:       for what is scanned by the processor
 * @ret_nanoseconds: how long the device worked
 *
 * Return: 0, ENGINE_E_DAMAGED, ACCELERATOR_E_FAILED with @ret_why filled in, or -errno.
 */
int accelerator_run(Accelerator *accelerator, Pass *pass, Pool *pool, size_t n_probes,
                    uint64_t *ret_nanoseconds, DeviceWhy *ret_why);

/** accelerator_sync(), accelerator_forget() - As copies_sync() and copies_forget(). Return: 0 or ACCELERATOR_E_FAILED. */
int accelerator_sync(Accelerator *accelerator, const Templates *templates, DeviceWhy *ret_why);
int accelerator_forget(Accelerator *accelerator, uint64_t identity, DeviceWhy *ret_why);

/** accelerator_list() - Tells of every device that any driver of the folder knows, and of drivers that cannot be loaded (facts NULL, why not). */
void accelerator_list(const char *folder,
                      void (*found)(const char *engine, size_t number, const DeviceFacts *facts,
                                    const char *why, void *userdata),
                      void *userdata);
