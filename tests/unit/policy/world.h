#pragma once
/*
 * Small random policies, and every request that can be put to them: each name that the policy declares and each
 * word and account that it mentions, with one of a kind that it does not mention; every set of parties, or
 * every small one; every instant at which something begins or ends, and one before. Between these nothing differs.
 */

#include <stdint.h>

#include "fixture.h"

enum {
        WORLD_FILES_MAX = 48,
        WORLD_VALUES_MAX = 16,
};

typedef struct World {
        FixtureFile files[WORLD_FILES_MAX + 1];
        size_t n_files;
        Buffer texts[WORLD_FILES_MAX];
} World;

/** world_seed() - Begins the fixed sequence of random numbers that this stands for. */
void world_seed(uint64_t seed);

/** world_roll() - A number below @n. */
unsigned world_roll(unsigned n);

/** world_make() - A policy with @n_invariants invariants. */
void world_make(World *world, unsigned n_invariants);

/** world_change() - The same policy with one or two of its files changed, added or taken away. */
void world_change(const World *world, World *ret_changed);

void world_deinit(World *world);

/* Every value of every fact. */
typedef struct WorldRequests {
        size_t n_parties;
        int most_named; /* names in both lists together */
        const char *parties[WORLD_VALUES_MAX];
        size_t n_purposes;
        const char *purposes[WORLD_VALUES_MAX];
        size_t n_galleries;
        const char *galleries[WORLD_VALUES_MAX];
        size_t n_roles;
        const char *roles[WORLD_VALUES_MAX];
        size_t n_probes;
        const char *probes[WORLD_VALUES_MAX];
        bool asks_case; /* some rule asks for a case */
        bool has_units, has_groups;
        size_t n_times;
        uint64_t times[WORLD_VALUES_MAX]; /* ascending */
        bool every_clock;                 /* also clocks that are not synchronised, with every mark */
} WorldRequests;

/** world_requests() - What there is to ask about two policies (the second may be NULL). */
void world_requests(const World *world, const World *other, WorldRequests *ret_requests);

/** world_count() - How many requests that are. */
uint64_t world_count(const WorldRequests *requests);

/**
 * world_each() - Calls back for each request until @each says true.
 *
 * Return: whether it did.
 */
bool world_each(const WorldRequests *requests, bool (*each)(const Facts *facts, void *userdata),
                void *userdata);
