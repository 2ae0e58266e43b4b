#pragma once
/*
 * `matchguard-worker --benchmark`: what this machine gives at best (worker/ceiling.h), and how near to it the engine comes, for each instruction
 * set that it has, on made-up galleries in memory. Reaches no file, no guard, nothing that serves.
 */

#include <stdbool.h>
#include <stddef.h>

#include "worker/engine.h"
#include "worker/machine.h"

typedef struct BenchmarkOptions {
        size_t n_templates; /* of the only gallery; 0: 10,000, 100,000 and a million */
        size_t dimension;
        bool json;
} BenchmarkOptions;

/* An engine found a gallery damaged that was made just now: memory, or this program, is broken. Above what engine_new() ends with. */
enum { BENCHMARK_E_ENGINE = 29 };

/**
 * benchmark_run() - Measures, and prints a table or JSON on stdout, progress on stderr.
 * @engine:     the instruction set (auto: each that works here), and the most threads
 * @device:     searches as well if it has a device
 *
 * Takes a minute or two. Return: 0, ENGINE_E_UNKNOWN, BENCHMARK_E_ENGINE, DUEL_E_* (worker/duel.h) or -errno.
 */
int benchmark_run(const BenchmarkOptions *options, const EngineOptions *engine, const Machine *machine,
                  Engine *device);
