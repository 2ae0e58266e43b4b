/*
 * Contests.
 */

#include "contest.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"

enum { CONTEST_ROUNDS_MAX = 15, CONTEST_ROUNDS_MIN = 3 };

static const double contest_run_seconds =
        0.005; /* a measurement is of so many passes that it takes as long as this */
static const double contest_seconds =
        0.6;                          /* that one contestant gets in a cell, if it is not slower than that */
static const double contest_slow = 1; /* a pass that takes longer counts, though it was the first */
static const double contest_longest = 12; /* a pass that would take longer is left out */

typedef struct ContestRow {
        const char *name;
        const char *isa; /* of an engine or a tile */
} ContestRow;

static const ContestRow contest_rows[CONTEST_N] = {
        [CONTEST_VNNI] = {"engine avx512-vnni", "avx512-vnni"},
        [CONTEST_AVX2] = {"engine avx2", "avx2"},
        [CONTEST_SCALAR] = {"engine scalar", "scalar"},
        [CONTEST_DEVICE] = {"engine on a device", "auto"},
        [CONTEST_FAISS] = {"FAISS"},
        [CONTEST_OPENBLAS] = {"OpenBLAS"},
        [CONTEST_READ] = {"limit: reading"},
        [CONTEST_TILE_VNNI] = {"limit: int8 avx512-vnni", "avx512-vnni"},
        [CONTEST_TILE_AVX2] = {"limit: int8 avx2", "avx2"},
};

const char *contest_name(ContestWho who)
{
        return contest_rows[who].name;
}

static int engine_start(Contest *contest, ContestWho who)
{
        EngineOptions options = {.engine = "cpu"};

        if (who == CONTEST_DEVICE) {
                if (!contest->device.engine)
                        return 0;
                options = contest->device;
        }
        options.isa = contest_rows[who].isa;
        options.n_threads = contest->n_threads;
        int r = engine_new(&options, &contest->engines[who]);
        if (who == CONTEST_DEVICE)
                return r > 0 ? CONTEST_E_DEVICE : r;
        return r == ENGINE_E_UNKNOWN ? 0 : r; /* Others do without it. */
}

int contest_init(Contest *contest)
{
        peers_set_threads(contest->peers, contest->n_threads);

        int r = pool_new(contest->n_threads, &contest->pool);
        for (size_t i = 0; r == 0 && i < CONTEST_ENGINES; i++)
                r = engine_start(contest, i);
        return r;
}

void contest_deinit(Contest *contest)
{
        for (size_t i = 0; i < CONTEST_ENGINES; i++)
                contest->engines[i] = engine_free(contest->engines[i]);
        contest->pool = pool_free(contest->pool);
}

/* ---------------------------------------------------------------------------------------------------- passes */

typedef struct ContestPass {
        ContestWho who;
        size_t first, batch;
} ContestPass;

static double tile_seconds(const Contest *contest, const ContestPass *pass)
{
        const PopulationShape *shape = &contest->trial->population->shape;
        double rate = ceiling_tile(contest->pool, contest->n_threads, contest_rows[pass->who].isa);

        return rate > 0 ? 2.0 * (double)shape->n_rows * (double)shape->dimension * (double)pass->batch / rate
                        : 0;
}

static int engine_run(Contest *contest, const ContestPass *pass, double *ret_seconds)
{
        TrialPass searches = {.first = pass->first, .n = pass->batch};

        int r = trial_run(contest->trial, contest->engines[pass->who], &searches);
        *ret_seconds = searches.seconds;
        return r == 0 && searches.fell_back ? CONTEST_E_DEVICE : r;
}

static int pass_run(Contest *contest, const ContestPass *pass, double *ret_seconds)
{
        const Population *population = contest->trial->population;

        switch (pass->who) {
        case CONTEST_VNNI:
        case CONTEST_AVX2:
        case CONTEST_SCALAR:
        case CONTEST_DEVICE:
                return engine_run(contest, pass, ret_seconds);
        case CONTEST_FAISS:
                *ret_seconds = peers_search_faiss(contest->peers, pass->first, pass->batch);
                return 0;
        case CONTEST_OPENBLAS:
                *ret_seconds = peers_search_openblas(contest->peers, pass->first, pass->batch);
                return 0;
        case CONTEST_READ:
                *ret_seconds = ceiling_read(contest->pool, population->blocks, population->blocks_size);
                return 0;
        case CONTEST_TILE_VNNI:
        case CONTEST_TILE_AVX2:
                *ret_seconds = tile_seconds(contest, pass);
                return 0;
        case CONTEST_N:
                break;
        }
        return 0;
}

static bool is_here(const Contest *contest, ContestWho who)
{
        if (who < CONTEST_ENGINES)
                return contest->engines[who] != NULL;
        if (who == CONTEST_TILE_VNNI || who == CONTEST_TILE_AVX2)
                return contest->engines[who == CONTEST_TILE_VNNI ? CONTEST_VNNI : CONTEST_AVX2] != NULL;
        return true;
}

static bool is_limit(ContestWho who)
{
        return who >= CONTEST_READ;
}

/* ---------------------------------------------------------------------------------------------------- answers */

static bool engine_is_right(const Contest *contest, size_t probe)
{
        const EngineQuery *query = &contest->trial->queries[probe];
        const EngineHit *true_hits = contest->truth->hits + probe * TRIAL_K;
        size_t n = MIN_OF(contest->trial->population->shape.n_rows, (size_t)TRIAL_K);

        if (query->result != 0 || query->n_hits != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (query->ret_hits[i].row != true_hits[i].row ||
                    memcmp(&query->ret_hits[i].similarity, &true_hits[i].similarity, sizeof(double)) != 0)
                        return false;
        return true;
}

static bool peer_is_right(const Contest *contest, size_t probe)
{
        for (size_t i = 0; i < TRIAL_K; i++)
                if (contest->peers->rows[probe * TRIAL_K + i] !=
                    (int64_t)contest->truth->hits[probe * TRIAL_K + i].row)
                        return false;
        return true;
}

static void pass_compare(const Contest *contest, const ContestPass *pass, ContestFigure *figure)
{
        for (size_t i = pass->first; i < pass->first + pass->batch && i < contest->truth->n_probes; i++) {
                figure->n_lists++;
                figure->n_wrong += !(pass->who < CONTEST_ENGINES ? engine_is_right(contest, i)
                                                                 : peer_is_right(contest, i));
        }
}

/* Nothing of what others have found is taken for an answer. */
static void pass_forget(Contest *contest, const ContestPass *pass)
{
        for (size_t i = pass->first; i < pass->first + pass->batch; i++) {
                EngineQuery *query = &contest->trial->queries[i];
                query->n_hits = SIZE_MAX;
                query->result = -1;
                for (size_t j = 0; j < TRIAL_K; j++) {
                        query->ret_hits[j] = (EngineHit){.similarity = (double)NAN, .row = SIZE_MAX};
                        contest->peers->rows[i * TRIAL_K + j] = -1;
                }
        }
}

/* Lists are compared in passes of their own, so that each probe counts once. Slow peers are asked less. */
static int compare_all(Contest *contest, ContestWho who, size_t batch, ContestFigure *figure)
{
        double spent = 0;

        for (size_t first = 0; first < contest->truth->n_probes; first += batch) {
                ContestPass pass = {who, first, batch};
                double seconds;
                pass_forget(contest, &pass);
                int r = pass_run(contest, &pass, &seconds);
                if (r != 0)
                        return r;
                pass_compare(contest, &pass, figure);
                spent += seconds;
                if (who >= CONTEST_ENGINES && spent > contest_seconds)
                        break;
        }
        return 0;
}

/* --------------------------------------------------------------------------------------------------- measuring */

/* How one contestant is measured in a cell, found out by a first pass. */
typedef struct ContestPlan {
        size_t n_passes; /* a measurement; 0: it does not take part */
        size_t n_rounds;
        size_t n; /* measurements so far: seconds of a pass */
        double seconds[CONTEST_ROUNDS_MAX];
} ContestPlan;

static int plan_init(Contest *contest, ContestWho who, size_t batch, ContestPlan *ret_plan)
{
        ContestPass one = {who, 0, 1}, first = {who, 0, batch};
        double seconds = 0;

        *ret_plan = (ContestPlan){};
        if (!is_here(contest, who))
                return 0;
        int r = pass_run(contest, &one, &seconds);
        /* A batch gains plain C little. */
        if (r != 0 || (who == CONTEST_SCALAR && seconds * (double)batch > contest_longest))
                return r;
        r = pass_run(contest, &first, &seconds);
        if (r != 0)
                return r;
        if (seconds > contest_slow)
                ret_plan->seconds[ret_plan->n++] = seconds;
        if (who >= CONTEST_TILE_VNNI) {
                ret_plan->n_passes = 1;
                ret_plan->n_rounds = CONTEST_ROUNDS_MAX;
                return 0;
        }
        double passes = fmin(ceil(contest_run_seconds / seconds), (double)(TRIAL_PROBES / batch));
        double rounds = fmin(contest_seconds / (seconds * passes), CONTEST_ROUNDS_MAX);
        ret_plan->n_passes = (size_t)passes;
        ret_plan->n_rounds = (size_t)fmax(rounds, CONTEST_ROUNDS_MIN);
        return 0;
}

/* Who takes many short passes brings his gallery into the cache first, if it fits: others have put theirs there meanwhile, and the more passes
 * one has, the less that would count. */
static int plan_step(Contest *contest, ContestWho who, size_t batch, ContestPlan *plan)
{
        size_t n_before = plan->n_passes > 1;
        double sum = 0;

        for (size_t i = 0; i < n_before + plan->n_passes; i++) {
                ContestPass pass = {who, (plan->n * plan->n_passes + i) * batch % TRIAL_PROBES, batch};
                double seconds;
                int r = pass_run(contest, &pass, &seconds);
                if (r != 0)
                        return r;
                sum += i < n_before ? 0 : seconds;
        }
        plan->seconds[plan->n++] = sum / (double)plan->n_passes;
        return 0;
}

static void plan_finish(ContestPlan *plan, size_t batch, ContestFigure *ret_figure)
{
        if (plan->n == 0)
                return;
        ret_figure->median = trial_median(plan->seconds, plan->n) * 1e3 / (double)batch;
        ret_figure->min = plan->seconds[0] * 1e3 / (double)batch; /* They are in order now. */
        ret_figure->measured = true;
}

int contest_run(Contest *contest, size_t batch, ContestCell *ret_cell)
{
        const PopulationShape *shape = &contest->trial->population->shape;
        ContestPlan plans[CONTEST_N];
        int r = 0;

        *ret_cell = (ContestCell){.n_rows = shape->n_rows,
                                  .n_alike = shape->n_alike,
                                  .dimension = shape->dimension,
                                  .n_threads = contest->n_threads,
                                  .batch = batch};
        for (size_t who = 0; r == 0 && who < CONTEST_N; who++)
                r = plan_init(contest, who, batch, &plans[who]);
        for (size_t round = 0; r == 0 && round < CONTEST_ROUNDS_MAX; round++)
                for (size_t i = 0; r == 0 && i < CONTEST_N; i++) {
                        size_t who = (i + round) % CONTEST_N; /* Nobody always comes after the same one. */
                        if (plans[who].n < plans[who].n_rounds)
                                r = plan_step(contest, who, batch, &plans[who]);
                }
        for (size_t who = 0; r == 0 && who < CONTEST_N; who++) {
                plan_finish(&plans[who], batch, &ret_cell->figures[who]);
                if (!is_limit(who) && ret_cell->figures[who].measured)
                        r = compare_all(contest, who, batch, &ret_cell->figures[who]);
        }
        return r;
}

/* ---------------------------------------------------------------------------------------------------- results */

ContestCell contest_least(const ContestCell *cell)
{
        ContestCell least = *cell;

        for (size_t who = 0; who < CONTEST_N; who++)
                least.figures[who].median = least.figures[who].min;
        return least;
}

ContestWho contest_best_peer(const ContestCell *cell)
{
        const ContestFigure *faiss = &cell->figures[CONTEST_FAISS], *blas = &cell->figures[CONTEST_OPENBLAS];

        if (!faiss->measured || !blas->measured)
                return faiss->measured ? CONTEST_FAISS : blas->measured ? CONTEST_OPENBLAS : CONTEST_N;
        return faiss->median < blas->median ? CONTEST_FAISS : CONTEST_OPENBLAS;
}

double contest_limit(const ContestCell *cell, ContestWho engine)
{
        const ContestFigure *read = &cell->figures[CONTEST_READ];

        if (engine == CONTEST_VNNI || engine == CONTEST_AVX2)
                return fmax(
                        read->median,
                        cell->figures[engine == CONTEST_VNNI ? CONTEST_TILE_VNNI : CONTEST_TILE_AVX2].median);
        /* Plain C has no limit but the memory, which one probe alone can reach; a device none that is known here. */
        return cell->batch == 1 && engine == CONTEST_SCALAR ? read->median : 0;
}
