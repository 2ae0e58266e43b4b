/*
 * Each command has an event, by which its end is seen: what OpenCL says of a queue is not what became of a command.
 */

#include "worker/opencl-commands.h"

#include "base/macro.h"

/* @error: of the call, which made the event unless it failed. */
static int add(OpenclCommands *commands, const char *call, cl_int error, DeviceWhy *ret_why)
{
        if (error != CL_SUCCESS)
                return opencl_no_room(call, error, ret_why);
        commands->calls[commands->n++] = call;
        return 0;
}

static cl_event *next(OpenclCommands *commands)
{
        return &commands->events[commands->n];
}

int opencl_commands_clear(OpenclCommands *commands, const OpenclPiece *piece, DeviceWhy *ret_why)
{
        const cl_uint4 zeros = {};

        _Static_assert(sizeof(zeros) == OPENCL_CLEARED, "what is filled is whole zeros");
        return add(commands, "clEnqueueFillBuffer",
                   clEnqueueFillBuffer(commands->queue, piece->buffer, &zeros, sizeof(zeros), piece->offset,
                                       piece->size, 0, NULL, next(commands)),
                   ret_why);
}

int opencl_commands_write(OpenclCommands *commands, const OpenclPiece *piece, const void *data,
                          DeviceWhy *ret_why)
{
        return add(commands, "clEnqueueWriteBuffer",
                   clEnqueueWriteBuffer(commands->queue, piece->buffer, CL_FALSE, piece->offset, piece->size,
                                        data, 0, NULL, next(commands)),
                   ret_why);
}

int opencl_commands_read(OpenclCommands *commands, const OpenclPiece *piece, void *ret_data,
                         DeviceWhy *ret_why)
{
        return add(commands, "clEnqueueReadBuffer",
                   clEnqueueReadBuffer(commands->queue, piece->buffer, CL_FALSE, piece->offset, piece->size,
                                       ret_data, 0, NULL, next(commands)),
                   ret_why);
}

int opencl_commands_run(OpenclCommands *commands, cl_kernel kernel, const size_t grid[static 2],
                        DeviceWhy *ret_why)
{
        return add(commands, "clEnqueueNDRangeKernel",
                   clEnqueueNDRangeKernel(commands->queue, kernel, 1, NULL, &grid[0], &grid[1], 0, NULL,
                                          next(commands)),
                   ret_why);
}

static int result(const char *call, cl_event event, DeviceWhy *ret_why)
{
        cl_int status = CL_COMPLETE;
        cl_int error =
                clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, NULL);

        if (error != CL_SUCCESS)
                return opencl_failed("clGetEventInfo", error, ret_why);
        return opencl_no_room(call, MIN_OF(status, CL_SUCCESS), ret_why);
}

int opencl_commands_wait(OpenclCommands *commands, DeviceWhy *ret_why)
{
        cl_int error = commands->n > 0 ? clWaitForEvents(commands->n, commands->events) : CL_SUCCESS;

        for (cl_uint i = 0; i < commands->n; i++) {
                int r = result(commands->calls[i], commands->events[i], ret_why);
                if (r < 0)
                        return r;
        }
        return opencl_failed("clWaitForEvents", error, ret_why);
}

void opencl_commands_deinit(OpenclCommands *commands)
{
        DeviceWhy ignored; /* Whoever did not wait has an error to tell already. */

        (void)opencl_commands_wait(commands, &ignored); /* As above. */
        for (cl_uint i = 0; i < commands->n; i++)
                clReleaseEvent(commands->events[i]);
        *commands = (OpenclCommands){};
}
