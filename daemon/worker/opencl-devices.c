/*
 * Devices and their properties. One that does not tell of itself what is asked here is passed over, so that it takes no other one's place.
 */

#include "worker/opencl-devices.h"

#include <stdio.h>

#include "base/macro.h"

enum {
        PLATFORMS_MAX = 16,
        DEVICES_MAX = 64, /* of a platform */
        /* What the ICD loader says where it finds no platform: the header of extensions has it, which is not everywhere. */
        NO_PLATFORM = -1001,
};

static bool ask(cl_device_id device, cl_device_info what, size_t size, void *ret_value)
{
        return clGetDeviceInfo(device, what, size, ret_value, NULL) == CL_SUCCESS;
}

/* Buffers are read as little-endian words, and a work-group has a work-item for each row at most. */
static bool is_able(cl_device_id device)
{
        cl_bool available = CL_FALSE, compiles = CL_FALSE, little = CL_FALSE;
        size_t group = 0;

        return ask(device, CL_DEVICE_AVAILABLE, sizeof(available), &available) && available &&
               ask(device, CL_DEVICE_COMPILER_AVAILABLE, sizeof(compiles), &compiles) && compiles &&
               ask(device, CL_DEVICE_ENDIAN_LITTLE, sizeof(little), &little) && little &&
               ask(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(group), &group) && group >= CODES_ROWS;
}

/* As much of it as there is room for. */
static bool read_name(cl_device_id device, char ret_name[static DEVICE_NAME_MAX + 1])
{
        char name[1024] = {};
        size_t i;

        if (!ask(device, CL_DEVICE_NAME, sizeof(name) - 1, name))
                return false;
        for (i = 0; i < DEVICE_NAME_MAX && name[i]; i++)
                ret_name[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
        ret_name[i] = '\0';
        return true;
}

static bool read_facts(cl_device_id device, DeviceFacts *ret_facts)
{
        cl_device_type type = 0;
        cl_ulong memory = 0, largest = 0;

        if (!is_able(device) || !read_name(device, ret_facts->name) ||
            !ask(device, CL_DEVICE_TYPE, sizeof(type), &type) ||
            !(type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_CPU)) ||
            !ask(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(memory), &memory) ||
            !ask(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(largest), &largest))
                return false;
        ret_facts->is_gpu = (type & CL_DEVICE_TYPE_GPU) != 0;
        (void)snprintf(ret_facts->kind, sizeof(ret_facts->kind), "%s",
                       ret_facts->is_gpu ? "gpu" : "cpu"); /* Both are shorter. */
        ret_facts->memory = memory;
        ret_facts->largest = largest;
        return true;
}

int opencl_devices(bool (*found)(cl_device_id device, const DeviceFacts *facts, void *userdata),
                   void *userdata, DeviceWhy *ret_why)
{
        cl_platform_id platforms[PLATFORMS_MAX];
        cl_device_id devices[DEVICES_MAX];
        cl_uint n_platforms = 0;

        cl_int error = clGetPlatformIDs(PLATFORMS_MAX, platforms, &n_platforms);
        if (error == NO_PLATFORM)
                return 0;
        if (error != CL_SUCCESS)
                return opencl_failed("clGetPlatformIDs", error, ret_why);
        for (cl_uint i = 0; i < MIN_OF(n_platforms, (cl_uint)PLATFORMS_MAX); i++) {
                cl_uint n_devices = 0;
                /* A platform without devices says so by an error. */
                if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, DEVICES_MAX, devices, &n_devices) !=
                    CL_SUCCESS)
                        continue;
                for (cl_uint j = 0; j < MIN_OF(n_devices, (cl_uint)DEVICES_MAX); j++) {
                        DeviceFacts facts = {};
                        if (read_facts(devices[j], &facts) && !found(devices[j], &facts, userdata))
                                return 0;
                }
        }
        return 0;
}
