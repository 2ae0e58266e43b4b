/*
 * The played device's driver.
 */

#include "played-device.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

#define EXPORTED __attribute__((visibility("default")))

struct DeviceMemory {
        uint8_t *bytes;
        bool *written; /* a byte */
        size_t size;
        DeviceMemory *next;
};

struct Device {
        size_t number;
        bool failed;
        DeviceMemory *memories;
        ScanProbe *probes;
        int8_t *digits;
        size_t n_probes, dimension;
        uint32_t
                *told_counts; /* of a scan that has failed: it may be written to until the device is closed */
        size_t n_told_counts;
};

static atomic_flag inside = ATOMIC_FLAG_INIT;

static void require(bool holds, const char *what)
{
        if (!holds && !played_control.violation)
                played_control.violation = what;
}

/* Every call begins and ends here. Return: 0, or what it is to fail with. */
static int begin(Device *device, const char *call, DeviceWhy *ret_why)
{
        require(!atomic_flag_test_and_set(&inside), "one caller at a time");
        require(!device || !device->failed, "a device that has failed is only closed");
        if (++played_control.n_calls != played_control.fails_at)
                return 0;
        played_control.failed = call;
        (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: played", call);
        if (device && played_control.fails_with != -ENOMEM)
                device->failed = true;
        return played_control.fails_with;
}

static int end(int r)
{
        atomic_flag_clear(&inside);
        return r;
}

static void *must(void *memory)
{
        if (!memory)
                abort();
        return memory;
}

/* ------------------------------------------------------------------------------------------------
 * devices */

static int played_list(void (*found)(const DeviceFacts *facts, void *userdata), void *userdata,
                       DeviceWhy *ret_why)
{
        int r = begin(NULL, "list", ret_why);

        for (size_t i = 0; r == 0 && i < played_control.n_devices; i++)
                found(&played_control.facts[i], userdata);
        return end(r);
}

static int played_open(size_t number, Device **ret_device, DeviceWhy *ret_why)
{
        int r = begin(NULL, "open", ret_why);

        require(number < played_control.n_devices, "only what is listed is opened");
        if (r == 0 && number < played_control.broken) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "it is broken");
                r = -EIO;
        }
        if (r == 0) {
                *ret_device = must(calloc(1, sizeof(Device)));
                (*ret_device)->number = number;
                played_control.n_open++;
        }
        return end(r);
}

static void wipe_probes(Device *device)
{
        if (device->digits)
                explicit_bzero(device->digits, device->n_probes * 2 * scan_digits_size(device->dimension));
        free(device->probes);
        free(device->digits);
        device->probes = NULL;
        device->digits = NULL;
        device->n_probes = played_control.n_probes = 0;
}

static void free_memory(Device *device, DeviceMemory *memory)
{
        DeviceMemory **place = &device->memories;

        while (*place && *place != memory)
                place = &(*place)->next;
        require(*place, "only memory of the device is given back");
        if (!*place)
                return;
        *place = memory->next;
        played_control.n_memories--;
        played_control.used -= memory->size;
        free(memory->bytes);
        free(memory->written);
        free(memory);
}

static void played_close(Device *device)
{
        if (!device)
                return;
        if (device->told_counts)
                memset(device->told_counts, 0xff, device->n_told_counts * sizeof(uint32_t));
        wipe_probes(device);
        while (device->memories)
                free_memory(device, device->memories);
        played_control.n_open--;
        free(device);
}

static const DeviceFacts *played_facts(const Device *device)
{
        return &played_control.facts[device->number];
}

/* ------------------------------------------------------------------------------------------------
 * memory */

static int played_allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why)
{
        const DeviceFacts *facts = played_facts(device);
        int r = begin(device, "allocate", ret_why);

        require(size > 0 && size <= facts->largest, "memory is not larger than the largest");
        if (r != 0)
                return end(r);
        if (played_control.used + size > facts->memory) {
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "allocate: it is full");
                return end(-ENOMEM);
        }
        DeviceMemory *memory = must(calloc(1, sizeof(DeviceMemory)));
        *memory = (DeviceMemory){.bytes = must(malloc(size)),
                                 .written = must(calloc(size, sizeof(bool))),
                                 .size = size,
                                 .next = device->memories};
        device->memories = memory;
        played_control.used += size;
        played_control.n_memories++;
        *ret_memory = memory;
        return end(0);
}

static int played_release(Device *device, DeviceMemory *memory, DeviceWhy *ret_why)
{
        bool failed = device->failed; /* What it holds is given back nevertheless. */

        device->failed = false;
        int r = begin(device, "release", ret_why);
        device->failed = device->failed || failed;
        if (memory)
                free_memory(device, memory);
        return end(r == -ENOMEM ? -EIO : r);
}

static bool is_there(const Device *device, const DeviceMemory *memory)
{
        const DeviceMemory *known = device->memories;

        while (known && known != memory)
                known = known->next;
        return known;
}

static int played_write(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
                        DeviceWhy *ret_why)
{
        int r = begin(device, "write", ret_why);

        require(is_there(device, memory), "only memory of the device is written");
        require(size > 0 && offset + size <= memory->size, "memory is written within its bounds");
        if (r == 0) {
                memcpy(memory->bytes + offset, data, size);
                memset(memory->written + offset, true, size);
        }
        return end(r);
}

/* ------------------------------------------------------------------------------------------------
 * probes */

static int32_t sum_of(const int8_t *digits, size_t dimension)
{
        int32_t sum = 0;

        for (size_t i = 0; i < dimension; i++)
                sum += digits[i];
        return sum;
}

static void check_probe(const ScanProbe *probe, bool two, size_t dimension)
{
        require(!probe->second == !two, "probes have one digit or two, all of them");
        require(probe->start[0] == -CODES_BIAS * sum_of(probe->digits, dimension),
                "the start is that of the digits");
        if (two)
                require(probe->start[1] == -CODES_BIAS * sum_of(probe->second, dimension),
                        "the start is that of the second digits");
        for (size_t i = dimension; i < scan_digits_size(dimension); i++)
                require(probe->digits[i] == 0, "digits are padded with zeros");
}

static void copy_probe(Device *device, const ScanProbe *probe, size_t i)
{
        size_t size = scan_digits_size(device->dimension);
        int8_t *digits = device->digits + i * 2 * size;

        device->probes[i] = *probe;
        memcpy(digits, probe->digits, size);
        device->probes[i].digits = digits;
        if (!probe->second)
                return;
        memcpy(digits + size, probe->second, size);
        device->probes[i].second = digits + size;
}

static int played_set_probes(Device *device, const ScanProbe *probes, size_t n, size_t dimension,
                             DeviceWhy *ret_why)
{
        int r = begin(device, "set_probes", ret_why);

        require(n >= 1 && n <= DEVICE_PROBES_MAX && dimension >= 1 && dimension <= CODES_DIMENSION_MAX,
                "probes are few, and of a dimension");
        wipe_probes(device);
        if (r != 0)
                return end(r);
        device->dimension = dimension;
        device->n_probes = played_control.n_probes = n;
        device->probes = must(calloc(n, sizeof(ScanProbe)));
        device->digits = must(calloc(n, 2 * scan_digits_size(dimension)));
        for (size_t i = 0; i < n; i++) {
                check_probe(&probes[i], probes[0].second, dimension);
                copy_probe(device, &probes[i], i);
        }
        return end(0);
}

static int played_forget_probes(Device *device, DeviceWhy *ret_why)
{
        bool failed = device->failed;

        device->failed = false;
        int r = begin(device, "forget_probes", ret_why);
        device->failed = device->failed || failed;
        wipe_probes(device);
        return end(r == -ENOMEM ? -EIO : r);
}

/* ------------------------------------------------------------------------------------------------
 * scans */

static size_t common_divisor(size_t a, size_t b)
{
        return b == 0 ? a : common_divisor(b, a % b);
}

static void check_scan(const Device *device, const DeviceScan *scan)
{
        size_t size = codes_block_size(device->dimension);

        require(is_there(device, scan->memory), "only memory of the device is scanned");
        require(device->n_probes > 0, "there are probes to scan for");
        require(scan->n_blocks * size <= scan->memory->size, "the blocks are in the memory");
        require(scan->n > 0 && (uint64_t)scan->first + scan->n <= scan->n_blocks, "positions are blocks'");
        require(scan->step > 0 && common_divisor(scan->step, scan->n_blocks) == 1,
                "each step leads to another block");
        require(scan->most >= 1 && scan->most <= DEVICE_FOUND_MAX, "what is handed out is bounded");
        require(scan->most * device->n_probes <= DEVICE_FOUND_ALL, "of all probes as well");
        for (size_t i = 0; i < device->n_probes; i++)
                require(!isnan(scan->floors[i]), "floors are numbers");
}

static float product(const uint8_t *block, size_t dimension, size_t row, const int8_t *digits, int32_t start)
{
        int32_t sum = start;

        for (size_t i = 0; i < dimension; i++)
                sum += block[(i / 4 * CODES_ROWS + row) * 4 + i % 4] * digits[i];
        return (float)sum;
}

static float upper_of(const ScanProbe *probe, const uint8_t *block, size_t dimension, size_t row)
{
        const float *scales = (const float *)(block + codes_size(dimension)),
                    *residuals = scales + CODES_ROWS;
        float v = product(block, dimension, row, probe->digits, probe->start[0]);

        if (played_control.wrong == PLAYED_WRONG_SUMS ||
            (played_control.wrong == PLAYED_WRONG_LONG_SUMS && dimension > 1000))
                v += 1;
        if (probe->second)
                v = fmaf(SCAN_BASE, v, product(block, dimension, row, probe->second, probe->start[1]));
        return fmaf(v, scales[row] * probe->scale, residuals[row] + probe->slack);
}

/* Of a probe that finds more than can be handed out, some are, with nothing in them that would be of use. */
static void hand_out(DeviceScan *scan, uint32_t probe, uint32_t row, float upper)
{
        uint32_t count = ++scan->ret_counts[probe];

        played_control.n_found++;
        if (count <= scan->most)
                scan->ret_found[scan->n_found++] = (DeviceFound){.probe = probe, .row = row, .upper = upper};
}

static void spoil_overflowed(DeviceScan *scan)
{
        for (size_t i = 0; i < scan->n_found; i++)
                if (scan->ret_counts[scan->ret_found[i].probe] > scan->most) {
                        scan->ret_found[i].row = UINT32_MAX;
                        scan->ret_found[i].upper = NAN;
                }
}

static void scan_block(const Device *device, DeviceScan *scan, size_t block)
{
        size_t size = codes_block_size(device->dimension);
        const uint8_t *bytes = scan->memory->bytes + block * size;

        require(!memchr(scan->memory->written + block * size, false, size),
                "what is scanned was written before");
        for (uint32_t probe = 0; probe < device->n_probes; probe++)
                for (size_t i = 0; i < CODES_ROWS && scan->floors[probe] < INFINITY; i++) {
                        size_t row = i * 37 % CODES_ROWS; /* in no order */
                        float upper = upper_of(&device->probes[probe], bytes, device->dimension, row);
                        if (upper >= scan->floors[probe])
                                hand_out(scan, probe, (uint32_t)(block * CODES_ROWS + row), upper);
                }
}

static size_t block_at(const DeviceScan *scan, size_t p)
{
        size_t product = p * scan->step;

        return (played_control.wrong == PLAYED_WRONG_POSITIONS ? (uint32_t)product : product) %
               scan->n_blocks;
}

static void lie(const Device *device, DeviceScan *scan)
{
        DeviceFound *last = scan->n_found > 0 ? &scan->ret_found[scan->n_found - 1] : NULL;

        if (!last || scan->first == 0 || played_control.lie == PLAYED_TRUTH)
                return;
        switch (played_control.lie) {
        case PLAYED_LOSES_A_ROW:
                scan->n_found--;
                break;
        case PLAYED_DOUBLES_A_ROW:
                scan->ret_found[scan->n_found++] = *last;
                break;
        case PLAYED_ROW_BEYOND:
                last->row = scan->n_blocks * CODES_ROWS - 1;
                break;
        case PLAYED_PROBE_BEYOND:
                last->probe = (uint32_t)device->n_probes;
                break;
        case PLAYED_BELOW_FLOOR:
                last->upper = nextafterf(scan->floors[last->probe], -INFINITY);
                break;
        case PLAYED_FOUND_BEYOND:
                scan->n_found = scan->most * device->n_probes + 1;
                break;
        case PLAYED_TRUTH:
        case _PLAYED_LIE_MAX:
                break;
        }
        played_control.lie = PLAYED_TRUTH;
}

static int played_scan(Device *device, DeviceScan *scan, DeviceWhy *ret_why)
{
        int r = begin(device, "scan", ret_why);

        check_scan(device, scan);
        if (r != 0) {
                device->told_counts = scan->ret_counts;
                device->n_told_counts = device->n_probes;
                return end(r);
        }
        scan->n_found = 0;
        memset(scan->ret_counts, 0, device->n_probes * sizeof(uint32_t));
        for (size_t p = scan->first; p < (size_t)scan->first + scan->n; p++)
                scan_block(device, scan, block_at(scan, p));
        if (played_control.lingers_usec > 0)
                (void)usleep(played_control.lingers_usec); /* Less is no harm. */
        spoil_overflowed(scan);
        lie(device, scan);
        scan->nanoseconds = played_control.nanoseconds;
        played_control.n_scanned += scan->n;
        if (++played_control.n_scans == played_control.stops_at && played_control.stop)
                atomic_store(played_control.stop, 1);
        return end(0);
}

EXPORTED DeviceDriver matchguard_device_driver = {
        .version = DEVICE_DRIVER_VERSION,
        .name = PLAYED_NAME,
        .list = played_list,
        .open = played_open,
        .close = played_close,
        .facts = played_facts,
        .allocate = played_allocate,
        .release = played_release,
        .write = played_write,
        .set_probes = played_set_probes,
        .forget_probes = played_forget_probes,
        .scan = played_scan,
};

/* One GPU, where nobody says otherwise. */
EXPORTED PlayedControl played_control = {
        .driver = &matchguard_device_driver,
        .n_devices = 1,
        .facts = {{.name = "Played GPU",
                   .kind = "gpu",
                   .is_gpu = true,
                   .memory = 1 << 28,
                   .largest = 1 << 26}},
};
