#pragma once
/*
 * Probes as worker/scan.cl reads them:
 *
 *      [probe]         what takes the bias of the codes away from the sums of its first and second digits, int32; scale, slack, float32
 *      [tile of probes][step of four elements][probe of the tile][digit, first or second]
 *                      four digits each, int8 where the kernels add up whole numbers, else float32
 *
 * A tile has as many probes as the kernel takes at once; beyond the last probe are zeros.
 */

#include <stddef.h>

#include "worker/device.h"
#include "worker/opencl-shape.h"

typedef struct OpenclProbes {
        size_t n;
        size_t n_digits; /* of a probe; 0: there are none */
        size_t n_steps;
        size_t n_tile; /* of a tile */
        size_t digit_size;
} OpenclProbes;

/** opencl_probes_size_max() - Bytes that any probes are at most. */
size_t opencl_probes_size_max(const OpenclShape *shape);

/** opencl_probes_init() - For @n probes of a kind, of @dimension elements. */
OpenclProbes opencl_probes_init(const OpenclShape *shape, const ScanProbe *probes, size_t n,
                                size_t dimension);

/** opencl_probes_size() - Bytes that they are, a multiple of 16. */
size_t opencl_probes_size(const OpenclProbes *probes);

/** opencl_probes_write() - @source: as above; @ret_data: room for opencl_probes_size(). */
void opencl_probes_write(const OpenclProbes *probes, const ScanProbe *source, void *ret_data);
