#pragma once
/*
 * What is true: the ten best rows of some probes, by brute force in double precision. Shares no code with the engine: it reads the rows, adds in the order
 * that worker/kernel.h writes down, and sorts. So its similarities have to be the engine's to the last bit.
 */

#include <stddef.h>

#include "worker/trial.h"

typedef struct Truth {
        size_t n_probes; /* the first of the trial */
        EngineHit *hits; /* TRIAL_K a probe */
} Truth;

#define TRUTH_INIT ((Truth){})

/** truth_init() - Finds it. Return: 0 or -ENOMEM; @ret_truth is to be deinitialised either way. */
int truth_init(const Trial *trial, size_t n_probes, Pool *pool, Truth *ret_truth);
void truth_deinit(Truth *truth);
