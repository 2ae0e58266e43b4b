#pragma once
/*
 * Small random policies and requests, for properties. The random numbers are a fixed sequence, so that a
 * failure can be run again.
 */

#include "fixture.h"

enum {
        WORLD_REQUESTS = 150, /* that are worth putting to one policy */
        WORLD_FIXED = 12,
        WORLD_ALLOWS = 4,
        WORLD_MORATORIA = 3,
        WORLD_STAND_DOWNS = 2,
        WORLD_RULES = WORLD_ALLOWS + WORLD_MORATORIA + WORLD_STAND_DOWNS,
};

/* A policy: the fixed part, then allows, moratoria and stand-downs. Texts of these rules are its own. */
typedef struct World {
        FixtureFile files[WORLD_FIXED + WORLD_RULES + 1];
        Buffer texts[WORLD_RULES];
} World;

/* A request, with no rate used. Good where it stands. */
typedef struct RandomFacts {
        Facts facts;
        const char *on_behalf_of[4]; /* more than the facts name, for who wants to add some */
        const char *recipients[4];
} RandomFacts;

/** roll() - A number from 0 to @n - 1. */
unsigned roll(unsigned n);

/** random_facts() - A request in any of these worlds. */
void random_facts(RandomFacts *random);

/**
 * each_world() - Runs @check on random policies.
 * @check:      says of how many cases it was about, so that a property about nothing fails
 */
void each_world(uint64_t seed, unsigned (*check)(const World *, const Policy *));
