#pragma once
/*
 * Which devices there are, of all platforms that the ICD loader knows.
 */

#include "worker/opencl-failure.h"

/**
 * opencl_devices() - Tells of each device that can do what worker/scan.cl wants, in the order of their numbers.
 * @found:      returns whether to go on
 *
 * Return: 0, also where there is none; or -EIO.
 */
int opencl_devices(bool (*found)(cl_device_id device, const DeviceFacts *facts, void *userdata),
                   void *userdata, DeviceWhy *ret_why);
