/*
 * Drivers of devices: bounds to the bit, and errors that say what happened.
 */

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "device-exam.h"
#include "scratch.h"
#include "vectors.h"

static DeviceExam exam;
static uint64_t chance;

static void set_up(void)
{
        chance = 7;
        exam = device_exam_open();
}

static void tear_down(void)
{
        device_exam_close(&exam);
}

TestSuite(device, .init = set_up, .fini = tear_down, .timeout = 600);

static const DeviceRange everything = {.n = 3, .step = 1, .most = 3 * CODES_ROWS};

static void scan_everything(size_t dimension, size_t n_probes, bool two)
{
        DeviceGallery gallery = device_gallery_new(&exam, dimension, 3, &chance);
        DeviceProbes probes = device_probes_new(n_probes, dimension, two, &chance);

        device_floors_set(&gallery, &probes, &chance);
        device_probes_set(&exam, &probes, dimension);
        device_exam_scan(&exam, &gallery, &probes, &everything);
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
}

Test(device, gives_the_bounds_of_one_probe_in_every_dimension)
{
        static const size_t dimensions[] = {127, 128, 512, 1000, CODES_DIMENSION_MAX};

        for (size_t dimension = 1; dimension <= 70; dimension++)
                scan_everything(dimension, 1, dimension % 2 == 0);
        for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
                scan_everything(dimensions[i], 1, false);
                scan_everything(dimensions[i], 1, true);
        }
}

Test(device, gives_the_bounds_of_any_number_of_probes)
{
        for (size_t n = 2; n <= 33; n++) {
                scan_everything(30 + n, n, false);
                scan_everything(30 + n, n, true);
        }
        scan_everything(CODES_DIMENSION_MAX, 8, false);
        scan_everything(CODES_DIMENSION_MAX, 8, true);
        scan_everything(24, DEVICE_PROBES_MAX, false);
        scan_everything(24, DEVICE_PROBES_MAX, true);
}

Test(device, scans_the_positions_that_it_is_told)
{
        static const DeviceRange ranges[] = {
                {.first = 0, .n = 11, .step = 1}, {.first = 0, .n = 11, .step = 7},
                {.first = 3, .n = 5, .step = 7},  {.first = 10, .n = 1, .step = 3},
                {.first = 4, .n = 0, .step = 1},  {.first = 2, .n = 9, .step = 10},
                {.first = 7, .n = 4, .step = 1},  {.first = 1, .n = 10, .step = 12},
        };
        DeviceGallery gallery = device_gallery_new(&exam, 20, 11, &chance);
        static const size_t n_probes[] = {1, 5};

        for (size_t i = 0; i < ARRAY_SIZE(n_probes); i++) {
                DeviceProbes probes = device_probes_new(n_probes[i], 20, false, &chance);
                device_floors_set(&gallery, &probes, &chance);
                device_probes_set(&exam, &probes, 20);
                for (size_t j = 0; j < ARRAY_SIZE(ranges); j++) {
                        DeviceRange range = ranges[j];
                        range.most = 11 * CODES_ROWS;
                        device_exam_scan(&exam, &gallery, &probes, &range);
                }
                device_probes_free(&probes);
        }
        device_gallery_free(&exam, &gallery);
}

Test(device, multiplies_positions_in_64_bits)
{
        DeviceGallery gallery = device_gallery_new(&exam, 1, 11, &chance);
        DeviceProbes probes = device_probes_new(1, 1, false, &chance);
        const DeviceRange range = {.first = 2, .n = 9, .step = UINT32_MAX - 4, .most = 11 * CODES_ROWS};

        probes.floors[0] = -FLT_MAX;
        device_probes_set(&exam, &probes, 1);
        cr_assert_gt(device_exam_scan(&exam, &gallery, &probes, &range), 0);
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
}

/* Every third probe finds everything, the others less: whoever finds more than may be handed out is in nobody's way. */
Test(device, counts_more_than_it_hands_out)
{
        static const uint32_t most[] = {1, 2, 63, 64, 191};

        for (size_t n_probes = 1; n_probes <= 13; n_probes += 6) {
                DeviceGallery gallery = device_gallery_new(&exam, 40, 3, &chance);
                DeviceProbes probes = device_probes_new(n_probes, 40, true, &chance);
                device_floors_set(&gallery, &probes, &chance);
                for (size_t i = 0; i < n_probes; i += 3)
                        probes.floors[i] = -FLT_MAX;
                device_probes_set(&exam, &probes, 40);
                for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
                        DeviceRange range = everything;
                        range.most = most[i];
                        device_exam_scan(&exam, &gallery, &probes, &range);
                }
                device_probes_free(&probes);
                device_gallery_free(&exam, &gallery);
        }
}

/* Every probe finds everything: of half of the gallery less than it may, of all of it more, so that all the room is used that there is to be. */
Test(device, hands_out_as_many_as_may_be_asked_for)
{
        static const size_t n_probes[] = {2, DEVICE_FOUND_ALL / DEVICE_FOUND_MAX, DEVICE_PROBES_MAX};

        for (size_t i = 0; i < ARRAY_SIZE(n_probes); i++) {
                uint32_t most = (uint32_t)MIN_OF((size_t)DEVICE_FOUND_MAX, DEVICE_FOUND_ALL / n_probes[i]);
                DeviceGallery gallery = device_gallery_new(&exam, 4, 2 * most / CODES_ROWS, &chance);
                DeviceProbes probes = device_probes_new(n_probes[i], 4, false, &chance);
                DeviceRange range = {.n = gallery.n_blocks / 2, .step = 1, .most = most};
                for (size_t j = 0; j < n_probes[i]; j++)
                        probes.floors[j] = -FLT_MAX;
                device_probes_set(&exam, &probes, 4);
                cr_assert_gt(device_exam_scan(&exam, &gallery, &probes, &range), n_probes[i] * most / 2);
                range.n = gallery.n_blocks;
                device_exam_scan(&exam, &gallery, &probes, &range);
                device_probes_free(&probes);
                device_gallery_free(&exam, &gallery);
        }
}

static size_t count_templates(const DeviceGallery *gallery, const ScanProbe *probe)
{
        size_t n = 0;

        for (size_t row = 0; row < gallery->n_blocks * CODES_ROWS; row++)
                n += !isinf(device_exam_upper(gallery, row, probe));
        return n;
}

/* What is found beyond that is counted; of the others nothing is lost. */
Test(device, hands_out_just_as_many_as_it_may)
{
        DeviceGallery gallery = device_gallery_new(&exam, 12, 3, &chance);
        DeviceProbes probes = device_probes_new(4, 12, false, &chance);
        size_t n_templates = count_templates(&gallery, probes.probes);
        DeviceRange range = everything;

        for (size_t i = 0; i < probes.n; i++)
                probes.floors[i] = i % 2 ? INFINITY : -FLT_MAX;
        device_probes_set(&exam, &probes, 12);
        range.most = (uint32_t)n_templates;
        cr_assert_eq(device_exam_scan(&exam, &gallery, &probes, &range), 2 * n_templates);
        range.most--;
        device_exam_scan(&exam, &gallery, &probes, &range);
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
}

Test(device, finds_nothing_above_infinity_and_no_row_without_a_template)
{
        DeviceGallery gallery = device_gallery_new(&exam, 12, 3, &chance);
        DeviceProbes probes = device_probes_new(9, 12, false, &chance);
        size_t n_templates = count_templates(&gallery, probes.probes);

        for (size_t i = 0; i < probes.n; i++)
                probes.floors[i] = i == 4 ? -FLT_MAX : INFINITY;
        device_probes_set(&exam, &probes, 12);
        cr_assert_lt(n_templates, 3 * CODES_ROWS);
        cr_assert_eq(device_exam_scan(&exam, &gallery, &probes, &everything), n_templates);
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
}

/* What was set last is searched for, whatever came before; also after an error of nobody's. */
Test(device, takes_probes_after_others)
{
        static const size_t ns[] = {1, 40, 3, 1024, 1, 2};
        DeviceGallery gallery = device_gallery_new(&exam, 33, 3, &chance);
        DeviceWhy why;

        for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
                DeviceProbes probes = device_probes_new(ns[i], 33, i % 2 == 1, &chance);
                device_floors_set(&gallery, &probes, &chance);
                device_probes_set(&exam, &probes, 33);
                device_exam_scan(&exam, &gallery, &probes, &everything);
                if (i % 3 == 0)
                        cr_assert_eq(exam.driver->forget_probes(exam.device, &why), 0);
                device_probes_free(&probes);
        }
        device_gallery_free(&exam, &gallery);
}

Test(device, sees_what_was_written_last)
{
        DeviceGallery gallery = device_gallery_new(&exam, 16, 3, &chance);
        DeviceGallery other = device_gallery_new(&exam, 16, 3, &chance);
        DeviceProbes probes = device_probes_new(2, 16, false, &chance);

        probes.floors[0] = probes.floors[1] = -FLT_MAX;
        device_probes_set(&exam, &probes, 16);
        for (uint32_t block = 0; block < 3; block++) {
                memcpy(gallery.blocks + block * codes_block_size(16),
                       other.blocks + block * codes_block_size(16), codes_block_size(16));
                device_gallery_send(&exam, &gallery, block, 1);
                device_exam_scan(&exam, &gallery, &probes, &everything);
        }
        device_probes_free(&probes);
        device_gallery_free(&exam, &other);
        device_gallery_free(&exam, &gallery);
}

Test(device, gives_memory_that_nothing_is_in)
{
        static const uint8_t nothing[1 << 12];
        uint8_t *block = aligned_alloc(64, sizeof(nothing));
        DeviceProbes probes = device_probes_new(1, 4, false, &chance);
        DeviceGallery gallery = {.dimension = 4,
                                 .n_blocks = sizeof(nothing) / codes_block_size(4),
                                 .blocks = block,
                                 .memory = device_exam_allocate(&exam, sizeof(nothing))};

        cr_assert(block);
        memset(block, 0, sizeof(nothing));
        probes.floors[0] = -FLT_MAX;
        device_probes_set(&exam, &probes, 4);
        device_exam_scan(&exam, &gallery, &probes,
                         &(DeviceRange){.n = gallery.n_blocks, .step = 1, .most = 64 * gallery.n_blocks});
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
}

/* --------------------------------------------------------------------------------------------------
 * beside the processor */

/* Digits as the narrowest kernel takes them. */
static void make_probe(DeviceProbes *probes, size_t i, size_t dimension, bool two)
{
        static float vector[CODES_DIMENSION_MAX];
        double square = vector_make((enum VectorKind)(i % VECTOR_KINDS), dimension, &chance, vector);

        scan_probe_init(scan_pick("scalar"), vector, square, dimension, two,
                        probes->digits + i * 2 * scan_digits_size(dimension), &probes->probes[i]);
}

static void make_rows(const DeviceGallery *gallery)
{
        static float vector[CODES_DIMENSION_MAX];

        for (size_t row = 0; row < gallery->n_blocks * CODES_ROWS; row++) {
                uint8_t *block = gallery->blocks + row / CODES_ROWS * codes_block_size(gallery->dimension);
                double square = vector_make((enum VectorKind)(row % VECTOR_KINDS), gallery->dimension,
                                            &chance, vector);
                codes_write(block, gallery->dimension, row % CODES_ROWS, vector, square);
        }
}

/* The bounds of examination are those of the kernel in plain C, so whatever agrees with the one agrees with the other. */
static void expect_scalar(const DeviceGallery *gallery, const DeviceProbes *probes)
{
        float(*upper)[CODES_ROWS] = calloc(probes->n, sizeof(*upper));
        uint64_t *masks = calloc(probes->n, sizeof(*masks));
        size_t dimension = gallery->dimension;

        cr_assert(upper && masks);
        for (size_t block = 0; block < gallery->n_blocks; block++) {
                scan_pick("scalar")->block(
                        &(ScanWork){.block = gallery->blocks + block * codes_block_size(dimension),
                                    .dimension = dimension,
                                    .probes = probes->probes,
                                    .floors = probes->floors,
                                    .n_probes = probes->n,
                                    .ret_masks = masks,
                                    .ret_upper = upper});
                for (size_t i = 0; i < probes->n * CODES_ROWS; i++) {
                        size_t probe = i / CODES_ROWS, row = i % CODES_ROWS;
                        float expected =
                                device_exam_upper(gallery, block * CODES_ROWS + row, &probes->probes[probe]);
                        cr_assert_eq(memcmp(&upper[probe][row], &expected, sizeof(expected)), 0);
                }
        }
        free(masks);
        free(upper);
}

Test(device, gives_the_bounds_of_the_processor)
{
        for (size_t i = 0; i < 4; i++) {
                size_t dimension = 100 + i, n_probes = i < 2 ? 1 : 2 * VECTOR_KINDS;
                DeviceGallery gallery = device_gallery_new(&exam, dimension, 3, &chance);
                DeviceProbes probes = device_probes_new(n_probes, dimension, i % 2 == 1, &chance);
                make_rows(&gallery);
                device_gallery_send(&exam, &gallery, 0, 3);
                for (size_t j = 0; j < n_probes; j++)
                        make_probe(&probes, j, dimension, i % 2 == 1);
                device_floors_set(&gallery, &probes, &chance);
                device_probes_set(&exam, &probes, dimension);
                expect_scalar(&gallery, &probes);
                device_exam_scan(&exam, &gallery, &probes, &everything);
                device_probes_free(&probes);
                device_gallery_free(&exam, &gallery);
        }
}

/* --------------------------------------------------------------------------------------------------
 * devices and errors */

/* "clCreateBuffer: CL_INVALID_BUFFER_SIZE": a call, and the name of what is wrong. */
static void expect_reason(const DeviceWhy *why)
{
        const char *name = strstr(why->text, ": ");

        cr_assert(name, "%s", why->text);
        cr_assert_gt(name - why->text, 2);
        cr_assert_gt(strlen(name + 2), 4);
        cr_assert_eq(strspn(name + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), strlen(name + 2), "%s",
                     why->text);
}

Test(device, has_no_room_for_too_much_and_works_on)
{
        DeviceWhy why = {};
        DeviceMemory *memory = NULL;

        cr_assert_eq(exam.driver->allocate(exam.device, (size_t)1 << 50, &memory, &why), -ENOMEM);
        cr_assert(!memory);
        expect_reason(&why);
        scan_everything(50, 3, false);
}

Test(device, says_which_call_failed)
{
        DeviceMemory *memory = device_exam_allocate(&exam, 64);
        char data[128] = {};
        DeviceWhy why = {};

        cr_assert_eq(exam.driver->write(exam.device, memory, 0, data, sizeof(data), &why), -EIO);
        expect_reason(&why);
}

typedef struct Listed {
        size_t n;
        DeviceFacts first;
} Listed;

static void note_device(const DeviceFacts *facts, void *userdata)
{
        Listed *listed = userdata;

        if (listed->n++ == 0)
                listed->first = *facts;
}

Test(device, is_the_one_of_its_number)
{
        Listed listed = {};
        Device *device = NULL;
        DeviceWhy why = {};

        cr_assert_eq(exam.driver->list(note_device, &listed, &why), 0);
        cr_assert_gt(listed.n, 0);
        const DeviceFacts *facts = exam.driver->facts(exam.device);
        cr_assert_str_eq(facts->name, listed.first.name);
        cr_assert_str_not_empty(facts->name);
        cr_assert_str_not_empty(facts->kind);
        cr_assert_eq(facts->is_gpu, strcmp(facts->kind, "cpu") != 0);
        cr_assert_gt(facts->memory, 1 << 20);
        cr_assert_gt(facts->largest, 1 << 20);
        cr_assert_leq(facts->largest, facts->memory);
        cr_assert_eq(exam.driver->open(listed.n, &device, &why), -ENODEV);
        cr_assert(!device);
        cr_assert_str_not_empty(why.text);
}

Test(device, takes_nothing_to_close_or_release)
{
        DeviceWhy why;

        exam.driver->close(NULL);
        cr_assert_eq(exam.driver->release(exam.device, NULL, &why), 0);
}
