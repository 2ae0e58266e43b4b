#pragma once
/*
 * A device beside the processor, for benchmarks: both answer the same queries to a made-up gallery in turn, so that what else the machine does meets
 * both, and have to give the same answers to the last bit.
 */

#include "worker/trial.h"

typedef struct Duel {
        Engine *device; /* borrowed */
        Engine *processor;
        Trial of_device, of_processor;
        double first_seconds; /* of the first search, which brings the gallery to the device */
} Duel;

#define DUEL_INIT ((Duel){})

enum {
        DUEL_E_FELL_BACK = 30, /* the device has failed; engine_state() says with what */
        DUEL_E_DIFFER = 31,    /* it gave other answers than the processor */
};

/**
 * duel_init() - Starts the processor's engine, and searches once on the device.
 * @device:     with a device; used until duel_deinit(), which makes it forget the gallery
 * @options:    the instruction set and the threads of the other
 *
 * Return: 0, DUEL_E_*, or as engine_new() and engine_search(); @ret_duel is to be deinitialised either way.
 */
int duel_init(const Population *population, Engine *device, const EngineOptions *options, Duel *ret_duel);

/** duel_deinit() - Safe on DUEL_INIT. */
void duel_deinit(Duel *duel);

/* Passes of @batch queries: the middle ones of many. */
typedef struct DuelRow {
        size_t batch;
        double device;  /* seconds of a pass, from the call to its return; filled in, as is the rest */
        double working; /* of these the device worked so many, by its own clock; 0: it has none */
        double processor;
} DuelRow;

/** duel_run() - Takes at least @seconds of each. Return: 0, DUEL_E_*, or as engine_search(). */
int duel_run(Duel *duel, double seconds, DuelRow *row);
