/*
 * Duels.
 */

#include "worker/duel.h"

#include <string.h>

#include "base/macro.h"

enum { DUEL_ROUNDS_MIN = 3, DUEL_ROUNDS_MAX = 101 };

static int duel_ask_device(Duel *duel, TrialPass *pass)
{
        int r = trial_run(&duel->of_device, duel->device, pass);

        return r == 0 && pass->fell_back ? DUEL_E_FELL_BACK : r;
}

int duel_init(const Population *population, Engine *device, const EngineOptions *options, Duel *ret_duel)
{
        EngineOptions processor = {.engine = "cpu", .isa = options->isa, .n_threads = options->n_threads};
        TrialPass first = {.first = 0, .n = 1};

        *ret_duel = (Duel){.device = device};
        int r = trial_init(population, &ret_duel->of_device);
        if (r == 0)
                r = trial_init(population, &ret_duel->of_processor);
        if (r == 0)
                r = engine_new(&processor, &ret_duel->processor);
        if (r == 0)
                r = duel_ask_device(ret_duel, &first);
        ret_duel->first_seconds = first.seconds;
        return r;
}

void duel_deinit(Duel *duel)
{
        if (duel->of_device.population)
                engine_forget(duel->device, duel->of_device.population->templates.identity);
        engine_free(duel->processor);
        trial_deinit(&duel->of_device);
        trial_deinit(&duel->of_processor);
        *duel = DUEL_INIT;
}

static bool duel_is_even(const Duel *duel, const TrialPass *pass)
{
        for (size_t i = pass->first; i < pass->first + pass->n; i++) {
                const EngineQuery *one = &duel->of_device.queries[i], *other = &duel->of_processor.queries[i];
                if (one->n_hits != other->n_hits)
                        return false;
                for (size_t j = 0; j < one->n_hits; j++)
                        if (one->ret_hits[j].row != other->ret_hits[j].row ||
                            memcmp(&one->ret_hits[j].similarity, &other->ret_hits[j].similarity,
                                   sizeof(double)) != 0)
                                return false;
        }
        return true;
}

int duel_run(Duel *duel, double seconds, DuelRow *row)
{
        double device[DUEL_ROUNDS_MAX], working[DUEL_ROUNDS_MAX], processor[DUEL_ROUNDS_MAX];
        double spent = 0; /* by the faster of the two */
        size_t n;

        for (n = 0; n < DUEL_ROUNDS_MIN || (n < DUEL_ROUNDS_MAX && spent < seconds); n++) {
                TrialPass one = {.first = n * row->batch % TRIAL_PROBES, .n = row->batch}, other = one;
                int r = duel_ask_device(duel, &one);
                if (r == 0)
                        r = trial_run(&duel->of_processor, duel->processor, &other);
                if (r != 0)
                        return r;
                if (!duel_is_even(duel, &one))
                        return DUEL_E_DIFFER;
                device[n] = one.seconds;
                working[n] = one.device_seconds;
                processor[n] = other.seconds;
                spent += MIN_OF(one.seconds, other.seconds);
        }
        row->device = trial_median(device, n);
        row->working = trial_median(working, n);
        row->processor = trial_median(processor, n);
        return 0;
}
