/*
 * Passes, part after part by the threads of a pool.
 *
 * Parts are not taken from first to last but in steps of the golden section of their number, so that the first few are spread over the whole
 * gallery. Thresholds then rise early however the templates are sorted: even where each is better than all before it, a part brings better
 * ones only where it lies above all that were seen, and that happens as often as the logarithm of their number.
 */

#include "worker/pass.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "worker/subjects.h"

enum {
        PASS_PARTS =
                64, /* as many as this, if they are neither too large to stop soon nor too small to be worth a thread */
        PASS_BLOCKS_MAX = 32,
        PASS_WORK_MIN = 16 * 1024, /* dimensions of blocks: some 10 us */
        PASS_WORK_PER_BLOCK = 3,   /* what bringing a block from memory is worth, in probes */
        PASS_EXACT_PARTS = 15,     /* until bounds are tried again */
        PASS_GROUP =
                16, /* rows that are compared at a time, so that they stay in the cache for all queries */
};

struct PassScratch {
        _Alignas(64) float upper[PASS_PROBES_MAX][CODES_ROWS];
        uint64_t masks[PASS_PROBES_MAX];
        ScanProbe probes[PASS_PROBES_MAX];
        float floors
                [PASS_PROBES_MAX]; /* thresholds of their queries, as they were when this thread last added a candidate */
        size_t n_probes;
        PassQuery *scanned[PASS_PROBES_MAX];      /* `probes` are theirs, in this order */
        uint16_t scanned_probes[PASS_PROBES_MAX]; /* how many of each */
        size_t n_found[PASS_PROBES_MAX];          /* rows that reached the threshold of each */
        size_t n_scanned;
        PassQuery *exact[PASS_PROBES_MAX];
        size_t n_exact;
        const double *exact_vectors[PASS_PROBES_MAX]; /* of their probes */
        size_t n_exact_vectors;
        double dots[PASS_GROUP][PASS_PROBES_MAX]; /* of each with a row */
        bool chosen;                              /* which are scanned and which are compared exactly */
};

PassScratch *pass_scratch_new(size_t n_threads)
{
        return aligned_alloc(64, n_threads * sizeof(PassScratch));
}

/* ----------------------------------------------------------------------------------------------------
 * by bounds */

static const uint8_t *block_at(const Pass *pass, size_t block)
{
        return pass->templates->blocks + block * codes_block_size(pass->templates->dimension);
}

/* Positions of a part. */
static size_t first_of(const Pass *pass, size_t part)
{
        return pass->range.first + part * pass->step % pass->n_parts * pass->part_blocks;
}

static size_t end_of(const Pass *pass, size_t part)
{
        return MIN_OF(first_of(pass, part) + pass->part_blocks, pass->range.first + pass->range.n);
}

static size_t block_of(const Pass *pass, size_t position)
{
        return pass->range.first_block + position * pass->range.step % pass->range.n_blocks;
}

/* The block to be fetched while this one is worked on; where the part ends, that of the part which is this thread's as likely as not. */
static const uint8_t *next_block(const Pass *pass, size_t part, size_t position)
{
        if (position + 1 < end_of(pass, part))
                return block_at(pass, block_of(pass, position + 1));
        if (part + pass->n_threads < pass->n_parts)
                return block_at(pass, block_of(pass, first_of(pass, part + pass->n_threads)));
        return NULL;
}

/*
 * Where bounds are not worth it any more, the rest of this part and some parts after it are compared exactly. What bounds leave is fetched row
 * by row for one query, where an exact scan reads it in order and for all queries: with many of them that pays where an
 * eighth of the rows is left, with one where it is half. Candidates are many at the start of any pass, so room has to have run out.
 */
static void judge_bounds(const Pass *pass, PassScratch *scratch, PassQuery *query, size_t n_found,
                         size_t part)
{
        size_t n_rows = pass->part_blocks * CODES_ROWS;

        if (n_found <= n_rows / 8 + n_rows * 3 / 8 / pass->n_queries ||
            !atomic_load_explicit(&query->candidates.overflowed, memory_order_relaxed))
                return;
        atomic_store_explicit(&query->exact_until, part + 1 + PASS_EXACT_PARTS, memory_order_relaxed);
        scratch->chosen = false;
}

static void set_floors(PassScratch *scratch, size_t probe, const PassQuery *query)
{
        float threshold = candidates_threshold(&query->candidates);

        for (size_t i = 0; i < query->candidates.probes.n; i++)
                scratch->floors[probe + i] = threshold;
}

/* Hands each query what was found for its probes. */
static int add_found(const Pass *pass, PassScratch *scratch, size_t part, size_t block)
{
        size_t probe = 0;

        for (size_t i = 0; i < scratch->n_scanned; probe += scratch->scanned_probes[i], i++) {
                PassQuery *query = scratch->scanned[i];
                uint64_t mask = 0;
                for (size_t j = 0; j < scratch->scanned_probes[i]; j++)
                        mask |= scratch->masks[probe + j];
                if (mask == 0)
                        continue;
                const CandidatesFound found = {
                        .row = block * CODES_ROWS,
                        .residuals = codes_residuals(block_at(pass, block), pass->templates->dimension),
                        .probes = scratch->probes + probe,
                        .masks = scratch->masks + probe,
                        .upper = scratch->upper + probe};
                int r = candidates_add(&query->candidates, &found, mask, &scratch->n_found[i]);
                if (r != 0)
                        return r;
                set_floors(scratch, probe, query);
                judge_bounds(pass, scratch, query, scratch->n_found[i], part);
        }
        return 0;
}

static int scan_block(const Pass *pass, PassScratch *scratch, size_t part, size_t position)
{
        size_t block = block_of(pass, position);
        const ScanWork work = {.block = block_at(pass, block),
                               .next = next_block(pass, part, position),
                               .dimension = pass->templates->dimension,
                               .probes = scratch->probes,
                               .floors = scratch->floors,
                               .n_probes = scratch->n_probes,
                               .ret_masks = scratch->masks,
                               .ret_upper = scratch->upper};

        pass->kernel->block(&work);
        return add_found(pass, scratch, part, block);
}

/* ----------------------------------------------------------------------------------------------------
 * exactly */

/* Rows that are compared together. */
typedef struct PassGroup {
        size_t row; /* the first */
        size_t n;
        const float *originals[PASS_GROUP]; /* NULL: no template */
        double squares[PASS_GROUP];
} PassGroup;

static int read_group(const Templates *templates, PassGroup *group)
{
        for (size_t i = 0; i < group->n; i++) {
                group->originals[i] = NULL;
                if (templates->subjects[group->row + i] == SUBJECTS_NONE)
                        continue;
                group->originals[i] =
                        original_read(&templates->originals, group->row + i, &group->squares[i]);
                if (!group->originals[i])
                        return ENGINE_E_DAMAGED;
        }
        return 0;
}

/* Those from @first on with all rows: as many as are multiplied at once, or the few that are left. */
static void multiply_some(const Pass *pass, PassScratch *scratch, const PassGroup *group, size_t first)
{
        size_t n = KERNEL_PADDED(pass->templates->dimension), end = scratch->n_exact_vectors;

        for (size_t i = 0; i < group->n; i++) {
                double *dots = scratch->dots[i];
                if (!group->originals[i])
                        continue;
                if (first + KERNEL_DOTS <= end)
                        pass->exact->dots(scratch->exact_vectors + first, group->originals[i], n,
                                          dots + first);
                else
                        for (size_t j = first; j < end; j++)
                                dots[j] = pass->exact->dot(scratch->exact_vectors[j], group->originals[i], n);
        }
}

/* Some probes with all rows, and then the next, so that both stay in the cache nearest by. */
static void multiply_group(const Pass *pass, PassScratch *scratch, const PassGroup *group)
{
        for (size_t first = 0; first < scratch->n_exact_vectors; first += KERNEL_DOTS)
                multiply_some(pass, scratch, group, first);
}

static void offer_group(PassScratch *scratch, const PassGroup *group)
{
        size_t probe = 0;

        for (size_t query = 0; query < scratch->n_exact; query++) {
                Candidates *candidates = &scratch->exact[query]->candidates;
                double similarities[PASS_GROUP];
                for (size_t i = 0; i < group->n; i++)
                        similarities[i] = group->originals[i]
                                                  ? exact_best(&candidates->probes, scratch->dots[i] + probe,
                                                               group->squares[i])
                                                  : (double)-INFINITY;
                candidates_offer(candidates, group->row, similarities, group->n);
                probe += candidates->probes.n;
        }
}

static int compare_block(const Pass *pass, PassScratch *scratch, size_t block)
{
        size_t end = MIN_OF((block + 1) * CODES_ROWS, pass->templates->n_rows);

        for (size_t row = block * CODES_ROWS; row < end; row += PASS_GROUP) {
                PassGroup group = {.row = row, .n = MIN_OF((size_t)PASS_GROUP, end - row)};
                int r = read_group(pass->templates, &group);
                if (r != 0)
                        return r;
                multiply_group(pass, scratch, &group);
                offer_group(scratch, &group);
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------------
 * parts */

bool pass_is_stopped(PassQuery *query)
{
        const atomic_int *stop = query->candidates.query->stop;

        if (stop && atomic_load_explicit(stop, memory_order_relaxed) != 0)
                atomic_store_explicit(&query->stopped, true, memory_order_relaxed);
        return atomic_load_explicit(&query->stopped, memory_order_relaxed);
}

static void choose_scan(const Pass *pass, PassScratch *scratch, PassQuery *query)
{
        size_t n_probes = query->candidates.probes.n;

        set_floors(scratch, scratch->n_probes, query);
        for (size_t i = 0; i < n_probes; i++)
                scratch->probes[scratch->n_probes++] = pass->probes[query->first + i];
        scratch->n_found[scratch->n_scanned] = 0;
        scratch->scanned_probes[scratch->n_scanned] = (uint16_t)n_probes;
        scratch->scanned[scratch->n_scanned++] = query;
}

static void choose_exact(PassScratch *scratch, PassQuery *query)
{
        const ExactProbes *probes = &query->candidates.probes;

        for (size_t i = 0; i < probes->n; i++)
                scratch->exact_vectors[scratch->n_exact_vectors++] =
                        probes->vectors + i * KERNEL_PADDED(probes->dimension);
        scratch->exact[scratch->n_exact++] = query;
}

static void choose_queries(const Pass *pass, PassScratch *scratch, size_t part)
{
        scratch->n_probes = scratch->n_scanned = scratch->n_exact = scratch->n_exact_vectors = 0;
        scratch->chosen = true;
        for (size_t i = 0; i < pass->n_queries; i++) {
                PassQuery *query = pass->queries[i];
                if (pass_is_stopped(query))
                        continue;
                if (part < atomic_load_explicit(&query->exact_until, memory_order_relaxed))
                        choose_exact(scratch, query);
                else
                        choose_scan(pass, scratch, query);
        }
}

static int run_block(const Pass *pass, PassScratch *scratch, size_t part, size_t position)
{
        int r = 0;

        if (!scratch->chosen)
                choose_queries(pass, scratch, part);
        if (scratch->n_scanned > 0)
                r = scan_block(pass, scratch, part, position);
        if (r == 0 && scratch->n_exact > 0)
                r = compare_block(pass, scratch, block_of(pass, position));
        return r;
}

static void run_part(void *userdata, size_t part, size_t thread)
{
        Pass *pass = userdata;
        PassScratch *scratch = &pass->scratch[thread];
        int r = 0;

        scratch->chosen = false;
        for (size_t position = first_of(pass, part); r == 0 && position < end_of(pass, part); position++) {
                if (atomic_load_explicit(&pass->damaged, memory_order_relaxed))
                        return;
                r = run_block(pass, scratch, part, position);
        }
        if (r != 0)
                atomic_store_explicit(&pass->damaged, true, memory_order_relaxed);
}

static size_t common_divisor(size_t a, size_t b)
{
        while (b > 0) {
                size_t rest = a % b;
                a = b;
                b = rest;
        }
        return a;
}

size_t pass_step(size_t n)
{
        size_t step = (size_t)((double)n * 0.618) + 1;

        while (common_divisor(step, n) > 1)
                step++;
        return step;
}

PassRange pass_everything(const Templates *templates)
{
        size_t n = (templates->n_rows + CODES_ROWS - 1) / CODES_ROWS;

        return (PassRange){.n_blocks = n, .step = 1, .n = n};
}

static void divide(Pass *pass, size_t n_probes)
{
        size_t dimension = pass->templates->dimension, n = pass->range.n;
        size_t least = PASS_WORK_MIN / (dimension * (n_probes + PASS_WORK_PER_BLOCK)) + 1;

        pass->part_blocks = MAX_OF(MIN_OF(n / PASS_PARTS, (size_t)PASS_BLOCKS_MAX), least);
        pass->n_parts = (n + pass->part_blocks - 1) / pass->part_blocks;
        pass->step = pass_step(pass->n_parts);
}

/* Takes as many queries as have room. Return: how many. */
static size_t take_slice(Pass *pass, PassQuery *const *queries, size_t n, size_t *ret_n_probes)
{
        size_t n_taken = 0, n_probes = 0;

        for (; n_taken < n && n_probes + queries[n_taken]->candidates.probes.n <= PASS_PROBES_MAX;
             n_taken++) {
                n_probes += queries[n_taken]->candidates.probes.n;
                atomic_store_explicit(&queries[n_taken]->exact_until, 0, memory_order_relaxed);
        }
        pass->queries = queries;
        pass->n_queries = n_taken;
        *ret_n_probes = n_probes;
        return n_taken;
}

int pass_run(Pass *pass, Pool *pool)
{
        PassQuery *const *queries = pass->queries;
        size_t n = pass->n_queries, n_probes;

        while (n > 0 && !atomic_load(&pass->damaged)) {
                size_t n_taken = take_slice(pass, queries, n, &n_probes);
                divide(pass, n_probes);
                pool_run(pool, run_part, pass, pass->n_parts);
                queries += n_taken;
                n -= n_taken;
        }
        return atomic_load(&pass->damaged) ? ENGINE_E_DAMAGED : 0;
}
