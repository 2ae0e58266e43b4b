/* The queues and threads of the mirrors, with destinations that lag, block and fail. */

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "trail/mirror.h"

enum { FAKE_ITEMS_MAX = 64 };

/* Far more than was asked for, even on a machine that has hardly time for this. */
static const uint64_t far_too_long_msec = 60000;

/* A destination of the test. */
typedef struct Fake {
        sem_t gate; /* each sending takes one, where `gated` */
        bool gated;
        int fails;  /* an errno: every sending does */
        bool deaf;  /* wants nothing */
        bool keeps; /* keeps everything back until the end */
        unsigned n_kept;
        char items[FAKE_ITEMS_MAX][16];
        unsigned n_items; /* read by the test once the count has come */
        sem_t freed;
} Fake;

static void fake_init(Fake *fake)
{
        memset(fake, 0, sizeof(*fake));
        cr_assert_eq(sem_init(&fake->gate, 0, 0), 0);
        cr_assert_eq(sem_init(&fake->freed, 0, 0), 0);
}

static bool fake_wants(const void *self, const MirrorItem *item)
{
        const Fake *fake = self;
        return !fake->deaf && (item->kind == MIRROR_LEAF || item->kind == MIRROR_STEP);
}

static int fake_send(void *self, const MirrorItem *item)
{
        Fake *fake = self;

        while (fake->gated && sem_wait(&fake->gate) < 0)
                continue;
        if (fake->fails)
                return -fake->fails;
        if (fake->keeps) {
                fake->n_kept++;
                return 0;
        }
        if (fake->n_items < FAKE_ITEMS_MAX)
                (void)snprintf(fake->items[fake->n_items], sizeof(fake->items[0]), "%s",
                               (const char *)item->bytes);
        fake->n_items++;
        return 1;
}

static int fake_rest(void *self, uint64_t now_usec, bool last, uint64_t *ret_next_usec)
{
        Fake *fake = self;
        return last ? (int)fake->n_kept : 0;
}

static void fake_free(void *self)
{
        sem_post(&((Fake *)self)->freed);
}

static const MirrorDestination fake_destination = {
        .wants = fake_wants, .send = fake_send, .rest = fake_rest, .free = fake_free};

static void tell(Mirror *mirror, const char *text)
{
        const MirrorItem item = {.kind = MIRROR_LEAF, .leaf_kind = "beat", .bytes = text, .n = strlen(text)};
        mirror_tell(mirror, &item);
}

static uint64_t now_msec(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until so many were sent and lost, a minute at most. */
static MirrorCounts await(const Mirror *mirror, MirrorTo to, uint64_t sent, uint64_t lost)
{
        MirrorCounts counts = mirror_counts(mirror, to);

        for (unsigned i = 0; i < 60000 && (counts.sent < sent || counts.lost < lost); i++) {
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
                counts = mirror_counts(mirror, to);
        }
        cr_assert_eq(counts.sent, sent, "%llu sent", (unsigned long long)counts.sent);
        cr_assert_eq(counts.lost, lost, "%llu lost", (unsigned long long)counts.lost);
        return counts;
}

TestSuite(mirror, .timeout = 600);

Test(mirror, each_destination_gets_what_it_wants_in_order)
{
        Fake audit, journal;
        Mirror *mirror;

        fake_init(&audit);
        fake_init(&journal);
        journal.deaf = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &journal), 0);
        tell(mirror, "one");
        tell(mirror, "two");
        tell(mirror, "three");
        MirrorCounts counts = await(mirror, MIRROR_KERNEL_AUDIT, 3, 0);
        cr_expect_eq(counts.n_waiting, 0);
        cr_expect(counts.on);
        cr_expect_str_eq(audit.items[0], "one");
        cr_expect_str_eq(audit.items[2], "three");
        await(mirror, MIRROR_JOURNAL, 0, 0);
        mirror_free(mirror);
}

Test(mirror, one_that_blocks_holds_up_neither_the_teller_nor_the_other)
{
        Fake audit, journal;
        Mirror *mirror;

        fake_init(&audit);
        fake_init(&journal);
        audit.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &journal), 0);
        for (unsigned i = 0; i < 1000; i++)
                tell(mirror, "leaf");
        await(mirror, MIRROR_JOURNAL, 1000, 0);
        MirrorCounts counts = await(mirror, MIRROR_KERNEL_AUDIT, 0, 0);
        cr_expect_eq(counts.n_waiting, 1000);
        for (unsigned i = 0; i < 1000; i++)
                sem_post(&audit.gate);
        await(mirror, MIRROR_KERNEL_AUDIT, 1000, 0);
        mirror_free(mirror);
}

Test(mirror, what_does_not_fit_is_counted_as_lost_and_the_loop_is_woken)
{
        Fake audit;
        Mirror *mirror;

        fake_init(&audit);
        audit.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        struct pollfd wake = {.fd = mirror_event_fd(mirror), .events = POLLIN};
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                tell(mirror, "leaf");
        cr_expect_eq(poll(&wake, 1, 0), 0);
        for (unsigned i = 0; i < 7; i++)
                tell(mirror, "one too many");
        MirrorCounts counts = mirror_counts(mirror, MIRROR_KERNEL_AUDIT);
        cr_expect_eq(counts.lost, 7);
        cr_expect_eq(counts.error, ENOBUFS);
        cr_expect_eq(counts.n_waiting, MIRROR_ITEMS_MAX);
        cr_expect_eq(poll(&wake, 1, 0), 1);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                sem_post(&audit.gate);
        await(mirror, MIRROR_KERNEL_AUDIT, MIRROR_ITEMS_MAX, 7);
        mirror_free(mirror);
}

Test(mirror, what_cannot_be_sent_is_counted_as_lost)
{
        Fake journal;
        Mirror *mirror;

        fake_init(&journal);
        journal.fails = EPERM;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &journal), 0);
        tell(mirror, "leaf");
        MirrorCounts counts = await(mirror, MIRROR_JOURNAL, 0, 1);
        cr_expect_eq(counts.error, EPERM);
        struct pollfd wake = {.fd = mirror_event_fd(mirror), .events = POLLIN};
        cr_expect_eq(poll(&wake, 1, 0), 1);
        mirror_free(mirror);
}

Test(mirror, at_the_end_what_waits_is_sent_and_what_was_kept_back_as_well)
{
        Fake audit, journal;
        Mirror *mirror;

        fake_init(&audit);
        fake_init(&journal);
        journal.keeps = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &journal), 0);
        for (unsigned i = 0; i < 500; i++)
                tell(mirror, "leaf");
        mirror_free(mirror);
        cr_expect_eq(audit.n_items, 500);
        cr_expect_eq(journal.n_kept, 500);
        cr_expect_eq(sem_trywait(&audit.freed), 0);
        cr_expect_eq(sem_trywait(&journal.freed), 0);
}

Test(mirror, one_that_is_stuck_does_not_hold_up_the_end)
{
        Fake audit, journal;
        Mirror *mirror;

        fake_init(&audit);
        fake_init(&journal);
        audit.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &journal), 0);
        tell(mirror, "one");
        tell(mirror, "two");
        await(mirror, MIRROR_JOURNAL, 2, 0);
        uint64_t begun = now_msec();
        mirror_free(mirror);
        uint64_t took = now_msec() - begun;
        cr_expect(took >= MIRROR_STOP_USEC / 1000 - 100 && took < far_too_long_msec, "%llu ms",
                  (unsigned long long)took);
        cr_expect_eq(journal.n_items, 2);
        /* The thread that was stuck sends nothing more once it comes back, and cleans up behind itself. */
        sem_post(&audit.gate);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 60;
        cr_expect_eq(sem_timedwait(&audit.freed, &until), 0);
        cr_expect_eq(audit.n_items, 1);
}

Test(mirror, settling_waits_for_what_was_told_before)
{
        Mirror *mirror;
        Fake audit;

        fake_init(&audit);
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        for (unsigned i = 0; i < 500; i++)
                tell(mirror, "leaf");
        mirror_settle(mirror, MIRROR_KERNEL_AUDIT, 60000000);
        cr_expect_eq(mirror_counts(mirror, MIRROR_KERNEL_AUDIT).sent, 500);
        mirror_settle(mirror, MIRROR_JOURNAL, 60000000);
        mirror_free(mirror);
}

Test(mirror, settling_ends_in_time_where_a_destination_is_stuck)
{
        Mirror *mirror;
        Fake audit;

        fake_init(&audit);
        audit.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_KERNEL_AUDIT, &fake_destination, &audit), 0);
        tell(mirror, "leaf");
        uint64_t begun = now_msec();
        mirror_settle(mirror, MIRROR_KERNEL_AUDIT, 200000);
        uint64_t took = now_msec() - begun;
        cr_expect(took >= 190 && took < far_too_long_msec, "%llu ms", (unsigned long long)took);
        sem_post(&audit.gate);
        mirror_free(mirror);
}

Test(mirror, without_a_destination_it_takes_everything)
{
        Mirror *mirror;

        cr_assert_eq(mirror_new(&mirror), 0);
        tell(mirror, "leaf");
        cr_expect_not(mirror_counts(mirror, MIRROR_KERNEL_AUDIT).on);
        mirror_free(mirror);
        mirror_free(NULL);
        cr_expect_str_eq(mirror_name(MIRROR_KERNEL_AUDIT), "kernel-audit");
        cr_expect_str_eq(mirror_name(MIRROR_JOURNAL), "journal");
}

Test(mirror, a_flood_of_requests_leaves_room_for_everything_else)
{
        const MirrorItem request = {.kind = MIRROR_LEAF, .leaf_kind = "request", .bytes = "x", .n = 1};
        Mirror *mirror;
        Fake fake;

        fake_init(&fake);
        fake.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &fake), 0);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                mirror_tell(mirror, &request);
        cr_expect_eq(mirror_counts(mirror, MIRROR_JOURNAL).lost, MIRROR_ITEMS_KEPT);
        for (unsigned i = 0; i < MIRROR_ITEMS_KEPT; i++)
                tell(mirror, "mirror");
        cr_expect_eq(mirror_counts(mirror, MIRROR_JOURNAL).lost, MIRROR_ITEMS_KEPT);
        tell(mirror, "mirror");
        cr_expect_eq(mirror_counts(mirror, MIRROR_JOURNAL).lost, MIRROR_ITEMS_KEPT + 1);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                sem_post(&fake.gate);
        await(mirror, MIRROR_JOURNAL, MIRROR_ITEMS_MAX, MIRROR_ITEMS_KEPT + 1);
        mirror_free(mirror);
}

Test(mirror, steps_take_half_of_the_queue_and_are_never_counted_as_lost)
{
        const MirrorItem step = {.kind = MIRROR_STEP, .bytes = "x", .n = 1};
        Mirror *mirror;
        Fake fake;

        fake_init(&fake);
        fake.gated = true;
        cr_assert_eq(mirror_new(&mirror), 0);
        cr_assert_eq(mirror_add(mirror, MIRROR_JOURNAL, &fake_destination, &fake), 0);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                mirror_tell(mirror, &step);
        MirrorCounts counts = mirror_counts(mirror, MIRROR_JOURNAL);
        cr_expect_eq(counts.n_waiting, MIRROR_ITEMS_MAX / 2);
        cr_expect_eq(counts.lost, 0);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX / 2; i++)
                tell(mirror, "leaf");
        cr_expect_eq(mirror_counts(mirror, MIRROR_JOURNAL).lost, 0);
        for (unsigned i = 0; i < MIRROR_ITEMS_MAX; i++)
                sem_post(&fake.gate);
        await(mirror, MIRROR_JOURNAL, MIRROR_ITEMS_MAX, 0);
        mirror_free(mirror);
}
