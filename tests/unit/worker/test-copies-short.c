/*
 * Copies on a device (copies-rig.h) that has less room than was thought, or fails; or where memory of the host is lacking.
 */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "copies-rig.h"

TestSuite(copies_short, .init = rig_set_up, .fini = rig_clear, .timeout = 600);

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

Test(copies_short, goes_on_with_the_room_that_there_is)
{
        char said[1024];

        diag_set_level(DIAG_WARNING);
        cr_redirect_stderr();
        rig_begin(100);
        rig.device.capacity = 37 * RIG_BLOCK_SIZE;
        rig_append(&rig.bodies[0], 20 * CODES_ROWS);
        rig_append(&rig.bodies[1], 50 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_search(&rig.bodies[1]);
        rig_check();
        CopiesFacts now = copies_facts(rig.copies);
        cr_expect(now.limit < 50 * RIG_BLOCK_SIZE && now.limit > 25 * RIG_BLOCK_SIZE, "%zu blocks",
                  (size_t)(now.limit / RIG_BLOCK_SIZE));
        cr_expect_gt(now.used, 16 * RIG_BLOCK_SIZE);
        cr_expect_lt(rig.device.n_calls, 60, "it was found in a few steps");
        rig_written();
        rig_search(&rig.bodies[1]);
        cr_expect_lt(rig_written(), 40 * RIG_BLOCK_SIZE, "some of it has stayed");
        rig.device.capacity = 10 * RIG_BLOCK_SIZE;
        rig_search(&rig.bodies[0]);
        cr_expect_lt(copies_facts(rig.copies).limit, now.limit);
        cr_expect(read_said(said, sizeof(said)) == 1 && strstr(said, "less room"), "said once: %s", said);
}

/* Searches one after the other. Return: how many of them were refused room. */
static size_t search_often(const RigBody *body, size_t n)
{
        size_t n_times = 0;

        for (size_t i = 0; i < n; i++) {
                size_t n_refused = rig.device.n_refused;
                rig_search(body);
                n_times += rig.device.n_refused > n_refused;
        }
        rig_check();
        return n_times;
}

enum { PATIENCE = 64 }; /* of the copies */

Test(copies_short, asks_for_more_room_again_after_some_searches_that_have_use_for_it)
{
        char said[2048];

        diag_set_level(DIAG_NOTICE);
        cr_redirect_stderr();
        rig_begin(100);
        rig.device.capacity = 37 * RIG_BLOCK_SIZE;
        rig_append(&rig.bodies[0], 50 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        uint64_t lowered = copies_facts(rig.copies).limit;
        cr_expect_eq(search_often(&rig.bodies[0], PATIENCE - 1), 0);
        cr_expect_eq(search_often(&rig.bodies[0], 1), 1);
        cr_expect_eq(search_often(&rig.bodies[0], 3 * PATIENCE), 3);
        cr_expect_lt(rig.device.n_refused, 20, "each time in a few steps");
        cr_expect_geq(copies_facts(rig.copies).limit, lowered - lowered / 8);
        rig_written();
        cr_expect_eq(search_often(&rig.bodies[0], 1), 0);
        cr_expect_lt(rig_written(), 30 * RIG_BLOCK_SIZE, "what had room has it still");

        rig.device.capacity = UINT64_MAX;
        cr_expect_eq(search_often(&rig.bodies[0], PATIENCE), 0);
        cr_expect_eq(copies_facts(rig.copies).limit, rig.limit);
        rig_written();
        rig_search(&rig.bodies[0]);
        cr_expect_eq(rig_written(), 0, "all of it is there");
        cr_expect_eq(read_said(said, sizeof(said)), 2, "%s", said);
        cr_expect(strstr(said, "less room") &&
                          strstr(said, "\n") < strstr(said, "more room for templates again"),
                  "%s", said);
}

Test(copies_short, asks_for_no_more_room_where_all_has_some)
{
        char said[2048];

        diag_set_level(DIAG_NOTICE);
        cr_redirect_stderr();
        rig_begin(100);
        rig.device.capacity = 37 * RIG_BLOCK_SIZE;
        rig_append(&rig.bodies[0], 50 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_end_gallery(&rig.bodies[0]);
        rig_append(&rig.bodies[1], 5 * CODES_ROWS);
        rig_search(&rig.bodies[1]);
        rig.device.n_calls = 0;
        search_often(&rig.bodies[1], 3 * PATIENCE);
        cr_expect_eq(rig.device.n_calls, 0);
        cr_expect_lt(copies_facts(rig.copies).limit, rig.limit);
        rig_append(&rig.bodies[2], 1);
        rig_search(&rig.bodies[2]);
        cr_expect_eq(copies_facts(rig.copies).limit, rig.limit);
        cr_expect_eq(read_said(said, sizeof(said)), 1, "of what is small nothing is learnt: %s", said);
}

Test(copies_short, divides_a_gallery_anew_whose_parts_are_larger_than_all_the_room_that_is_left)
{
        rig_begin(80);
        rig_append(&rig.bodies[1], 75 * CODES_ROWS);
        rig_search(&rig.bodies[1]);
        rig_append(&rig.bodies[0], 5 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig.device.capacity = 75 * RIG_BLOCK_SIZE;
        rig_append(&rig.bodies[2], 1);
        rig_search(&rig.bodies[2]);
        rig_end_gallery(&rig.bodies[1]);
        rig_end_gallery(&rig.bodies[2]);
        cr_assert_eq(rig_blocks_there(), 5, "in a place without slack, for parts of ten blocks");
        rig_append(&rig.bodies[2], 1);
        rig.device.capacity = 6 * RIG_BLOCK_SIZE;
        rig_search(&rig.bodies[2]);
        cr_assert_lt(copies_facts(rig.copies).limit, 10 * RIG_BLOCK_SIZE);
        cr_assert_eq(rig_blocks_there(), 6, "it did not have to give way");
        rig_append(&rig.bodies[0], 6 * CODES_ROWS);
        rig_search(&rig.bodies[0]);
        rig_check();
}

Test(copies_short, says_so_when_there_is_no_room_for_one_block)
{
        Templates templates;
        DeviceWhy why = {};

        rig_begin(100);
        rig.device.capacity = RIG_BLOCK_SIZE - 1;
        rig_append(&rig.bodies[0], 20 * CODES_ROWS);
        templates = rig_templates_of(&rig.bodies[0]);
        cr_expect_eq(rig_try_search(&templates, &why), -ENOMEM);
        cr_expect_str_eq(why.text, "no memory of the device for 1536 bytes");
        cr_expect_eq(rig_there(), 0);
        rig.device.capacity = UINT64_MAX;
        rig_search(&rig.bodies[0]);
        cr_expect_geq(rig_blocks_there(), 20, "others had it, and have it no more");
}

Test(copies_short, says_so_when_there_is_no_memory_of_the_host)
{
        Templates templates;

        rig_begin(100);
        rig_append(&rig.bodies[0], 20 * CODES_ROWS);
        templates = rig_templates_of(&rig.bodies[0]);
        for (size_t i = 1; i <= 2; i++) {
                DeviceWhy why;
                memset(&why, 'x', sizeof(why));
                rig.host_fails_at = i;
                cr_expect_eq(rig_try_search(&templates, &why), -ENOMEM);
                cr_expect_eq(rig.host_fails_at, 0);
                cr_expect_eq(strncmp(why.text, "no memory of this machine", 25), 0, "allocation %zu: %s", i,
                             why.text);
        }
        rig_search(&rig.bodies[0]);
        rig_check();
}

/* Everything that copies do, until something fails. */
static int do_all(DeviceWhy *ret_why)
{
        Templates templates;
        int r = 0;

        for (size_t i = 0; i < RIG_GALLERIES; i++)
                rig_append(&rig.bodies[i], (4 + 20 * i) * CODES_ROWS);
        for (size_t i = 0; r == 0 && i < 2 * RIG_GALLERIES; i++) {
                templates = rig_templates_of(&rig.bodies[i % RIG_GALLERIES]);
                r = rig_try_search(&templates, ret_why);
        }
        if (r < 0)
                return r;
        rig_drop(&rig.bodies[2], 5);
        templates = rig_templates_of(&rig.bodies[2]);
        r = copies_sync(rig.copies, &templates, ret_why);
        return r < 0 ? r : copies_forget(rig.copies, templates.identity, ret_why);
}

/* Lets each call fail in turn. @harmless: of these calls nothing is to come, but what is there is all right; NULL: there are none. */
static void let_each_fail(int failure, const char *harmless)
{
        for (size_t call = 1;; call++) {
                DeviceWhy why = {}, free_why;
                rig_begin(40);
                rig.device.fails_at = call;
                rig.device.failure = failure;
                int r = do_all(&why);
                size_t n_calls = rig.device.n_calls;
                if (harmless && strncmp(why.text, harmless, strlen(harmless)) == 0)
                        cr_assert_eq(r, 0, "call %zu", call);
                else if (n_calls >= call)
                        cr_assert(r == -EIO && strstr(why.text, ": played"), "call %zu: %d, %s", call, r,
                                  why.text);
                rig.device.fails_at = 0;
                cr_assert_eq(copies_free(TAKE_PTR(rig.copies), &free_why), 0);
                cr_assert_eq(rig_there(), 0, "call %zu", call);
                if (n_calls < call)
                        return;
                cr_assert_lt(call, 1000);
        }
}

Test(copies_short, gives_all_back_whichever_call_fails)
{
        let_each_fail(-EIO, NULL);
}

Test(copies_short, takes_a_lack_of_memory_for_what_it_is_where_it_allocates)
{
        let_each_fail(-ENOMEM, "allocate");
}

Test(copies_short, says_so_when_it_may_have_left_something_at_the_end_and_leaves_no_more_than_it_must)
{
        for (size_t call = 1; call <= 20; call++) {
                DeviceWhy why = {};
                rig_begin(100);
                rig_append(&rig.bodies[0], 7 * CODES_ROWS);
                rig_append(&rig.bodies[1], 13 * CODES_ROWS);
                rig.device.facts.largest = RIG_BLOCK_SIZE;
                rig_search(&rig.bodies[0]);
                rig_search(&rig.bodies[1]);
                rig.device.fails_at = rig.device.n_calls + call;
                rig.device.failure = -EIO;
                cr_assert_eq(copies_free(TAKE_PTR(rig.copies), &why), -EIO);
                cr_expect_str_eq(why.text, "release: played");
                cr_assert_eq(rig_there(), 0);
                size_t n_left = 0;
                for (size_t i = 0; i < rig.device.n_memory; i++)
                        n_left += rig_code_at(rig.device.memory[i].data, 0) != 0;
                cr_expect_eq(n_left, 1);
        }
}
