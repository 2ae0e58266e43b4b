#pragma once
/*
 * Commands in a queue that is worked off in order, and waiting for them: whether one failed is known only then, and each is told by its name. Memory that
 * commands use stays until they were waited for.
 */

#include "worker/opencl-failure.h"

enum {
        OPENCL_COMMANDS_MAX = 3,
        OPENCL_CLEARED = 16, /* what offset and size of a piece that is cleared are multiples of */
};

typedef struct OpenclCommands {
        cl_command_queue queue; /* borrowed; the rest is zero to begin with */
        cl_event events[OPENCL_COMMANDS_MAX];
        const char *calls[OPENCL_COMMANDS_MAX];
        cl_uint n;
} OpenclCommands;

/* Of a buffer. */
typedef struct OpenclPiece {
        cl_mem buffer;
        size_t offset, size;
} OpenclPiece;

/* Each of these enqueues one. Return: 0, -EIO, or -ENOMEM as opencl_no_room() has it. */
int opencl_commands_clear(OpenclCommands *commands, const OpenclPiece *piece, DeviceWhy *ret_why);
int opencl_commands_write(OpenclCommands *commands, const OpenclPiece *piece, const void *data,
                          DeviceWhy *ret_why);
int opencl_commands_read(OpenclCommands *commands, const OpenclPiece *piece, void *ret_data,
                         DeviceWhy *ret_why);
/* @grid: work-items in all and of a work-group */
int opencl_commands_run(OpenclCommands *commands, cl_kernel kernel, const size_t grid[static 2],
                        DeviceWhy *ret_why);

/** opencl_commands_wait() - Until all have come to an end. Return: as above, of the first that failed. */
int opencl_commands_wait(OpenclCommands *commands, DeviceWhy *ret_why);

/** opencl_commands_deinit() - Waits as well, for the memory's sake. */
void opencl_commands_deinit(OpenclCommands *commands);
