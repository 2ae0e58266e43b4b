/*
 * The comparison of two policies against brute force: on small random policies and changes of them it is empty
 * exactly if no request, at whatever clock, tells the two apart by verdict, by limits or by rate, and it is called
 * wider exactly if some request gets what it did not get; each kind of difference ends when the last line of it
 * says. PROVE_POLICIES in the environment says on how many
 * tenths of pairs (2,000 make 200).
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/diff.h"
#include "policy/model.h"
#include "world.h"

typedef struct Brute {
        const Policy *policies[2];
        bool found[_DIFF_MAX];
        uint64_t latest[_DIFF_MAX]; /* the last instant of each kind */
        uint64_t n;
} Brute;

/* The rate that a permit is under, as comparable numbers. */
static const Allow *brute_allow(const Policy *policy, const Decision *decision)
{
        return &policy->allows[policy_find(policy, OBJECT_ALLOW, decision->allow)];
}

static int order(int64_t a, int64_t b)
{
        return b > a ? 1 : b < a ? 2 : 0;
}

static int rate_order(const Allow *a, const Allow *b)
{
        if (a->rate == 0 || b->rate == 0)
                return order(a->rate == 0, b->rate == 0);
        return a->window_usec != b->window_usec ? 3 : order((int64_t)a->rate, (int64_t)b->rate);
}

static void brute_find(Brute *brute, DiffKind kind, uint64_t time)
{
        brute->found[kind] = true;
        if (time > brute->latest[kind])
                brute->latest[kind] = time;
}

static void brute_limits(Brute *brute, const Decision *old, const Decision *new, uint64_t time)
{
        int orders = order(old->release, new->release) |
                     rate_order(brute_allow(brute->policies[0], old), brute_allow(brute->policies[1], new));

        if (old->has_limit)
                orders |= order(old->limit, new->limit);
        if (old->has_floor)
                orders |= order(new->floor_millionths, old->floor_millionths);
        if (orders != 0)
                brute_find(brute, orders == 1 ? DIFF_MORE : orders == 2 ? DIFF_LESS : DIFF_OTHER, time);
}

static bool brute_try(const Facts *facts, void *userdata)
{
        Brute *brute = userdata;
        Decision decisions[2] = {};

        brute->n++;
        for (int side = 0; side < 2; side++)
                cr_assert_eq(policy_decide(brute->policies[side], facts, &decisions[side]), 0);
        if (decisions[0].permit && decisions[1].permit)
                brute_limits(brute, &decisions[0], &decisions[1], facts->time_usec);
        else if (decisions[0].permit != decisions[1].permit)
                brute_find(brute, decisions[1].permit ? DIFF_PERMITTED : DIFF_DENIED, facts->time_usec);
        for (int side = 0; side < 2; side++)
                decision_deinit(&decisions[side]);
        return false;
}

/* Up to the next instant at which anything begins or ends a difference goes on. */
static void brute_check_ends(const Brute *brute, const WorldRequests *requests, const PolicyDiff *diff,
                             int number)
{
        int64_t ends[_DIFF_MAX] = {};

        for (size_t i = 0; i < diff->n; i++)
                if (diff->lines[i].until > ends[diff->lines[i].kind])
                        ends[diff->lines[i].kind] = diff->lines[i].until;
        for (DiffKind kind = 0; kind < _DIFF_MAX; kind++) {
                size_t next = 0;
                while (next < requests->n_times && requests->times[next] <= brute->latest[kind])
                        next++;
                int64_t end = next < requests->n_times ? (int64_t)requests->times[next] : TIME_FOREVER;
                cr_assert(!brute->found[kind] || ends[kind] == end, "pair %d: '%s' ends otherwise", number,
                          diff_kind_name(kind));
        }
}

static void brute_check(const Brute *brute, const WorldRequests *requests, int number)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        bool told[_DIFF_MAX] = {};

        cr_assert_eq(policy_diff(brute->policies[0], brute->policies[1], &diff), 0);
        for (size_t i = 0; i < diff.n; i++) {
                told[diff.lines[i].kind] = true;
                cr_assert(diff.lines[i].confirmed, "pair %d: %s\n%s", number, diff.lines[i].text,
                          diff.lines[i].facts);
        }
        for (size_t i = 0; i < diff.n; i++)
                if (!brute->found[diff.lines[i].kind])
                        printf("%s\n%s\n", diff.lines[i].text, diff.lines[i].facts);
        for (DiffKind kind = 0; kind < _DIFF_MAX; kind++)
                cr_assert_eq(told[kind], brute->found[kind],
                             "pair %d: '%s' is %s by trying and %s by comparing", number,
                             diff_kind_name(kind), brute->found[kind] ? "there" : "not there",
                             told[kind] ? "there" : "not there");
        brute_check_ends(brute, requests, &diff, number);
        bool wider = false;
        cr_assert_eq(policy_wider(brute->policies[0], brute->policies[1], &wider), 0);
        cr_assert_eq(wider, diff.wider, "pair %d", number);
        cr_assert_eq(diff.wider, told[DIFF_PERMITTED] || told[DIFF_MORE] || told[DIFF_OTHER]);
}

Test(diff, the_comparison_agrees_with_trying_every_request)
{
        const char *text = getenv("PROVE_POLICIES");
        int n_pairs = (text ? atoi(text) : 2000) / 10;
        size_t n_same = 0, n_kinds[_DIFF_MAX] = {};
        uint64_t n = 0;

        world_seed(11);
        for (int i = 0; i < n_pairs; i++) {
                World world, changed;
                WorldRequests requests;
                world_make(&world, 0);
                world_change(&world, &changed);
                Policy *policies[2] = {fixture_load(world.files), fixture_load(changed.files)};
                Brute brute = {.policies = {policies[0], policies[1]}};
                world_requests(&world, &changed, &requests);
                requests.every_clock = true;
                (void)world_each(&requests, brute_try, &brute);
                brute_check(&brute, &requests, i);
                bool same = true;
                for (DiffKind kind = 0; kind < _DIFF_MAX; kind++) {
                        same = same && !brute.found[kind];
                        n_kinds[kind] += brute.found[kind];
                }
                n_same += same;
                n += brute.n;
                policy_unref(policies[0]);
                policy_unref(policies[1]);
                world_deinit(&world);
                world_deinit(&changed);
        }
        printf("%d pairs, %llu requests: %zu the same; permitted %zu, denied %zu, more %zu, less %zu, other "
               "%zu\n",
               n_pairs, (unsigned long long)n, n_same, n_kinds[0], n_kinds[1], n_kinds[2], n_kinds[3],
               n_kinds[4]);
        cr_assert(n_same > 0 && n_kinds[DIFF_PERMITTED] > 0 && n_kinds[DIFF_DENIED] > 0);
        /* So few pairs as sanitizers leave time for do not show every kind. */
        cr_assert(n_pairs < 200 || (n_kinds[DIFF_MORE] > 0 && n_kinds[DIFF_LESS] > 0));
}
