/*
 * A clock for tests, to be preloaded into a real matchguardd: what CLOCK_REALTIME and CLOCK_BOOTTIME say is
 * moved, and whether the kernel calls the first synchronised is told, by a file that the test writes while the
 * program runs. Timers are the kernel's: where the program's clock is behind, one that has come to its end is
 * looked at, found to be early, and looked at again when sd-event next arms any other of that clock.
 *
 * The file, named by MATCHGUARD_TEST_CLOCK, is 24 bytes: how far CLOCK_REALTIME is moved, as a signed number of
 * microseconds, 1 for synchronised or 0, and how far CLOCK_BOOTTIME is moved, each little-endian in 8 bytes. It
 * is mapped once, so that no later look needs a system call that confinement would have to allow.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

typedef struct TestClock {
        int64_t moved_usec;
        int64_t synchronised;
        int64_t boottime_moved_usec;
} TestClock;

static volatile const TestClock *test_clock;

int clock_gettime(clockid_t id, struct timespec *ret_time);
int adjtimex(struct timex *timex);

__attribute__((constructor)) static void clock_map(void)
{
        const char *path = getenv("MATCHGUARD_TEST_CLOCK");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
                return;
        void *mapped = mmap(NULL, sizeof(TestClock), PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (mapped != MAP_FAILED)
                test_clock = mapped;
}

static int64_t clock_moved(clockid_t id)
{
        if (!test_clock)
                return 0;
        if (id == CLOCK_REALTIME)
                return test_clock->moved_usec;
        return id == CLOCK_BOOTTIME ? test_clock->boottime_moved_usec : 0;
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
        int r = (int)syscall(SYS_clock_gettime, id, ret_time);
        int64_t moved_usec = clock_moved(id);

        if (r == 0 && moved_usec != 0) {
                int64_t usec = ret_time->tv_sec * INT64_C(1000000) + ret_time->tv_nsec / 1000 + moved_usec;
                ret_time->tv_sec = usec / 1000000;
                ret_time->tv_nsec = usec % 1000000 * 1000;
        }
        return r;
}

int adjtimex(struct timex *timex)
{
        if (!test_clock)
                return (int)syscall(SYS_adjtimex, timex);
        timex->status = test_clock->synchronised ? 0 : STA_UNSYNC;
        return test_clock->synchronised ? TIME_OK : TIME_ERROR;
}
