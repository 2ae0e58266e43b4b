/*
 * The peers.
 */

#include "peers.h"

#include <cblas.h>
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "worker/ceiling.h"

enum {
        PEERS_ROWS = 8192, /* whose products are looked at while they are in the cache */
        PEERS_GROUP = 16,  /* products of which is asked at once whether any is good enough */
        PEERS_REST_MSEC = 60,
};

static bool has_avx512(void)
{
#ifdef __x86_64__
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#else
        return false;
#endif
}

const char *peers_prepare(char **argv)
{
        const char *core = getenv("OPENBLAS_CORETYPE");
        bool wants_core = !core && has_avx512();

        if (!wants_core && getenv("OMP_WAIT_POLICY"))
                return core ? core : "its own choice (no AVX-512 here)";
        /* Threads of OpenMP that spin between two searches would take the processor from whoever is measured next. */
        if ((wants_core && setenv("OPENBLAS_CORETYPE", "SkylakeX", 1) < 0) ||
            setenv("OMP_WAIT_POLICY", "PASSIVE", 0) < 0)
                return "its own choice (no memory)";
        (void)execv("/proc/self/exe", argv); /* Comes back only where /proc is missing. */
        return "its own choice (this program could not start itself again)";
}

const char *peers_core(void)
{
        return openblas_get_corename();
}

size_t peers_size(size_t n_rows, size_t dimension)
{
        return (n_rows * dimension + (size_t)TRIAL_PROBES * PEERS_ROWS) * sizeof(float);
}

int peers_init(const Trial *trial, Peers *ret_peers)
{
        const Templates *templates = &trial->population->templates;

        *ret_peers = (Peers){.trial = trial, .n_threads = 1};
        ret_peers->scores = aligned_alloc(64, (size_t)TRIAL_PROBES * PEERS_ROWS * sizeof(float));
        ret_peers->flat = flat_new(templates->n_rows, templates->dimension);
        if (!ret_peers->scores || !ret_peers->flat)
                return -ENOMEM;
        for (size_t row = 0; row < templates->n_rows; row++) {
                double square;
                memcpy(flat_rows(ret_peers->flat) + row * templates->dimension,
                       original_read(&templates->originals, row, &square),
                       templates->dimension * sizeof(float));
        }
        return 0;
}

void peers_deinit(Peers *peers)
{
        free(peers->scores);
        peers->scores = NULL;
        peers->flat = flat_free(peers->flat);
}

void peers_set_threads(Peers *peers, size_t n_threads)
{
        peers->n_threads = n_threads;
        flat_set_threads(n_threads);
        openblas_set_num_threads((int)n_threads);
}

/* OpenBLAS's threads spin for a while when they have done their part. */
static void peers_rest(const Peers *peers)
{
        const struct timespec rest = {.tv_nsec = PEERS_REST_MSEC * 1000000L};

        if (peers->n_threads > 1)
                (void)nanosleep(&rest, NULL); /* A signal that ends it early ends the program. */
}

double peers_search_faiss(Peers *peers, size_t first, size_t n)
{
        double begun = ceiling_now();
        flat_search(peers->flat, peers->trial->probes + first * peers->trial->stride, n, TRIAL_K,
                    peers->rows + first * TRIAL_K);
        double seconds = ceiling_now() - begun;
        peers_rest(peers);
        return seconds;
}

/* -------------------------------------------------------------------------------------------------- OpenBLAS */

typedef struct PeerHit {
        float score;
        int64_t row;
} PeerHit;

/* The best so far, as a heap: whoever has to go first is at its root. */
typedef struct PeerBest {
        PeerHit hits[TRIAL_K];
        size_t n;
} PeerBest;

static bool hit_is_worse(PeerHit a, PeerHit b)
{
        return a.score < b.score || (a.score == b.score && a.row > b.row);
}

static void best_sink(PeerBest *best, size_t i)
{
        for (;;) {
                size_t worst = i;
                for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < best->n; child++)
                        if (hit_is_worse(best->hits[child], best->hits[worst]))
                                worst = child;
                if (worst == i)
                        return;
                PeerHit hit = best->hits[i];
                best->hits[i] = best->hits[worst];
                best->hits[worst] = hit;
                i = worst;
        }
}

static void best_take(PeerBest *best, PeerHit hit)
{
        if (best->n < TRIAL_K) {
                best->hits[best->n++] = hit;
                for (size_t i = best->n / 2; best->n == TRIAL_K && i > 0; i--)
                        best_sink(best, i - 1);
        } else if (hit_is_worse(best->hits[0], hit)) {
                best->hits[0] = hit;
                best_sink(best, 0);
        }
}

/* Most products are not good enough, and that is seen sixteen at a time. */
static void best_take_all(PeerBest *best, const float *scores, size_t n, int64_t first)
{
        for (size_t i = 0; i < n; i += PEERS_GROUP) {
                size_t m = MIN_OF(n - i, (size_t)PEERS_GROUP);
                int any = best->n < TRIAL_K;
                for (size_t j = 0; j < m; j++)
                        any |= scores[i + j] >= best->hits[0].score;
                for (size_t j = 0; any && j < m; j++)
                        best_take(best, (PeerHit){scores[i + j], first + (int64_t)(i + j)});
        }
}

static int by_quality(const void *a, const void *b)
{
        return hit_is_worse(*(const PeerHit *)a, *(const PeerHit *)b) ? 1 : -1;
}

static void multiply(const Peers *peers, size_t first, size_t n, const float *rows, size_t n_rows)
{
        const float *probes = peers->trial->probes + first * peers->trial->stride;
        int dimension = (int)peers->trial->population->shape.dimension, stride = (int)peers->trial->stride;

        if (n == 1)
                cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)n_rows, dimension, 1, rows, dimension, probes,
                            1, 0, peers->scores, 1);
        else
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)n_rows, dimension, 1,
                            probes, stride, rows, dimension, 0, peers->scores, PEERS_ROWS);
}

double peers_search_openblas(Peers *peers, size_t first, size_t n)
{
        size_t n_rows = peers->trial->population->shape.n_rows,
               dimension = peers->trial->population->shape.dimension;
        static PeerBest best[TRIAL_PROBES];

        double begun = ceiling_now();
        memset(best, 0, sizeof(best));
        for (size_t row = 0; row < n_rows; row += PEERS_ROWS) {
                size_t m = MIN_OF(n_rows - row, (size_t)PEERS_ROWS);
                multiply(peers, first, n, flat_rows(peers->flat) + row * dimension, m);
#pragma omp parallel for num_threads(MIN_OF(peers->n_threads, n))
                for (size_t i = 0; i < n; i++)
                        best_take_all(&best[i], peers->scores + i * PEERS_ROWS, m, (int64_t)row);
        }
        for (size_t i = 0; i < n; i++) {
                qsort(best[i].hits, best[i].n, sizeof(PeerHit), by_quality);
                for (size_t j = 0; j < TRIAL_K; j++)
                        peers->rows[(first + i) * TRIAL_K + j] = j < best[i].n ? best[i].hits[j].row : -1;
        }
        double seconds = ceiling_now() - begun;
        peers_rest(peers);
        return seconds;
}
