#pragma once
/*
 * The part of `matchguard-worker --benchmark` that is about a device: how fast it answers beside the processor (worker/duel.h). A device has no limit that can be
 * measured from here; what it reads and multiplies in a second, while it works, is there to be held against what its maker says.
 */

#include "worker/duel.h"

/** benchmark_device_head() - Prints which it is. */
void benchmark_device_head(Engine *device, bool json);

typedef struct BenchmarkDevice {
        Engine *device;
        const EngineOptions *options; /* of the processor's engine beside it */
        const Population *population;
        double longest; /* seconds; batches that would take longer are left out */
        double seconds; /* for one figure */
        bool json;
} BenchmarkDevice;

/** benchmark_device_run() - Prints a line for each batch. Return: 0, DUEL_E_*, or as duel_init() and duel_run(). */
int benchmark_device_run(const BenchmarkDevice *benchmark);
