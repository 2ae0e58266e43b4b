#pragma once
/*
 * One row of the table: everybody answers the same probes on the same gallery with the same number of threads, in turn, so that what else the machine
 * does meets all of them. The machine's limits take part like the rest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peers.h"
#include "truth.h"
#include "worker/ceiling.h"
#include "worker/engine.h"
#include "worker/trial.h"

/* Who takes part. */
typedef enum ContestWho {
        CONTEST_VNNI, /* this engine, by instruction set */
        CONTEST_AVX2,
        CONTEST_SCALAR,
        CONTEST_DEVICE,  /* with --engine= */
        CONTEST_ENGINES, /* how many engines there are */
        CONTEST_FAISS = CONTEST_ENGINES,
        CONTEST_OPENBLAS,
        CONTEST_READ,      /* the codes of the gallery read once a pass, and nothing done with them */
        CONTEST_TILE_VNNI, /* as many multiplications as the pass needs, in the cache */
        CONTEST_TILE_AVX2,
        CONTEST_N,
} ContestWho;

/** contest_name() - As in the table. */
const char *contest_name(ContestWho who);

/* Milliseconds a query, and lists against the truth. */
typedef struct ContestFigure {
        bool measured;
        double median, min;
        size_t n_lists; /* compared */
        size_t n_wrong; /* of these: other rows, or another order; of an engine also another bit of a similarity */
} ContestFigure;

typedef struct ContestCell {
        size_t n_rows, n_alike, dimension;
        size_t n_threads, batch;
        ContestFigure figures[CONTEST_N];
} ContestCell;

/* What a gallery is searched by, with one number of threads. */
typedef struct Contest {
        Trial *trial; /* borrowed, as are the next two; engines write their answers into it */
        Peers *peers;
        const Truth *truth;
        size_t n_threads;
        EngineOptions device; /* .engine NULL: there is none */
        Pool *pool;
        Engine *engines[CONTEST_ENGINES]; /* NULL: not on this machine */
} Contest;

enum { CONTEST_E_DEVICE = 30 /* it is not to be had, or has failed: the log says how */ };

/** contest_init() - Starts the engines of a contest whose first five fields are filled in. Return: 0, CONTEST_E_DEVICE or -errno; it is to be deinitialised either way. */
int contest_init(Contest *contest);
void contest_deinit(Contest *contest);

/** contest_run() - Fills a cell's figures. Return: 0, ENGINE_E_DAMAGED, CONTEST_E_DEVICE or -errno. */
int contest_run(Contest *contest, size_t batch, ContestCell *ret_cell);

/** contest_least() - The same cell, with the least times for medians. */
ContestCell contest_least(const ContestCell *cell);

/** contest_best_peer() - The faster of the exact peers, by the median; CONTEST_N: none was measured. */
ContestWho contest_best_peer(const ContestCell *cell);

/** contest_limit() - Milliseconds a query that the machine allows this engine: the slower of reading and multiplying. 0: not known. */
double contest_limit(const ContestCell *cell, ContestWho engine);
