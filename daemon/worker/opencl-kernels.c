/*
 * The program's text is part of this module; it is compiled by the device's driver, for the shape that suits the device.
 *
 * Drivers may compile a kernel anew for a grid of another kind (PoCL does), so there is one grid.
 */

#include "worker/opencl-kernels.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"

/* Made of scan.cl. */
extern const char opencl_program[];

static const char *const kernel_names[OPENCL_KERNELS] = {
        [OPENCL_ONE_PROBE] = "one_probe_one_digit",
        [OPENCL_ONE_PROBE_TWO_DIGITS] = "one_probe_two_digits",
        [OPENCL_PROBES] = "probes_one_digit",
        [OPENCL_PROBES_TWO_DIGITS] = "probes_two_digits",
};

static int build(OpenclKernels *kernels, cl_device_id device, DeviceWhy *ret_why)
{
        const OpenclShape *shape = kernels->shape;
        const char *text = opencl_program;
        char options[128];
        cl_int error;

        kernels->program = clCreateProgramWithSource(kernels->context, 1, &text, NULL, &error);
        if (error != CL_SUCCESS)
                return opencl_failed("clCreateProgramWithSource", error, ret_why);
        (void)snprintf(options, sizeof(options),
                       "-w -cl-std=CL1.2 -DLANES=%u -DGROUPS_ONE=%u -DGROUPS=%u -DTILE=%u", shape->lanes,
                       shape->groups_one, shape->groups, shape->tile); /* These are small numbers. */
        error = clBuildProgram(kernels->program, 1, &device, options, NULL, NULL);
        if (error != CL_SUCCESS)
                return opencl_failed("clBuildProgram", error, ret_why);
        for (size_t i = 0; i < OPENCL_KERNELS; i++) {
                kernels->kernels[i] = clCreateKernel(kernels->program, kernel_names[i], &error);
                if (error != CL_SUCCESS)
                        return opencl_failed("clCreateKernel", error, ret_why);
        }
        return 0;
}

int opencl_kernels_init(cl_device_id device, bool is_gpu, OpenclKernels *ret_kernels, DeviceWhy *ret_why)
{
        OpenclKernels *kernels = ret_kernels;
        cl_uint n_units = 0, vector = 0;
        cl_int error;

        error = clGetDeviceInfo(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(n_units), &n_units, NULL);
        if (error == CL_SUCCESS)
                error = clGetDeviceInfo(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(vector), &vector,
                                        NULL);
        if (error != CL_SUCCESS)
                return opencl_failed("clGetDeviceInfo", error, ret_why);
        kernels->shape = opencl_shape(is_gpu, vector);
        kernels->grid[1] = kernels->shape->local;
        kernels->grid[0] = kernels->grid[1] * n_units * kernels->shape->groups_a_unit;
        kernels->context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
        if (error != CL_SUCCESS)
                return opencl_no_room("clCreateContext", error, ret_why);
        kernels->queue = clCreateCommandQueue(kernels->context, device, CL_QUEUE_PROFILING_ENABLE, &error);
        if (error != CL_SUCCESS)
                return opencl_no_room("clCreateCommandQueue", error, ret_why);
        return build(kernels, device, ret_why);
}

void opencl_kernels_deinit(OpenclKernels *kernels)
{
        for (size_t i = 0; i < OPENCL_KERNELS; i++)
                if (kernels->kernels[i])
                        clReleaseKernel(kernels->kernels[i]);
        if (kernels->program)
                clReleaseProgram(kernels->program);
        if (kernels->queue)
                clReleaseCommandQueue(kernels->queue);
        if (kernels->context)
                clReleaseContext(kernels->context);
}

int opencl_kernels_scan(const OpenclKernels *kernels, const OpenclScan *scan, OpenclCommands *commands,
                        DeviceWhy *ret_why)
{
        cl_kernel kernel = kernels->kernels[scan->kernel];
        const struct {
                size_t size;
                const void *value;
        } arguments[] = {
                {sizeof(cl_mem), &scan->memory},
                {sizeof(cl_mem), &scan->probes},
                {sizeof(cl_mem), &scan->board},
                {sizeof(scan->task), &scan->task},
        };

        for (cl_uint i = 0; i < ARRAY_SIZE(arguments); i++) {
                cl_int error = clSetKernelArg(kernel, i, arguments[i].size, arguments[i].value);
                if (error != CL_SUCCESS)
                        return opencl_failed("clSetKernelArg", error, ret_why);
        }
        return opencl_commands_run(commands, kernel, kernels->grid, ret_why) < 0 ? -EIO : 0;
}
