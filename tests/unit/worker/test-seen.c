/*
 * What is kept of the log that was seen.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/seen.h"

static Scratch scratch;

static void set_up(void)
{
        scratch_init(&scratch);
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(seen, .init = set_up, .fini = tear_down);

Test(seen, is_nothing_at_first)
{
        Seen seen;

        cr_assert_eq(seen_load(scratch.dir_fd, &seen), 0);
        cr_assert_str_eq(seen.origin, "");
        cr_assert_eq(seen.head.size, 0);
}

Test(seen, comes_back_as_it_was_stored_until_it_is_forgotten)
{
        Seen seen = {.origin = "example.org/log", .head = {.size = 12345}}, back;

        memset(seen.head.root.bytes, 0xab, DIGEST_SIZE);
        cr_assert_eq(seen_store(scratch.dir_fd, &seen), 0);
        cr_assert_eq(seen_load(scratch.dir_fd, &back), 0);
        cr_assert_str_eq(back.origin, seen.origin);
        cr_assert_eq(back.head.size, 12345);
        cr_assert(digest_equal(&back.head.root, &seen.head.root));
        cr_assert_eq(seen_forget(scratch.dir_fd), 0);
        cr_assert_eq(seen_load(scratch.dir_fd, &back), 0);
        cr_assert_str_eq(back.origin, "");
        cr_assert_eq(seen_forget(scratch.dir_fd), 0);
}

#define ROOT "abababababababababababababababababababababababababababababababab"

Test(seen, believes_only_what_it_wrote)
{
        static const char *const table[] = {
                "",
                "x",
                "{}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":2}",
                "{\"origin\":\"o\",\"root\":\"ab\",\"size\":1,\"v\":1}",
                "{\"origin\":\"o o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":\"1\",\"v\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}\n",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1,\"w\":1}",
        };
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                Seen seen;
                buffer_append_text(&text, table[i]);
                cr_assert_eq(fd_write_file(scratch.dir_fd, "seen-log", 0600, &text), 0);
                cr_expect_eq(seen_load(scratch.dir_fd, &seen), SEEN_E_MALFORMED, "row %zu", i);
        }
}
