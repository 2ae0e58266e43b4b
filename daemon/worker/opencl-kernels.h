#pragma once
/*
 * The kernels of worker/scan.cl, built for a device, and their queue.
 */

#include "worker/opencl-commands.h"
#include "worker/opencl-shape.h"

enum OpenclKernel {
        OPENCL_ONE_PROBE, /* of one digit */
        OPENCL_ONE_PROBE_TWO_DIGITS,
        OPENCL_PROBES,
        OPENCL_PROBES_TWO_DIGITS,
        OPENCL_KERNELS,
};

typedef struct OpenclKernels {
        cl_context context;
        cl_command_queue queue; /* in order */
        cl_program program;
        cl_kernel kernels[OPENCL_KERNELS];
        const OpenclShape *shape;
        size_t grid[2]; /* work-items in all and of a work-group */
} OpenclKernels;

/** opencl_kernels_init() - Builds them; @ret_kernels is to be all zero. Return: 0, -ENOMEM or -EIO; to be ended by opencl_kernels_deinit() in any case. */
int opencl_kernels_init(cl_device_id device, bool is_gpu, OpenclKernels *ret_kernels, DeviceWhy *ret_why);
void opencl_kernels_deinit(OpenclKernels *kernels);

typedef struct OpenclScan {
        enum OpenclKernel kernel;
        cl_mem memory, probes, board;
        OpenclTask task;
} OpenclScan;

/** opencl_kernels_scan() - Enqueues one. Return: 0 or -EIO. */
int opencl_kernels_scan(const OpenclKernels *kernels, const OpenclScan *scan, OpenclCommands *commands,
                        DeviceWhy *ret_why);
