#pragma once
/*
 * What the engine is measured against: exact searches by float32 that a Debian system has. Both read the same rows.
 *
 *   FAISS           IndexFlatIP. Debian builds it for any amd64 (SSE2), so it says little of what FAISS can do.
 *   OpenBLAS        sgemv for one probe, sgemm for many, over 8192 rows at once, and the best of each probe kept by a heap: the one that counts.
 */

#include <stddef.h>
#include <stdint.h>

#include "faiss.h"
#include "worker/trial.h"

typedef struct Peers {
        const Trial *trial; /* borrowed: probes, and rows */
        Flat *flat;
        float *scores; /* of one block of rows */
        size_t n_threads;
        int64_t rows[TRIAL_PROBES * TRIAL_K]; /* what the last search found, by probe */
} Peers;

/**
 * peers_prepare() - Makes OpenBLAS choose the kernels of this processor, which Debian's may not know: it reads OPENBLAS_CORETYPE when it is loaded, so
 * the program starts itself again with that set where there is AVX-512; and with OMP_WAIT_POLICY, so that threads of OpenMP do not spin. What is set already
 * stays. To be called first in main().
 *
 * Return: what was done about the kernels, for the record: a setting, or why there is none.
 */
const char *peers_prepare(char **argv);

/** peers_core() - The kernels that OpenBLAS chose. */
const char *peers_core(void);

/** peers_size() - Bytes that they take beside the population. */
size_t peers_size(size_t n_rows, size_t dimension);

/** peers_init() - Copies the rows. Return: 0 or -ENOMEM; @ret_peers is to be deinitialised either way. */
int peers_init(const Trial *trial, Peers *ret_peers);
void peers_deinit(Peers *peers);

/** peers_set_threads() - From now on both use so many. */
void peers_set_threads(Peers *peers, size_t n_threads);

/** peers_search_faiss(), peers_search_openblas() - Searches for @n probes in one pass. Return: seconds. */
double peers_search_faiss(Peers *peers, size_t first, size_t n);
double peers_search_openblas(Peers *peers, size_t first, size_t n);
