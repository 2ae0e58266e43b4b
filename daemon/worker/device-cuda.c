/*
 * GPUs of NVIDIA's: the driver engine-cuda.so. Which there are; opening one, and making everything ready; and closing.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/cuda-device.h"
#include "worker/device-cuda-image.h" /* made by nvcc */

enum {
        CAPABILITY_MIN = 80, /* ten times the number of the devices that the oldest kernels are for */
};

/* ------------------------------------------------------------------------------------------------------
 * which devices there are */

static void make_printable(char *name)
{
        for (; *name; name++)
                if (!isascii(*name) || !isprint(*name))
                        *name = '?';
}

static int read_facts(CUdevice number, DeviceFacts *ret_facts, int *ret_capability, DeviceWhy *ret_why)
{
        int major, minor;
        size_t memory;

        *ret_facts = (DeviceFacts){.is_gpu = true};
        if (CUDA_CALL(ret_why, cuDeviceGetName, ret_facts->name, DEVICE_NAME_MAX, number) < 0 ||
            CUDA_CALL(ret_why, cuDeviceGetAttribute, &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                      number) < 0 ||
            CUDA_CALL(ret_why, cuDeviceGetAttribute, &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                      number) < 0 ||
            CUDA_CALL(ret_why, cuDeviceTotalMem, &memory, number) < 0)
                return -EIO;
        make_printable(ret_facts->name);
        (void)snprintf(ret_facts->kind, sizeof(ret_facts->kind), "sm_%d%d", major,
                       minor); /* Two small numbers have room. */
        ret_facts->memory = ret_facts->largest = memory;
        *ret_capability = 10 * major + minor;
        return 0;
}

static int cuda_list(void (*found)(const DeviceFacts *facts, void *userdata), void *userdata,
                     DeviceWhy *ret_why)
{
        int n, capability;
        CUdevice number;
        DeviceFacts facts;

        int r = cuda_library_load(ret_why);
        if (r < 0)
                return r;
        r = CUDA_CALL(ret_why, cuDeviceGetCount, &n);
        for (int i = 0; r == 0 && i < n; i++) {
                r = CUDA_CALL(ret_why, cuDeviceGet, &number, i);
                if (r == 0)
                        r = read_facts(number, &facts, &capability, ret_why);
                if (r == 0)
                        found(&facts, userdata);
        }
        return r;
}

static int find_device(Device *device, size_t number, DeviceWhy *ret_why)
{
        int n, capability;

        int r = cuda_library_load(ret_why);
        if (r < 0)
                return r;
        if (CUDA_CALL(ret_why, cuDeviceGetCount, &n) < 0)
                return -EIO;
        if (number >= (size_t)n) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "there is no device %zu, of %d", number,
                               n);
                return -ENODEV;
        }
        if (CUDA_CALL(ret_why, cuDeviceGet, &device->number, (int)number) < 0 ||
            read_facts(device->number, &device->facts, &capability, ret_why) < 0)
                return -EIO;
        if (capability < CAPABILITY_MIN) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text),
                               "%s is %s; sm_%d is the least that will do", device->facts.name,
                               device->facts.kind, CAPABILITY_MIN);
                return -ENODEV;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------------
 * opening and closing */

static void cuda_close(Device *device)
{
        DeviceWhy ignored; /* There is nobody to be told any more. */

        if (!device)
                return;
        while (device->memories)
                (void)cuda_release(device, device->memories, &ignored);
        for (size_t i = 0; i < ARRAY_SIZE(device->sent); i++)
                if (device->sent[i])
                        (void)CUDA_CALL(&ignored, cuEventDestroy, device->sent[i]);
        if (device->begin)
                (void)CUDA_CALL(&ignored, cuEventDestroy, device->begin);
        if (device->end)
                (void)CUDA_CALL(&ignored, cuEventDestroy, device->end);
        if (device->stream)
                (void)CUDA_CALL(&ignored, cuStreamDestroy, device->stream);
        if (device->staging) {
                explicit_bzero(device->staging, CUDA_STAGING_SIZE);
                (void)CUDA_CALL(&ignored, cuMemFreeHost, device->staging);
        }
        if (device->module)
                (void)CUDA_CALL(&ignored, cuModuleUnload, device->module);
        if (device->context)
                (void)CUDA_CALL(&ignored, cuDevicePrimaryCtxRelease, device->number);
        free(device);
}

static int load_kernels(Device *device, DeviceWhy *ret_why)
{
        if (CUDA_CALL(ret_why, cuModuleLoadData, &device->module, device_cuda_image) < 0)
                return -EIO;
        for (size_t i = 0; i < ARRAY_SIZE(cuda_shapes); i++) {
                int shared = (int)(cuda_shapes[i].shared + cuda_shapes[i].shared_a_line * CUDA_LINES_MAX);
                if (CUDA_CALL(ret_why, cuModuleGetFunction, &device->kernels[i], device->module,
                              cuda_shapes[i].kernel) < 0 ||
                    CUDA_CALL(ret_why, cuFuncSetAttribute, device->kernels[i],
                              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared) < 0)
                        return -EIO;
        }
        return 0;
}

static int make_events(Device *device, DeviceWhy *ret_why)
{
        for (size_t i = 0; i < ARRAY_SIZE(device->sent); i++)
                if (CUDA_CALL(ret_why, cuEventCreate, &device->sent[i], CU_EVENT_DISABLE_TIMING) < 0)
                        return -EIO;
        if (CUDA_CALL(ret_why, cuEventCreate, &device->begin, CU_EVENT_DEFAULT) < 0)
                return -EIO;
        return CUDA_CALL(ret_why, cuEventCreate, &device->end, CU_EVENT_DEFAULT);
}

static int make_buffers(Device *device, DeviceWhy *ret_why)
{
        int r = cuda_no_room("cuMemHostAlloc",
                             cuda.cuMemHostAlloc((void **)&device->staging, CUDA_STAGING_SIZE, 0), ret_why);
        if (r == 0)
                r = cuda_allocate(device, CUDA_DIGITS_SIZE, &device->digits, ret_why);
        if (r == 0)
                r = cuda_allocate(device, CUDA_COLUMNS_SIZE, &device->columns, ret_why);
        if (r == 0)
                r = cuda_allocate(device, CUDA_BOARD_SIZE, &device->board, ret_why);
        return r < 0 ? r : cuda_allocate(device, CUDA_HITS_SIZE, &device->hits, ret_why);
}

/* A probe of zeros reaches a floor of zero with every row of a block of zeros. */
static int warm_up_shape(Device *device, const CudaShape *shape, const DeviceMemory *memory,
                         DeviceWhy *ret_why)
{
        static const int8_t digits[8] = {};
        ScanProbe probes[DEVICE_PROBES_MAX];
        float floors[DEVICE_PROBES_MAX];
        uint32_t counts[DEVICE_PROBES_MAX];
        DeviceFound found[DEVICE_PROBES_MAX];
        size_t n = MIN_OF(shape->most_columns, (uint32_t)DEVICE_PROBES_MAX);
        DeviceScan scan = {.memory = memory,
                           .n_blocks = 1,
                           .n = 1,
                           .step = 1,
                           .floors = floors,
                           .most = CODES_ROWS,
                           .ret_counts = counts,
                           .ret_found = found};

        for (size_t i = 0; i < n; i++) {
                probes[i] = (ScanProbe){.digits = digits};
                floors[i] = i == 0 ? 0 : 1;
        }
        int r = cuda_set_probes(device, probes, n, 4, ret_why);
        return r < 0 ? r : cuda_scan(device, &scan, ret_why);
}

/* All that is done later is done here once: the library loads its own kernels, too, when they are first used. */
static int warm_up(Device *device, DeviceWhy *ret_why)
{
        static const uint8_t block[4 * CODES_ROWS + 2 * CODES_ROWS * sizeof(float)];
        DeviceMemory *memory;

        int r = cuda_allocate(device, sizeof(block), &memory, ret_why);
        if (r < 0)
                return r;
        r = cuda_write(device, memory, 0, block, sizeof(block), ret_why);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(cuda_shapes); i++)
                r = warm_up_shape(device, &cuda_shapes[i], memory, ret_why);
        if (r == 0)
                r = cuda_forget_probes(device, ret_why);
        return r < 0 ? r : cuda_release(device, memory, ret_why);
}

/* The primary context is there for libraries to share; none other of this process uses it. */
static int make_ready(Device *device, DeviceWhy *ret_why)
{
        if (CUDA_CALL(ret_why, cuDevicePrimaryCtxRetain, &device->context, device->number) < 0 ||
            cuda_enter(device, ret_why) < 0 ||
            CUDA_CALL(ret_why, cuStreamCreate, &device->stream, CU_STREAM_NON_BLOCKING) < 0 ||
            make_events(device, ret_why) < 0 || load_kernels(device, ret_why) < 0)
                return -EIO;
        int r = make_buffers(device, ret_why);
        return r < 0 ? r : warm_up(device, ret_why);
}

static int cuda_open(size_t number, Device **ret_device, DeviceWhy *ret_why)
{
        Device *device = calloc(1, sizeof(*device));

        if (!device)
                return cuda_no_room("calloc", CUDA_ERROR_OUT_OF_MEMORY, ret_why);
        int r = find_device(device, number, ret_why);
        if (r == 0)
                r = make_ready(device, ret_why);
        if (r < 0) {
                cuda_close(device);
                return r;
        }
        *ret_device = device;
        return 0;
}

static const DeviceFacts *cuda_facts(const Device *device)
{
        return &device->facts;
}

extern const DeviceDriver matchguard_device_driver;
__attribute__((visibility("default"))) const DeviceDriver matchguard_device_driver = {
        .version = DEVICE_DRIVER_VERSION,
        .name = "cuda",
        .list = cuda_list,
        .open = cuda_open,
        .close = cuda_close,
        .facts = cuda_facts,
        .allocate = cuda_allocate,
        .release = cuda_release,
        .write = cuda_write,
        .set_probes = cuda_set_probes,
        .forget_probes = cuda_forget_probes,
        .scan = cuda_scan,
};
