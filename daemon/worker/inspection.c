/*
 * The inspection. What the driver is held against is written down here once more, as plainly as worker/scan-kernels.h says it.
 */

#include "worker/inspection.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/driver.h"

typedef struct InspectionShape {
        size_t dimension, n_probes;
        bool two; /* digits */
} InspectionShape;

/* One query and many, dimensions that fill whole steps and that do not, and the most there may be, digits of either kind. */
static const InspectionShape shapes[] = {
        {512, 1, true},    {512, 1, false},
        {52, 1, true},     {512, 3, true},
        {128, 17, false},  {301, 17, false},
        {512, 33, false},  {40, 200, false},
        {24, 600, false},  {13, DEVICE_PROBES_MAX, false},
        {1300, 17, false}, {CODES_DIMENSION_MAX, 1, true},
};

enum {
        BLOCKS = 3,
        ROWS = BLOCKS * CODES_ROWS,
        FIRST = 1, /* position 0 is left out */
        MOST = 64, /* less than what some probes find */
};

/* Positions 1 and 2 are blocks 2 and 1; in 32 bits the second would be 0. */
#define STEP (UINT32_MAX - 1)

typedef struct Inspection {
        const InspectionShape *shape;
        uint64_t dice;
        uint8_t *blocks;
        int8_t *digits;
        ScanProbe *probes;
        float *uppers; /* ROWS a probe */
        float *floors;
        uint32_t *counts;
        DeviceFound *found;
        bool *seen; /* ROWS a probe */
} Inspection;

static uint32_t roll(Inspection *inspection, uint32_t n)
{
        /* xorshift64* by Vigna. */
        inspection->dice ^= inspection->dice >> 12;
        inspection->dice ^= inspection->dice << 25;
        inspection->dice ^= inspection->dice >> 27;
        return (uint32_t)((inspection->dice * UINT64_C(2685821657736338717) >> 32) % n);
}

static float roll_part(Inspection *inspection)
{
        return (float)(1 + roll(inspection, 1 << 24)) * 0x1p-24F;
}

/* ------------------------------------------------------------------------------------------------
 * what is scanned */

static void make_blocks(Inspection *inspection)
{
        size_t dimension = inspection->shape->dimension, size = codes_block_size(dimension);

        for (size_t i = 0; i < BLOCKS; i++) {
                uint8_t *block = inspection->blocks + i * size;
                float *scales = (void *)(block + codes_size(dimension)), *residuals = scales + CODES_ROWS;
                for (size_t j = 0; j < codes_size(dimension); j++)
                        block[j] = (uint8_t)(1 + roll(inspection, 255));
                for (size_t row = 0; row < CODES_ROWS; row++) {
                        bool empty = roll(inspection, 8) == 0;
                        scales[row] = empty ? 0 : roll_part(inspection) / 512;
                        residuals[row] = empty ? -INFINITY : roll_part(inspection) / 64;
                }
        }
}

static int32_t make_digits(Inspection *inspection, int least, int most, int8_t *ret_digits)
{
        size_t dimension = inspection->shape->dimension;
        int32_t sum = 0;

        memset(ret_digits, 0, scan_digits_size(dimension));
        for (size_t i = 0; i < dimension; i++) {
                ret_digits[i] = (int8_t)(least + (int)roll(inspection, (uint32_t)(most - least + 1)));
                sum += ret_digits[i];
        }
        return -CODES_BIAS * sum;
}

static void make_probe(Inspection *inspection, size_t number)
{
        const InspectionShape *shape = inspection->shape;
        int8_t *digits = inspection->digits + number * 2 * scan_digits_size(shape->dimension);
        ScanProbe *probe = &inspection->probes[number];

        *probe = (ScanProbe){
                .digits = digits, .scale = roll_part(inspection) / 512, .slack = roll_part(inspection) / 64};
        probe->start[0] = make_digits(inspection, -CODES_MAX, CODES_MAX, digits);
        if (!shape->two)
                return;
        probe->second = digits + scan_digits_size(shape->dimension);
        probe->start[1] = make_digits(inspection, -SCAN_BASE / 2, SCAN_BASE / 2 - 1,
                                      digits + scan_digits_size(shape->dimension));
}

/* ------------------------------------------------------------------------------------------------
 * what has to come of it */

static float product(const uint8_t *block, size_t dimension, size_t row, const int8_t *digits, int32_t start)
{
        int32_t sum = start;

        for (size_t i = 0; i < dimension; i++)
                sum += block[(i / 4 * CODES_ROWS + row) * 4 + i % 4] * digits[i];
        return (float)sum;
}

static float upper_of(const Inspection *inspection, const ScanProbe *probe, size_t row)
{
        size_t dimension = inspection->shape->dimension, in_block = row % CODES_ROWS;
        const uint8_t *block = inspection->blocks + row / CODES_ROWS * codes_block_size(dimension);
        float v = product(block, dimension, in_block, probe->digits, probe->start[0]);
        float scale = codes_scales(block, dimension)[in_block] * probe->scale;
        float slack = codes_residuals(block, dimension)[in_block] + probe->slack;

        if (probe->second)
                v = fmaf(SCAN_BASE, v, product(block, dimension, in_block, probe->second, probe->start[1]));
        return fmaf(v, scale, slack);
}

static bool is_scanned(size_t row)
{
        return row / CODES_ROWS != 0; /* the block at position 0 */
}

/* A floor is what some row just reaches; one probe finds everything, and one nothing. */
static void choose_floor(Inspection *inspection, size_t number)
{
        float *uppers = inspection->uppers + number * ROWS;

        for (size_t row = 0; row < ROWS; row++)
                uppers[row] = upper_of(inspection, &inspection->probes[number], row);
        float reached = uppers[CODES_ROWS + roll(inspection, ROWS - CODES_ROWS)];
        bool everything = number % 16 == 5 || !isfinite(reached);
        inspection->floors[number] = number % 16 == 4 ? INFINITY : everything ? -1e30F : reached;
}

static uint32_t count_expected(const Inspection *inspection, size_t number)
{
        uint32_t n = 0;

        for (size_t row = 0; row < ROWS; row++)
                n += is_scanned(row) && inspection->uppers[number * ROWS + row] >= inspection->floors[number];
        return n;
}

/* ------------------------------------------------------------------------------------------------
 * the comparison */

/* What it handed out of probes that found no more than MOST. Return: how many rows; SIZE_MAX: there is a wrong one. */
static size_t check_found(Inspection *inspection, const DeviceScan *scan)
{
        size_t n = 0;

        for (size_t i = 0; i < scan->n_found; i++) {
                const DeviceFound *found = &scan->ret_found[i];
                if (found->probe >= inspection->shape->n_probes)
                        return SIZE_MAX;
                if (scan->ret_counts[found->probe] > MOST)
                        continue;
                if (found->row >= ROWS)
                        return SIZE_MAX;
                size_t place = found->probe * ROWS + found->row;
                if (!is_scanned(found->row) || inspection->seen[place] ||
                    !(found->upper >= scan->floors[found->probe]) ||
                    memcmp(&found->upper, &inspection->uppers[place], sizeof(float)) != 0)
                        return SIZE_MAX;
                inspection->seen[place] = true;
                n++;
        }
        return n;
}

static bool is_right(Inspection *inspection, const DeviceScan *scan)
{
        size_t n = 0;

        if (scan->n_found > inspection->shape->n_probes * MOST)
                return false;
        for (size_t i = 0; i < inspection->shape->n_probes; i++) {
                uint32_t expected = count_expected(inspection, i);
                if (scan->ret_counts[i] != expected)
                        return false;
                n += expected <= MOST ? expected : 0;
        }
        return check_found(inspection, scan) == n;
}

static int scan_memory(Inspection *inspection, const DeviceDriver *driver, Device *device,
                       DeviceMemory *memory, DeviceWhy *ret_why)
{
        const InspectionShape *shape = inspection->shape;
        size_t size = BLOCKS * codes_block_size(shape->dimension);
        DeviceScan scan = {.memory = memory,
                           .n_blocks = BLOCKS,
                           .first = FIRST,
                           .n = BLOCKS - FIRST,
                           .step = STEP,
                           .floors = inspection->floors,
                           .most = MOST,
                           .ret_counts = inspection->counts,
                           .ret_found = inspection->found};

        int r = driver->write(device, memory, 0, inspection->blocks, size, ret_why);
        if (r == 0)
                r = driver->set_probes(device, inspection->probes, shape->n_probes, shape->dimension,
                                       ret_why);
        if (r == 0)
                r = driver->scan(device, &scan, ret_why);
        if (r == 0)
                r = driver->forget_probes(device, ret_why);
        if (r != 0 || is_right(inspection, &scan))
                return r;
        driver_say(ret_why,
                   "it computes something else than the processor (%zu dimensions, %zu probes, %d digits)",
                   shape->dimension, shape->n_probes, shape->two ? 2 : 1);
        return -EIO;
}

static int inspect(Inspection *inspection, const DeviceDriver *driver, Device *device, DeviceWhy *ret_why)
{
        DeviceMemory *memory;
        DeviceWhy other;

        make_blocks(inspection);
        for (size_t i = 0; i < inspection->shape->n_probes; i++) {
                make_probe(inspection, i);
                choose_floor(inspection, i);
        }
        int r = driver->allocate(device, BLOCKS * codes_block_size(inspection->shape->dimension), &memory,
                                 ret_why);
        if (r != 0)
                return r;
        r = scan_memory(inspection, driver, device, memory, ret_why);
        int s = driver->release(device, memory, r == 0 ? ret_why : &other);
        return r == 0 ? s : r;
}

static void inspection_deinit(Inspection *inspection)
{
        free(inspection->blocks);
        free(inspection->digits);
        free(inspection->probes);
        free(inspection->uppers);
        free(inspection->floors);
        free(inspection->counts);
        free(inspection->found);
        free(inspection->seen);
}

static int inspect_shape(const InspectionShape *shape, const DeviceDriver *driver, Device *device,
                         DeviceWhy *ret_why)
{
        size_t n = shape->n_probes;
        _cleanup_(inspection_deinit) Inspection inspection = {
                .shape = shape,
                .dice = 0x6d61746368 + shape->dimension,
                .blocks = aligned_alloc(64, BLOCKS * codes_block_size(shape->dimension)),
                .digits = aligned_alloc(64, n * 2 * scan_digits_size(shape->dimension)),
                .probes = calloc(n, sizeof(ScanProbe)),
                .uppers = calloc(n * ROWS, sizeof(float)),
                .floors = calloc(n, sizeof(float)),
                .counts = calloc(n, sizeof(uint32_t)),
                .found = calloc(n * MOST, sizeof(DeviceFound)),
                .seen = calloc(n * ROWS, sizeof(bool)),
        };

        if (inspection.blocks && inspection.digits && inspection.probes && inspection.uppers &&
            inspection.floors && inspection.counts && inspection.found && inspection.seen)
                return inspect(&inspection, driver, device, ret_why);
        driver_say(ret_why, "there is no memory for its inspection");
        return -ENOMEM;
}

int inspection_run(const DeviceDriver *driver, Device *device, DeviceWhy *ret_why)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(shapes); i++)
                r = inspect_shape(&shapes[i], driver, device, ret_why);
        return r;
}
