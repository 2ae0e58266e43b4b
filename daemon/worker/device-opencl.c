/*
 * Devices that OpenCL 1.2 knows: the driver engine-opencl.so. It owns the device's context and queue, and what it keeps there for searches:
 *
 *      probes          as worker/opencl-probes.h has them
 *      board           floors [probes], how many rows were written down, how many blocks were gone through, counts [probes], and these rows, three
 *                      words each
 *
 * A search sends floors and zeros in one piece, and gets the counts and the first few rows in another. A row is written down only while its probe's
 * count is below `most`, so there is always a place for it. Some drivers say that all is well of a kernel that did not run, or not to its end; a search
 * that finds nothing looks the same, so blocks are counted.
 *
 * What goes to the device is copied by OpenCL, straight from where it is as far as is known here: PoCL has no memory of its own for that. A GPU's driver
 * may have some, which is not overwritten; worker/cuda-memory.c, where there is a way to, gives it none.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/opencl-devices.h"
#include "worker/opencl-kernels.h"
#include "worker/opencl-pages.h"
#include "worker/opencl-probes.h"

enum {
        FOUND_WORDS = 3,
        TOTALS = 2,                                  /* words between floors and counts */
        HEAD_WORDS = 2 * DEVICE_PROBES_MAX + TOTALS, /* of the board, before what was found */
        FOUND_AT_ONCE = 1024,                        /* rows that come with the counts */
        WARM_UP_PROBES = 2,                          /* more than one, as far as kernels go */
};

#define BOARD_SIZE ((HEAD_WORDS + (size_t)DEVICE_FOUND_ALL * FOUND_WORDS) * sizeof(uint32_t))

_Static_assert(sizeof(DeviceFound) == FOUND_WORDS * sizeof(uint32_t),
               "a row is three words, as worker/scan.cl writes them");

struct DeviceMemory {
        OpenclPages pages; /* where the device has no memory of its own */
        OpenclPiece all;
        DeviceMemory *next, **previous;
};

struct Device {
        DeviceFacts facts;
        OpenclKernels kernels;
        OpenclPiece all_probes, board;
        DeviceMemory *memories; /* that were not released */
        OpenclProbes probes;
        size_t probes_used; /* bytes of their buffer that may not be zero */
        size_t board_used;

        /* On their way from or to the device. */
        void *staged_probes;
        uint32_t staged_board[HEAD_WORDS];
        uint32_t result[TOTALS + DEVICE_PROBES_MAX + FOUND_AT_ONCE * FOUND_WORDS];
};

/* --------------------------------------------------------------------------------------------------
 * memory */

static int overwrite(Device *device, const OpenclPiece *piece, DeviceWhy *ret_why)
{
        _cleanup_(opencl_commands_deinit) OpenclCommands commands = {.queue = device->kernels.queue};

        if (piece->size == 0)
                return 0;
        int r = opencl_commands_clear(&commands, piece, ret_why);
        return r < 0 ? r : opencl_commands_wait(&commands, ret_why);
}

static int write_down(Device *device, const OpenclPiece *piece, const void *data, DeviceWhy *ret_why)
{
        _cleanup_(opencl_commands_deinit) OpenclCommands commands = {.queue = device->kernels.queue};

        int r = opencl_commands_write(&commands, piece, data, ret_why);
        if (r == 0)
                r = opencl_commands_wait(&commands, ret_why);
        return r < 0 ? -EIO : 0;
}

/* @pages: what the device is to use as its own, NULL: nothing. */
static int create(Device *device, size_t size, void *pages, OpenclPiece *ret_piece, DeviceWhy *ret_why)
{
        size_t whole = (size + OPENCL_CLEARED - 1) / OPENCL_CLEARED * OPENCL_CLEARED;
        cl_mem_flags flags = CL_MEM_READ_WRITE | (pages ? CL_MEM_USE_HOST_PTR : 0);
        cl_int error;

        cl_mem buffer = clCreateBuffer(device->kernels.context, flags, whole, pages, &error);
        if (error != CL_SUCCESS)
                return opencl_no_room("clCreateBuffer", error, ret_why);
        *ret_piece = (OpenclPiece){.buffer = buffer, .size = whole};
        return 0;
}

/* Takes NULL, and what is not complete. */
static void memory_free(DeviceMemory *memory)
{
        if (!memory)
                return;
        if (memory->all.buffer)
                clReleaseMemObject(memory->all.buffer);
        opencl_pages_deinit(&memory->pages);
        free(memory);
}
DEFINE_CLEANUP(DeviceMemory *, memory_free);

static void memory_join(Device *device, DeviceMemory *memory)
{
        memory->next = device->memories;
        memory->previous = &device->memories;
        if (memory->next)
                memory->next->previous = &memory->next;
        device->memories = memory;
}

static int opencl_allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why)
{
        _cleanup_(memory_freep) DeviceMemory *memory = calloc(1, sizeof(*memory));

        if (!memory || (device->kernels.shape->has_pages && opencl_pages_init(&memory->pages, size) < 0))
                return opencl_no_room("mmap", CL_OUT_OF_HOST_MEMORY, ret_why);
        int r = create(device, size, memory->pages.data, &memory->all, ret_why);
        /* Drivers take memory when it is used first: whether there is some is known once it was written to. */
        if (r == 0)
                r = overwrite(device, &memory->all, ret_why);
        if (r < 0)
                return r;
        memory_join(device, memory);
        *ret_memory = TAKE_PTR(memory);
        return 0;
}

static int opencl_release(Device *device, DeviceMemory *memory, DeviceWhy *ret_why)
{
        if (!memory)
                return 0;
        int r = overwrite(device, &memory->all, ret_why);
        *memory->previous = memory->next;
        if (memory->next)
                memory->next->previous = memory->previous;
        memory_free(memory);
        return r < 0 ? -EIO : 0;
}

static int opencl_write(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
                        DeviceWhy *ret_why)
{
        const OpenclPiece piece = {memory->all.buffer, offset, size};

        return write_down(device, &piece, data, ret_why);
}

/* --------------------------------------------------------------------------------------------------
 * probes */

/* Sizes are multiples of OPENCL_CLEARED (worker/opencl-probes.h). */
static int opencl_set_probes(Device *device, const ScanProbe *probes, size_t n, size_t dimension,
                             DeviceWhy *ret_why)
{
        size_t before = device->probes_used;

        device->probes = opencl_probes_init(device->kernels.shape, probes, n, dimension);
        size_t size = opencl_probes_size(&device->probes);
        opencl_probes_write(&device->probes, probes, device->staged_probes);
        device->probes_used = MAX_OF(before, size);
        int r = write_down(device, &(OpenclPiece){device->all_probes.buffer, 0, size}, device->staged_probes,
                           ret_why);
        explicit_bzero(device->staged_probes, size);
        if (r == 0 && before > size)
                r = overwrite(device, &(OpenclPiece){device->all_probes.buffer, size, before - size},
                              ret_why);
        if (r < 0)
                return -EIO;
        device->probes_used = size;
        return 0;
}

static int opencl_forget_probes(Device *device, DeviceWhy *ret_why)
{
        device->probes = (OpenclProbes){};
        if (overwrite(device, &(OpenclPiece){device->all_probes.buffer, 0, device->probes_used}, ret_why) < 0)
                return -EIO;
        device->probes_used = 0;
        return 0;
}

/* --------------------------------------------------------------------------------------------------
 * scan */

static OpenclScan scan_of(const Device *device, const DeviceScan *scan)
{
        const OpenclProbes *probes = &device->probes;
        size_t block_words = probes->n_steps * CODES_ROWS + 2 * CODES_ROWS;
        enum OpenclKernel kernel = probes->n == 1 ? OPENCL_ONE_PROBE : OPENCL_PROBES;

        if (probes->n_digits == 2)
                kernel++;
        return (OpenclScan){.kernel = kernel,
                            .memory = scan->memory->all.buffer,
                            .probes = device->all_probes.buffer,
                            .board = device->board.buffer,
                            .task = {.n_blocks = scan->n_blocks,
                                     .first = scan->first,
                                     .n = scan->n,
                                     .step = scan->step,
                                     .n_steps = (uint32_t)probes->n_steps,
                                     .block_words = (uint32_t)block_words,
                                     .n_probes = (uint32_t)probes->n,
                                     .most = scan->most}};
}

static OpenclPiece words_of_board(Device *device, size_t first, size_t n)
{
        device->board_used = MAX_OF(device->board_used, (first + n) * sizeof(uint32_t));
        return (OpenclPiece){device->board.buffer, first * sizeof(uint32_t), n * sizeof(uint32_t)};
}

static int send_board(Device *device, const float *floors, OpenclCommands *commands, DeviceWhy *ret_why)
{
        size_t n = device->probes.n;
        const OpenclPiece piece = words_of_board(device, 0, 2 * n + TOTALS);

        memcpy(device->staged_board, floors, n * sizeof(*floors));
        memset(device->staged_board + n, 0, (TOTALS + n) * sizeof(uint32_t));
        return opencl_commands_write(commands, &piece, device->staged_board, ret_why);
}

/* What did not come with the counts. */
static int read_more(Device *device, size_t first, size_t n, DeviceFound *ret_found, DeviceWhy *ret_why)
{
        _cleanup_(opencl_commands_deinit) OpenclCommands commands = {.queue = device->kernels.queue};
        const OpenclPiece piece =
                words_of_board(device, 2 * device->probes.n + TOTALS + first * FOUND_WORDS, n * FOUND_WORDS);

        int r = opencl_commands_read(&commands, &piece, ret_found, ret_why);
        return r < 0 ? r : opencl_commands_wait(&commands, ret_why);
}

static int take_result(Device *device, DeviceScan *scan, size_t n_at_once, DeviceWhy *ret_why)
{
        size_t n = device->probes.n, n_found = device->result[0], n_here = MIN_OF(n_found, n_at_once);

        if (n_found > n * scan->most) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "it found %zu rows, of %zu at most",
                               n_found, n * scan->most); /* There is room. */
                return -EIO;
        }
        if (device->result[1] != scan->n) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text),
                               "the kernel went through %u blocks, and not through %u", device->result[1],
                               scan->n); /* There is room. */
                return -EIO;
        }
        memcpy(scan->ret_counts, device->result + TOTALS, n * sizeof(uint32_t));
        memcpy(scan->ret_found, device->result + TOTALS + n, n_here * sizeof(DeviceFound));
        scan->n_found = n_found;
        if (n_found == n_here)
                return 0;
        return read_more(device, n_here, n_found - n_here, scan->ret_found + n_here, ret_why);
}

/* By the device's clock; 0 where it does not tell. */
static uint64_t time_of(cl_event event)
{
        cl_ulong begin = 0, end = 0;

        if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(begin), &begin, NULL) !=
                    CL_SUCCESS ||
            clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(end), &end, NULL) != CL_SUCCESS)
                return 0;
        return end > begin ? end - begin : 0;
}

static int opencl_scan(Device *device, DeviceScan *scan, DeviceWhy *ret_why)
{
        const OpenclScan run = scan_of(device, scan);
        size_t n = device->probes.n, n_at_once = MIN_OF(n * scan->most, (size_t)FOUND_AT_ONCE);
        const OpenclPiece result = words_of_board(device, n, TOTALS + n + n_at_once * FOUND_WORDS);
        _cleanup_(opencl_commands_deinit) OpenclCommands commands = {.queue = device->kernels.queue};

        int r = send_board(device, scan->floors, &commands, ret_why);
        if (r == 0)
                r = opencl_kernels_scan(&device->kernels, &run, &commands, ret_why);
        if (r == 0)
                r = opencl_commands_read(&commands, &result, device->result, ret_why);
        if (r == 0)
                r = opencl_commands_wait(&commands, ret_why);
        if (r == 0)
                r = take_result(device, scan, n_at_once, ret_why);
        if (r < 0)
                return -EIO;
        scan->nanoseconds = time_of(commands.events[1]);
        return 0;
}

/* --------------------------------------------------------------------------------------------------
 * opening and closing */

/* All rows of a block of zeros reach a floor of zero. */
static int warm_up_with(Device *device, const DeviceMemory *memory, size_t n_probes, bool two,
                        DeviceWhy *ret_why)
{
        static const int8_t digits[8] = {};
        const ScanProbe probe = {.digits = digits, .second = two ? digits : NULL};
        const ScanProbe probes[WARM_UP_PROBES] = {probe, probe};
        const float floors[WARM_UP_PROBES] = {0, 0};
        uint32_t counts[WARM_UP_PROBES];
        DeviceFound found[WARM_UP_PROBES];
        DeviceScan scan = {.memory = memory,
                           .n_blocks = 1,
                           .n = 1,
                           .step = 1,
                           .floors = floors,
                           .most = 1,
                           .ret_counts = counts,
                           .ret_found = found};

        int r = opencl_set_probes(device, probes, n_probes, 1, ret_why);
        return r < 0 ? r : opencl_scan(device, &scan, ret_why);
}

static int warm_up(Device *device, DeviceWhy *ret_why)
{
        DeviceMemory *memory = NULL;
        DeviceWhy ignored;
        int r = opencl_allocate(device, codes_block_size(1), &memory, ret_why);

        for (size_t n = 1; r == 0 && n <= WARM_UP_PROBES; n++)
                for (int two = 0; r == 0 && two <= 1; two++)
                        r = warm_up_with(device, memory, n, two, ret_why);
        int q = opencl_release(device, memory, r == 0 ? ret_why : &ignored);
        if (r == 0)
                r = q;
        return r < 0 ? r : opencl_forget_probes(device, ret_why);
}

static void end_piece(Device *device, const OpenclPiece *piece)
{
        DeviceWhy ignored; /* There is nobody to be told any more. */

        if (!piece->buffer)
                return;
        (void)overwrite(device, piece, &ignored); /* As above. */
        clReleaseMemObject(piece->buffer);
}

static void opencl_close(Device *device)
{
        DeviceWhy ignored; /* There is nobody to be told any more. */

        if (!device)
                return;
        while (device->memories)
                (void)opencl_release(device, device->memories, &ignored); /* As above. */
        device->all_probes.size = device->probes_used;
        device->board.size = (device->board_used + OPENCL_CLEARED - 1) / OPENCL_CLEARED * OPENCL_CLEARED;
        end_piece(device, &device->all_probes);
        end_piece(device, &device->board);
        opencl_kernels_deinit(&device->kernels);
        free(device->staged_probes);
        explicit_bzero(device, sizeof(*device));
        free(device);
}

static int make_ready(Device *device, cl_device_id id, DeviceWhy *ret_why)
{
        int r = opencl_kernels_init(id, device->facts.is_gpu, &device->kernels, ret_why);

        if (r < 0)
                return r;
        size_t size = opencl_probes_size_max(device->kernels.shape);
        device->staged_probes = malloc(size);
        if (!device->staged_probes)
                return opencl_no_room("malloc", CL_OUT_OF_HOST_MEMORY, ret_why);
        r = create(device, size, NULL, &device->all_probes, ret_why);
        if (r == 0)
                r = create(device, BOARD_SIZE, NULL, &device->board, ret_why);
        return r < 0 ? r : warm_up(device, ret_why);
}

typedef struct Choice {
        size_t number;
        cl_device_id id;
        DeviceFacts facts;
} Choice;

static bool choose(cl_device_id id, const DeviceFacts *facts, void *userdata)
{
        Choice *choice = userdata;

        if (choice->number-- > 0)
                return true;
        choice->id = id;
        choice->facts = *facts;
        return false;
}

static int opencl_open(size_t number, Device **ret_device, DeviceWhy *ret_why)
{
        Choice choice = {.number = number};
        int r = opencl_devices(choose, &choice, ret_why);

        if (r < 0)
                return r;
        if (!choice.id) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "OpenCL has no device %zu",
                               number); /* There is room. */
                return -ENODEV;
        }
        Device *device = calloc(1, sizeof(*device));
        if (!device)
                return opencl_no_room("malloc", CL_OUT_OF_HOST_MEMORY, ret_why);
        device->facts = choice.facts;
        r = make_ready(device, choice.id, ret_why);
        if (r < 0) {
                opencl_close(device);
                return r;
        }
        *ret_device = device;
        return 0;
}

static const DeviceFacts *opencl_facts(const Device *device)
{
        return &device->facts;
}

typedef struct Listener {
        void (*found)(const DeviceFacts *facts, void *userdata);
        void *userdata;
} Listener;

static bool tell(cl_device_id id, const DeviceFacts *facts, void *userdata)
{
        const Listener *listener = userdata;

        listener->found(facts, listener->userdata);
        return true;
}

static int opencl_list(void (*found)(const DeviceFacts *facts, void *userdata), void *userdata,
                       DeviceWhy *ret_why)
{
        Listener listener = {found, userdata};

        return opencl_devices(tell, &listener, ret_why);
}

__attribute__((visibility("default"))) extern const DeviceDriver matchguard_device_driver;

const DeviceDriver matchguard_device_driver = {
        .version = DEVICE_DRIVER_VERSION,
        .name = "opencl",
        .list = opencl_list,
        .open = opencl_open,
        .close = opencl_close,
        .facts = opencl_facts,
        .allocate = opencl_allocate,
        .release = opencl_release,
        .write = opencl_write,
        .set_probes = opencl_set_probes,
        .forget_probes = opencl_forget_probes,
        .scan = opencl_scan,
};
