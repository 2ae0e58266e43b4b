#pragma once
/*
 * libcuda.so.1, NVIDIA's driver as programs see it: loaded when it is asked for, because it is there only where the driver is installed, and never let go.
 */

#include <cuda.h>

#include "worker/device.h"

/* The calls that are used, with the versions of them that cuda.h declares under these names. */
#define CUDA_CALLS(X)                                                                                        \
        X(cuInit)                                                                                            \
        X(cuDriverGetVersion)                                                                                \
        X(cuGetErrorName)                                                                                    \
        X(cuDeviceGetCount)                                                                                  \
        X(cuDeviceGet)                                                                                       \
        X(cuDeviceGetName)                                                                                   \
        X(cuDeviceGetAttribute)                                                                              \
        X(cuDeviceTotalMem)                                                                                  \
        X(cuDevicePrimaryCtxRetain)                                                                          \
        X(cuDevicePrimaryCtxRelease)                                                                         \
        X(cuCtxSetCurrent)                                                                                   \
        X(cuModuleLoadData)                                                                                  \
        X(cuModuleUnload)                                                                                    \
        X(cuModuleGetFunction)                                                                               \
        X(cuFuncSetAttribute)                                                                                \
        X(cuLaunchKernel)                                                                                    \
        X(cuStreamCreate)                                                                                    \
        X(cuStreamDestroy)                                                                                   \
        X(cuStreamSynchronize)                                                                               \
        X(cuEventCreate)                                                                                     \
        X(cuEventDestroy)                                                                                    \
        X(cuEventRecord)                                                                                     \
        X(cuEventSynchronize)                                                                                \
        X(cuEventElapsedTime)                                                                                \
        X(cuMemAlloc)                                                                                        \
        X(cuMemFree)                                                                                         \
        X(cuMemHostAlloc)                                                                                    \
        X(cuMemFreeHost)                                                                                     \
        X(cuMemsetD8Async)                                                                                   \
        X(cuMemcpyHtoDAsync)                                                                                 \
        X(cuMemcpyDtoHAsync)                                                                                 \
        X(cuMemcpy2DAsync)

typedef struct CudaLibrary {
#define CUDA_FIELD(name) __typeof__(&name) name;
        CUDA_CALLS(CUDA_FIELD)
#undef CUDA_FIELD
} CudaLibrary;

/* Filled in by cuda_library_load(). */
extern CudaLibrary cuda;

/** cuda_library_load() - Loads it and begins. Return: 0; or -ENODEV: there is none, none that is new enough, or no device. */
int cuda_library_load(DeviceWhy *ret_why);

/** cuda_check() - What a call ended with. Return: 0; or -EIO, and says so in @ret_why. */
int cuda_check(const char *call, CUresult result, DeviceWhy *ret_why);

/* CUDA_CALL() - Makes a call, and checks it. */
#define CUDA_CALL(ret_why, call, ...) cuda_check(#call, cuda.call(__VA_ARGS__), ret_why)
