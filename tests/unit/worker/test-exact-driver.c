/*
 * That bounds of a device hold where they are tightest: on awkward galleries, of probes that are aimed along what codes leave out, with floors that a row just reaches
 * or just misses. device-exam.h says which device, and computes what is right.
 */

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "awkward.h"
#include "base/macro.h"
#include "device-exam.h"
#include "exam.h"
#include "scratch.h"
#include "stored.h"
#include "worker/kernel.h"

static const size_t probe_counts[] = {1, 1, 2, 3, 4, 7, 8, 16, 17, 33, 64, 100, 129};
static DeviceExam device;
static uint64_t chance;

static void set_up(void)
{
        chance = exam_seed();
        device = device_exam_open();
}

static void tear_down(void)
{
        device_exam_close(&device);
}

TestSuite(exact_driver, .init = set_up, .fini = tear_down, .timeout = 600);

static size_t below(size_t n)
{
        return scratch_random(&chance) % n;
}

/* A crowd, on the device, and probes of it. */
typedef struct Scene {
        Crowd *crowd;
        Stored *stored;
        DeviceGallery gallery;
        DeviceProbes probes;
} Scene;

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

static void make_probes(Scene *scene, size_t n)
{
        size_t dimension = scene->crowd->dimension, size = scan_digits_size(dimension);
        float *vector = malloc(KERNEL_PADDED(dimension) * sizeof(float));
        DeviceProbes *probes = &scene->probes;
        bool two = below(2);

        *probes = (DeviceProbes){.n = n,
                                 .digits = aligned_alloc(64, n * 2 * size),
                                 .probes = calloc(n, sizeof(ScanProbe)),
                                 .floors = calloc(n, sizeof(float))};
        cr_assert(vector && probes->digits && probes->probes && probes->floors);
        for (size_t i = 0; i < n; i++) {
                double square;
                aim(scene, vector, &square);
                scan_probe_init(NULL, vector, square, dimension, two, probes->digits + i * 2 * size,
                                &probes->probes[i]);
        }
        device_probes_set(&device, probes, dimension);
        free(vector);
}

static void send_gallery(Scene *scene)
{
        DeviceGallery *gallery = &scene->gallery;
        DeviceWhy why;

        *gallery = (DeviceGallery){.dimension = scene->crowd->dimension,
                                   .n_blocks = (uint32_t)((scene->crowd->n + CODES_ROWS - 1) / CODES_ROWS),
                                   .blocks = scene->stored->blocks};
        int r = device.driver->allocate(device.device,
                                        gallery->n_blocks * codes_block_size(gallery->dimension),
                                        &gallery->memory, &why);
        cr_assert_eq(r, 0, "%s", why.text);
        device_gallery_send(&device, gallery, 0, gallery->n_blocks);
}

static void scene_init(Scene *scene, size_t n_rows, size_t dimension, size_t n_probes)
{
        const AwkwardKind *kind = &awkward_kinds[below(awkward_n_kinds)];

        *scene = (Scene){.crowd = awkward_new(kind, n_rows, dimension, below(2) ? 0 : 60, &chance)};
        scene->stored = stored_new(scene->crowd);
        send_gallery(scene);
        make_probes(scene, n_probes);
}

static void scene_deinit(Scene *scene)
{
        scene->stored->blocks = NULL; /* They are the gallery's now. */
        device_probes_free(&scene->probes);
        device_gallery_free(&device, &scene->gallery);
        stored_free(scene->stored);
        crowd_free(scene->crowd);
}

/* What all templates reach; what one of them just reaches; or what that one misses by a unit of its last place. */
static void choose_floors(Scene *scene, bool low)
{
        device_floors_set(&scene->gallery, &scene->probes, &chance);
        for (size_t i = 0; i < scene->probes.n; i++) {
                float *floor = &scene->probes.floors[i];
                if (low)
                        *floor = -3;
                else if (isfinite(*floor) && below(2))
                        *floor = nextafterf(*floor, 4);
        }
}

static size_t common_divisor(size_t a, size_t b)
{
        return b == 0 ? a : common_divisor(b, a % b);
}

static DeviceRange choose_range(const DeviceGallery *gallery, bool few)
{
        uint32_t n_blocks = gallery->n_blocks;
        DeviceRange range = {.first = below(2) ? 0 : (uint32_t)below(n_blocks),
                             .most = few ? 1 + (uint32_t)below(20) : n_blocks * CODES_ROWS};

        range.n = below(2) ? n_blocks - range.first : 1 + (uint32_t)below(n_blocks - range.first);
        do
                range.step = 1 + (uint32_t)below((size_t)n_blocks * 4);
        while (common_divisor(range.step, n_blocks) != 1);
        return range;
}

static void examine(size_t n_rows, size_t dimension, size_t n_probes)
{
        Scene scene;

        scene_init(&scene, n_rows, dimension, n_probes);
        for (size_t round = 0; round < 4; round++) {
                choose_floors(&scene, round == 0);
                DeviceRange range = choose_range(&scene.gallery, round == 3);
                device_exam_scan(&device, &scene.gallery, &scene.probes, &range);
        }
        scene_deinit(&scene);
}

Test(exact_driver, bounds_are_those_of_the_formula)
{
        for (size_t round = 0; round < exam_effort(150); round++) {
                size_t most = round % 30 == 0 ? CODES_DIMENSION_MAX : round % 4 == 0 ? 1024 : 80;
                examine(1 + below(400), 1 + below(most), probe_counts[below(ARRAY_SIZE(probe_counts))]);
        }
}
