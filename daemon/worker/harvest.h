#pragma once
/*
 * What a device has found in a round, and who it is for: rows come in no order, and are handed to their queries by all threads.
 */

#include "worker/device.h"
#include "worker/queries.h"

typedef struct Harvest {
        /* Of the search. */
        Queries *queries;
        uint16_t owners[ENGINE_BATCH_MAX]; /* a probe's query */
        float slacks[ENGINE_BATCH_MAX]; /* a probe's; its digits may have changed since the device got them */

        /* Of the round: what the device is told, and what it tells (DeviceScan). */
        uint32_t most;
        float floors[ENGINE_BATCH_MAX];
        uint32_t counts[ENGINE_BATCH_MAX];
        DeviceFound *found;
        size_t n_found;

        /* Filled in. */
        bool overflowed
                [ENGINE_BATCH_MAX]; /* a query: found more than was handed out, and got nothing of it */

        size_t first_row, n_rows;
        size_t starts[ENGINE_BATCH_MAX + 1]; /* of each probe's rows */
        atomic_uint cursors[ENGINE_BATCH_MAX];
        Candidate *rows; /* by probe */
        size_t room;
        atomic_bool damaged, nonsense;
} Harvest;

/** harvest_deinit() - Safe on what is all zero. */
void harvest_deinit(Harvest *harvest);

/** harvest_begin() - For a search whose probes the device has got. Return: 0 or -ENOMEM. */
int harvest_begin(Harvest *harvest, Queries *queries);

/** harvest_count() - Rows that a query has found in the round, at least: those of the probe that found the most. */
size_t harvest_count(const Harvest *harvest, size_t query);

enum { HARVEST_E_NONSENSE = 10 /* what the device says cannot be */ };

/**
 * harvest_bring_in() - Hands what was found to the queries.
 * @first_row:  the gallery's number of the first row of the device's memory
 * @n_rows:     rows in that memory that may hold a template
 *
 * Return: 0, ENGINE_E_DAMAGED or HARVEST_E_NONSENSE.
 */
int harvest_bring_in(Harvest *harvest, Pool *pool, size_t first_row, size_t n_rows);
