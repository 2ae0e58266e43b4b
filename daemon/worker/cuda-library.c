/*
 * Finding the calls of libcuda.so.1 by their names.
 */

#include "worker/cuda-library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "base/macro.h"

/* As it is called where the driver is installed; the file without a number is for who links programs. */
#define CUDA_LIBRARY_FILE "libcuda.so.1"

CudaLibrary cuda;

static const struct {
        const char *name;
        size_t offset;
} calls[] = {
/* Names are macros for versions of themselves, which is what the library calls them. */
#define CUDA_TEXT(name)  #name
#define CUDA_ENTRY(name) {CUDA_TEXT(name), offsetof(CudaLibrary, name)},
        CUDA_CALLS(CUDA_ENTRY)};

int cuda_check(const char *call, CUresult result, DeviceWhy *ret_why)
{
        const char *name = NULL;

        if (result == CUDA_SUCCESS)
                return 0;
        if (cuda.cuGetErrorName(result, &name) == CUDA_SUCCESS && name)
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: %s", call,
                               name); /* Names of errors are short. */
        else
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: error %d", call, (int)result);
        return -EIO;
}

static int find_calls(void *library, DeviceWhy *ret_why)
{
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                void *call = dlsym(library, calls[i].name);
                if (!call) {
                        (void)snprintf(ret_why->text, sizeof(ret_why->text),
                                       "%s has no %s: the driver of the device is older than CUDA %d.%d",
                                       CUDA_LIBRARY_FILE, calls[i].name, CUDA_VERSION / 1000,
                                       CUDA_VERSION % 1000 / 10);
                        return -ENODEV;
                }
                *(void **)((char *)&cuda + calls[i].offset) = call;
        }
        return 0;
}

/* Kernels are for drivers of the same major version or later, by what NVIDIA calls minor version compatibility. An older driver that has all calls would load
 * them, or not, with an error that tells nobody what to do. */
static int check_version(DeviceWhy *ret_why)
{
        int version;

        if (CUDA_CALL(ret_why, cuDriverGetVersion, &version) < 0)
                return -ENODEV;
        if (version / 1000 >= CUDA_VERSION / 1000)
                return 0;
        (void)snprintf(ret_why->text, sizeof(ret_why->text),
                       "the driver of the device is for CUDA %d.%d; that for %d.0 is the least that will do",
                       version / 1000, version % 1000 / 10, CUDA_VERSION / 1000);
        return -ENODEV;
}

int cuda_library_load(DeviceWhy *ret_why)
{
        static void *library;

        if (!library)
                library = dlopen(CUDA_LIBRARY_FILE, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s",
                               dlerror()); /* Cut off is enough. */
                return -ENODEV;
        }
        int r = find_calls(library, ret_why);
        if (r == 0)
                r = check_version(ret_why);
        if (r < 0)
                return r;
        return CUDA_CALL(ret_why, cuInit, 0) < 0 ? -ENODEV : 0;
}
