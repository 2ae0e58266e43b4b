/*
 * The seed file: every turn, every state that a power cut can leave it in, and every file that is not the
 * log's.
 */

#include "trail/epoch-key.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/macro.h"
#include "log/ratchet.h"

enum { FILE_SIZE = 4096, SLOT = 2048, TORN = 96 /* more than a slot's bytes */, EPOCHS = 4 };

static char dir[] = "/tmp/epoch-key.XXXXXX";
static int dir_fd = -1;

static void setup(void)
{
        cr_assert_not_null(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(dir_fd, 0);
}

static void teardown(void)
{
        (void)unlinkat(dir_fd, "epoch.seed", 0);
        dir_fd = fd_close(dir_fd);
        (void)rmdir(dir);
}

TestSuite(epoch_key, .init = setup, .fini = teardown, .timeout = 600);

static EpochSource source(uint64_t epoch)
{
        return (EpochSource){.trail_fd = dir_fd, .origin = "log.example", .epoch = epoch};
}

static EpochKey *must_open(uint64_t epoch)
{
        EpochSource at = source(epoch);
        EpochKey *key = NULL;

        at.may_make = epoch == 0;
        cr_assert_eq(epoch_key_open(&key, &at), 0);
        return key;
}

static void expect_ending(uint64_t epoch, int ending)
{
        const EpochSource at = source(epoch);
        EpochKey *key = NULL;

        cr_expect_eq(epoch_key_open(&key, &at), ending);
        cr_expect_null(key);
}

static void read_file(uint8_t *file)
{
        int fd = openat(dir_fd, "epoch.seed", O_RDONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(read(fd, file, FILE_SIZE), FILE_SIZE);
        fd_close(fd);
}

static void write_file(const uint8_t *file, size_t n)
{
        int fd = openat(dir_fd, "epoch.seed", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, file, n), 0);
        fd_close(fd);
}

static const uint8_t *public_key(const EpochKey *key)
{
        return note_signer_verifier(epoch_key_signer(key))->public_key;
}

Test(epoch_key, each_turn_gives_the_key_that_was_announced)
{
        EpochKey *key = must_open(0);

        for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
                uint8_t announced[NOTE_PUBLIC_KEY_SIZE];
                char name[64];
                memcpy(announced, epoch_key_next(key), sizeof(announced));
                cr_assert_eq(epoch_key_turn(key), 0);
                cr_expect_eq(memcmp(public_key(key), announced, sizeof(announced)), 0);
                (void)snprintf(name, sizeof(name), "log.example/epoch%llu", (unsigned long long)epoch);
                cr_expect_str_eq(note_signer_verifier(epoch_key_signer(key))->name, name);
                /* The same after a restart. */
                key = epoch_key_free(key);
                key = must_open(epoch);
                cr_expect_eq(memcmp(public_key(key), announced, sizeof(announced)), 0);
        }
        epoch_key_free(key);
}

Test(epoch_key, a_turn_leaves_nothing_of_the_seed_in_the_file)
{
        uint8_t before[FILE_SIZE], after[FILE_SIZE];
        EpochKey *key = must_open(0);

        for (unsigned turn = 0; turn < EPOCHS; turn++) {
                read_file(before);
                const uint8_t *seed = before + (turn % 2) * SLOT + 16;
                cr_assert_eq(epoch_key_turn(key), 0);
                read_file(after);
                cr_expect_null(memmem(after, FILE_SIZE, seed, RATCHET_SEED_SIZE / 2));
                cr_expect_null(memmem(after, FILE_SIZE, seed + RATCHET_SEED_SIZE / 2, RATCHET_SEED_SIZE / 2));
        }
        epoch_key_free(key);
}

Test(epoch_key, a_crash_between_the_commit_and_the_turn_is_made_up_for)
{
        EpochKey *key = must_open(0);
        uint8_t next[NOTE_PUBLIC_KEY_SIZE], file[FILE_SIZE], seed[RATCHET_SEED_SIZE];

        memcpy(next, epoch_key_next(key), sizeof(next));
        key = epoch_key_free(key);
        read_file(file);
        memcpy(seed, file + 16, sizeof(seed));
        EpochSource at = source(1);
        at.public_key = next;
        cr_assert_eq(epoch_key_open(&key, &at), 0);
        cr_expect_eq(memcmp(public_key(key), next, sizeof(next)), 0);
        epoch_key_free(key);
        read_file(file);
        cr_expect_null(memmem(file, FILE_SIZE, seed, sizeof(seed)));
}

/* Every state that a disk may hold after a cut within a turn: each of the two writes none, whole, or torn at
 * any byte; the second only when the first is whole. */
Test(epoch_key, no_power_cut_within_a_turn_loses_the_seed)
{
        for (unsigned turn = 0; turn < 2; turn++) {
                uint8_t old[FILE_SIZE], done[FILE_SIZE], expected[NOTE_PUBLIC_KEY_SIZE];
                EpochKey *key = must_open(turn);
                read_file(old);
                memcpy(expected, epoch_key_next(key), sizeof(expected));
                cr_assert_eq(epoch_key_turn(key), 0);
                read_file(done);
                key = epoch_key_free(key);
                const size_t new_slot = turn == 0 ? SLOT : 0, old_slot = SLOT - new_slot;
                for (size_t cut = 0; cut <= 2 * (size_t)TORN; cut++) {
                        uint8_t torn[FILE_SIZE], after[FILE_SIZE];
                        memcpy(torn, old, FILE_SIZE);
                        memcpy(torn + new_slot, done + new_slot, MIN_OF(cut, (size_t)TORN));
                        if (cut > TORN)
                                memcpy(torn + old_slot, done + old_slot, cut - TORN);
                        write_file(torn, FILE_SIZE);
                        EpochSource at = source(turn + 1);
                        at.public_key = expected;
                        cr_assert_eq(epoch_key_open(&key, &at), 0, "turn %u, cut at %zu", turn, cut);
                        key = epoch_key_free(key);
                        read_file(after);
                        cr_assert_eq(memcmp(after, done, FILE_SIZE), 0, "turn %u, cut at %zu", turn, cut);
                }
        }
}

Test(epoch_key, what_is_not_the_seed_of_the_log_is_refused)
{
        uint8_t file[FILE_SIZE], other[NOTE_PUBLIC_KEY_SIZE] = {1};

        expect_ending(1, EPOCH_E_MISSING);
        EpochKey *key = must_open(0);
        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(epoch_key_turn(key), 0);
        key = epoch_key_free(key);
        read_file(file);
        expect_ending(0, EPOCH_E_AHEAD);
        expect_ending(2, EPOCH_E_AHEAD);
        expect_ending(5, EPOCH_E_BEHIND);
        EpochSource at = source(3);
        at.public_key = other;
        cr_expect_eq(epoch_key_open(&key, &at), EPOCH_E_FOREIGN);
        at.epoch = 4;
        cr_expect_eq(epoch_key_open(&key, &at), EPOCH_E_FOREIGN);
        /* And none of them has touched the file. */
        uint8_t after[FILE_SIZE];
        read_file(after);
        cr_expect_eq(memcmp(file, after, FILE_SIZE), 0);
}

Test(epoch_key, a_damaged_file_is_refused)
{
        uint8_t file[FILE_SIZE], zeros[FILE_SIZE] = {};

        epoch_key_free(must_open(0));
        read_file(file);
        for (size_t at = 0; at < 80; at++) {
                file[at] ^= 1;
                write_file(file, FILE_SIZE);
                expect_ending(0, EPOCH_E_DAMAGED);
                file[at] ^= 1;
        }
        write_file(zeros, FILE_SIZE);
        expect_ending(0, EPOCH_E_DAMAGED);
        write_file(file, FILE_SIZE - 1);
        expect_ending(0, EPOCH_E_DAMAGED);
        write_file(file, 0);
        expect_ending(0, EPOCH_E_DAMAGED);
}
