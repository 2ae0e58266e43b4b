/*
 * Probes on the device, and scans for them.
 */

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "worker/cuda-device.h"

enum {
        EARLY_PROBES = 16, /* whose first rows come with the counts, */
        EARLY_HITS = 1024, /* so many of them all */
};

#define CUDA_NARROW(n)                                                                                       \
        .columns = (n), .blocks = CUDA_NARROW_WARPS, .threads = CUDA_NARROW_WARPS * CUDA_WARP,               \
        .shared = CUDA_NARROW_SHARED(n, 0),                                                                  \
        .shared_a_line = CUDA_NARROW_SHARED(n, 1) - CUDA_NARROW_SHARED(n, 0)
#define CUDA_TILE(n, stages)                                                                                 \
        .columns = (n), .blocks = CUDA_TILE_BLOCKS, .threads = CUDA_TILE_WARPS * CUDA_WARP,                  \
        .shared = CUDA_TILE_SHARED(n, stages)

/* Up to three tiles of 64 wait for the memory as long as one of 256, of which a part would multiply zeros. */
const CudaShape cuda_shapes[CUDA_SHAPES] = {
        {"matchguard_scan_narrow_2", .most_columns = 2, CUDA_NARROW(2)},
        {"matchguard_scan_narrow_8", .most_columns = 8, CUDA_NARROW(8)},
        {"matchguard_scan_tile_16", .most_columns = 16, CUDA_TILE(16, CUDA_STAGES_16)},
        {"matchguard_scan_tile_64", .most_columns = 192, CUDA_TILE(64, CUDA_STAGES_64)},
        {"matchguard_scan_tile_256", .most_columns = CUDA_COLUMNS_MAX, CUDA_TILE(256, CUDA_STAGES_256)},
};

/* ------------------------------------------------------------------------------------------------------
 * probes */

static const CudaShape *shape_for(uint32_t n_columns)
{
        const CudaShape *shape = cuda_shapes;

        while (shape->most_columns < n_columns)
                shape++;
        return shape;
}

/* A digit of a probe; NULL: the column is beyond the last one. */
static const int8_t *column_digits(const Device *device, const ScanProbe *probes, uint32_t column)
{
        const ScanProbe *probe = &probes[column / device->n_digits];

        if (column >= device->n_probes * device->n_digits)
                return NULL;
        return column % device->n_digits == 1 ? probe->second : probe->digits;
}

static void stage_group(const Device *device, const ScanProbe *probes, uint32_t first, uint8_t *ret_group)
{
        const int8_t *digits[CUDA_ROWS];

        for (uint32_t i = 0; i < CUDA_ROWS; i++)
                digits[i] = column_digits(device, probes, first + i);
        for (uint32_t line = 0; line < device->n_lines; line++)
                for (uint32_t i = 0; i < CUDA_ROWS; i++, ret_group += 4)
                        if (digits[i])
                                memcpy(ret_group, digits[i] + (size_t)line * 4, 4);
                        else
                                memset(ret_group, 0, 4);
}

/* Returns how many bytes they are: whole groups. */
static size_t stage_digits(const Device *device, const ScanProbe *probes)
{
        size_t group_size = (size_t)device->n_lines * CUDA_LINE_SIZE, size = 0;

        for (uint32_t first = 0; first < device->n_columns; first += CUDA_ROWS, size += group_size)
                stage_group(device, probes, first, device->staging + size);
        return size;
}

static void stage_columns(const Device *device, const ScanProbe *probes, CudaColumn *columns)
{
        memset(columns, 0, device->n_columns * sizeof(*columns));
        for (uint32_t i = 0; i < device->n_probes; i++)
                for (uint32_t digit = 0; digit < device->n_digits; digit++)
                        columns[i * device->n_digits + digit] = (CudaColumn){.start = probes[i].start[digit],
                                                                             .scale = probes[i].scale,
                                                                             .slack = probes[i].slack};
}

static int overwrite_probes(const Device *device, DeviceWhy *ret_why)
{
        if (cuda_overwrite(device, device->digits, device->digits_used, ret_why) < 0)
                return -EIO;
        return cuda_overwrite(device, device->columns, device->columns->size, ret_why);
}

int cuda_forget_probes(Device *device, DeviceWhy *ret_why)
{
        if (device->digits_used == 0)
                return 0;
        if (cuda_enter(device, ret_why) < 0 || overwrite_probes(device, ret_why) < 0 ||
            cuda_finish(device, ret_why) < 0)
                return -EIO;
        device->n_probes = 0;
        device->digits_used = 0;
        return 0;
}

static void set_layout(Device *device, const ScanProbe *probes, size_t n, size_t dimension)
{
        device->n_probes = (uint32_t)n;
        device->n_digits = probes[0].second ? 2 : 1;
        device->n_lines = (uint32_t)(dimension + 3) / 4;
        uint32_t n_columns = device->n_probes * device->n_digits;
        device->shape = shape_for(n_columns);
        uint32_t n_tiles = (n_columns + device->shape->columns - 1) / device->shape->columns;
        device->n_columns = n_tiles * device->shape->columns;
}

/* Digits and columns lie side by side in the staging memory, so that they are waited for once. */
static int send_probes(Device *device, const ScanProbe *probes, DeviceWhy *ret_why)
{
        size_t columns_size = device->n_columns * sizeof(CudaColumn);

        device->digits_used = stage_digits(device, probes);
        stage_columns(device, probes, (void *)(device->staging + device->digits_used));
        int r = cuda_send_staged(device, device->digits, 0, device->digits_used, ret_why);
        if (r == 0)
                r = cuda_send_staged(device, device->columns, device->digits_used, columns_size, ret_why);
        if (r == 0)
                r = cuda_finish(device, ret_why);
        explicit_bzero(device->staging, device->digits_used + columns_size);
        return r;
}

int cuda_set_probes(Device *device, const ScanProbe *probes, size_t n, size_t dimension, DeviceWhy *ret_why)
{
        if (cuda_enter(device, ret_why) < 0 ||
            (device->digits_used > 0 && overwrite_probes(device, ret_why) < 0))
                return -EIO;
        set_layout(device, probes, n, dimension);
        return send_probes(device, probes, ret_why);
}

/* ------------------------------------------------------------------------------------------------------
 * scan */

static CudaScan scan_of(const Device *device, const DeviceScan *scan)
{
        return (CudaScan){.blocks = scan->memory->at,
                          .digits = device->digits->at,
                          .columns = device->columns->at,
                          .counts = device->board->at,
                          .floors = device->board->at + CUDA_COUNTS_SIZE,
                          .hits = device->hits->at,
                          .n_blocks = scan->n_blocks,
                          .first = scan->first,
                          .n = scan->n,
                          .step = scan->step,
                          .n_lines = device->n_lines,
                          .column_tiles = device->n_columns / device->shape->columns,
                          .two = device->n_digits - 1,
                          .most = scan->most};
}

/* Second digits, and columns beyond the last one, have floors that nothing reaches. */
static int send_board(const Device *device, const DeviceScan *scan, DeviceWhy *ret_why)
{
        float *floors = (void *)(device->staging + CUDA_COUNTS_SIZE);

        memset(device->staging, 0, CUDA_COUNTS_SIZE);
        for (uint32_t i = 0; i < device->n_columns; i++)
                floors[i] = INFINITY;
        for (uint32_t i = 0; i < device->n_probes; i++)
                floors[i * device->n_digits] = scan->floors[i];
        return cuda_send_staged(device, device->board, 0,
                                CUDA_COUNTS_SIZE + device->n_columns * sizeof(*floors), ret_why);
}

static int launch(const Device *device, const DeviceScan *scan, DeviceWhy *ret_why)
{
        const CudaShape *shape = device->shape;
        CudaScan task = scan_of(device, scan);
        void *parameters[] = {&task};
        uint32_t n_blocks = (scan->n + shape->blocks - 1) / shape->blocks * task.column_tiles;

        if (CUDA_CALL(ret_why, cuEventRecord, device->begin, device->stream) < 0 ||
            CUDA_CALL(ret_why, cuLaunchKernel, device->kernels[shape - cuda_shapes], n_blocks, 1, 1,
                      shape->threads, 1, 1, shape->shared + shape->shared_a_line * task.n_lines,
                      device->stream, parameters, NULL) < 0)
                return -EIO;
        return CUDA_CALL(ret_why, cuEventRecord, device->end, device->stream);
}

/* The first places of some probes' lists. */
typedef struct Strip {
        uint32_t first, n; /* probes */
        uint32_t width;    /* places */
} Strip;

/* They come behind the counts in the staging memory. */
static int ask_for_hits(const Device *device, const DeviceScan *scan, const Strip *strip, DeviceWhy *ret_why)
{
        size_t pitch = scan->most * sizeof(CudaHit), width = strip->width * sizeof(CudaHit);
        const CUDA_MEMCPY2D copy = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                                    .srcDevice = device->hits->at + strip->first * pitch,
                                    .srcPitch = pitch,
                                    .dstMemoryType = CU_MEMORYTYPE_HOST,
                                    .dstHost = device->staging + CUDA_COUNTS_SIZE,
                                    .dstPitch = width,
                                    .WidthInBytes = width,
                                    .Height = strip->n};

        return CUDA_CALL(ret_why, cuMemcpy2DAsync, &copy, device->stream);
}

/* Of probes that overflowed nothing is wanted. */
static uint32_t wanted(const DeviceScan *scan, uint32_t probe)
{
        return scan->ret_counts[probe] <= scan->most ? scan->ret_counts[probe] : 0;
}

static void take_hits(const Device *device, DeviceScan *scan, const Strip *strip)
{
        const CudaHit *hits = (const void *)(device->staging + CUDA_COUNTS_SIZE);

        for (uint32_t i = strip->first; i < strip->first + strip->n; i++, hits += strip->width)
                for (uint32_t j = 0; j < wanted(scan, i); j++)
                        scan->ret_found[scan->n_found++] =
                                (DeviceFound){.probe = i, .row = hits[j].row, .upper = hits[j].upper};
}

/* With the counts come the first rows of few probes: most of the time those are all, and nothing else need be waited for. */
static int receive_counts(const Device *device, DeviceScan *scan, const Strip *early, DeviceWhy *ret_why)
{
        size_t size = device->n_probes * sizeof(*scan->ret_counts);
        float milliseconds;

        if (CUDA_CALL(ret_why, cuMemcpyDtoHAsync, device->staging, device->board->at, size, device->stream) <
                    0 ||
            (early->width > 0 && ask_for_hits(device, scan, early, ret_why) < 0) ||
            cuda_finish(device, ret_why) < 0 ||
            CUDA_CALL(ret_why, cuEventElapsedTime, &milliseconds, device->begin, device->end) < 0)
                return -EIO;
        memcpy(scan->ret_counts, device->staging, size);
        scan->nanoseconds = (uint64_t)((double)milliseconds * 1e6);
        return 0;
}

/* As many probes at once as the staging memory has room for. */
static int receive_hits(const Device *device, DeviceScan *scan, uint32_t width, DeviceWhy *ret_why)
{
        uint32_t at_once = (uint32_t)((CUDA_STAGING_SIZE - CUDA_COUNTS_SIZE) / (width * sizeof(CudaHit)));

        for (uint32_t first = 0; first < device->n_probes; first += at_once) {
                const Strip strip = {first, MIN_OF(at_once, device->n_probes - first), width};
                if (ask_for_hits(device, scan, &strip, ret_why) < 0 || cuda_finish(device, ret_why) < 0)
                        return -EIO;
                take_hits(device, scan, &strip);
        }
        return 0;
}

static int receive(const Device *device, DeviceScan *scan, DeviceWhy *ret_why)
{
        const Strip early = {
                .n = device->n_probes,
                .width = device->n_probes > EARLY_PROBES ? 0
                                                         : MIN_OF(scan->most, EARLY_HITS / device->n_probes),
        };
        uint32_t width = 0;

        int r = receive_counts(device, scan, &early, ret_why);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < device->n_probes; i++)
                width = MAX_OF(width, wanted(scan, i));
        scan->n_found = 0;
        if (width > early.width)
                return receive_hits(device, scan, width, ret_why);
        take_hits(device, scan, &early);
        return 0;
}

static int scan_some(Device *device, DeviceScan *scan, DeviceWhy *ret_why)
{
        int r = cuda_enter(device, ret_why);

        if (r == 0)
                r = send_board(device, scan, ret_why);
        if (r == 0)
                r = launch(device, scan, ret_why);
        return r < 0 ? r : receive(device, scan, ret_why);
}

int cuda_scan(Device *device, DeviceScan *scan, DeviceWhy *ret_why)
{
        assert(device->n_probes > 0 && scan->most > 0 && scan->most <= DEVICE_FOUND_MAX);
        assert((size_t)scan->most * device->n_probes <= DEVICE_FOUND_ALL);
        assert(scan->n_blocks * codes_block_size((size_t)device->n_lines * 4) <= scan->memory->size);
        if (scan->n > 0)
                return scan_some(device, scan, ret_why);
        /* Of nothing no kernel can be launched. */
        memset(scan->ret_counts, 0, device->n_probes * sizeof(*scan->ret_counts));
        scan->n_found = 0;
        scan->nanoseconds = 0;
        return 0;
}
