/*
 * Memory of the device, and how things get there.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/cuda-device.h"

int cuda_enter(const Device *device, DeviceWhy *ret_why)
{
        return CUDA_CALL(ret_why, cuCtxSetCurrent, device->context);
}

int cuda_finish(const Device *device, DeviceWhy *ret_why)
{
        return CUDA_CALL(ret_why, cuStreamSynchronize, device->stream);
}

int cuda_overwrite(const Device *device, const DeviceMemory *memory, size_t size, DeviceWhy *ret_why)
{
        return CUDA_CALL(ret_why, cuMemsetD8Async, memory->at, 0, size, device->stream);
}

static int clear(const Device *device, const DeviceMemory *memory, DeviceWhy *ret_why)
{
        int r = cuda_overwrite(device, memory, memory->size, ret_why);

        return r < 0 ? r : cuda_finish(device, ret_why);
}

int cuda_no_room(const char *call, CUresult result, DeviceWhy *ret_why)
{
        int r = cuda_check(call, result, ret_why);

        return result == CUDA_ERROR_OUT_OF_MEMORY ? -ENOMEM : r;
}

int cuda_release(Device *device, DeviceMemory *memory, DeviceWhy *ret_why)
{
        DeviceWhy ignored;

        if (!memory)
                return 0;
        int r = cuda_enter(device, ret_why);
        if (r == 0)
                r = clear(device, memory, ret_why);
        int q = CUDA_CALL(r < 0 ? &ignored : ret_why, cuMemFree, memory->at);
        *memory->previous = memory->next;
        if (memory->next)
                memory->next->previous = memory->previous;
        free(memory);
        return r < 0 ? r : q;
}

int cuda_allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why)
{
        DeviceMemory *memory = malloc(sizeof(*memory));
        int r = memory ? cuda_enter(device, ret_why)
                       : cuda_no_room("malloc", CUDA_ERROR_OUT_OF_MEMORY, ret_why);

        if (r == 0) {
                *memory =
                        (DeviceMemory){.size = size, .next = device->memories, .previous = &device->memories};
                r = cuda_no_room("cuMemAlloc", cuda.cuMemAlloc(&memory->at, size), ret_why);
        }
        if (r < 0) {
                free(memory);
                return r;
        }
        if (memory->next)
                memory->next->previous = &memory->next;
        device->memories = memory;
        r = clear(device, memory, ret_why);
        if (r < 0) {
                DeviceWhy ignored;
                (void)cuda_release(device, memory, &ignored); /* The first error is the one to be told. */
                return r;
        }
        *ret_memory = memory;
        return 0;
}

/* ------------------------------------------------------------------------------------------------------
 * copies by the staging memory */

static int send_half(const Device *device, CUdeviceptr to, const uint8_t *data, size_t size, size_t half,
                     DeviceWhy *ret_why)
{
        uint8_t *staged = device->staging + half * (CUDA_STAGING_SIZE / 2);

        if (CUDA_CALL(ret_why, cuEventSynchronize, device->sent[half]) < 0)
                return -EIO;
        memcpy(staged, data, size);
        if (CUDA_CALL(ret_why, cuMemcpyHtoDAsync, to, staged, size, device->stream) < 0)
                return -EIO;
        return CUDA_CALL(ret_why, cuEventRecord, device->sent[half], device->stream);
}

/* One half is filled while the other one is sent. */
int cuda_write(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
               DeviceWhy *ret_why)
{
        const uint8_t *bytes = data;
        size_t half = 0;

        /* The library knows where memory of the device's ends, not where that ends which it has given us of it. */
        if (offset > memory->size || size > memory->size - offset)
                return cuda_check("cuMemcpyHtoDAsync", CUDA_ERROR_INVALID_VALUE, ret_why);
        int r = cuda_enter(device, ret_why);
        for (size_t done = 0, n; r == 0 && done < size; done += n, half = 1 - half) {
                n = MIN_OF(size - done, (size_t)CUDA_STAGING_SIZE / 2);
                r = send_half(device, memory->at + offset + done, bytes + done, n, half, ret_why);
        }
        if (r == 0)
                r = cuda_finish(device, ret_why);
        explicit_bzero(device->staging, size <= CUDA_STAGING_SIZE / 2 ? size : CUDA_STAGING_SIZE);
        return r;
}

int cuda_send_staged(const Device *device, const DeviceMemory *memory, size_t offset, size_t size,
                     DeviceWhy *ret_why)
{
        return CUDA_CALL(ret_why, cuMemcpyHtoDAsync, memory->at, device->staging + offset, size,
                         device->stream);
}
