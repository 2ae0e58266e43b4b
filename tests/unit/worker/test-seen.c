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

enum { SLOT_SIZE = 512, SLOT_OFFSET = 4096, FILE_SIZE = SLOT_OFFSET + SLOT_SIZE };

/* A file with this object in its first slot, rightly summed, and an empty second one. */
static void write_object(const char *object, size_t file_size)
{
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;
        char hex[DIGEST_HEX_SIZE];
        Digest digest;

        digest_of(object, strlen(object), &digest);
        digest_hex(&digest, hex);
        buffer_append_format(&file, "%s\n%s\n", object, hex);
        size_t n_zeros = file_size - file.n;
        memset(buffer_extend(&file, n_zeros), 0, n_zeros);
        cr_assert_eq(fd_write_file(scratch.dir_fd, "seen-log", 0600, &file), 0);
}

Test(seen, believes_only_what_it_wrote)
{
        static const char *const table[] = {
                "x",
                "{}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":2}",
                "{\"origin\":\"o\",\"root\":\"ab\",\"size\":1,\"v\":1}",
                "{\"origin\":\"o o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":\"1\",\"v\":1}",
                "{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1,\"w\":1}",
        };
        Seen seen;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                write_object(table[i], FILE_SIZE);
                cr_expect_eq(seen_load(scratch.dir_fd, &seen), SEEN_E_MALFORMED, "row %zu", i);
                cr_expect_lt(seen_store(scratch.dir_fd, &(Seen){.origin = "o", .head.size = 9}), 0, "row %zu",
                             i);
        }
        write_object("{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}", FILE_SIZE);
        cr_expect_eq(seen_load(scratch.dir_fd, &seen), 0);
        write_object("{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}", FILE_SIZE + 1);
        cr_expect_eq(seen_load(scratch.dir_fd, &seen), SEEN_E_MALFORMED);
        write_object("{\"origin\":\"o\",\"root\":\"" ROOT "\",\"size\":1,\"v\":1}", FILE_SIZE - 1);
        cr_expect_eq(seen_load(scratch.dir_fd, &seen), SEEN_E_MALFORMED);
}

static void store(uint64_t size)
{
        Seen seen = {.origin = "example.org/log", .head = {.size = size}};
        memset(seen.head.root.bytes, (int)size, DIGEST_SIZE);
        cr_assert_eq(seen_store(scratch.dir_fd, &seen), 0);
}

static void flip(off_t offset)
{
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, "seen-log", O_RDWR | O_CLOEXEC);
        uint8_t byte;
        cr_assert_eq(pread(fd, &byte, 1, offset), 1);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
}

Test(seen, keeps_the_last_of_many)
{
        for (uint64_t size = 1; size <= 20; size++) {
                Seen seen;
                store(size);
                cr_assert_eq(seen_load(scratch.dir_fd, &seen), 0);
                cr_assert_eq(seen.head.size, size);
                cr_assert_eq(seen.head.root.bytes[0], size);
        }
}

Test(seen, falls_back_to_the_former_where_the_last_store_was_cut_short)
{
        Seen seen;

        store(7);
        store(8);                         /* in the second slot */
        for (off_t i = 0; i < 180; i++) { /* the object and its sum */
                flip(SLOT_OFFSET + i);
                cr_assert_eq(seen_load(scratch.dir_fd, &seen), 0);
                cr_expect_eq(seen.head.size, 7, "byte %ld", (long)i);
                flip(SLOT_OFFSET + i);
        }
        flip(SLOT_OFFSET + 3);
        store(9); /* over the slot that is not whole */
        cr_assert_eq(seen_load(scratch.dir_fd, &seen), 0);
        cr_expect_eq(seen.head.size, 9);
        flip(3);
        flip(SLOT_OFFSET + 3);
        cr_expect_eq(seen_load(scratch.dir_fd, &seen), SEEN_E_MALFORMED);
}
