/*
 * Rearranges the digits of probes, so that a kernel reads those that it needs at once from one place.
 */

#include "worker/opencl-probes.h"

#include <string.h>

typedef struct Constants {
        int32_t start[2];
        float scale;
        float slack;
} Constants;

OpenclProbes opencl_probes_init(const OpenclShape *shape, const ScanProbe *probes, size_t n, size_t dimension)
{
        size_t n_digits = probes[0].second ? 2 : 1;

        return (OpenclProbes){.n = n,
                              .n_digits = n_digits,
                              .n_steps = (dimension + 3) / 4,
                              .n_tile = n == 1 ? 1 : shape->tile / n_digits};
}

static size_t tile_words(const OpenclProbes *probes)
{
        return probes->n_steps * probes->n_tile * probes->n_digits;
}

size_t opencl_probes_size(const OpenclProbes *probes)
{
        size_t n_tiles = (probes->n + probes->n_tile - 1) / probes->n_tile;

        return probes->n * sizeof(Constants) + n_tiles * tile_words(probes) * sizeof(uint32_t);
}

static void write_digit(const OpenclProbes *probes, const int8_t *digits, uint32_t *ret_words)
{
        size_t apart = probes->n_tile * probes->n_digits;

        for (size_t step = 0; step < probes->n_steps; step++)
                memcpy(ret_words + step * apart, digits + 4 * step, sizeof(uint32_t));
}

void opencl_probes_write(const OpenclProbes *probes, const ScanProbe *source, uint32_t *ret_words)
{
        Constants *constants = (void *)ret_words;
        uint32_t *tiles = (void *)(constants + probes->n);

        memset(ret_words, 0, opencl_probes_size(probes));
        for (size_t i = 0; i < probes->n; i++) {
                uint32_t *words = tiles + i / probes->n_tile * tile_words(probes) +
                                  i % probes->n_tile * probes->n_digits;
                constants[i] = (Constants){.start = {source[i].start[0], source[i].start[1]},
                                           .scale = source[i].scale,
                                           .slack = source[i].slack};
                write_digit(probes, source[i].digits, words);
                if (source[i].second)
                        write_digit(probes, source[i].second, words + 1);
        }
}
