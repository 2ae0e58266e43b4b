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

static size_t digit_size(const OpenclShape *shape)
{
        return shape->lanes == 1 ? sizeof(int8_t) : sizeof(float);
}

size_t opencl_probes_size_max(const OpenclShape *shape)
{
        size_t n = DEVICE_PROBES_MAX + shape->tile; /* The last tile may have one. */

        return n * (sizeof(Constants) + 2 * CODES_DIMENSION_MAX * digit_size(shape));
}

OpenclProbes opencl_probes_init(const OpenclShape *shape, const ScanProbe *probes, size_t n, size_t dimension)
{
        size_t n_digits = probes[0].second ? 2 : 1;

        return (OpenclProbes){.n = n,
                              .n_digits = n_digits,
                              .n_steps = (dimension + 3) / 4,
                              .n_tile = n == 1 ? 1 : shape->tile / n_digits,
                              .digit_size = digit_size(shape)};
}

static size_t tile_size(const OpenclProbes *probes)
{
        return probes->n_steps * probes->n_tile * probes->n_digits * 4 * probes->digit_size;
}

size_t opencl_probes_size(const OpenclProbes *probes)
{
        size_t n_tiles = (probes->n + probes->n_tile - 1) / probes->n_tile;

        return (probes->n * sizeof(Constants) + n_tiles * tile_size(probes) + 15) / 16 * 16;
}

static void write_step(const OpenclProbes *probes, const int8_t *digits, char *ret_step)
{
        float floats[4];

        if (probes->digit_size == sizeof(*digits)) {
                memcpy(ret_step, digits, 4);
                return;
        }
        for (size_t i = 0; i < 4; i++)
                floats[i] = digits[i];
        memcpy(ret_step, floats, sizeof(floats));
}

static void write_digit(const OpenclProbes *probes, const int8_t *digits, char *ret_steps)
{
        size_t apart = probes->n_tile * probes->n_digits * 4 * probes->digit_size;

        for (size_t step = 0; step < probes->n_steps; step++)
                write_step(probes, digits + 4 * step, ret_steps + step * apart);
}

void opencl_probes_write(const OpenclProbes *probes, const ScanProbe *source, void *ret_data)
{
        Constants *constants = ret_data;
        char *tiles = (char *)(constants + probes->n);

        memset(ret_data, 0, opencl_probes_size(probes));
        for (size_t i = 0; i < probes->n; i++) {
                char *steps = tiles + i / probes->n_tile * tile_size(probes) +
                              i % probes->n_tile * probes->n_digits * 4 * probes->digit_size;
                constants[i] = (Constants){.start = {source[i].start[0], source[i].start[1]},
                                           .scale = source[i].scale,
                                           .slack = source[i].slack};
                write_digit(probes, source[i].digits, steps);
                if (source[i].second)
                        write_digit(probes, source[i].second, steps + 4 * probes->digit_size);
        }
}
