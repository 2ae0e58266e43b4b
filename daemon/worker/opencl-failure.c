/*
 * Errors of OpenCL by their names, as far as the calls of this driver give them.
 */

#include "worker/opencl-failure.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"

#define NAME(error)                                                                                          \
        {                                                                                                    \
                error, #error                                                                                \
        }

static const struct {
        cl_int error;
        const char *name;
} names[] = {
        NAME(CL_DEVICE_NOT_FOUND),
        NAME(CL_DEVICE_NOT_AVAILABLE),
        NAME(CL_COMPILER_NOT_AVAILABLE),
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAME(CL_OUT_OF_RESOURCES),
        NAME(CL_OUT_OF_HOST_MEMORY),
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
        NAME(CL_BUILD_PROGRAM_FAILURE),
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        NAME(CL_COMPILE_PROGRAM_FAILURE),
        NAME(CL_LINKER_NOT_AVAILABLE),
        NAME(CL_LINK_PROGRAM_FAILURE),
        NAME(CL_INVALID_VALUE),
        NAME(CL_INVALID_PLATFORM),
        NAME(CL_INVALID_DEVICE),
        NAME(CL_INVALID_CONTEXT),
        NAME(CL_INVALID_QUEUE_PROPERTIES),
        NAME(CL_INVALID_COMMAND_QUEUE),
        NAME(CL_INVALID_MEM_OBJECT),
        NAME(CL_INVALID_BUILD_OPTIONS),
        NAME(CL_INVALID_PROGRAM),
        NAME(CL_INVALID_PROGRAM_EXECUTABLE),
        NAME(CL_INVALID_KERNEL_NAME),
        NAME(CL_INVALID_KERNEL_DEFINITION),
        NAME(CL_INVALID_KERNEL),
        NAME(CL_INVALID_ARG_INDEX),
        NAME(CL_INVALID_ARG_VALUE),
        NAME(CL_INVALID_ARG_SIZE),
        NAME(CL_INVALID_KERNEL_ARGS),
        NAME(CL_INVALID_WORK_DIMENSION),
        NAME(CL_INVALID_WORK_GROUP_SIZE),
        NAME(CL_INVALID_WORK_ITEM_SIZE),
        NAME(CL_INVALID_GLOBAL_OFFSET),
        NAME(CL_INVALID_EVENT_WAIT_LIST),
        NAME(CL_INVALID_EVENT),
        NAME(CL_INVALID_OPERATION),
        NAME(CL_INVALID_BUFFER_SIZE),
        NAME(CL_INVALID_GLOBAL_WORK_SIZE),
        NAME(CL_INVALID_PROPERTY),
};

int opencl_failed(const char *call, cl_int error, DeviceWhy *ret_why)
{
        if (error == CL_SUCCESS)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i].error == error) {
                        (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: %s", call,
                                       names[i].name); /* Both are short. */
                        return -EIO;
                }
        (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: error %d of OpenCL", call,
                       error); /* As above. */
        return -EIO;
}

int opencl_no_room(const char *call, cl_int error, DeviceWhy *ret_why)
{
        int r = opencl_failed(call, error, ret_why);

        /* The last is said of more than one buffer may have. */
        return error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY ||
                               error == CL_INVALID_BUFFER_SIZE
                       ? -ENOMEM
                       : r;
}
