/*
 * Copies on a played device, whose memory the test can look into, also where it was given back: what is there is what the galleries hold, and nothing
 * of what was removed, has given way, or only went through.
 */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "scratch.h"
#include "worker/blocks.h"
#include "worker/copies.h"

enum {
        DIMENSION = 16,
        ROWS_MAX = 5000,   /* of a gallery */
        MEMORY_MAX = 4000, /* pieces of memory, given back or not */
        GALLERIES = 3,
};

#define BLOCK_SIZE codes_block_size(DIMENSION)

static size_t host_fails_at; /* the allocation of this number, from 1; 0: none */

void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *memory, size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);

static bool host_fails(void)
{
        return host_fails_at > 0 && --host_fails_at == 0;
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

struct DeviceMemory {
        uint8_t *data;
        size_t size;
        bool is_there; /* not given back yet */
};

typedef struct Played {
        DeviceFacts facts;
        uint64_t capacity; /* what it really has */
        uint64_t most;     /* the limit that the copies are to keep; 0: none */
        DeviceMemory memory[MEMORY_MAX];
        size_t n_memory;
        size_t n_calls;
        size_t fails_at;  /* the call of this number, from 1; 0: none */
        int failure;      /* with what */
        size_t n_refused; /* for lack of room */
        uint64_t written; /* bytes */
        size_t n_written; /* calls */
} Played;

static Played played;

static uint64_t there(void)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < played.n_memory; i++)
                sum += played.memory[i].is_there ? played.memory[i].size : 0;
        return sum;
}

/* Return: what the call is to fail with. */
static int count_call(const char *name, DeviceWhy *ret_why)
{
        played.n_calls++;
        if (played.n_calls != played.fails_at)
                return 0;
        (void)snprintf(ret_why->text, sizeof(ret_why->text), "%s: played", name);
        return played.failure;
}

static const DeviceFacts *facts(const Device *device)
{
        return &played.facts;
}

static int allocate(Device *device, size_t size, DeviceMemory **ret_memory, DeviceWhy *ret_why)
{
        int r = count_call("allocate", ret_why);
        if (r < 0)
                return r;
        cr_assert_leq(size, played.facts.largest);
        cr_assert(played.most == 0 || there() + size <= played.most, "more than the limit");
        if (there() + size > played.capacity) {
                played.n_refused++;
                (void)snprintf(ret_why->text, sizeof(ret_why->text), "allocate: full");
                return -ENOMEM;
        }
        cr_assert_lt(played.n_memory, MEMORY_MAX);
        DeviceMemory *memory = &played.memory[played.n_memory++];
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
        played.written += size;
        played.n_written++;
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
        for (size_t i = 0; i < played.n_memory; i++)
                free(played.memory[i].data);
        played = (Played){.facts = {.largest = UINT64_C(1) << 40}, .capacity = UINT64_MAX};
}

/* --------------------------------------------------------------------------------------- the galleries */

/* Templates by one numbering. Each row has a code of its own. */
typedef struct Body {
        Blocks blocks;
        size_t n_rows;
        uint64_t codes[ROWS_MAX]; /* what code_at() says of it; 0: it holds none */
} Body;

static Body bodies[GALLERIES];
static Copies *copies;
static uint64_t limit;
static uint64_t state;

static void clear(void)
{
        DeviceWhy why;

        cr_assert_eq(copies_free(TAKE_PTR(copies), &why), 0);
        for (size_t i = 0; i < GALLERIES; i++) {
                blocks_deinit(&bodies[i].blocks);
                bodies[i].n_rows = 0;
        }
        clear_device();
}

/* Everything anew, with so many blocks for templates. */
static void begin(uint64_t n_blocks)
{
        clear();
        limit = n_blocks * BLOCK_SIZE;
        played.most = limit;
        cr_assert_eq(copies_new(&driver, NULL, limit, &copies), 0);
}

static void set_up(void)
{
        state = 4711;
        diag_set_level(DIAG_ERROR);
        clear_device();
}

TestSuite(copies, .init = set_up, .fini = clear, .timeout = 600);

/* A row's code, folded; 0 for one that holds no template. */
static uint64_t code_at(const uint8_t *block, size_t row)
{
        uint64_t code[2] = {};
        const uint64_t none = UINT64_C(0x8080808080808080);

        for (size_t i = 0; i < DIMENSION; i++)
                ((uint8_t *)code)[i] = block[(i / 4 * CODES_ROWS + row) * 4 + i % 4];
        if (code[0] == none && code[1] == none)
                return 0;
        return code[0] * 3 + code[1];
}

static void append(Body *body, size_t n)
{
        float vector[DIMENSION];

        cr_assert_leq(body->n_rows + n, ROWS_MAX);
        cr_assert_eq(blocks_reserve(&body->blocks, DIMENSION, (body->n_rows + n) / CODES_ROWS + 1), 0);
        for (size_t i = 0; i < n; i++, body->n_rows++) {
                size_t number = body->n_rows / CODES_ROWS, row = body->n_rows % CODES_ROWS;
                double square = 0;
                for (size_t j = 0; j < DIMENSION; j++) {
                        vector[j] = scratch_random_float(&state);
                        square += (double)vector[j] * (double)vector[j];
                }
                if (row == 0)
                        blocks_clear(&body->blocks, DIMENSION, number);
                codes_write(blocks_change(&body->blocks, number), DIMENSION, row, vector, square);
                body->codes[body->n_rows] = code_at(blocks_at(&body->blocks, number), row);
                cr_assert_neq(body->codes[body->n_rows], 0);
        }
}

static void drop(Body *body, size_t row)
{
        codes_clear(blocks_change(&body->blocks, row / CODES_ROWS), DIMENSION, row % CODES_ROWS);
        body->codes[row] = 0;
}

static Templates templates_of(const Body *body)
{
        return (Templates){.n_rows = body->n_rows,
                           .dimension = DIMENSION,
                           .blocks = body->blocks.data,
                           .identity = body->blocks.identity,
                           .stamps = body->blocks.stamps,
                           .changed = body->blocks.changed};
}

/* Searches a gallery: each part is what is there, and all of them are all of it. */
static int try_search(const Templates *templates, DeviceWhy *ret_why)
{
        size_t n_blocks = (templates->n_rows + CODES_ROWS - 1) / CODES_ROWS, next = 0, n_parts = 0;
        DeviceWhy end_why;

        int r = copies_begin(copies, templates, &n_parts, ret_why);
        for (size_t i = 0; r == 0 && i < n_parts; i++) {
                CopiesPart part;
                r = copies_part(copies, templates, i, &part, ret_why);
                if (r < 0)
                        break;
                cr_assert(part.first_block == next && part.n_blocks > 0);
                next += part.n_blocks;
                cr_assert(next <= n_blocks && part.memory->is_there);
                cr_assert_eq(memcmp(part.memory->data, templates->blocks + part.first_block * BLOCK_SIZE,
                                    part.n_blocks * BLOCK_SIZE),
                             0, "part %zu of %zu", i, n_parts);
        }
        if (r == 0)
                cr_assert_eq(next, n_blocks);
        int end = copies_end(copies, r == 0 ? ret_why : &end_why);
        return r == 0 ? end : r;
}

static void search(const Body *body)
{
        Templates templates = templates_of(body);
        DeviceWhy why = {};

        cr_assert_eq(try_search(&templates, &why), 0, "%s", why.text);
}

/* Forgets a gallery that is no more; another one may begin in its stead. */
static void end_gallery(Body *body)
{
        uint64_t identity = body->blocks.identity;
        DeviceWhy why;

        blocks_deinit(&body->blocks);
        body->n_rows = 0;
        cr_assert_eq(copies_forget(copies, identity, &why), 0);
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

        for (size_t i = 0; i < GALLERIES; i++)
                for (size_t row = 0; row < bodies[i].n_rows; row++)
                        if (bodies[i].codes[row] != 0)
                                ret_codes[n++] = bodies[i].codes[row];
        qsort(ret_codes, n, sizeof(uint64_t), by_value);
        return n;
}

/* All codes of a piece of memory. */
static size_t collect(const DeviceMemory *memory, uint64_t *ret_codes)
{
        size_t n = 0;

        for (size_t at = 0; at < memory->size; at += BLOCK_SIZE)
                for (size_t row = 0; row < CODES_ROWS; row++) {
                        uint64_t code = code_at(memory->data + at, row);
                        if (code != 0)
                                ret_codes[n++] = code;
                }
        return n;
}

/* Between searches: on the device are templates of the galleries only, each once; and no more than there may be. */
static void check(void)
{
        static uint64_t live[GALLERIES * ROWS_MAX], found[2 * GALLERIES * ROWS_MAX];
        size_t n_live = collect_live(live), n_found = 0;

        for (size_t i = 0; i < played.n_memory; i++) {
                size_t n = collect(&played.memory[i], found + n_found);
                cr_assert(n == 0 || played.memory[i].is_there, "memory that was given back holds templates");
                n_found += n;
        }
        qsort(found, n_found, sizeof(uint64_t), by_value);
        for (size_t i = 0; i < n_found; i++) {
                cr_assert(bsearch(&found[i], live, n_live, sizeof(uint64_t), by_value),
                          "a template that is no more");
                cr_assert(i == 0 || found[i] != found[i - 1], "a template is there twice");
        }
        CopiesFacts now = copies_facts(copies);
        cr_assert_eq(now.used, there());
        cr_assert_leq(now.used, limit);
}

static size_t blocks_there(void)
{
        return there() / BLOCK_SIZE;
}

/* Bytes since it was last asked. */
static uint64_t written(void)
{
        uint64_t n = played.written;

        played.written = 0;
        return n;
}

/* --------------------------------------------------------------------------------------- one at a time */

Test(copies, writes_nothing_where_nothing_has_changed_and_what_has)
{
        begin(1000);
        append(&bodies[0], 10 * CODES_ROWS + 5);
        search(&bodies[0]);
        cr_expect_eq(written(), 11 * BLOCK_SIZE);
        search(&bodies[0]);
        cr_expect_eq(written(), 0);
        append(&bodies[0], 1);
        drop(&bodies[0], 3 * CODES_ROWS);
        drop(&bodies[0], 4 * CODES_ROWS);
        played.n_written = 0;
        search(&bodies[0]);
        cr_expect_eq(written(), 3 * BLOCK_SIZE);
        cr_expect_eq(played.n_written, 2, "blocks beside each other go together");
        append(&bodies[0], CODES_ROWS);
        search(&bodies[0]);
        cr_expect_eq(written(), 2 * BLOCK_SIZE);
        check();
}

Test(copies, has_no_part_of_a_gallery_that_is_empty)
{
        begin(10);
        search(&bodies[0]);
        cr_expect_eq(played.n_calls, 0);
}

Test(copies, grows_within_its_slack_and_moves_the_last_part_alone_where_that_is_used_up)
{
        begin(10000);
        played.facts.largest = 16 * BLOCK_SIZE;
        append(&bodies[0], 20 * CODES_ROWS);
        search(&bodies[0]);
        cr_expect_eq(written(), 20 * BLOCK_SIZE);
        cr_expect_gt(blocks_there(), 20);
        append(&bodies[0], 12 * CODES_ROWS);
        search(&bodies[0]);
        cr_expect_eq(written(), 12 * BLOCK_SIZE, "the second part has room for a whole one");
        append(&bodies[0], 1);
        search(&bodies[0]);
        cr_expect_eq(written(), BLOCK_SIZE);

        begin(10000);
        append(&bodies[0], 20 * CODES_ROWS);
        search(&bodies[0]);
        size_t room = blocks_there();
        append(&bodies[0], (room - 20) * CODES_ROWS);
        written();
        search(&bodies[0]);
        cr_expect_eq(written(), (room - 20) * BLOCK_SIZE);
        cr_expect_eq(blocks_there(), room);
        append(&bodies[0], 1);
        search(&bodies[0]);
        cr_expect_eq(written(), (room + 1) * BLOCK_SIZE);
        check();
}

Test(copies, takes_the_room_of_the_gallery_that_was_searched_longest_ago)
{
        begin(8);
        for (size_t i = 0; i < 3; i++)
                append(&bodies[i], 3 * CODES_ROWS);
        search(&bodies[0]);
        search(&bodies[1]);
        search(&bodies[0]);
        written();
        search(&bodies[2]);
        cr_expect_eq(written(), 3 * BLOCK_SIZE);
        check();
        search(&bodies[0]);
        cr_expect_eq(written(), 0, "the first one was searched later than the second");
        search(&bodies[1]);
        cr_expect_eq(written(), BLOCK_SIZE, "no more than was needed has given way");
        search(&bodies[2]);
        search(&bodies[0]);
        cr_expect_eq(written(), 2 * BLOCK_SIZE);
        check();
}

Test(copies, sends_what_does_not_fit_through_one_place_and_leaves_nothing_of_it)
{
        begin(10);
        append(&bodies[0], 30 * CODES_ROWS);
        search(&bodies[0]);
        cr_expect_eq(written(), 30 * BLOCK_SIZE);
        cr_expect_eq(blocks_there(), 9);
        for (size_t i = 0, n = 0; i < played.n_memory; i++)
                if (played.memory[i].is_there)
                        cr_expect_eq(
                                memcmp(played.memory[i].data, blocks_at(&bodies[0].blocks, n++), BLOCK_SIZE),
                                0);
        check();
        search(&bodies[0]);
        cr_expect_eq(written(), 21 * BLOCK_SIZE, "what stayed is there still");
        /* Another one finds room in it, and it comes back. */
        append(&bodies[1], 4 * CODES_ROWS);
        search(&bodies[1]);
        cr_expect_eq(written(), 4 * BLOCK_SIZE);
        check();
        search(&bodies[0]);
        cr_expect_eq(blocks_there(), 9);
        check();
}

Test(copies, sends_all_through_where_there_is_room_for_one_block)
{
        begin(1);
        append(&bodies[0], 3 * CODES_ROWS);
        append(&bodies[1], 1);
        search(&bodies[1]);
        cr_expect_eq(blocks_there(), 1);
        search(&bodies[0]);
        cr_expect_eq(blocks_there(), 0);
        check();
}

Test(copies, lets_parts_go_when_a_gallery_outgrows_the_limit)
{
        begin(10);
        append(&bodies[0], 10 * CODES_ROWS);
        search(&bodies[0]);
        cr_expect_eq(blocks_there(), 10);
        append(&bodies[0], 1);
        written();
        search(&bodies[0]);
        cr_expect_eq(written(), 2 * BLOCK_SIZE);
        cr_expect_eq(blocks_there(), 9);
        check();
}

Test(copies, keeps_nothing_of_what_it_cannot_know_the_changes_of)
{
        Templates templates;
        DeviceWhy why;

        begin(100);
        append(&bodies[0], 3 * CODES_ROWS);
        templates = templates_of(&bodies[0]);
        templates.identity = templates.changed = 0;
        templates.stamps = NULL;
        for (size_t i = 0; i < 2; i++) {
                written();
                cr_assert_eq(try_search(&templates, &why), 0);
                cr_expect_eq(written(), 3 * BLOCK_SIZE);
                cr_expect_eq(blocks_there(), 0);
                check();
        }
        cr_expect_eq(copies_sync(copies, &templates, &why), 0);
        cr_expect_eq(copies_forget(copies, 0, &why), 0);
}

/* ------------------------------------------------------------------------------------------- removals */

Test(copies, overwrites_what_was_removed_also_where_nobody_searches_any_more)
{
        DeviceWhy why;

        begin(1000);
        append(&bodies[0], 10 * CODES_ROWS);
        search(&bodies[0]);
        drop(&bodies[0], 130);
        drop(&bodies[0], 500);
        append(&bodies[0], 3 * CODES_ROWS);
        written();
        Templates templates = templates_of(&bodies[0]);
        cr_assert_eq(copies_sync(copies, &templates, &why), 0);
        check();
        cr_expect_eq(written(), 2 * BLOCK_SIZE, "what is new is for the next search");
        cr_assert_eq(copies_sync(copies, &templates, &why), 0);
        cr_expect_eq(written(), 0, "it has been done");
        search(&bodies[0]);
        cr_expect_eq(written(), 3 * BLOCK_SIZE);
        cr_assert_eq(copies_sync(copies, &templates, &why), 0);
        cr_expect_eq(written(), 0);
}

Test(copies, overwrites_a_gallery_that_is_no_more)
{
        DeviceWhy why;

        begin(1000);
        append(&bodies[0], 10 * CODES_ROWS);
        append(&bodies[1], 10 * CODES_ROWS);
        search(&bodies[0]);
        search(&bodies[1]);
        uint64_t identity = bodies[0].blocks.identity;
        end_gallery(&bodies[0]);
        check();
        written();
        search(&bodies[1]);
        cr_expect_eq(written(), 0);
        cr_assert_eq(copies_forget(copies, identity, &why), 0, "nothing is known of it");
}

Test(copies, overwrites_all_at_the_end)
{
        DeviceWhy why;

        begin(1000);
        for (size_t i = 0; i < 2; i++) {
                append(&bodies[i], 10 * CODES_ROWS);
                search(&bodies[i]);
                bodies[i].n_rows = 0;
        }
        cr_assert_eq(copies_free(TAKE_PTR(copies), &why), 0);
        cr_expect_eq(there(), 0);
        begin(10);
}

/* ------------------------------------------------------------------------------------------- any sequence */

/* The rows that hold something, by new numbers. */
static void compact(Body *body)
{
        static Body old;
        DeviceWhy why;

        old = *body;
        body->blocks = BLOCKS_INIT;
        body->n_rows = 0;
        cr_assert_eq(blocks_reserve(&body->blocks, DIMENSION, old.n_rows / CODES_ROWS + 1), 0);
        for (size_t row = 0; row < old.n_rows; row++) {
                const uint8_t *from = blocks_at(&old.blocks, row / CODES_ROWS);
                size_t number = body->n_rows / CODES_ROWS, to = body->n_rows % CODES_ROWS;
                if (old.codes[row] == 0)
                        continue;
                if (to == 0)
                        blocks_clear(&body->blocks, DIMENSION, number);
                uint8_t *block = blocks_change(&body->blocks, number);
                for (size_t i = 0; i < DIMENSION; i++)
                        block[(i / 4 * CODES_ROWS + to) * 4 + i % 4] =
                                from[(i / 4 * CODES_ROWS + row % CODES_ROWS) * 4 + i % 4];
                body->codes[body->n_rows++] = old.codes[row];
        }
        uint64_t identity = old.blocks.identity;
        blocks_deinit(&old.blocks);
        cr_assert_eq(copies_forget(copies, identity, &why), 0);
}

/* As a subject's templates are removed: a few rows, and then the device is told. */
static void drop_some(Body *body)
{
        Templates templates;
        DeviceWhy why;

        for (size_t i = 0; body->n_rows > 0 && i < 1 + scratch_random(&state) % 3; i++)
                drop(body, scratch_random(&state) % body->n_rows);
        templates = templates_of(body);
        cr_assert_eq(copies_sync(copies, &templates, &why), 0);
}

static void step(void)
{
        Body *body = &bodies[scratch_random(&state) % GALLERIES];
        uint64_t choice = scratch_random(&state) % 20;

        if (choice < 4 && body->n_rows < ROWS_MAX - 300)
                append(body, 1 + scratch_random(&state) % 200);
        else if (choice < 9)
                drop_some(body);
        else if (choice == 9)
                compact(body);
        else if (choice == 10)
                played.capacity = (1 + scratch_random(&state) % 60) * BLOCK_SIZE;
        else
                search(body);
}

Test(copies, are_what_the_galleries_hold_and_no_more_after_any_sequence)
{
        for (size_t round = 0; round < 60; round++) {
                begin(1 + scratch_random(&state) % 60);
                if (round % 2)
                        played.facts.largest = (1 + scratch_random(&state) % 10) * BLOCK_SIZE;
                /* Of some so many that room is asked for again. */
                for (size_t i = 0; i < (round % 4 ? 80U : 300U); i++) {
                        step();
                        check();
                }
        }
}

/* ------------------------------------------------------------------------------------------ what fails */

/* What was said on standard error meanwhile. Return: how many lines. */
static size_t read_said(char *ret_text, size_t size)
{
        size_t n_lines = 0;

        (void)fflush(stderr);
        size_t n = fread(ret_text, 1, size - 1, cr_get_redirected_stderr());
        ret_text[n] = '\0';
        for (size_t i = 0; i < n; i++)
                n_lines += ret_text[i] == '\n';
        return n_lines;
}

Test(copies, goes_on_with_the_room_that_there_is)
{
        char said[1024];

        diag_set_level(DIAG_WARNING);
        cr_redirect_stderr();
        begin(100);
        played.capacity = 37 * BLOCK_SIZE;
        append(&bodies[0], 20 * CODES_ROWS);
        append(&bodies[1], 50 * CODES_ROWS);
        search(&bodies[0]);
        search(&bodies[1]);
        check();
        CopiesFacts now = copies_facts(copies);
        cr_expect(now.limit < 50 * BLOCK_SIZE && now.limit > 25 * BLOCK_SIZE, "%zu blocks",
                  (size_t)(now.limit / BLOCK_SIZE));
        cr_expect_gt(now.used, 16 * BLOCK_SIZE);
        cr_expect_lt(played.n_calls, 60, "it was found in a few steps");
        written();
        search(&bodies[1]);
        cr_expect_lt(written(), 40 * BLOCK_SIZE, "some of it has stayed");
        played.capacity = 10 * BLOCK_SIZE;
        search(&bodies[0]);
        cr_expect_lt(copies_facts(copies).limit, now.limit);
        cr_expect(read_said(said, sizeof(said)) == 1 && strstr(said, "less room"), "said once: %s", said);
}

/* Searches one after the other. Return: how many of them were refused room. */
static size_t search_often(const Body *body, size_t n)
{
        size_t n_times = 0;

        for (size_t i = 0; i < n; i++) {
                size_t n_refused = played.n_refused;
                search(body);
                n_times += played.n_refused > n_refused;
        }
        check();
        return n_times;
}

enum { PATIENCE = 64 }; /* of the copies */

Test(copies, asks_for_more_room_again_after_some_searches_that_have_use_for_it)
{
        char said[2048];

        diag_set_level(DIAG_NOTICE);
        cr_redirect_stderr();
        begin(100);
        played.capacity = 37 * BLOCK_SIZE;
        append(&bodies[0], 50 * CODES_ROWS);
        search(&bodies[0]);
        uint64_t lowered = copies_facts(copies).limit;
        cr_expect_eq(search_often(&bodies[0], PATIENCE - 1), 0);
        cr_expect_eq(search_often(&bodies[0], 1), 1);
        cr_expect_eq(search_often(&bodies[0], 3 * PATIENCE), 3);
        cr_expect_lt(played.n_refused, 20, "each time in a few steps");
        cr_expect_geq(copies_facts(copies).limit, lowered - lowered / 8);
        written();
        cr_expect_eq(search_often(&bodies[0], 1), 0);
        cr_expect_lt(written(), 30 * BLOCK_SIZE, "what had room has it still");

        played.capacity = UINT64_MAX;
        cr_expect_eq(search_often(&bodies[0], PATIENCE), 0);
        cr_expect_eq(copies_facts(copies).limit, limit);
        written();
        search(&bodies[0]);
        cr_expect_eq(written(), 0, "all of it is there");
        cr_expect_eq(read_said(said, sizeof(said)), 2, "%s", said);
        cr_expect(strstr(said, "less room") &&
                          strstr(said, "\n") < strstr(said, "more room for templates again"),
                  "%s", said);
}

Test(copies, asks_for_no_more_room_where_all_has_some)
{
        char said[2048];

        diag_set_level(DIAG_NOTICE);
        cr_redirect_stderr();
        begin(100);
        played.capacity = 37 * BLOCK_SIZE;
        append(&bodies[0], 50 * CODES_ROWS);
        search(&bodies[0]);
        end_gallery(&bodies[0]);
        append(&bodies[1], 5 * CODES_ROWS);
        search(&bodies[1]);
        played.n_calls = 0;
        search_often(&bodies[1], 3 * PATIENCE);
        cr_expect_eq(played.n_calls, 0);
        cr_expect_lt(copies_facts(copies).limit, limit);
        append(&bodies[2], 1);
        search(&bodies[2]);
        cr_expect_eq(copies_facts(copies).limit, limit);
        cr_expect_eq(read_said(said, sizeof(said)), 1, "of what is small nothing is learnt: %s", said);
}

Test(copies, divides_a_gallery_anew_whose_parts_are_larger_than_all_the_room_that_is_left)
{
        begin(80);
        append(&bodies[1], 75 * CODES_ROWS);
        search(&bodies[1]);
        append(&bodies[0], 5 * CODES_ROWS);
        search(&bodies[0]);
        played.capacity = 75 * BLOCK_SIZE;
        append(&bodies[2], 1);
        search(&bodies[2]);
        end_gallery(&bodies[1]);
        end_gallery(&bodies[2]);
        cr_assert_eq(blocks_there(), 5, "in a place without slack, for parts of ten blocks");
        append(&bodies[2], 1);
        played.capacity = 6 * BLOCK_SIZE;
        search(&bodies[2]);
        cr_assert_lt(copies_facts(copies).limit, 10 * BLOCK_SIZE);
        cr_assert_eq(blocks_there(), 6, "it did not have to give way");
        append(&bodies[0], 6 * CODES_ROWS);
        search(&bodies[0]);
        check();
}

Test(copies, says_so_when_there_is_no_room_for_one_block)
{
        Templates templates;
        DeviceWhy why = {};

        begin(100);
        played.capacity = BLOCK_SIZE - 1;
        append(&bodies[0], 20 * CODES_ROWS);
        templates = templates_of(&bodies[0]);
        cr_expect_eq(try_search(&templates, &why), -ENOMEM);
        cr_expect_str_eq(why.text, "no memory of the device for 1536 bytes");
        cr_expect_eq(there(), 0);
        played.capacity = UINT64_MAX;
        search(&bodies[0]);
        cr_expect_geq(blocks_there(), 20, "others had it, and have it no more");
}

Test(copies, says_so_when_there_is_no_memory_of_the_host)
{
        Templates templates;

        begin(100);
        append(&bodies[0], 20 * CODES_ROWS);
        templates = templates_of(&bodies[0]);
        for (size_t i = 1; i <= 2; i++) {
                DeviceWhy why;
                memset(&why, 'x', sizeof(why));
                host_fails_at = i;
                cr_expect_eq(try_search(&templates, &why), -ENOMEM);
                cr_expect_eq(host_fails_at, 0);
                cr_expect_eq(strncmp(why.text, "no memory of this machine", 25), 0, "allocation %zu: %s", i,
                             why.text);
        }
        search(&bodies[0]);
        check();
}

/* Everything that copies do, until something fails. */
static int do_all(DeviceWhy *ret_why)
{
        Templates templates;
        int r = 0;

        for (size_t i = 0; i < GALLERIES; i++)
                append(&bodies[i], (4 + 20 * i) * CODES_ROWS);
        for (size_t i = 0; r == 0 && i < 2 * GALLERIES; i++) {
                templates = templates_of(&bodies[i % GALLERIES]);
                r = try_search(&templates, ret_why);
        }
        if (r < 0)
                return r;
        drop(&bodies[2], 5);
        templates = templates_of(&bodies[2]);
        r = copies_sync(copies, &templates, ret_why);
        return r < 0 ? r : copies_forget(copies, templates.identity, ret_why);
}

/* Lets each call fail in turn. @harmless: of these calls nothing is to come, but what is there is all right; NULL: there are none. */
static void let_each_fail(int failure, const char *harmless)
{
        for (size_t call = 1;; call++) {
                DeviceWhy why = {}, free_why;
                begin(40);
                played.fails_at = call;
                played.failure = failure;
                int r = do_all(&why);
                size_t n_calls = played.n_calls;
                if (harmless && strncmp(why.text, harmless, strlen(harmless)) == 0)
                        cr_assert_eq(r, 0, "call %zu", call);
                else if (n_calls >= call)
                        cr_assert(r == -EIO && strstr(why.text, ": played"), "call %zu: %d, %s", call, r,
                                  why.text);
                played.fails_at = 0;
                cr_assert_eq(copies_free(TAKE_PTR(copies), &free_why), 0);
                cr_assert_eq(there(), 0, "call %zu", call);
                if (n_calls < call)
                        return;
                cr_assert_lt(call, 1000);
        }
}

Test(copies, gives_all_back_whichever_call_fails)
{
        let_each_fail(-EIO, NULL);
}

Test(copies, takes_a_lack_of_memory_for_what_it_is_where_it_allocates)
{
        let_each_fail(-ENOMEM, "allocate");
}

Test(copies, says_so_when_it_may_have_left_something_at_the_end_and_leaves_no_more_than_it_must)
{
        for (size_t call = 1; call <= 20; call++) {
                DeviceWhy why = {};
                begin(100);
                append(&bodies[0], 7 * CODES_ROWS);
                append(&bodies[1], 13 * CODES_ROWS);
                played.facts.largest = BLOCK_SIZE;
                search(&bodies[0]);
                search(&bodies[1]);
                played.fails_at = played.n_calls + call;
                played.failure = -EIO;
                cr_assert_eq(copies_free(TAKE_PTR(copies), &why), -EIO);
                cr_expect_str_eq(why.text, "release: played");
                cr_assert_eq(there(), 0);
                size_t n_left = 0;
                for (size_t i = 0; i < played.n_memory; i++)
                        n_left += code_at(played.memory[i].data, 0) != 0;
                cr_expect_eq(n_left, 1);
        }
}
