/*
 * engine-cuda.so on NVIDIA's driver as tests/support/cuda plays it: each kernel to the bit, and what becomes of each error. What is played is
 * chosen by the environment, and only what can be seen on a GPU as well is held against device-exam.h.
 */

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "device-exam.h"
#include "scratch.h"

typedef struct Shape {
        size_t n_probes, dimension;
        uint32_t n_blocks;
        bool two;
} Shape;

static void scan_ranges(DeviceExam *exam, const Shape *shape, uint64_t *chance)
{
        DeviceGallery gallery = device_gallery_new(exam, shape->dimension, shape->n_blocks, chance);
        DeviceProbes probes = device_probes_new(shape->n_probes, shape->dimension, shape->two, chance);
        uint32_t n = shape->n_blocks, most = n * CODES_ROWS;

        device_floors_set(&gallery, &probes, chance);
        device_probes_set(exam, &probes, shape->dimension);
        device_exam_scan(exam, &gallery, &probes, &(DeviceRange){.n = n, .step = n - 1, .most = most});
        device_exam_scan(exam, &gallery, &probes,
                         &(DeviceRange){.first = n / 2, .n = 1, .step = 1, .most = 1});
        device_exam_scan(exam, &gallery, &probes,
                         &(DeviceRange){.first = 1, .n = n - 1, .step = n + 1, .most = most / 3});
        device_probes_free(&probes);
        device_gallery_free(exam, &gallery);
}

/* Around the columns at which another kernel begins; of some, more stages than are in shared memory at once. */
Test(device_cuda, gives_the_bounds_with_each_kernel)
{
        static const Shape shapes[] = {
                {1, 512, 9, true},    {2, 512, 9, false},  {3, 100, 9, false},  {4, 1000, 9, true},
                {8, 129, 5, false},   {8, 512, 5, true},   {9, 350, 5, false},  {16, 1, 5, false},
                {17, 500, 5, false},  {32, 350, 5, true},  {64, 300, 5, false}, {65, 33, 5, false},
                {96, 260, 5, true},   {192, 40, 4, false}, {97, 350, 5, true},  {193, 512, 3, false},
                {256, 300, 3, false}, {257, 4, 7, false},  {400, 60, 3, true},  {1000, 9, 3, false},
        };
        DeviceExam exam = device_exam_open();
        uint64_t chance = 3;

        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
                scan_ranges(&exam, &shapes[i], &chance);
        device_exam_close(&exam);
}

/* The most that can be handed out, in several pieces; and one row more than that, of which nothing is. */
Test(device_cuda, hands_out_long_lists)
{
        enum { PROBES = DEVICE_FOUND_ALL / DEVICE_FOUND_MAX };
        DeviceExam exam = device_exam_open();
        uint64_t chance = 4;
        DeviceGallery gallery = device_gallery_new(&exam, 4, DEVICE_FOUND_MAX / CODES_ROWS + 41, &chance);
        DeviceProbes probes = device_probes_new(PROBES, 4, false, &chance);
        DeviceRange range = {.n = gallery.n_blocks, .step = 7, .most = DEVICE_FOUND_MAX};

        for (size_t i = 0; i < PROBES; i++)
                probes.floors[i] = i % 3 == 0 ? -100 : INFINITY;
        device_probes_set(&exam, &probes, 4);
        cr_assert_eq(device_exam_scan(&exam, &gallery, &probes, &range), 0);
        range.n = DEVICE_FOUND_MAX / CODES_ROWS;
        cr_assert_gt(device_exam_scan(&exam, &gallery, &probes, &range), PROBES / 3 * DEVICE_FOUND_MAX / 2);
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
        device_exam_close(&exam);
}

/* As large as the staging memory, and larger, at an offset. */
Test(device_cuda, writes_much_at_once)
{
        DeviceExam exam = device_exam_open();
        uint64_t chance = 5;
        DeviceGallery gallery = device_gallery_new(&exam, 4096, 70, &chance);
        DeviceProbes probes = device_probes_new(1, 4096, true, &chance);

        device_gallery_send(&exam, &gallery, 3, 67);
        device_floors_set(&gallery, &probes, &chance);
        device_probes_set(&exam, &probes, 4096);
        device_exam_scan(&exam, &gallery, &probes,
                         &(DeviceRange){.n = 70, .step = 3, .most = 70 * CODES_ROWS});
        device_probes_free(&probes);
        device_gallery_free(&exam, &gallery);
        device_exam_close(&exam);
}

/* Positions times the step are beyond 32 bits. */
Test(device_cuda, finds_blocks_of_large_galleries)
{
        enum { BLOCKS = 70001 };
        DeviceExam exam = device_exam_open();
        uint64_t chance = 8;
        DeviceGallery gallery = device_gallery_new(&exam, 1, BLOCKS, &chance);

        for (size_t n = 1; n <= 16; n += 15) {
                DeviceProbes probes = device_probes_new(n, 1, false, &chance);
                device_probes_set(&exam, &probes, 1);
                for (size_t i = 0; i < n; i++)
                        probes.floors[i] = i == 0 ? -1 : INFINITY;
                DeviceRange range = {.first = BLOCKS - 3, .n = 3, .step = BLOCKS - 2, .most = 3 * CODES_ROWS};
                cr_assert_gt(device_exam_scan(&exam, &gallery, &probes, &range), 0);
                device_probes_free(&probes);
        }
        device_gallery_free(&exam, &gallery);
        device_exam_close(&exam);
}

static void *scan_in_thread(void *userdata)
{
        DeviceExam *exam = userdata;
        uint64_t chance = 6;

        scan_ranges(exam, &(Shape){5, 20, 3, false}, &chance);
        return NULL;
}

Test(device_cuda, works_for_whichever_thread_calls)
{
        DeviceExam exam = device_exam_open();
        pthread_t thread;

        cr_assert_eq(pthread_create(&thread, NULL, scan_in_thread, &exam), 0);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        device_exam_close(&exam);
}

/* ------------------------------------------------------------------------------------------------------
 * what is left in memory, the device's and what the library has of the host's */

typedef bool Holds(const void *bytes, size_t size);

static Holds *holds(void)
{
        void *library = dlopen("libcuda.so.1", RTLD_NOW);

        cr_assert(library, "%s", dlerror());
        Holds *call = (Holds *)dlsym(library, "played_cuda_holds");
        cr_assert(call, "NVIDIA's driver is no played one");
        return call;
}

Test(device_cuda, leaves_nothing_of_probes)
{
        DeviceExam exam = device_exam_open();
        Holds *is_held = holds();
        uint64_t chance = 9;
        DeviceProbes probes = device_probes_new(7, 100, true, &chance);
        DeviceProbes fewer = device_probes_new(1, 50, true, &chance);
        const ScanProbe *last = &probes.probes[6];
        DeviceWhy why;

        memcpy(probes.digits + 12 * scan_digits_size(100) + 96, "last", 4);
        memcpy(probes.digits + 13 * scan_digits_size(100), "both", 4);
        for (size_t i = 0; i < 2; i++) {
                device_probes_set(&exam, &probes, 100);
                cr_assert(is_held("last", 4) && is_held("both", 4) && is_held(&last->slack, sizeof(float)));
                if (i == 0)
                        device_probes_set(&exam, &fewer, 50);
                else
                        cr_assert_eq(exam.driver->forget_probes(exam.device, &why), 0);
                cr_assert(!is_held("last", 4) && !is_held("both", 4));
                cr_assert(!is_held(&last->slack, sizeof(float)) &&
                          !is_held(last->start, sizeof(last->start)));
        }
        device_probes_free(&probes);
        device_probes_free(&fewer);
        device_exam_close(&exam);
}

/* In the first half of the staging memory, and in the second. */
Test(device_cuda, leaves_nothing_of_templates)
{
        DeviceExam exam = device_exam_open();
        Holds *is_held = holds();
        uint64_t chance = 10;
        DeviceGallery gallery = device_gallery_new(&exam, 1024, 100, &chance);

        memcpy(gallery.blocks, "a template", 10);
        memcpy(gallery.blocks + 99 * codes_block_size(1024), "one more", 8);
        device_gallery_send(&exam, &gallery, 0, 100);
        cr_assert(is_held("a template", 10) && is_held("one more", 8));
        memset(gallery.blocks, 0, 10);
        memset(gallery.blocks + 99 * codes_block_size(1024), 0, 8);
        device_gallery_send(&exam, &gallery, 0, 1);
        device_gallery_send(&exam, &gallery, 99, 1);
        cr_assert(!is_held("a template", 10) && !is_held("one more", 8));
        memcpy(gallery.blocks, "a template", 10);
        device_gallery_send(&exam, &gallery, 0, 1);
        device_gallery_free(&exam, &gallery);
        cr_assert(!is_held("a template", 10));
        device_exam_close(&exam);
}

/* ------------------------------------------------------------------------------------------------------
 * errors */

/* All that a driver is asked to do, as far as it goes; and it is closed in any case. */
static int do_everything(const DeviceDriver *driver, DeviceWhy *ret_why)
{
        static const uint8_t block[CODES_ROWS * 4 + 2 * CODES_ROWS * sizeof(float)];
        static const int8_t digits[8];
        const ScanProbe probe = {.digits = digits};
        uint32_t count;
        DeviceFound found[CODES_ROWS];
        DeviceScan scan = {.n_blocks = 1, .n = 1, .step = 1, .most = CODES_ROWS, .ret_counts = &count};
        const float floor = 0;
        DeviceMemory *memory = NULL;
        Device *device = NULL;

        int r = driver->open(0, &device, ret_why);
        if (r == 0)
                r = driver->allocate(device, sizeof(block), &memory, ret_why);
        if (r == 0)
                r = driver->write(device, memory, 0, block, sizeof(block), ret_why);
        if (r == 0)
                r = driver->set_probes(device, &probe, 1, 4, ret_why);
        scan.memory = memory;
        scan.floors = &floor;
        scan.ret_found = found;
        if (r == 0)
                r = driver->scan(device, &scan, ret_why);
        if (r == 0)
                r = driver->forget_probes(device, ret_why);
        if (r == 0)
                r = driver->release(device, memory, ret_why);
        driver->close(device);
        return r;
}

static void fail(const char *call, unsigned n, int error)
{
        char text[96];

        (void)snprintf(text, sizeof(text), "%s:%u:%d", call, n, error);
        cr_assert_eq(setenv("PLAYED_CUDA_FAULT", text, 1), 0);
}

/* The first time, the second, and some times later, until nothing goes wrong any more. */
static void expect_faults(const DeviceDriver *driver, const char *call)
{
        char expected[96];
        unsigned n = 0, n_failed = 0;
        int r;

        (void)snprintf(expected, sizeof(expected), "%s: CUDA_ERROR_ILLEGAL_ADDRESS", call);
        do {
                DeviceWhy why = {};
                n += 1 + n / 2;
                fail(call, n, 700);
                r = do_everything(driver, &why);
                cr_assert(r == 0 || r == -EIO, "%s, %u: %d", call, n, r);
                cr_assert(r == 0 || strcmp(why.text, expected) == 0, "%s, %u: %s", call, n, why.text);
                n_failed += r < 0;
        } while (r < 0);
        cr_assert_gt(n_failed, 0, "%s is never called", call);
}

Test(device_cuda, says_which_call_failed_and_how)
{
        static const char *const calls[] = {
                "cuDeviceGetCount",    "cuDeviceGet",        "cuDeviceGetName",    "cuDeviceGetAttribute",
                "cuDeviceTotalMem",    "cuCtxSetCurrent",    "cuStreamCreate",     "cuDevicePrimaryCtxRetain",
                "cuEventCreate",       "cuModuleLoadData",   "cuFuncSetAttribute", "cuModuleGetFunction",
                "cuMemHostAlloc",      "cuMemAlloc",         "cuMemsetD8Async",    "cuMemcpyHtoDAsync",
                "cuMemcpyDtoHAsync",   "cuMemcpy2DAsync",    "cuLaunchKernel",     "cuEventRecord",
                "cuStreamSynchronize", "cuEventSynchronize", "cuEventElapsedTime",
        };
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);

        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                expect_faults(driver, calls[i]);
}

Test(device_cuda, has_no_device_where_the_library_does_not_begin)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceWhy why;

        fail("cuInit", 1, 1);
        cr_assert_eq(do_everything(driver, &why), -ENODEV);
        cr_assert_str_eq(why.text, "cuInit: CUDA_ERROR_INVALID_VALUE");
}

/* Errors that have no name keep their number. */
Test(device_cuda, names_errors_by_number_at_least)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceWhy why;

        fail("cuLaunchKernel", 1, 12345);
        cr_assert_eq(do_everything(driver, &why), -EIO);
        cr_assert_str_eq(why.text, "cuLaunchKernel: error 12345");
}

Test(device_cuda, goes_on_where_there_is_no_room)
{
        DeviceExam exam = device_exam_open();
        DeviceMemory *memory = NULL;
        DeviceWhy why;
        uint64_t chance = 7;

        cr_assert_eq(exam.driver->allocate(exam.device, (size_t)1 << 30, &memory, &why), -ENOMEM);
        cr_assert_str_eq(why.text, "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY");
        cr_assert_null(memory);
        scan_ranges(&exam, &(Shape){3, 20, 3, true}, &chance);
        device_exam_close(&exam);
}

Test(device_cuda, does_not_open_where_its_own_memory_has_no_room)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceWhy why;

        for (unsigned n = 1; n <= 5; n++) {
                fail(n == 5 ? "cuMemHostAlloc" : "cuMemAlloc", n == 5 ? 1 : n, 2);
                cr_assert_eq(do_everything(driver, &why), -ENOMEM);
        }
}

/* ------------------------------------------------------------------------------------------------------
 * which devices there are */

static void keep_facts(const DeviceFacts *facts, void *userdata)
{
        DeviceFacts **next = userdata;

        *(*next)++ = *facts;
}

Test(device_cuda, tells_of_each_device)
{
        DeviceFacts facts[2], *next = facts;
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceWhy why;

        cr_assert_eq(setenv("PLAYED_CUDA_DEVICES", "2", 1), 0);
        cr_assert_eq(setenv("PLAYED_CUDA_CAPABILITY", "120", 1), 0);
        cr_assert_eq(setenv("PLAYED_CUDA_MEMORY", "151397597184", 1), 0);
        cr_assert_eq(driver->list(keep_facts, &next, &why), 0);
        cr_assert_eq(next, facts + 2);
        cr_assert_str_eq(facts[0].name, "Played? GPU 0");
        cr_assert_str_eq(facts[1].name, "Played? GPU 1");
        cr_assert_str_eq(facts[1].kind, "sm_120");
        cr_assert(facts[1].is_gpu);
        cr_assert_eq(facts[1].memory, UINT64_C(151397597184));
        cr_assert_eq(facts[1].largest, facts[1].memory);
}

Test(device_cuda, opens_no_device_that_is_not_there_or_too_old)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceFacts facts, *next = &facts;
        Device *device;
        DeviceWhy why;

        cr_assert_eq(driver->open(1, &device, &why), -ENODEV);
        cr_assert_str_eq(why.text, "there is no device 1, of 1");
        cr_assert_eq(setenv("PLAYED_CUDA_CAPABILITY", "75", 1), 0);
        cr_assert_eq(driver->open(0, &device, &why), -ENODEV);
        cr_assert_str_eq(why.text, "Played? GPU 0 is sm_75; sm_80 is the least that will do");
        cr_assert_eq(setenv("PLAYED_CUDA_DEVICES", "0", 1), 0);
        cr_assert_eq(driver->list(keep_facts, &next, &why), 0);
        cr_assert_eq(next, &facts);
}

/* One that has the calls may still not know the kernels. */
Test(device_cuda, wants_a_driver_of_the_same_major_version)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceFacts facts, *next = &facts;
        DeviceWhy why;

        cr_assert_eq(setenv("PLAYED_CUDA_VERSION", "10020", 1), 0);
        cr_assert_eq(driver->list(keep_facts, &next, &why), -ENODEV);
        cr_assert_eq(next, &facts);
        cr_assert(strstr(why.text, "the driver of the device is for CUDA 10.2; that for "), "%s", why.text);
        fail("cuDriverGetVersion", 1, 1);
        cr_assert_eq(driver->list(keep_facts, &next, &why), -ENODEV);
        cr_assert_str_eq(why.text, "cuDriverGetVersion: CUDA_ERROR_INVALID_VALUE");
}

/* With a library of a driver that is older than the calls. */
Test(old_cuda, says_that_the_driver_is_too_old)
{
        void *module;
        const DeviceDriver *driver = device_exam_driver(&module);
        DeviceFacts facts, *next = &facts;
        DeviceWhy why;

        cr_assert_eq(driver->list(keep_facts, &next, &why), -ENODEV);
        cr_assert(
                strstr(why.text,
                       "libcuda.so.1 has no cuDeviceGetCount: the driver of the device is older than CUDA "),
                "%s", why.text);
}
