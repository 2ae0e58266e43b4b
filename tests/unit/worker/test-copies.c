/*
 * Copies on a device (copies-rig.h): what is there is what the galleries hold, and nothing of what was removed, has given way, or only went through.
 */

#include <string.h>

#include "base/macro.h"
#include "copies-rig.h"
#include "scratch.h"

TestSuite(copies, .init = rig_set_up, .fini = rig_clear, .timeout = 600);

/* --------------------------------------------------------------------------------------- one at a time */

Test(copies, writes_nothing_where_nothing_has_changed_and_what_has)
{
        rig_begin(1000);
        rig_append(&rig.bodies[0], 10 * CODES_ROWS + 5);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 11 * RIG_BLOCK_SIZE);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 0);
        rig_append(&rig.bodies[0], 1);
        rig_drop(&rig.bodies[0], 3 * CODES_ROWS);
        rig_drop(&rig.bodies[0], 4 * CODES_ROWS);
        rig.device.n_written = 0;
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 3 * RIG_BLOCK_SIZE);
        cr_expect_eq(rig.device.n_written, 2, "blocks beside each other go together");
        rig_append(&rig.bodies[0], CODES_ROWS);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 2 * RIG_BLOCK_SIZE);
        rig_check();
}

Test(copies, has_no_part_of_a_gallery_that_is_empty)
{
        rig_begin(10);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig.device.n_calls, 0);
}

Test(copies, grows_within_its_slack_and_moves_the_last_part_alone_where_that_is_used_up)
{
        rig_begin(10000);
        rig.device.facts.largest = 16 * RIG_BLOCK_SIZE;
        rig_append(&rig.bodies[0], 20 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 20 * RIG_BLOCK_SIZE);
        cr_expect_gt(rig_blocks_there(), 20);
        rig_append(&rig.bodies[0], 12 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 12 * RIG_BLOCK_SIZE, "the second part has room for a whole one");
        rig_append(&rig.bodies[0], 1);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), RIG_BLOCK_SIZE);

        rig_begin(10000);
        rig_append(&rig.bodies[0], 20 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        size_t room = rig_blocks_there();
        rig_append(&rig.bodies[0], (room - 20) * CODES_ROWS);
        rig_written();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), (room - 20) * RIG_BLOCK_SIZE);
        cr_expect_eq(rig_blocks_there(), room);
        rig_append(&rig.bodies[0], 1);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), (room + 1) * RIG_BLOCK_SIZE);
        rig_check();
}

Test(copies, takes_the_room_of_the_gallery_that_was_searched_longest_ago)
{
        rig_begin(8);
        for (size_t i = 0; i < 3; i++)
                rig_append(&rig.bodies[i], 3 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_search(&rig.bodies[1]);
        rig_search(&rig.bodies[0]);
        rig_written();
        rig_search(&rig.bodies[2]);
        cr_expect_eq(rig_written(), 3 * RIG_BLOCK_SIZE);
        rig_check();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 0, "the first one was searched later than the second");
        rig_search(&rig.bodies[1]);
        cr_expect_eq(rig_written(), RIG_BLOCK_SIZE, "no more than was needed has given way");
        rig_search(&rig.bodies[2]);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 2 * RIG_BLOCK_SIZE);
        rig_check();
}

Test(copies, sends_what_does_not_fit_through_one_place_and_leaves_nothing_of_it)
{
        rig_begin(10);
        rig_append(&rig.bodies[0], 30 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 30 * RIG_BLOCK_SIZE);
        cr_expect_eq(rig_blocks_there(), 9);
        for (size_t i = 0, n = 0; i < rig.device.n_memory; i++)
                if (rig.device.memory[i].is_there)
                        cr_expect_eq(memcmp(rig.device.memory[i].data, blocks_at(&rig.bodies[0].blocks, n++),
                                            RIG_BLOCK_SIZE),
                                     0);
        rig_check();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 21 * RIG_BLOCK_SIZE, "what stayed is there still");
        /* Another one finds room in it, and it comes back. */
        rig_append(&rig.bodies[1], 4 * CODES_ROWS);
        rig_search(&rig.bodies[1]);
        cr_expect_eq(rig_written(), 4 * RIG_BLOCK_SIZE);
        rig_check();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_blocks_there(), 9);
        rig_check();
}

Test(copies, sends_all_through_where_there_is_room_for_one_block)
{
        rig_begin(1);
        rig_append(&rig.bodies[0], 3 * CODES_ROWS);
        rig_append(&rig.bodies[1], 1);
        rig_search(&rig.bodies[1]);
        cr_expect_eq(rig_blocks_there(), 1);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_blocks_there(), 0);
        rig_check();
}

Test(copies, lets_parts_go_when_a_gallery_outgrows_the_limit)
{
        rig_begin(10);
        rig_append(&rig.bodies[0], 10 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_blocks_there(), 10);
        rig_append(&rig.bodies[0], 1);
        rig_written();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 2 * RIG_BLOCK_SIZE);
        cr_expect_eq(rig_blocks_there(), 9);
        rig_check();
}

Test(copies, keeps_nothing_of_what_it_cannot_know_the_changes_of)
{
        Templates templates;
        DeviceWhy why;

        rig_begin(100);
        rig_append(&rig.bodies[0], 3 * CODES_ROWS);
        templates = rig_templates_of(&rig.bodies[0]);
        templates.identity = templates.changed = 0;
        templates.stamps = NULL;
        for (size_t i = 0; i < 2; i++) {
                rig_written();
                cr_assert_eq(rig_try_search(&templates, &why), 0);
                cr_expect_eq(rig_written(), 3 * RIG_BLOCK_SIZE);
                cr_expect_eq(rig_blocks_there(), 0);
                rig_check();
        }
        cr_expect_eq(copies_sync(rig.copies, &templates, &why), 0);
        cr_expect_eq(copies_forget(rig.copies, 0, &why), 0);
}

/* ------------------------------------------------------------------------------------------- removals */

Test(copies, overwrites_what_was_removed_also_where_nobody_searches_any_more)
{
        DeviceWhy why;

        rig_begin(1000);
        rig_append(&rig.bodies[0], 10 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_drop(&rig.bodies[0], 130);
        rig_drop(&rig.bodies[0], 500);
        rig_append(&rig.bodies[0], 3 * CODES_ROWS);
        rig_written();
        Templates templates = rig_templates_of(&rig.bodies[0]);
        cr_assert_eq(copies_sync(rig.copies, &templates, &why), 0);
        rig_check();
        cr_expect_eq(rig_written(), 2 * RIG_BLOCK_SIZE, "what is new is for the next search");
        cr_assert_eq(copies_sync(rig.copies, &templates, &why), 0);
        cr_expect_eq(rig_written(), 0, "it has been done");
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 3 * RIG_BLOCK_SIZE);
        cr_assert_eq(copies_sync(rig.copies, &templates, &why), 0);
        cr_expect_eq(rig_written(), 0);
}

Test(copies, overwrites_a_gallery_that_is_no_more)
{
        DeviceWhy why;

        rig_begin(1000);
        rig_append(&rig.bodies[0], 10 * CODES_ROWS);
        rig_append(&rig.bodies[1], 10 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_search(&rig.bodies[1]);
        uint64_t identity = rig.bodies[0].blocks.identity;
        rig_end_gallery(&rig.bodies[0]);
        rig_check();
        rig_written();
        rig_search(&rig.bodies[1]);
        cr_expect_eq(rig_written(), 0);
        cr_assert_eq(copies_forget(rig.copies, identity, &why), 0, "nothing is known of it");
}

Test(copies, overwrites_all_at_the_end)
{
        DeviceWhy why;

        rig_begin(1000);
        for (size_t i = 0; i < 2; i++) {
                rig_append(&rig.bodies[i], 10 * CODES_ROWS);
                rig_search(&rig.bodies[i]);
                rig.bodies[i].n_rows = 0;
        }
        cr_assert_eq(copies_free(TAKE_PTR(rig.copies), &why), 0);
        cr_expect_eq(rig_there(), 0);
        rig_begin(10);
}

/* ------------------------------------------------------------------------------------------- any sequence */

/* The rows that hold something, by new numbers. */
static void compact(RigBody *body)
{
        static RigBody old;
        DeviceWhy why;

        old = *body;
        body->blocks = BLOCKS_INIT;
        body->n_rows = 0;
        cr_assert_eq(blocks_reserve(&body->blocks, RIG_DIMENSION, old.n_rows / CODES_ROWS + 1), 0);
        for (size_t row = 0; row < old.n_rows; row++) {
                const uint8_t *from = blocks_at(&old.blocks, row / CODES_ROWS);
                size_t number = body->n_rows / CODES_ROWS, to = body->n_rows % CODES_ROWS;
                if (old.codes[row] == 0)
                        continue;
                if (to == 0)
                        blocks_clear(&body->blocks, RIG_DIMENSION, number);
                uint8_t *block = blocks_change(&body->blocks, number);
                for (size_t i = 0; i < RIG_DIMENSION; i++)
                        block[(i / 4 * CODES_ROWS + to) * 4 + i % 4] =
                                from[(i / 4 * CODES_ROWS + row % CODES_ROWS) * 4 + i % 4];
                body->codes[body->n_rows++] = old.codes[row];
        }
        uint64_t identity = old.blocks.identity;
        blocks_deinit(&old.blocks);
        cr_assert_eq(copies_forget(rig.copies, identity, &why), 0);
}

/* As a subject's templates are removed: a few rows, and then the device is told. */
static void drop_some(RigBody *body)
{
        Templates templates;
        DeviceWhy why;

        for (size_t i = 0; body->n_rows > 0 && i < 1 + scratch_random(&rig.chance) % 3; i++)
                rig_drop(body, scratch_random(&rig.chance) % body->n_rows);
        templates = rig_templates_of(body);
        cr_assert_eq(copies_sync(rig.copies, &templates, &why), 0);
}

static void step(void)
{
        RigBody *body = &rig.bodies[scratch_random(&rig.chance) % RIG_GALLERIES];
        uint64_t choice = scratch_random(&rig.chance) % 20;

        if (choice < 4 && body->n_rows < RIG_ROWS_MAX - 300)
                rig_append(body, 1 + scratch_random(&rig.chance) % 200);
        else if (choice < 9)
                drop_some(body);
        else if (choice == 9)
                compact(body);
        else if (choice == 10)
                rig.device.capacity = (1 + scratch_random(&rig.chance) % 60) * RIG_BLOCK_SIZE;
        else
                rig_search(body);
}

Test(copies, are_what_the_galleries_hold_and_no_more_after_any_sequence)
{
        for (size_t round = 0; round < 60; round++) {
                rig_begin(1 + scratch_random(&rig.chance) % 60);
                if (round % 2)
                        rig.device.facts.largest = (1 + scratch_random(&rig.chance) % 10) * RIG_BLOCK_SIZE;
                /* Of some so many that room is asked for again. */
                for (size_t i = 0; i < (round % 4 ? 80U : 300U); i++) {
                        step();
                        rig_check();
                }
        }
}
