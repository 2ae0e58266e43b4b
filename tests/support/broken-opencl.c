/*
 * An OpenCL device that breaks, for tests: to be preloaded into a real worker, where it comes before the real library and stands between it and the driver.
 * Calls are counted, and from a chosen one on fail, or are not what they seem, by a file that the test writes while the program runs.
 *
 * The file, named by MATCHGUARD_BROKEN_OPENCL, has four words a call, each little-endian in 4 bytes, in the order of broken_opencl.py: how often the call was made; from
 * which of these on it breaks, or 0; the error that it ends with then; and, where that is 0, nothing happens but that it ends well (a kernel that does not
 * run), or what was read is this (a word, over and over). It is mapped once, so that no later look needs a system call that confinement would have to allow.
 */

#include <CL/cl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef enum Call {
        CALL_KERNEL,
        CALL_READ,
        CALL_WRITE,
        CALL_FILL,
        CALL_FINISH,
        CALL_BUFFER,
        CALL_BUILD,
        CALL_RELEASE, /* of a buffer; never fails. In `word`: how many of them were not overwritten with zeros before */
        CALLS,
} Call;

typedef struct Breaks {
        uint32_t seen;
        uint32_t from;
        int32_t error;
        uint32_t word;
} Breaks;

static volatile Breaks *breaks;
static void *library; /* the real one */
static cl_command_queue last_queue;

__attribute__((constructor)) static void breaks_map(void)
{
        const char *path = getenv("MATCHGUARD_BROKEN_OPENCL");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

        library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
        if (fd < 0)
                return;
        void *mapped = mmap(NULL, CALLS * sizeof(Breaks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (mapped != MAP_FAILED)
                breaks = mapped;
}

/* Counts it. Return: whether it breaks. */
static bool is_broken(Call call)
{
        if (!breaks)
                return false;
        uint32_t seen = __atomic_add_fetch(&breaks[call].seen, 1, __ATOMIC_SEQ_CST);
        return breaks[call].from > 0 && seen >= breaks[call].from;
}

/* The call that would have been made. */
#define REAL(function) ((__typeof__(&(function)))dlsym(library, #function))

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint n,
                                                       const size_t *offset, const size_t *global,
                                                       const size_t *local, cl_uint n_events,
                                                       const cl_event *events, cl_event *ret_event)
{
        if (!is_broken(CALL_KERNEL))
                return REAL(clEnqueueNDRangeKernel)(queue, kernel, n, offset, global, local, n_events, events,
                                                    ret_event);
        if (breaks[CALL_KERNEL].error != CL_SUCCESS)
                return breaks[CALL_KERNEL].error;
        return REAL(clEnqueueMarkerWithWaitList)(queue, n_events, events, ret_event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                                    size_t offset, size_t size, void *ret_data,
                                                    cl_uint n_events, const cl_event *events,
                                                    cl_event *ret_event)
{
        bool broken = is_broken(CALL_READ);
        uint32_t *words = ret_data;

        if (broken && breaks[CALL_READ].error != CL_SUCCESS)
                return breaks[CALL_READ].error;
        /* What is read later would be written over the word. */
        cl_int error = REAL(clEnqueueReadBuffer)(queue, buffer, broken ? CL_TRUE : blocking, offset, size,
                                                 ret_data, n_events, events, ret_event);
        for (size_t i = 0; broken && i < size / sizeof(uint32_t); i++)
                words[i] = breaks[CALL_READ].word;
        return error;
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                                     size_t offset, size_t size, const void *data,
                                                     cl_uint n_events, const cl_event *events,
                                                     cl_event *ret_event)
{
        if (is_broken(CALL_WRITE))
                return breaks[CALL_WRITE].error;
        return REAL(clEnqueueWriteBuffer)(queue, buffer, blocking, offset, size, data, n_events, events,
                                          ret_event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer,
                                                    const void *pattern, size_t pattern_size, size_t offset,
                                                    size_t size, cl_uint n_events, const cl_event *events,
                                                    cl_event *ret_event)
{
        last_queue = queue;
        if (is_broken(CALL_FILL))
                return breaks[CALL_FILL].error;
        return REAL(clEnqueueFillBuffer)(queue, buffer, pattern, pattern_size, offset, size, n_events, events,
                                         ret_event);
}

CL_API_ENTRY cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
        return is_broken(CALL_FINISH) ? breaks[CALL_FINISH].error : REAL(clFinish)(queue);
}

CL_API_ENTRY cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size,
                                               void *host, cl_int *ret_error)
{
        if (!is_broken(CALL_BUFFER))
                return REAL(clCreateBuffer)(context, flags, size, host, ret_error);
        *ret_error = breaks[CALL_BUFFER].error;
        return NULL;
}

CL_API_ENTRY cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint n, const cl_device_id *devices,
                                               const char *options,
                                               void(CL_CALLBACK *notify)(cl_program program, void *userdata),
                                               void *userdata)
{
        return is_broken(CALL_BUILD) ? breaks[CALL_BUILD].error
                                     : REAL(clBuildProgram)(program, n, devices, options, notify, userdata);
}

static bool is_overwritten(cl_mem buffer)
{
        size_t size = 0, n = 0;

        if (REAL(clGetMemObjectInfo)(buffer, CL_MEM_SIZE, sizeof(size), &size, NULL) != CL_SUCCESS)
                return false;
        uint8_t *bytes = malloc(size);
        if (bytes && REAL(clEnqueueReadBuffer)(last_queue, buffer, CL_TRUE, 0, size, bytes, 0, NULL, NULL) ==
                             CL_SUCCESS)
                while (n < size && bytes[n] == 0)
                        n++;
        free(bytes);
        return n == size;
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseMemObject(cl_mem buffer)
{
        (void)is_broken(CALL_RELEASE); /* Counts it. */
        if (breaks && !is_overwritten(buffer))
                breaks[CALL_RELEASE].word++;
        return REAL(clReleaseMemObject)(buffer);
}
