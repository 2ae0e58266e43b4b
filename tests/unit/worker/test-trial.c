/*
 * Trials of engines.
 */

#include "base/macro.h"
#include "scratch.h"
#include "worker/trial.h"

Test(trial, finds_the_face_of_every_second_probe_first)
{
        const PopulationShape shape = {.n_rows = 500, .dimension = 256};
        const EngineOptions options = {.engine = "auto", .isa = "auto", .n_threads = 1};
        Population population;
        Engine *engine;
        TrialPass pass = {.first = 16, .n = 32};
        Trial trial;
        Pool *pool;

        cr_assert_eq(pool_new(1, &pool), 0);
        cr_assert_eq(population_init(&shape, pool, &population), 0);
        cr_assert_eq(trial_init(&population, &trial), 0);
        cr_assert_eq(engine_new(&options, &engine), 0);
        cr_assert_eq(trial_run(&trial, engine, &pass), 0);
        cr_assert_gt(pass.seconds, 0);
        cr_assert_eq(pass.device_seconds, 0);
        cr_assert_not(pass.fell_back);
        for (size_t i = 0; i < TRIAL_PROBES; i++) {
                const EngineQuery *query = &trial.queries[i];
                cr_assert_eq(query->n_hits, i >= 16 && i < 48 ? TRIAL_K : 0, "query %zu", i);
                if (query->n_hits > 0)
                        cr_assert(i % 2 == 0 ? query->ret_hits[0].similarity > 0.4
                                             : query->ret_hits[0].similarity < 0.4);
        }
        engine_free(engine);
        trial_deinit(&trial);
        trial_deinit(&trial);
        population_deinit(&population);
        pool_free(pool);
}

Test(trial, has_the_middle_one_of_numbers)
{
        double odd[] = {3, 1, 2}, one[] = {7}, even[] = {4, 1, 3, 2};

        cr_assert_eq(trial_median(odd, ARRAY_SIZE(odd)), 2);
        cr_assert_eq(trial_median(one, 1), 7);
        cr_assert_eq(trial_median(even, ARRAY_SIZE(even)), 3);
}
