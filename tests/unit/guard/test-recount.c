/* Counting permits from leaves, and rates against a list that forgets nothing. */

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "guard/recount.h"
#include "wire/leaf.h"

#define SECOND CLOCK_USEC_PER_SEC
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

/* One leaf of a log, as far as it matters here. */
typedef struct Made {
        bool permit;
        const char *allow, *organisation;
        uint64_t wall, time;
} Made;

static bool give(Recount *recount, uint64_t index, const Made *made)
{
        Buffer bytes = BUFFER_INIT;
        Leaf leaf = LEAF_INIT;

        leaf_set_number(&leaf, "index", index);
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_text(&leaf, "organisation", made->organisation);
        leaf_set_text(&leaf, "rule", made->allow);
        leaf_set_number(&leaf, "time", made->time);
        leaf_set_text(&leaf, "verdict", made->permit ? "permit" : "deny");
        leaf_set_number(&leaf, "wall", made->wall);
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &bytes), 0);
        bool go_on = recount_leaf(index, bytes.data, bytes.n, recount);
        leaf_deinit(&leaf);
        buffer_deinit(&bytes);
        return go_on;
}

static Recount begin(Rates *rates, uint64_t wall, uint64_t mark, uint64_t window)
{
        ClockReading now = {.wall_usec = wall, .synchronised = mark > 0};
        TrailState state = {.has_mark = mark > 0, .mark_usec = mark};

        return recount_begin(rates, &now, &state, window);
}

static Made permit_at(uint64_t wall)
{
        return (Made){.permit = true, .allow = "a", .organisation = "thorn", .wall = wall, .time = wall};
}

Test(recount, it_reads_as_far_back_as_the_window_and_the_slack_reach)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 0, HOUR);

        recount.more = 0;
        Made needed = permit_at(100 * DAY - 2 * HOUR + 1), behind = permit_at(100 * DAY - 2 * HOUR);
        cr_expect(give(&recount, 7, &needed));
        cr_expect_not(give(&recount, 6, &behind));
        cr_expect_eq(recount_end(&recount), 0);
        cr_expect_eq(rates.since_usec, 100 * DAY - 2 * HOUR);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 100 * DAY - 2 * HOUR), 1);
        rates_deinit(&rates);
}

Test(recount, beyond_that_it_reads_so_many_leaves_more)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 0, 0);

        recount.more = 24;
        for (uint64_t i = 25; i > 1; i--) {
                Made made = permit_at(i * DAY);
                cr_expect(give(&recount, i, &made), "day %" PRIu64, i);
        }
        Made last = permit_at(DAY);
        cr_expect_not(give(&recount, 1, &last));
        cr_expect_eq(recount_end(&recount), 0);
        cr_expect_eq(rates.since_usec, DAY);
        cr_expect_eq(rates_used(&rates, "a", "thorn", DAY), 24);
        rates_deinit(&rates);
}

Test(recount, a_log_read_to_its_beginning_is_known_for_all_times)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 0, HOUR);
        Made made = permit_at(100 * DAY);

        cr_expect(give(&recount, 0, &made));
        cr_expect_eq(recount_end(&recount), 0);
        cr_expect(rates_reach(&rates, 0));
        rates_deinit(&rates);
}

/* The log's time stays where the clock was when it ran ahead; the permits before that are needed all the
 * same. */
Test(recount, a_clock_that_ran_ahead_hides_no_permit)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 0, DAY);
        Made ahead = {.allow = "a", .organisation = "thorn", .wall = 500 * DAY, .time = 500 * DAY};
        Made back = {.permit = true,
                     .allow = "a",
                     .organisation = "thorn",
                     .wall = 100 * DAY - 1,
                     .time = 500 * DAY};
        Made before = permit_at(100 * DAY - HOUR);

        recount.more = 0;
        cr_expect(give(&recount, 3, &back));
        cr_expect(give(&recount, 2, &ahead));
        cr_expect(give(&recount, 1, &before));
        cr_expect_eq(recount_end(&recount), 0);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 99 * DAY), 2);
        rates_deinit(&rates);
}

/* While the clock is behind nothing is permitted: only from the mark on permits may come. */
Test(recount, behind_the_mark_it_reads_back_from_the_mark)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 500 * DAY, HOUR);
        Made needed = permit_at(500 * DAY - 2 * HOUR + 1), behind = permit_at(500 * DAY - 2 * HOUR);

        recount.more = 0;
        cr_expect(give(&recount, 9, &needed));
        cr_expect_not(give(&recount, 8, &behind));
        cr_expect_eq(recount_end(&recount), 0);
        rates_deinit(&rates);
}

Test(recount, a_window_that_looks_back_further_than_was_read_is_told)
{
        static const struct {
                const char *what;
                uint64_t wall, mark, window;
                bool reaches;
        } cases[] = {
                {"no rate", 0, 0, 0, true},
                {"within it", 101 * DAY, 0, DAY, true},
                {"before it", 101 * DAY - 1, 0, DAY, false},
                {"a shorter window", 101 * DAY - 1, 0, HOUR, true},
                {"up to the mark nothing is permitted", 10 * DAY, 101 * DAY, DAY, true},
                {"and from there on too far back", 10 * DAY, 101 * DAY - 1, DAY, false},
                {"a clock that is hardly behind counts itself", 101 * DAY - 1, 101 * DAY, DAY, false},
        };
        Rates rates = RATES_INIT;

        rates_loaded(&rates, 100 * DAY);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ClockReading now = {.wall_usec = cases[i].wall, .synchronised = true};
                TrailState state = {.has_mark = cases[i].mark > 0, .mark_usec = cases[i].mark};
                cr_expect_eq(recount_reaches(&rates, &now, &state, cases[i].window), cases[i].reaches, "%s",
                             cases[i].what);
        }
        rates_loaded(&rates, 0);
        cr_expect(recount_reaches(&rates, &(ClockReading){}, &(TrailState){}, DAY), "the whole log was read");
        rates_deinit(&rates);
}

/* Whatever the policy's own, the next one may have a window of a day. */
Test(recount, what_the_longest_window_and_the_slack_reach_stays)
{
        Rates rates = {.kept = RATES_KEPT};
        ClockReading now = {.wall_usec = 100 * DAY};
        const uint64_t walls[] = {100 * DAY - 26 * HOUR, 100 * DAY - 25 * HOUR, 100 * DAY - 25 * HOUR + 1};

        for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
                RatesPermit old = {.allow = "a", .organisation = "thorn", .wall_usec = walls[i], .index = i};
                cr_assert_eq(rates_add(&rates, &old), 0);
        }
        rates_durable(&rates, ARRAY_SIZE(walls));
        RatesPermit permit = {.allow = "b", .organisation = "thorn", .wall_usec = now.wall_usec, .index = 3};
        cr_assert_eq(recount_add(&rates, &permit, &now, &(TrailState){}), 0);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 1);
        cr_expect_eq(rates_used(&rates, "b", "thorn", 0), 1);
        cr_expect(rates_reach(&rates, 100 * DAY - 25 * HOUR));
        cr_expect_not(rates_reach(&rates, 100 * DAY - 25 * HOUR - 1));
        rates_deinit(&rates);
}

Test(recount, bytes_that_are_no_leaf_end_it)
{
        Rates rates = RATES_INIT;
        Recount recount = begin(&rates, 100 * DAY, 0, HOUR);

        cr_expect_not(recount_leaf(0, (const uint8_t *)"{}", 2, &recount));
        cr_expect_eq(recount_end(&recount), -EBADMSG);
        rates_deinit(&rates);
}

/* ------------------------------------------------------------------------------------------------- the model */

enum {
        MODEL_LEAVES = 20000,
        MODEL_KEPT = 12,
        MODEL_SPARED = 20,
        MODEL_ALLOWS = 3,
        MODEL_ORGANISATIONS = 2,
        MODEL_STEPS = 20000
};

/* A guard of which only the counting is left, beside a log from which everything can be counted naively. */
typedef struct Model {
        Made log[MODEL_LEAVES];
        uint64_t size, n_durable;
        uint64_t clock, time;
        uint64_t rate[MODEL_ALLOWS], window[MODEL_ALLOWS];
        Rates rates;
        unsigned n_compared, n_used_up, n_unreached, n_forgotten;
} Model;

static const char *const allows[MODEL_ALLOWS] = {"identify", "verify", "list"};
static const char *const organisations[MODEL_ORGANISATIONS] = {"thorn", "icmec"};

static uint64_t below(uint64_t n)
{
        /* One random() has 31 bits, which are half an hour. */
        return ((uint64_t)random() << 31 | (uint64_t)random()) % n;
}

static void model_reload(Model *model)
{
        static const uint64_t windows[] = {SECOND, 60 * SECOND, HOUR, DAY};

        for (size_t i = 0; i < MODEL_ALLOWS; i++) {
                model->rate[i] = 1 + below(MODEL_KEPT);
                model->window[i] = windows[below(ARRAY_SIZE(windows))];
        }
}

static void model_restart(Model *model)
{
        ClockReading now = {.wall_usec = model->clock};
        TrailState state = {};
        uint64_t longest = 0;

        for (size_t i = 0; i < MODEL_ALLOWS; i++)
                longest = MAX_OF(longest, model->window[i]);
        rates_deinit(&model->rates);
        model->size = model->n_durable;
        model->time = model->size > 0 ? model->log[model->size - 1].time : 0;
        model->rates.kept = MODEL_KEPT;
        model->rates.spared = MODEL_SPARED;
        rates_durable(&model->rates, model->size);
        Recount recount = recount_begin(&model->rates, &now, &state, longest);
        recount.more = below(20);
        for (uint64_t i = model->size; i > 0; i--)
                if (!give(&recount, i - 1, &model->log[i - 1]))
                        break;
        cr_assert_eq(recount_end(&recount), 0);
}

static void model_tick(Model *model)
{
        switch (below(30)) {
        case 0:
                model->clock += below(3 * DAY);
                break;
        case 1:
                model->clock -= below(3 * DAY);
                break;
        case 2:
                model->clock -= below(HOUR);
                break;
        default:
                model->clock += below(2 * 60 * SECOND);
        }
}

static uint64_t model_count(const Model *model, size_t allow, size_t organisation, uint64_t after)
{
        uint64_t n = 0;

        for (uint64_t i = 0; i < model->size; i++)
                n += model->log[i].permit && model->log[i].allow == allows[allow] &&
                     model->log[i].organisation == organisations[organisation] && model->log[i].wall > after;
        return n;
}

/* A request: what the rates say of it must be what the list says. */
static void model_ask(Model *model)
{
        size_t allow = below(MODEL_ALLOWS), organisation = below(MODEL_ORGANISATIONS);
        uint64_t after = model->clock - model->window[allow];
        uint64_t used = rates_used(&model->rates, allows[allow], organisations[organisation], after);
        uint64_t naive = model_count(model, allow, organisation, after);
        bool used_up = used >= model->rate[allow];

        if (rates_reach(&model->rates, after)) {
                cr_assert_eq(used_up, naive >= model->rate[allow],
                             "%" PRIu64 " used, %" PRIu64 " in the list", used, naive);
                model->n_compared++;
                model->n_used_up += used_up;
        } else {
                cr_assert_leq(used, naive);
                model->n_unreached++;
        }
        Made made = {.permit = !used_up,
                     .allow = allows[allow],
                     .organisation = organisations[organisation],
                     .wall = model->clock};
        made.time = model->time = MAX_OF(model->time, made.wall);
        RatesPermit permit = {.allow = made.allow,
                              .organisation = made.organisation,
                              .wall_usec = made.wall,
                              .index = model->size};
        model->log[model->size++] = made;
        if (!made.permit)
                return;
        uint64_t since = model->rates.since_usec;
        ClockReading now = {.wall_usec = model->clock};
        model->rates.forget_at = 0; /* They are so few that it would hardly ever be worth it. */
        cr_assert_eq(recount_add(&model->rates, &permit, &now, &(TrailState){}), 0);
        model->n_forgotten += model->rates.since_usec > since;
}

static void model_step(Model *model)
{
        switch (below(60)) {
        case 0:
                model_restart(model);
                break;
        case 1:
                model->size = model->n_durable;
                model->time = model->size > 0 ? model->log[model->size - 1].time : 0;
                rates_rollback(&model->rates, model->size);
                break;
        case 2:
                model_reload(model);
                break;
        case 3:
        case 4:
        case 5:
                model->n_durable = model->size;
                rates_durable(&model->rates, model->size);
                break;
        default:
                model_tick(model);
                model_ask(model);
        }
}

static Model model;

Test(recount, whatever_clocks_restarts_failures_and_policies_do_rates_are_those_of_the_whole_log)
{
        srandom(20200610);
        for (int run = 0; run < 10; run++) {
                rates_deinit(&model.rates);
                model = (Model){.clock = 1000 * DAY, .rates = {.kept = MODEL_KEPT, .spared = MODEL_SPARED}};
                model_reload(&model);
                for (int i = 0; i < MODEL_STEPS / 10; i++)
                        model_step(&model);
                cr_expect_gt(model.n_used_up, 10, "run %d", run);
                cr_expect_gt(model.n_compared - model.n_used_up, 100, "run %d", run);
                cr_expect_gt(model.n_forgotten, 3, "run %d", run);
                cr_expect_gt(model.n_compared, model.n_unreached, "run %d: %u times too far back", run,
                             model.n_unreached);
        }
        rates_deinit(&model.rates);
}
