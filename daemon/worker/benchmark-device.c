/*
 * The benchmark of a device.
 */

#include "worker/benchmark-device.h"

#include <stdio.h>

#include "base/diag.h"
#include "base/macro.h"
#include "worker/machine.h"

static const size_t benchmark_batches[] = {1, 16, ENGINE_BATCH_CPU, ENGINE_BATCH_MAX};

void benchmark_device_head(Engine *device, bool json)
{
        EngineState state;

        engine_state(device, &state);
        machine_keep_plain(state.device);
        if (json)
                printf("\"device\":{\"engine\":\"%s\",\"name\":\"%s\",\"memory\":%llu},\n ",
                       engine_name(device), state.device, (unsigned long long)state.memory);
        else
                printf("Searching with %s: %s, %llu MB of its memory for templates\n", engine_name(device),
                       state.device, (unsigned long long)(state.memory >> 20));
}

/* --------------------------------------------------------------------------------------------------- printing */

static void print_gallery(const BenchmarkDevice *benchmark, const Duel *duel)
{
        EngineState state;

        engine_state(duel->device, &state);
        if (benchmark->json) {
                printf(",\n  \"onDevice\":{\"beside\":\"%s\",\"firstSeconds\":%.4g,\"memoryUsed\":%llu,"
                       "\"searches\":[",
                       engine_name(duel->processor), duel->first_seconds, (unsigned long long)state.used);
                return;
        }
        printf("  %s in turn with %s; its first search, for which the gallery came there, took %.3f s\n",
               engine_name(duel->device), engine_name(duel->processor), duel->first_seconds);
        printf("  %12s %5s %12s %12s %12s %12s %12s %12s\n", "", "batch", "ms/query", "queries/s",
               "x processor", "device ms", "codes GB/s", "int8 G/s");
}

typedef struct DeviceRates {
        double bytes, operations; /* a second, while it works; 0: not known */
} DeviceRates;

static DeviceRates rates_of(const Population *population, const DuelRow *row)
{
        double products =
                (double)population->shape.n_rows * (double)population->shape.dimension * (double)row->batch;

        if (row->working <= 0)
                return (DeviceRates){};
        return (DeviceRates){(double)population->blocks_size / row->working, 2 * products / row->working};
}

static void print_row_json(const BenchmarkDevice *benchmark, const DuelRow *row)
{
        DeviceRates rates = rates_of(benchmark->population, row);
        double batch = (double)row->batch;

        printf("%s\n   "
               "{\"batch\":%zu,\"secondsPerQuery\":%.4g,\"queriesPerSecond\":%.4g,\"timesProcessor\":%.4g,"
               "\"processorSecondsPerQuery\":%.4g",
               row->batch == 1 ? "" : ",", row->batch, row->device / batch, batch / row->device,
               row->processor / row->device, row->processor / batch);
        if (row->working > 0)
                printf(",\"deviceSecondsPerQuery\":%.4g,\"bytesPerSecond\":%.4g,\"operationsPerSecond\":%.4g",
                       row->working / batch, rates.bytes, rates.operations);
        printf("}");
}

static void print_row(const BenchmarkDevice *benchmark, const DuelRow *row)
{
        DeviceRates rates = rates_of(benchmark->population, row);
        double batch = (double)row->batch;

        if (benchmark->json) {
                print_row_json(benchmark, row);
                return;
        }
        printf("  %12s %5zu %12.4f %12.0f %12.2f", "", row->batch, row->device / batch * 1e3,
               batch / row->device, row->processor / row->device);
        if (row->working > 0)
                printf(" %12.4f %12.1f %12.0f\n", row->working / batch * 1e3, rates.bytes / 1e9,
                       rates.operations / 1e9);
        else
                printf(" %12s %12s %12s\n", "-", "-", "-");
        (void)fflush(stdout); /* Where nobody reads any more, the end of the program says so. */
}

/* -------------------------------------------------------------------------------------------------- measuring */

static int measure_batches(const BenchmarkDevice *benchmark, Duel *duel)
{
        double slower = 0; /* of the two: seconds a query */

        for (size_t i = 0; i < ARRAY_SIZE(benchmark_batches); i++) {
                DuelRow row = {.batch = benchmark_batches[i]};
                if (slower * (double)row.batch > benchmark->longest) {
                        diag(DIAG_INFO, "Left out: a batch of %zu, over %.0f seconds a pass.", row.batch,
                             benchmark->longest);
                        break;
                }
                int r = duel_run(duel, benchmark->seconds, &row);
                if (r != 0)
                        return r;
                slower = MAX_OF(row.device, row.processor) / (double)row.batch;
                print_row(benchmark, &row);
        }
        return 0;
}

int benchmark_device_run(const BenchmarkDevice *benchmark)
{
        _cleanup_(duel_deinit) Duel duel = DUEL_INIT;

        int r = duel_init(benchmark->population, benchmark->device, benchmark->options, &duel);
        if (r != 0)
                return r;
        print_gallery(benchmark, &duel);
        r = measure_batches(benchmark, &duel);
        if (r == 0 && benchmark->json)
                printf("]}");
        return r;
}
