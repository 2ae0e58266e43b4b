/*
 * A clock for tests, to be preloaded into a real matchguardd: what CLOCK_REALTIME says is moved, and whether
 * the kernel calls it synchronised is told, by a file that the test writes while the program runs.
 *
 * The file, named by MATCHGUARD_TEST_CLOCK, is 16 bytes: how far the clock is moved, as a signed number of
 * microseconds, and 1 for synchronised or 0, both little-endian in 8 bytes. It is mapped once, so that no
 * later look needs a system call that confinement would have to allow.
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

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
        int r = (int)syscall(SYS_clock_gettime, id, ret_time);

        if (r == 0 && id == CLOCK_REALTIME && test_clock) {
                int64_t usec = ret_time->tv_sec * INT64_C(1000000) + ret_time->tv_nsec / 1000 +
                               test_clock->moved_usec;
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
