/*
 * A libcuda.so.1 whose device is a processor: see README. It has the calls that daemon/worker/cuda-library.h names, and does what NVIDIA's
 * "CUDA Driver API" says of them; what asynchronous calls ask for is done as late as that permits, when somebody waits for it.
 *
 * Mistakes that a real one does not see end the process: memory that is given back with something in it, or never.
 *
 * Environment, read by every call, so that a test may change it:
 *
 *      PLAYED_CUDA_FAULT=CALL:N:ERROR      the Nth call of this name, since the variable has this value, and all calls after it, end with this
 *                                          number; one that allocates only itself, if it is for want of memory
 *      PLAYED_CUDA_MEMORY=BYTES            of the device; else 256 MiB
 *      PLAYED_CUDA_DEVICES=N               else 1
 *      PLAYED_CUDA_CAPABILITY=N            else 90
 *      PLAYED_CUDA_VERSION=N               of CUDA that the driver is for, 13010 for 13.1; else that of the headers
 *
 * One more call is for tests: played_cuda_holds() looks for some bytes in all memory, the device's and the host's.
 */

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <cuda.h>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "guarded.h"
#include "kernels.h"
#include "lockstep.h"

struct CUfunc_st {
        void (*run)(const void *parameter);
        uint32_t shared_max;
};

struct CUevent_st {
        uint64_t recorded; /* how many things the stream had been asked for then */
        bool timed;
};

namespace
{

enum {
        SHARED_UNASKED = 48 * 1024, /* that each block of threads may have, */
        SHARED_MAX = 99 * 1024,     /* and if it is asked for, on every device from sm_80 on */
        DEFAULT_MEMORY = 256 << 20,
        DEFAULT_CAPABILITY = 90,
        GARBAGE_MAX = 1 << 20, /* that new memory begins with */
};

/* One device, one context, one stream. */
std::list<std::function<void()>> asked;
uint64_t n_asked, n_done;
std::map<CUdeviceptr, GuardedMemory> memories;
std::map<void *, GuardedMemory> host_memories;
std::map<std::string, CUfunc_st> functions;
size_t memory_used;
thread_local bool is_current;
int context; /* stands for all handles */

[[noreturn]] void fail(const char *what)
{
        fprintf(stderr, "libcuda: %s\n", what);
        abort();
}

uint64_t number_of(const char *variable, uint64_t otherwise)
{
        const char *value = getenv(variable);

        return value ? strtoull(value, nullptr, 10) : otherwise;
}

/* The fault that is asked for. */
struct Fault {
        std::string asked; /* the variable's value */
        std::string call;
        uint64_t n = 0;
        int error = 0;
        bool has_come = false;
} fault;

void read_fault()
{
        const char *value = getenv("PLAYED_CUDA_FAULT");

        if (fault.asked == (value ? value : ""))
                return;
        fault = Fault();
        fault.asked = value ? value : "";
        char call[64];
        int n, error;
        if (!value)
                return;
        if (sscanf(value, "%63[^:]:%d:%d", call, &n, &error) != 3)
                fail("PLAYED_CUDA_FAULT cannot be read");
        fault.call = call;
        fault.n = n;
        fault.error = error;
}

bool is_faulty()
{
        return fault.has_come && fault.error != CUDA_ERROR_OUT_OF_MEMORY;
}

/* What a call begins with. */
CUresult begin(const char *call)
{
        read_fault();
        if (fault.call == call && fault.n > 0 && --fault.n == 0) {
                fault.has_come = true;
                return (CUresult)fault.error;
        }
        return is_faulty() ? (CUresult)fault.error : CUDA_SUCCESS;
}

CUresult begin_in_context(const char *call)
{
        CUresult result = begin(call);

        return result == CUDA_SUCCESS && !is_current ? CUDA_ERROR_INVALID_CONTEXT : result;
}

#define BEGIN(call)                                                                                          \
        do {                                                                                                 \
                CUresult begun = begin(call);                                                                \
                if (begun != CUDA_SUCCESS)                                                                   \
                        return begun;                                                                        \
        } while (0)
#define BEGIN_IN_CONTEXT(call)                                                                               \
        do {                                                                                                 \
                CUresult begun = begin_in_context(call);                                                     \
                if (begun != CUDA_SUCCESS)                                                                   \
                        return begun;                                                                        \
        } while (0)

CUresult ask(std::function<void()> what)
{
        asked.push_back(std::move(what));
        n_asked++;
        return CUDA_SUCCESS;
}

void wait_until(uint64_t n)
{
        for (; n_done < n; n_done++, asked.pop_front())
                asked.front()();
}

/* Whether these bytes are the device's. */
bool is_there(CUdeviceptr at, size_t size)
{
        auto after = memories.upper_bound(at);

        if (after == memories.begin())
                return false;
        const GuardedMemory &memory = std::prev(after)->second;
        size_t offset = (uint8_t *)at - memory.bytes;
        return offset <= memory.size && size <= memory.size - offset;
}

/* After a fault nobody can be asked to overwrite anything. */
void expect_zeros(const GuardedMemory &memory)
{
        if (!is_faulty() && !guarded_is_zero(memory))
                fail("memory is given back with something in it");
}

template <typename Key> CUresult give_back(std::map<Key, GuardedMemory> *from, Key key)
{
        auto found = from->find(key);

        if (found == from->end())
                fail("what is given back was not allocated");
        expect_zeros(found->second);
        guarded_free(found->second);
        from->erase(found);
        return CUDA_SUCCESS;
}

} // namespace

namespace
{

/* As NVIDIA's from 570 on: a thread of its own, to which another one gives a name, through /proc; who cannot do that has no device. */
CUresult start_thread()
{
        std::thread thread(pause);
        bool named = pthread_setname_np(thread.native_handle(), "cuda-played") == 0;

        thread.detach();
        return named ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

} // namespace

CUresult cuInit(unsigned flags)
{
        static const CUresult started = start_thread();

        BEGIN("cuInit");
        if (started != CUDA_SUCCESS)
                return started;
        return flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDriverGetVersion(int *ret_version)
{
        BEGIN("cuDriverGetVersion");
        *ret_version = (int)number_of("PLAYED_CUDA_VERSION", CUDA_VERSION);
        return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **ret_name)
{
        switch (error) {
        case CUDA_ERROR_OUT_OF_MEMORY:
                *ret_name = "CUDA_ERROR_OUT_OF_MEMORY";
                return CUDA_SUCCESS;
        case CUDA_ERROR_ILLEGAL_ADDRESS:
                *ret_name = "CUDA_ERROR_ILLEGAL_ADDRESS";
                return CUDA_SUCCESS;
        case CUDA_ERROR_INVALID_VALUE:
                *ret_name = "CUDA_ERROR_INVALID_VALUE";
                return CUDA_SUCCESS;
        case CUDA_ERROR_INVALID_CONTEXT:
                *ret_name = "CUDA_ERROR_INVALID_CONTEXT";
                return CUDA_SUCCESS;
        default:
                return CUDA_ERROR_INVALID_VALUE;
        }
}

extern "C" bool played_cuda_holds(const void *bytes, size_t size);
bool played_cuda_holds(const void *bytes, size_t size)
{
        for (const auto &memory : memories)
                if (memmem(memory.second.bytes, memory.second.size, bytes, size))
                        return true;
        for (const auto &memory : host_memories)
                if (memmem(memory.second.bytes, memory.second.size, bytes, size))
                        return true;
        return false;
}

/* ------------------------------------------------------------------------------------------------------
 * devices */

CUresult cuDeviceGetCount(int *ret_n)
{
        BEGIN("cuDeviceGetCount");
        *ret_n = (int)number_of("PLAYED_CUDA_DEVICES", 1);
        return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *ret_device, int number)
{
        BEGIN("cuDeviceGet");
        *ret_device = number;
        return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *ret_name, int size, CUdevice device)
{
        BEGIN("cuDeviceGetName");
        snprintf(ret_name, size, "Played\a GPU %d", device);
        return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *ret_value, CUdevice_attribute attribute, CUdevice)
{
        int capability = (int)number_of("PLAYED_CUDA_CAPABILITY", DEFAULT_CAPABILITY);

        BEGIN("cuDeviceGetAttribute");
        if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                *ret_value = capability / 10;
        else if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
                *ret_value = capability % 10;
        else
                return CUDA_ERROR_INVALID_VALUE;
        return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *ret_bytes, CUdevice)
{
        BEGIN("cuDeviceTotalMem");
        *ret_bytes = number_of("PLAYED_CUDA_MEMORY", DEFAULT_MEMORY);
        return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *ret_context, CUdevice)
{
        BEGIN("cuDevicePrimaryCtxRetain");
        *ret_context = (CUcontext)&context;
        return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice)
{
        if (!memories.empty() || !host_memories.empty())
                fail("memory was not given back");
        if (n_done < n_asked && !is_faulty())
                fail("nobody waited for what was asked for last");
        asked.clear();
        n_done = n_asked;
        return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext wanted)
{
        BEGIN("cuCtxSetCurrent");
        is_current = wanted == (CUcontext)&context;
        return CUDA_SUCCESS;
}

/* ------------------------------------------------------------------------------------------------------
 * memory */

CUresult cuMemAlloc(CUdeviceptr *ret_at, size_t size)
{
        BEGIN_IN_CONTEXT("cuMemAlloc");
        if (size > number_of("PLAYED_CUDA_MEMORY", DEFAULT_MEMORY) - memory_used)
                return CUDA_ERROR_OUT_OF_MEMORY;
        GuardedMemory memory = guarded_new(size);
        memset(memory.bytes, 0xee, std::min(size, (size_t)GARBAGE_MAX));
        *ret_at = (CUdeviceptr)memory.bytes;
        memories[*ret_at] = memory;
        memory_used += size;
        return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr at)
{
        size_t size = memories.count(at) > 0 ? memories[at].size : 0;

        memory_used -= size;
        return give_back(&memories, at);
}

CUresult cuMemHostAlloc(void **ret_at, size_t size, unsigned)
{
        BEGIN_IN_CONTEXT("cuMemHostAlloc");
        GuardedMemory memory = guarded_new(size);
        *ret_at = memory.bytes;
        host_memories[*ret_at] = memory;
        return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *at)
{
        return give_back(&host_memories, at);
}

CUresult cuMemsetD8Async(CUdeviceptr at, unsigned char byte, size_t size, CUstream)
{
        BEGIN_IN_CONTEXT("cuMemsetD8Async");
        uint8_t *bytes = (uint8_t *)at;
        if (!is_there(at, size))
                return CUDA_ERROR_INVALID_VALUE;
        return ask([=] { guarded_fill(bytes, byte, size); });
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t size, CUstream)
{
        BEGIN_IN_CONTEXT("cuMemcpyHtoDAsync");
        uint8_t *bytes = (uint8_t *)to;
        if (!is_there(to, size))
                return CUDA_ERROR_INVALID_VALUE;
        return ask([=] { memcpy(bytes, from, size); });
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t size, CUstream)
{
        BEGIN_IN_CONTEXT("cuMemcpyDtoHAsync");
        const uint8_t *bytes = (const uint8_t *)from;
        if (!is_there(from, size))
                return CUDA_ERROR_INVALID_VALUE;
        return ask([=] { memcpy(to, bytes, size); });
}

CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D *copy, CUstream)
{
        const CUDA_MEMCPY2D c = *copy;

        BEGIN_IN_CONTEXT("cuMemcpy2DAsync");
        if (c.srcMemoryType != CU_MEMORYTYPE_DEVICE || c.dstMemoryType != CU_MEMORYTYPE_HOST ||
            c.Height == 0 || c.srcPitch < c.WidthInBytes || c.dstPitch < c.WidthInBytes ||
            !is_there(c.srcDevice, c.srcPitch * (c.Height - 1) + c.WidthInBytes))
                return CUDA_ERROR_INVALID_VALUE;
        const uint8_t *bytes = (const uint8_t *)c.srcDevice;
        return ask([=] {
                for (size_t i = 0; i < c.Height; i++)
                        memcpy((char *)c.dstHost + i * c.dstPitch, bytes + i * c.srcPitch, c.WidthInBytes);
        });
}

/* ------------------------------------------------------------------------------------------------------
 * kernels */

/* The kernels are those that are compiled in here; of the image it is seen only that it is one. */
CUresult cuModuleLoadData(CUmodule *ret_module, const void *image)
{
        static const unsigned char magic[] = {0x50, 0xed, 0x55, 0xba};

        BEGIN_IN_CONTEXT("cuModuleLoadData");
        if ((uintptr_t)image % 8 != 0 || memcmp(image, magic, sizeof(magic)) != 0)
                return CUDA_ERROR_INVALID_IMAGE;
        *ret_module = (CUmodule)&context;
        return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule)
{
        return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *ret_function, CUmodule, const char *name)
{
        BEGIN_IN_CONTEXT("cuModuleGetFunction");
        void (*run)(const void *) = kernel_find(name);
        if (!run)
                return CUDA_ERROR_NOT_FOUND;
        functions[name] = CUfunc_st{run, SHARED_UNASKED};
        *ret_function = &functions[name];
        return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value)
{
        BEGIN_IN_CONTEXT("cuFuncSetAttribute");
        if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > SHARED_MAX)
                return CUDA_ERROR_INVALID_VALUE;
        function->shared_max = (uint32_t)value;
        return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction function, unsigned x, unsigned y, unsigned z, unsigned threads,
                        unsigned threads_y, unsigned threads_z, unsigned shared, CUstream, void **parameters,
                        void **)
{
        BEGIN_IN_CONTEXT("cuLaunchKernel");
        if (x == 0 || x > INT32_MAX || y != 1 || z != 1 || threads == 0 || threads > 1024 ||
            threads % 32 != 0 || threads_y != 1 || threads_z != 1 || shared > function->shared_max)
                return CUDA_ERROR_INVALID_VALUE;
        std::vector<uint8_t> copy = kernel_copy_parameter(parameters[0]);
        void (*run)(const void *) = function->run;
        return ask([=] { lockstep_run(LockstepLaunch{run, copy.data(), x, threads, shared}); });
}

/* ------------------------------------------------------------------------------------------------------
 * streams and events */

CUresult cuStreamCreate(CUstream *ret_stream, unsigned)
{
        BEGIN_IN_CONTEXT("cuStreamCreate");
        *ret_stream = (CUstream)&context;
        return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream)
{
        return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream)
{
        BEGIN_IN_CONTEXT("cuStreamSynchronize");
        wait_until(n_asked);
        return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *ret_event, unsigned flags)
{
        BEGIN_IN_CONTEXT("cuEventCreate");
        *ret_event = new CUevent_st{0, (flags & CU_EVENT_DISABLE_TIMING) == 0};
        return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event)
{
        delete event;
        return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream)
{
        BEGIN_IN_CONTEXT("cuEventRecord");
        event->recorded = n_asked;
        return CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event)
{
        BEGIN_IN_CONTEXT("cuEventSynchronize");
        wait_until(event->recorded);
        return CUDA_SUCCESS;
}

/* A microsecond for each thing between. */
CUresult cuEventElapsedTime(float *ret_milliseconds, CUevent from, CUevent to)
{
        BEGIN_IN_CONTEXT("cuEventElapsedTime");
        if (!from->timed || !to->timed)
                return CUDA_ERROR_INVALID_HANDLE;
        if (n_done < to->recorded)
                return CUDA_ERROR_NOT_READY;
        *ret_milliseconds = (float)(to->recorded - from->recorded) / 1000;
        return CUDA_SUCCESS;
}
