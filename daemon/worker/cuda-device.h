#pragma once
/*
 * A GPU of NVIDIA's that is open: what the files of the driver engine-cuda.so share. It has, beside the memory that it was asked for
 *
 *      digits          of the probes, as the kernels read them (worker/device-cuda-kernels.h)
 *      columns         what belongs to each digit
 *      board           counts [DEVICE_PROBES_MAX], floors [columns]: sent in one piece before a scan
 *      hits            [probes][most of the scan]
 *      staging         of the host, from which and to which everything is copied: what the library would copy by itself would stay in
 *                      memory of its own, which nobody overwrites
 *
 * All work for the device goes to one stream, in order, and each function returns when its own has ended. Where one is said to return 0 or -EIO, it fills
 * in @ret_why in the second case.
 */

#include "worker/cuda-library.h"
#include "worker/device-cuda-kernels.h"

enum {
        CUDA_COLUMNS_MAX = 2 * DEVICE_PROBES_MAX,
        CUDA_LINES_MAX = CODES_DIMENSION_MAX / 4,
        CUDA_DIGITS_SIZE = CUDA_COLUMNS_MAX * CODES_DIMENSION_MAX,
        CUDA_COUNTS_SIZE = DEVICE_PROBES_MAX * sizeof(uint32_t),
        CUDA_BOARD_SIZE = CUDA_COUNTS_SIZE + CUDA_COLUMNS_MAX * sizeof(float),
        CUDA_COLUMNS_SIZE = CUDA_COLUMNS_MAX * sizeof(CudaColumn),
        CUDA_STAGING_SIZE = CUDA_DIGITS_SIZE + CUDA_COLUMNS_SIZE, /* the most that goes at once */
        CUDA_SHAPES = 5,
};

#define CUDA_HITS_SIZE (DEVICE_FOUND_ALL * sizeof(CudaHit))

_Static_assert((int)CUDA_ROWS == CODES_ROWS && (int)CUDA_BASE == SCAN_BASE,
               "kernels read what the processor's do");

/* A kernel, and how it is launched. */
typedef struct CudaShape {
        const char *kernel;
        uint32_t most_columns; /* for so many, unless an earlier shape is */
        uint32_t columns;      /* of a tile */
        uint32_t blocks;       /* of rows, that a block of threads has */
        uint32_t threads;
        uint32_t shared, shared_a_line; /* bytes */
} CudaShape;

extern const CudaShape cuda_shapes[CUDA_SHAPES];

struct DeviceMemory {
        CUdeviceptr at;
        size_t size;
        DeviceMemory *next, **previous;
};

struct Device {
        DeviceFacts facts;
        CUdevice number;
        CUcontext context;
        CUmodule module;
        CUfunction kernels[CUDA_SHAPES];
        CUstream stream;
        CUevent begin, end; /* of a kernel */
        CUevent sent[2];    /* what was in either half of the staging memory */
        uint8_t *staging;
        DeviceMemory *memories; /* that were not released, these among them: */
        DeviceMemory *digits, *columns, *board, *hits;

        /* The probes. */
        const CudaShape *shape;
        uint32_t n_probes, n_digits; /* of each */
        uint32_t n_columns;          /* that tiles have */
        uint32_t n_lines;
        size_t digits_used; /* bytes of `digits` that may not be zero */
};

/** cuda_enter() - Contexts belong to threads, and each call of the driver may come from another one. Return: 0 or -EIO. */
int cuda_enter(const Device *device, DeviceWhy *ret_why);

/** cuda_finish() - Waits for all that was asked of the device. Return: 0 or -EIO. */
int cuda_finish(const Device *device, DeviceWhy *ret_why);

/** cuda_overwrite() - Asks for zeros in the first @size bytes. Return: 0 or -EIO. */
int cuda_overwrite(const Device *device, const DeviceMemory *memory, size_t size, DeviceWhy *ret_why);

/** cuda_send_staged() - Asks for @size bytes of the staging memory, from @offset on, to be sent to the beginning of @memory. Return: 0 or -EIO. */
int cuda_send_staged(const Device *device, const DeviceMemory *memory, size_t offset, size_t size,
                     DeviceWhy *ret_why);

/** cuda_no_room() - As cuda_check(), of a call that allocates. Return: 0, -ENOMEM or -EIO. */
int cuda_no_room(const char *call, CUresult result, DeviceWhy *ret_why);

/* Of the same names in DeviceDriver. */
int cuda_allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why);
int cuda_release(Device *device, DeviceMemory *memory, DeviceWhy *ret_why);
int cuda_write(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
               DeviceWhy *ret_why);
int cuda_set_probes(Device *device, const ScanProbe *probes, size_t n, size_t dimension, DeviceWhy *ret_why);
int cuda_forget_probes(Device *device, DeviceWhy *ret_why);
int cuda_scan(Device *device, DeviceScan *scan, DeviceWhy *ret_why);
