/*
 * base/clock.h: what can be said of real clocks without waiting for them.
 */

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"

Test(clock, reads_the_wall_clock_in_microseconds)
{
        ClockReading reading = {};

        uint64_t before = (uint64_t)time(NULL) * CLOCK_USEC_PER_SEC;
        cr_assert_eq(clock_read(&reading), 0);
        cr_assert_geq(reading.wall_usec + CLOCK_USEC_PER_SEC, before);
        cr_assert_leq(reading.wall_usec, before + 3600 * CLOCK_USEC_PER_SEC);
}

Test(clock, boot_time_does_not_go_back)
{
        ClockReading first = {}, second = {};

        cr_assert_eq(clock_read(&first), 0);
        cr_assert_eq(clock_read(&second), 0);
        cr_assert_gt(first.boottime_usec, 0);
        cr_assert_geq(second.boottime_usec, first.boottime_usec);
}

Test(clock, the_boot_id_is_the_kernels_without_dashes)
{
        char id[33] = "";
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;

        cr_assert_eq(clock_boot_id(id), 0);
        cr_assert_eq(strspn(id, "0123456789abcdef"), 32);
        cr_assert_eq(strlen(id), 32);
        cr_assert_eq(fd_read_file(-1, "/proc/sys/kernel/random/boot_id", 64, &file), 0);
        const char *expected = buffer_text(&file);
        for (const char *p = id; *p; p++, expected++) {
                expected += *expected == '-';
                cr_assert_eq(*p, *expected);
        }
}
