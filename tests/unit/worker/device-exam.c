/*
 * Drivers of devices, held against what bounds are said to be.
 */

#include "device-exam.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"

const DeviceDriver *device_exam_driver(void **ret_module)
{
        const char *path = getenv("MATCHGUARD_DEVICE_MODULE");

        cr_assert(path, "MATCHGUARD_DEVICE_MODULE names no module");
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert(module, "%s", dlerror());
        const DeviceDriver *driver = dlsym(module, DEVICE_DRIVER_SYMBOL);
        cr_assert(driver);
        cr_assert_eq(driver->version, DEVICE_DRIVER_VERSION);
        *ret_module = module;
        return driver;
}

DeviceExam device_exam_open(void)
{
        DeviceExam exam = {};
        DeviceWhy why;

        exam.driver = device_exam_driver(&exam.module);
        int r = exam.driver->open(0, &exam.device, &why);
        cr_assert_eq(r, 0, "%s", why.text);
        return exam;
}

/* The module stays: what its libraries have begun may end with the process only. */
void device_exam_close(DeviceExam *exam)
{
        exam->driver->close(exam->device);
        *exam = (DeviceExam){};
}

DeviceMemory *device_exam_allocate(DeviceExam *exam, size_t size)
{
        DeviceMemory *memory;
        DeviceWhy why;

        int r = exam->driver->allocate(exam->device, size, &memory, &why);
        cr_assert_eq(r, 0, "%s", why.text);
        return memory;
}

/* --------------------------------------------------------------------------------------------------
 * galleries */

static float positive(uint64_t *chance)
{
        return fabsf(scratch_random_float(chance)) + 0x1p-20f;
}

/* Some rows are as far from zero as can be, so that sums are, too. */
static uint8_t make_code(size_t row, uint64_t *chance)
{
        switch (row % 8) {
        case 3:
                return CODES_BIAS + CODES_MAX;
        case 5:
                return CODES_BIAS - CODES_MAX;
        default:
                return (uint8_t)(1 + scratch_random(chance) % 255);
        }
}

static void make_block(const DeviceGallery *gallery, uint8_t *block, uint64_t *chance)
{
        size_t size = codes_size(gallery->dimension);
        float *scales = (void *)(block + size), *residuals = scales + CODES_ROWS;

        for (size_t i = 0; i < size; i++)
                block[i] = make_code(i / 4 % CODES_ROWS, chance);
        for (size_t row = 0; row < CODES_ROWS; row++) {
                scales[row] = positive(chance) / 512;
                residuals[row] = positive(chance) / 64;
                if (scratch_random(chance) % 8 == 0)
                        codes_clear(block, gallery->dimension, row);
        }
}

void device_gallery_send(DeviceExam *exam, const DeviceGallery *gallery, uint32_t first, uint32_t n)
{
        size_t size = codes_block_size(gallery->dimension);
        DeviceWhy why;

        int r = exam->driver->write(exam->device, gallery->memory, first * size,
                                    gallery->blocks + first * size, n * size, &why);
        cr_assert_eq(r, 0, "%s", why.text);
}

DeviceGallery device_gallery_new(DeviceExam *exam, size_t dimension, uint32_t n_blocks, uint64_t *chance)
{
        DeviceGallery gallery = {.dimension = dimension, .n_blocks = n_blocks};
        size_t size = codes_block_size(dimension);

        gallery.blocks = aligned_alloc(64, n_blocks * size);
        cr_assert(gallery.blocks);
        for (uint32_t i = 0; i < n_blocks; i++)
                make_block(&gallery, gallery.blocks + i * size, chance);
        /* The last block has rows in its beginning only. */
        for (size_t row = 1 + scratch_random(chance) % CODES_ROWS; row < CODES_ROWS; row++)
                codes_clear(gallery.blocks + (n_blocks - 1) * size, dimension, row);
        gallery.memory = device_exam_allocate(exam, n_blocks * size);
        uint32_t half = n_blocks / 2;
        device_gallery_send(exam, &gallery, half, n_blocks - half);
        if (half > 0)
                device_gallery_send(exam, &gallery, 0, half);
        return gallery;
}

void device_gallery_free(DeviceExam *exam, DeviceGallery *gallery)
{
        DeviceWhy why;
        int r = exam->driver->release(exam->device, gallery->memory, &why);

        cr_assert_eq(r, 0, "%s", why.text);
        free(gallery->blocks);
        *gallery = (DeviceGallery){};
}

/* --------------------------------------------------------------------------------------------------
 * probes */

static int32_t make_digits(int8_t *digits, size_t n, int least, int most, uint64_t *chance)
{
        int32_t sum = 0;

        for (size_t i = 0; i < n; i++) {
                digits[i] = (int8_t)(least + (int)(scratch_random(chance) % (unsigned)(most - least + 1)));
                sum += digits[i];
        }
        return -CODES_BIAS * sum;
}

/* Some have all their digits as large as can be, of one sign: their sums with codes of one sign are the largest of all. */
static int32_t make_first_digits(int8_t *digits, size_t n, size_t probe, uint64_t *chance)
{
        int least = probe % 7 == 5 ? 127 : -127, most = probe % 7 == 6 ? -127 : 127;

        return make_digits(digits, n, least, most, chance);
}

DeviceProbes device_probes_new(size_t n, size_t dimension, bool two, uint64_t *chance)
{
        size_t size = scan_digits_size(dimension);
        DeviceProbes probes = {.n = n,
                               .digits = aligned_alloc(64, n * 2 * size),
                               .probes = calloc(n, sizeof(*probes.probes)),
                               .floors = calloc(n, sizeof(*probes.floors))};

        cr_assert(probes.digits && probes.probes && probes.floors);
        memset(probes.digits, 0, n * 2 * size);
        for (size_t i = 0; i < n; i++) {
                int8_t *digits = probes.digits + i * 2 * size;
                ScanProbe *probe = &probes.probes[i];
                *probe = (ScanProbe){.digits = digits,
                                     .second = two ? digits + size : NULL,
                                     .scale = positive(chance) / 512,
                                     .slack = positive(chance) / 64};
                probe->start[0] = make_first_digits(digits, dimension, i, chance);
                if (two)
                        probe->start[1] = make_digits(digits + size, dimension, -32, 31, chance);
        }
        return probes;
}

void device_probes_set(DeviceExam *exam, const DeviceProbes *probes, size_t dimension)
{
        DeviceWhy why;
        int r = exam->driver->set_probes(exam->device, probes->probes, probes->n, dimension, &why);

        cr_assert_eq(r, 0, "%s", why.text);
}

void device_probes_free(DeviceProbes *probes)
{
        free(probes->digits);
        free(probes->probes);
        free(probes->floors);
        *probes = (DeviceProbes){};
}

/* --------------------------------------------------------------------------------------------------
 * what is right */

static int32_t product(const uint8_t *block, size_t dimension, size_t row, const int8_t *digits,
                       int32_t start)
{
        int32_t sum = start;

        for (size_t i = 0; i < dimension; i++)
                sum += block[i / 4 * 4 * CODES_ROWS + row * 4 + i % 4] * digits[i];
        return sum;
}

float device_exam_upper(const DeviceGallery *gallery, size_t row, const ScanProbe *probe)
{
        size_t dimension = gallery->dimension, in_block = row % CODES_ROWS;
        const uint8_t *block = gallery->blocks + row / CODES_ROWS * codes_block_size(dimension);
        float scale = codes_scales(block, dimension)[in_block] * probe->scale;
        float wide = codes_residuals(block, dimension)[in_block] + probe->slack;

        float v = (float)product(block, dimension, in_block, probe->digits, probe->start[0]);
        if (probe->second)
                v = fmaf(SCAN_BASE, v,
                         (float)product(block, dimension, in_block, probe->second, probe->start[1]));
        return fmaf(v, scale, wide);
}

void device_floors_set(const DeviceGallery *gallery, DeviceProbes *probes, uint64_t *chance)
{
        for (size_t i = 0; i < probes->n; i++) {
                size_t row = scratch_random(chance) % (gallery->n_blocks * CODES_ROWS);
                float upper = device_exam_upper(gallery, row, &probes->probes[i]);
                probes->floors[i] = isinf(upper) ? INFINITY : upper;
        }
}

typedef struct Expected {
        const DeviceGallery *gallery;
        const DeviceProbes *probes;
        const DeviceRange *range;
        uint32_t *counts; /* a probe */
        float *bounds;    /* [probe][row], NAN for rows that are not to be found */
} Expected;

static void expect_row(Expected *expected, size_t row)
{
        size_t n_rows = (size_t)expected->gallery->n_blocks * CODES_ROWS;

        for (size_t i = 0; i < expected->probes->n; i++) {
                float upper = device_exam_upper(expected->gallery, row, &expected->probes->probes[i]);
                if (!(upper >= expected->probes->floors[i]))
                        continue;
                expected->bounds[i * n_rows + row] = upper;
                expected->counts[i]++;
        }
}

static void expect(Expected *expected)
{
        const DeviceGallery *gallery = expected->gallery;
        size_t n_bounds = expected->probes->n * gallery->n_blocks * CODES_ROWS;

        expected->counts = calloc(expected->probes->n, sizeof(uint32_t));
        expected->bounds = malloc(n_bounds * sizeof(float));
        cr_assert(expected->counts && expected->bounds);
        for (size_t i = 0; i < n_bounds; i++)
                expected->bounds[i] = NAN;
        for (uint64_t p = expected->range->first; p < expected->range->first + expected->range->n; p++)
                for (size_t row = 0; row < CODES_ROWS; row++)
                        expect_row(expected,
                                   p * expected->range->step % gallery->n_blocks * CODES_ROWS + row);
}

/* Each row once, with the bits of its bound. */
static void compare_found(Expected *expected, const DeviceFound *found)
{
        size_t n_rows = (size_t)expected->gallery->n_blocks * CODES_ROWS;

        cr_assert_lt(found->probe, expected->probes->n);
        cr_assert_lt(found->row, n_rows);
        if (expected->counts[found->probe] > expected->range->most)
                return;
        float *bound = &expected->bounds[found->probe * n_rows + found->row];
        cr_assert_eq(memcmp(bound, &found->upper, sizeof(*bound)), 0, "probe %u, row %u: %a, not %a",
                     found->probe, found->row, (double)found->upper, (double)*bound);
        *bound = NAN;
}

static void compare(Expected *expected, const DeviceScan *scan)
{
        size_t n_rows = (size_t)expected->gallery->n_blocks * CODES_ROWS;

        for (size_t i = 0; i < expected->probes->n; i++)
                cr_assert_eq(scan->ret_counts[i], expected->counts[i],
                             "probe %zu of %zu, dimension %zu: %u, not %u", i, expected->probes->n,
                             expected->gallery->dimension, scan->ret_counts[i], expected->counts[i]);
        for (size_t i = 0; i < scan->n_found; i++)
                compare_found(expected, &scan->ret_found[i]);
        for (size_t i = 0; i < expected->probes->n * n_rows; i++)
                cr_assert(isnan(expected->bounds[i]) || expected->counts[i / n_rows] > expected->range->most,
                          "probe %zu: row %zu is not there", i / n_rows, i % n_rows);
}

size_t device_exam_scan(DeviceExam *exam, const DeviceGallery *gallery, const DeviceProbes *probes,
                        const DeviceRange *range)
{
        Expected expected = {.gallery = gallery, .probes = probes, .range = range};
        DeviceScan scan = {.memory = gallery->memory,
                           .n_blocks = gallery->n_blocks,
                           .first = range->first,
                           .n = range->n,
                           .step = range->step,
                           .floors = probes->floors,
                           .most = range->most,
                           .ret_counts = calloc(probes->n, sizeof(uint32_t)),
                           .ret_found = calloc(probes->n * range->most, sizeof(DeviceFound))};
        DeviceWhy why;

        cr_assert(scan.ret_counts && scan.ret_found);
        int r = exam->driver->scan(exam->device, &scan, &why);
        cr_assert_eq(r, 0, "%s", why.text);
        expect(&expected);
        compare(&expected, &scan);
        free(expected.bounds);
        free(expected.counts);
        free(scan.ret_counts);
        free(scan.ret_found);
        return scan.n_found;
}
