#pragma once
/*
 * What OpenCL says of a call that failed, in the words of worker/device.h.
 */

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "worker/device.h"

/** opencl_failed() - @call failed with @error. Return: -EIO, or 0 where @error is CL_SUCCESS. */
int opencl_failed(const char *call, cl_int error, DeviceWhy *ret_why);

/** opencl_no_room() - As opencl_failed(), for a call that allocates. Return: also -ENOMEM. */
int opencl_no_room(const char *call, cl_int error, DeviceWhy *ret_why);
