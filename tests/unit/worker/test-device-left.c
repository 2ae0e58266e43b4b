/*
 * Drivers of devices: nothing is left behind of templates and probes. Only of a device whose memory is this process's can anything be seen.
 */

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macro.h"
#include "device-exam.h"
#include "scratch.h"
#include "traces.h"

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

TestSuite(device_left, .init = set_up, .fini = tear_down, .timeout = 600);

static bool keeps;

/* In the place of the C library's, for the driver as well: see meson.build. */
int munmap(void *memory, size_t size)
{
        return keeps ? 0 : (int)syscall(SYS_munmap, memory, size);
}

/* So that only the driver overwrites what it gives back: neither is it filled by free(3), nor given back to the system. */
static void keep_what_is_freed(void)
{
        keeps = true;
        mallopt(M_PERTURB, 0);
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static void random_bytes(void *ret_bytes, size_t size)
{
        uint64_t *words = ret_bytes;

        for (size_t i = 0; i < size / sizeof(*words); i++)
                words[i] = scratch_random(&chance);
}

typedef struct Secret {
        uint64_t words[8];
} Secret;

static void write_secret(const Secret *secret, DeviceMemory *memory, size_t offset)
{
        DeviceWhy why;

        cr_assert_eq(exam.driver->write(exam.device, memory, offset, secret, sizeof(*secret), &why), 0);
}

/* From now on it is on the device alone. */
static Trace forget_secret(Secret *secret)
{
        const Trace trace = trace_of(secret, sizeof(*secret));

        explicit_bzero(secret, sizeof(*secret));
        return trace;
}

Test(device_left, overwrites_memory_that_it_gives_back)
{
        DeviceWhy why;
        Secret secret;

        keep_what_is_freed();
        DeviceMemory *memory = device_exam_allocate(&exam, 1 << 20);
        random_bytes(&secret, sizeof(secret));
        write_secret(&secret, memory, 0);
        write_secret(&secret, memory, (1 << 20) - sizeof(secret));
        const Trace trace = forget_secret(&secret);
        cr_assert_eq(traces_count(&trace, 1), 2);
        cr_assert_eq(exam.driver->release(exam.device, memory, &why), 0);
        cr_assert_eq(traces_count(&trace, 1), 0);
}

Test(device_left, overwrites_what_is_left_when_it_is_closed)
{
        DeviceWhy why;
        Secret secret;

        keep_what_is_freed();
        static const size_t sizes[] = {1 << 12, 128, 1 << 16};
        DeviceMemory *memories[ARRAY_SIZE(sizes)];
        random_bytes(&secret, sizeof(secret));
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                memories[i] = device_exam_allocate(&exam, sizes[i]);
                write_secret(&secret, memories[i], sizes[i] - sizeof(secret));
        }
        const Trace trace = forget_secret(&secret);
        cr_assert_eq(exam.driver->release(exam.device, memories[1], &why), 0);
        exam.driver->close(exam.device);
        exam.device = NULL;
        cr_assert_eq(traces_count(&trace, 1), 0);
}

/* Digits are on the device as they are, or as float32. */
typedef struct ProbeTraces {
        Trace traces[2];
} ProbeTraces;

/* Sets a probe whose last digits nothing else in the world has, and forgets them here. */
static ProbeTraces set_secret_probe(size_t dimension)
{
        DeviceProbes probes = device_probes_new(1, dimension, false, &chance);
        int8_t *digits = probes.digits + dimension - 16;
        float floats[16];

        for (size_t i = 0; i < 16; i++) {
                digits[i] = (int8_t)(scratch_random(&chance) % 255 - 127);
                floats[i] = digits[i];
        }
        const ProbeTraces traces = {{trace_of(digits, 16), trace_of(floats, sizeof(floats))}};
        device_probes_set(&exam, &probes, dimension);
        explicit_bzero(floats, sizeof(floats));
        explicit_bzero(probes.digits, 2 * scan_digits_size(dimension));
        device_probes_free(&probes);
        return traces;
}

static size_t count_probe(const ProbeTraces *traces)
{
        return traces_count(traces->traces, ARRAY_SIZE(traces->traces));
}

Test(device_left, overwrites_a_probe_that_it_is_to_forget)
{
        const ProbeTraces traces = set_secret_probe(64);
        DeviceWhy why;

        cr_assert_eq(count_probe(&traces), 1);
        cr_assert_eq(exam.driver->forget_probes(exam.device, &why), 0);
        cr_assert_eq(count_probe(&traces), 0);
}

Test(device_left, overwrites_a_probe_by_the_next_ones)
{
        const ProbeTraces longer = set_secret_probe(1024), shorter = set_secret_probe(16);

        cr_assert_eq(count_probe(&longer), 0);
        cr_assert_eq(count_probe(&shorter), 1);
}

Test(device_left, overwrites_a_probe_when_it_is_closed)
{
        /* Opened anew, because what it keeps probes in was allocated when it was opened. */
        device_exam_close(&exam);
        keep_what_is_freed();
        exam = device_exam_open();
        const ProbeTraces traces = set_secret_probe(512);
        exam.driver->close(exam.device);
        exam.device = NULL;
        cr_assert_eq(count_probe(&traces), 0);
}
