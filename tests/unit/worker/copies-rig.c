/*
 * Copies on a played device.
 */

#include "copies-rig.h"

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "scratch.h"

Rig rig;

void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *memory, size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);

static bool host_fails(void)
{
        return rig.host_fails_at > 0 && --rig.host_fails_at == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
        return host_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *memory, size_t n, size_t size)
{
        return host_fails() ? NULL : __real_reallocarray(memory, n, size);
}

/* ------------------------------------------------------------------------------------------ the device */

uint64_t rig_there(void)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < rig.device.n_memory; i++)
                sum += rig.device.memory[i].is_there ? rig.device.memory[i].size : 0;
        return sum;
}

/* Return: what the call is to fail with. */
static int count_call(const char *name, DeviceWhy *ret_why)
{
        rig.device.n_calls++;
        if (rig.device.n_calls != rig.device.fails_at)
                return 0;
        (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: played", name);
        return rig.device.failure;
}

static const DeviceFacts *facts(const Device *device)
{
        return &rig.device.facts;
}

static int allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why)
{
        int r = count_call("allocate", ret_why);
        if (r < 0)
                return r;
        cr_assert_leq(size, rig.device.facts.largest);
        cr_assert(rig.device.most == 0 || rig_there() + size <= rig.device.most, "more than the limit");
        if (rig_there() + size > rig.device.capacity) {
                rig.device.n_refused++;
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "allocate: full");
                return -ENOMEM;
        }
        cr_assert_lt(rig.device.n_memory, RIG_MEMORY_MAX);
        DeviceMemory *memory = &rig.device.memory[rig.device.n_memory++];
        *memory = (DeviceMemory){.data = calloc(1, size), .size = size, .is_there = true};
        cr_assert_not_null(memory->data);
        *ret_memory = memory;
        return 0;
}

static int release(Device *device, DeviceMemory *memory, DeviceWhy *ret_why)
{
        int r = count_call("release", ret_why);

        if (!memory)
                return r;
        cr_assert(memory->is_there);
        memory->is_there = false;
        if (r == 0)
                memset(memory->data, 0, memory->size);
        return r;
}

static int write_memory(Device *device, DeviceMemory *memory, size_t offset, const void *data, size_t size,
                        DeviceWhy *ret_why)
{
        int r = count_call("write", ret_why);
        if (r < 0)
                return r;
        cr_assert(memory->is_there && offset + size <= memory->size && size > 0);
        memcpy(memory->data + offset, data, size);
        rig.device.written += size;
        rig.device.n_written++;
        return 0;
}

static const DeviceDriver driver = {.version = DEVICE_DRIVER_VERSION,
                                    .name = "played",
                                    .facts = facts,
                                    .allocate = allocate,
                                    .release = release,
                                    .write = write_memory};

static void clear_device(void)
{
        for (size_t i = 0; i < rig.device.n_memory; i++)
                free(rig.device.memory[i].data);
        rig.device = (RigDevice){.facts = {.largest = UINT64_C(1) << 40}, .capacity = UINT64_MAX};
}

/* --------------------------------------------------------------------------------------- the galleries */

void rig_clear(void)
{
        DeviceWhy why;

        cr_assert_eq(copies_free(TAKE_PTR(rig.copies), &why), 0);
        for (size_t i = 0; i < RIG_GALLERIES; i++) {
                blocks_deinit(&rig.bodies[i].blocks);
                rig.bodies[i].n_rows = 0;
        }
        clear_device();
}

void rig_begin(uint64_t n_blocks)
{
        rig_clear();
        rig.limit = n_blocks * RIG_BLOCK_SIZE;
        rig.device.most = rig.limit;
        cr_assert_eq(copies_new(&driver, NULL, rig.limit, &rig.copies), 0);
}

void rig_set_up(void)
{
        rig.chance = 4711;
        diag_set_level(DIAG_ERROR);
        clear_device();
}

uint64_t rig_code_at(const uint8_t *block, size_t row)
{
        uint64_t code[2] = {};
        const uint64_t none = UINT64_C(0x8080808080808080);

        for (size_t i = 0; i < RIG_DIMENSION; i++)
                ((uint8_t *)code)[i] = block[(i / 4 * CODES_ROWS + row) * 4 + i % 4];
        if (code[0] == none && code[1] == none)
                return 0;
        return code[0] * 3 + code[1];
}

void rig_append(RigBody *body, size_t n)
{
        float vector[RIG_DIMENSION];

        cr_assert_leq(body->n_rows + n, RIG_ROWS_MAX);
        cr_assert_eq(blocks_reserve(&body->blocks, RIG_DIMENSION, (body->n_rows + n) / CODES_ROWS + 1), 0);
        for (size_t i = 0; i < n; i++, body->n_rows++) {
                size_t number = body->n_rows / CODES_ROWS, row = body->n_rows % CODES_ROWS;
                double square = 0;
                for (size_t j = 0; j < RIG_DIMENSION; j++) {
                        vector[j] = scratch_random_float(&rig.chance);
                        square += (double)vector[j] * (double)vector[j];
                }
                if (row == 0)
                        blocks_clear(&body->blocks, RIG_DIMENSION, number);
                codes_write(blocks_change(&body->blocks, number), RIG_DIMENSION, row, vector, square);
                body->codes[body->n_rows] = rig_code_at(blocks_at(&body->blocks, number), row);
                cr_assert_neq(body->codes[body->n_rows], 0);
        }
}

void rig_drop(RigBody *body, size_t row)
{
        codes_clear(blocks_change(&body->blocks, row / CODES_ROWS), RIG_DIMENSION, row % CODES_ROWS);
        body->codes[row] = 0;
}

Templates rig_templates_of(const RigBody *body)
{
        return (Templates){.n_rows = body->n_rows,
                           .dimension = RIG_DIMENSION,
                           .blocks = body->blocks.data,
                           .identity = body->blocks.identity,
                           .stamps = body->blocks.stamps,
                           .changed = body->blocks.changed};
}

int rig_try_search(const Templates *templates, DeviceWhy *ret_why)
{
        size_t n_blocks = (templates->n_rows + CODES_ROWS - 1) / CODES_ROWS, next = 0, n_parts = 0;
        DeviceWhy end_why;

        int r = copies_begin(rig.copies, templates, &n_parts, ret_why);
        for (size_t i = 0; r == 0 && i < n_parts; i++) {
                CopiesPart part;
                r = copies_part(rig.copies, templates, i, &part, ret_why);
                if (r < 0)
                        break;
                cr_assert(part.first_block == next && part.n_blocks > 0);
                next += part.n_blocks;
                cr_assert(next <= n_blocks && part.memory->is_there);
                cr_assert_eq(memcmp(part.memory->data, templates->blocks + part.first_block * RIG_BLOCK_SIZE,
                                    part.n_blocks * RIG_BLOCK_SIZE),
                             0, "part %zu of %zu", i, n_parts);
        }
        if (r == 0)
                cr_assert_eq(next, n_blocks);
        int end = copies_end(rig.copies, r == 0 ? ret_why : &end_why);
        return r == 0 ? end : r;
}

void rig_search(const RigBody *body)
{
        Templates templates = rig_templates_of(body);
        DeviceWhy why = {};

        cr_assert_eq(rig_try_search(&templates, &why), 0, "%s", why.text);
}

void rig_end_gallery(RigBody *body)
{
        uint64_t identity = body->blocks.identity;
        DeviceWhy why;

        blocks_deinit(&body->blocks);
        body->n_rows = 0;
        cr_assert_eq(copies_forget(rig.copies, identity, &why), 0);
}

/* ------------------------------------------------------------------------------- what is on the device */

static int by_value(const void *a, const void *b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return left < right ? -1 : left > right;
}

/* All codes of all galleries, sorted. */
static size_t collect_live(uint64_t *ret_codes)
{
        size_t n = 0;

        for (size_t i = 0; i < RIG_GALLERIES; i++)
                for (size_t row = 0; row < rig.bodies[i].n_rows; row++)
                        if (rig.bodies[i].codes[row] != 0)
                                ret_codes[n++] = rig.bodies[i].codes[row];
        qsort(ret_codes, n, sizeof(uint64_t), by_value);
        return n;
}

/* All codes of a piece of memory. */
static size_t collect(const DeviceMemory *memory, uint64_t *ret_codes)
{
        size_t n = 0;

        for (size_t at = 0; at < memory->size; at += RIG_BLOCK_SIZE)
                for (size_t row = 0; row < CODES_ROWS; row++) {
                        uint64_t code = rig_code_at(memory->data + at, row);
                        if (code != 0)
                                ret_codes[n++] = code;
                }
        return n;
}

void rig_check(void)
{
        static uint64_t live[RIG_GALLERIES * RIG_ROWS_MAX], found[2 * RIG_GALLERIES * RIG_ROWS_MAX];
        size_t n_live = collect_live(live), n_found = 0;

        for (size_t i = 0; i < rig.device.n_memory; i++) {
                size_t n = collect(&rig.device.memory[i], found + n_found);
                cr_assert(n == 0 || rig.device.memory[i].is_there,
                          "memory that was given back holds templates");
                n_found += n;
        }
        qsort(found, n_found, sizeof(uint64_t), by_value);
        for (size_t i = 0; i < n_found; i++) {
                cr_assert(bsearch(&found[i], live, n_live, sizeof(uint64_t), by_value),
                          "a template that is no more");
                cr_assert(i == 0 || found[i] != found[i - 1], "a template is there twice");
        }
        CopiesFacts now = copies_facts(rig.copies);
        cr_assert_eq(now.used, rig_there());
        cr_assert_leq(now.used, rig.limit);
}

size_t rig_blocks_there(void)
{
        return rig_there() / RIG_BLOCK_SIZE;
}

uint64_t rig_written(void)
{
        uint64_t n = rig.device.written;

        rig.device.written = 0;
        return n;
}
