#pragma once
/*
 * A folder of its own for a test, in memory where that can be had (what is tested is the order of writes and
 * syncs, not the disk), and random numbers that come out the same each time.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

typedef struct Scratch {
        char path[64];
        int dir_fd;
} Scratch;

static inline void scratch_init(Scratch *scratch)
{
        *scratch = (Scratch){.path = "/dev/shm/matchguard-scratch-XXXXXX"};
        if (!mkdtemp(scratch->path)) {
                *scratch = (Scratch){.path = "/tmp/matchguard-scratch-XXXXXX"};
                cr_assert(mkdtemp(scratch->path));
        }
        scratch->dir_fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(scratch->dir_fd, 0);
}

static inline void scratch_deinit(Scratch *scratch)
{
        char command[128];

        fd_close(scratch->dir_fd);
        cr_assert_lt(snprintf(command, sizeof(command), "rm -rf '%s'", scratch->path), (int)sizeof(command));
        cr_assert_eq(system(command), 0);
}

/* xorshift64* by Vigna. */
static inline uint64_t scratch_random(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(2685821657736338717);
}

/* From -1 to 1. */
static inline float scratch_random_float(uint64_t *state)
{
        return (float)((double)(scratch_random(state) >> 11) / (double)(UINT64_C(1) << 52) - 1);
}
