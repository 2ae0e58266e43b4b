/*
 * That a driver computes what worker/scan-kernels.h says, to the bit, where bounds are tightest: on awkward galleries, of probes that are aimed along what codes leave
 * out, with floors that a row just reaches or just misses. What is right is read from the headers, in plain loops. The driver is
 * MATCHGUARD_EXACT_ENGINE's of the folder MATCHGUARD_EXACT_MODULES, its device the first or that of the number MATCHGUARD_EXACT_DEVICE.
 */

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "awkward.h"
#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "stored.h"
#include "worker/device.h"
#include "worker/kernel.h"

static const size_t probe_counts[] = {1, 1, 2, 3, 4, 7, 8, 16, 17, 33, 64, 100, 129};
static const DeviceDriver *driver;
static Device *device;
static uint64_t chance;

#define check(call)                                                                                          \
        do {                                                                                                 \
                DeviceWhy why = {};                                                                          \
                int r = (call);                                                                              \
                cr_assert_eq(r, 0, "%s: %d, %s", #call, r, why.text);                                        \
        } while (0)

static size_t below(size_t n)
{
        return scratch_random(&chance) % n;
}

static void set_up(void)
{
        const char *engine = getenv("MATCHGUARD_EXACT_ENGINE"), *folder = getenv("MATCHGUARD_EXACT_MODULES"),
                   *number = getenv("MATCHGUARD_EXACT_DEVICE");
        char path[4096];

        if (!engine || strcmp(engine, "cpu") == 0)
                cr_skip_test("MATCHGUARD_EXACT_ENGINE names no driver");
        cr_assert_not_null(folder);
        (void)snprintf(path, sizeof(path), "%s/engine-%s.so", folder, engine);
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(module, "%s", dlerror());
        driver = dlsym(module, DEVICE_DRIVER_SYMBOL);
        cr_assert(driver && driver->version == DEVICE_DRIVER_VERSION && strcmp(driver->name, engine) == 0);
        chance = exam_seed();
        check(driver->open(number ? strtoul(number, NULL, 10) : 0, &device, &why));
}

static void tear_down(void)
{
        if (driver)
                driver->close(device);
}

TestSuite(exact_driver, .init = set_up, .fini = tear_down, .timeout = 600);

/* A gallery on the device, probes beside it, and every bound. */
typedef struct Scene {
        Crowd *crowd;
        Stored *stored;
        size_t n_blocks;
        DeviceMemory *memory;
        size_t n;
        ScanProbe *probes;
        int8_t *digits;
        float *bounds; /* a probe: of each row of each block, by the formula */
} Scene;

static float bound_of(const ScanProbe *probe, const Scene *scene, size_t row)
{
        const uint8_t *block = stored_block(scene->stored, row);
        size_t dimension = scene->crowd->dimension, in_block = row % CODES_ROWS;
        int32_t sums[2] = {probe->start[0], probe->start[1]};

        for (size_t i = 0; i < dimension; i++) {
                int32_t code = block[(i / 4 * CODES_ROWS + in_block) * 4 + i % 4];
                sums[0] += code * probe->digits[i];
                sums[1] += probe->second ? code * probe->second[i] : 0;
        }
        float scale = codes_scales(block, dimension)[in_block] * probe->scale,
              rest = codes_residuals(block, dimension)[in_block] + probe->slack;
        float v = probe->second ? fmaf(SCAN_BASE, (float)sums[0], (float)sums[1]) : (float)sums[0];
        return fmaf(v, scale, rest);
}

/* Along the residual of a row, or against it; or as a search would ask. */
static void aim(const Scene *scene, float *ret_vector, double *ret_square)
{
        const Crowd *crowd = scene->crowd;
        double *residual = calloc(crowd->dimension, sizeof(double));
        size_t row = below(crowd->n);
        double sign = below(2) ? 1 : -1;

        cr_assert_not_null(residual);
        memset(ret_vector, 0, KERNEL_PADDED(crowd->dimension) * sizeof(float));
        if (below(3) > 0 && crowd->subjects[row] != SUBJECTS_NONE)
                stored_residual(scene->stored, crowd, row, residual);
        for (size_t i = 0; i < crowd->dimension; i++)
                ret_vector[i] = (float)(sign * residual[i]);
        if (!(brute_dot(ret_vector, ret_vector, crowd->dimension) > 0))
                awkward_probe(crowd, &chance, ret_vector);
        *ret_square = brute_dot(ret_vector, ret_vector, crowd->dimension);
        free(residual);
}

static void make_probes(Scene *scene)
{
        size_t dimension = scene->crowd->dimension, size = scan_digits_size(dimension);
        float *vector = malloc(KERNEL_PADDED(dimension) * sizeof(float));
        bool two = below(2);

        scene->probes = calloc(scene->n, sizeof(ScanProbe));
        scene->digits = aligned_alloc(64, scene->n * 2 * size);
        cr_assert(vector && scene->probes && scene->digits);
        for (size_t i = 0; i < scene->n; i++) {
                double square;
                aim(scene, vector, &square);
                scan_probe_init(NULL, vector, square, dimension, two, scene->digits + i * 2 * size,
                                &scene->probes[i]);
        }
        free(vector);
}

static void make_bounds(Scene *scene)
{
        size_t n_rows = scene->n_blocks * CODES_ROWS;

        scene->bounds = malloc(scene->n * n_rows * sizeof(float));
        cr_assert_not_null(scene->bounds);
        for (size_t i = 0; i < scene->n; i++)
                for (size_t row = 0; row < n_rows; row++)
                        scene->bounds[i * n_rows + row] = bound_of(&scene->probes[i], scene, row);
}

static void upload(Scene *scene)
{
        size_t block = codes_block_size(scene->crowd->dimension), first = below(scene->n_blocks) * block,
               size = scene->n_blocks * block;

        check(driver->allocate(device, size, &scene->memory, &why));
        if (first > 0)
                check(driver->write(device, scene->memory, 0, scene->stored->blocks, first, &why));
        check(driver->write(device, scene->memory, first, scene->stored->blocks + first, size - first, &why));
        check(driver->set_probes(device, scene->probes, scene->n, scene->crowd->dimension, &why));
}

static void scene_init(Scene *scene, size_t n_rows, size_t dimension, size_t n_probes)
{
        const AwkwardKind *kind = &awkward_kinds[below(awkward_n_kinds)];

        *scene = (Scene){.crowd = awkward_new(kind, n_rows, dimension, below(2) ? 0 : 60, &chance),
                         .n_blocks = (n_rows + CODES_ROWS - 1) / CODES_ROWS,
                         .n = n_probes};
        scene->stored = stored_new(scene->crowd);
        make_probes(scene);
        make_bounds(scene);
        upload(scene);
}

static void scene_deinit(Scene *scene)
{
        check(driver->forget_probes(device, &why));
        check(driver->release(device, scene->memory, &why));
        free(scene->bounds);
        free(scene->digits);
        free(scene->probes);
        stored_free(scene->stored);
        crowd_free(scene->crowd);
}

static size_t common_divisor(size_t a, size_t b)
{
        return b == 0 ? a : common_divisor(b, a % b);
}

/* Of the positions of a scan, as the header counts them. */
static bool is_scanned(const DeviceScan *scan, size_t block)
{
        for (uint64_t p = scan->first; p < (uint64_t)scan->first + scan->n; p++)
                if (p * scan->step % scan->n_blocks == block)
                        return true;
        return false;
}

/* A probe's rows: those that reach its floor, each once and with its bound; or a count that says that there are more. */
static void check_probe(const Scene *scene, const DeviceScan *scan, size_t probe)
{
        size_t n_rows = scene->n_blocks * CODES_ROWS, n_right = 0, n_found = 0;
        const float *bounds = scene->bounds + probe * n_rows;
        bool *seen = calloc(n_rows, sizeof(bool));

        cr_assert_not_null(seen);
        for (size_t row = 0; row < n_rows; row++)
                n_right += is_scanned(scan, row / CODES_ROWS) && bounds[row] >= scan->floors[probe];
        cr_assert_eq(scan->ret_counts[probe], n_right, "%zu dimensions: %u rows of %zu",
                     scene->crowd->dimension, scan->ret_counts[probe], n_right);
        for (size_t i = 0; n_right <= scan->most && i < scan->n_found; i++) {
                const DeviceFound *found = &scan->ret_found[i];
                if (found->probe != probe)
                        continue;
                cr_assert(found->row < n_rows && !seen[found->row]);
                cr_assert(is_scanned(scan, found->row / CODES_ROWS) &&
                          bounds[found->row] >= scan->floors[probe]);
                cr_assert_eq(memcmp(&found->upper, &bounds[found->row], sizeof(float)), 0,
                             "%zu dimensions: %.9g, not %.9g", scene->crowd->dimension, (double)found->upper,
                             (double)bounds[found->row]);
                seen[found->row] = true;
                n_found++;
        }
        cr_assert(n_right > scan->most || n_found == n_right, "%zu rows of %zu are handed out", n_found,
                  n_right);
        free(seen);
}

static void scan_and_check(const Scene *scene, const float *floors, size_t most)
{
        DeviceScan scan = {.memory = scene->memory,
                           .n_blocks = (uint32_t)scene->n_blocks,
                           .first = (uint32_t)below(scene->n_blocks),
                           .step = 1,
                           .floors = floors,
                           .most = (uint32_t)most,
                           .ret_counts = calloc(scene->n, sizeof(uint32_t)),
                           .ret_found = malloc(scene->n * most * sizeof(DeviceFound))};

        cr_assert(scan.ret_counts && scan.ret_found);
        if (below(2))
                scan.first = 0;
        scan.n =
                (uint32_t)(below(2) ? scene->n_blocks - scan.first : 1 + below(scene->n_blocks - scan.first));
        do
                scan.step = 1 + (uint32_t)below(4 * scene->n_blocks);
        while (common_divisor(scan.step, scan.n_blocks) != 1);
        check(driver->scan(device, &scan, &why));
        cr_assert_leq(scan.n_found, most * scene->n);
        for (size_t i = 0; i < scene->n; i++)
                check_probe(scene, &scan, i);
        free(scan.ret_counts);
        free(scan.ret_found);
}

/* What all templates reach; what nothing does; what one row just reaches, or by one unit of its last place does not. */
static float choose_floor(const Scene *scene, size_t probe)
{
        size_t n_rows = scene->n_blocks * CODES_ROWS;
        float bound = scene->bounds[probe * n_rows + below(n_rows)];

        switch (below(6)) {
        case 0:
                return -3;
        case 1:
                return INFINITY;
        default:
                if (!isfinite(bound))
                        return -1;
                return below(2) ? bound : nextafterf(bound, 4);
        }
}

static void examine(size_t n_rows, size_t dimension, size_t n_probes)
{
        Scene scene;

        scene_init(&scene, n_rows, dimension, n_probes);
        float *floors = malloc(n_probes * sizeof(float));
        cr_assert_not_null(floors);
        for (size_t round = 0; round < 4; round++) {
                for (size_t i = 0; i < n_probes; i++)
                        floors[i] = round == 0 ? -3 : choose_floor(&scene, i);
                scan_and_check(&scene, floors, round == 3 ? 1 + below(20) : scene.n_blocks * CODES_ROWS);
        }
        free(floors);
        scene_deinit(&scene);
}

Test(exact_driver, bounds_are_those_of_the_formula)
{
        for (size_t round = 0; round < exam_effort(150); round++) {
                size_t most = round % 30 == 0 ? CODES_DIMENSION_MAX : round % 4 == 0 ? 1024 : 80;
                examine(1 + below(400), 1 + below(most), probe_counts[below(ARRAY_SIZE(probe_counts))]);
        }
}

Test(exact_driver, as_many_probes_as_there_may_be)
{
        examine(70, 33, DEVICE_PROBES_MAX);
        examine(130, 16, DEVICE_PROBES_MAX - 1);
        examine(64, 512, 300);
}
