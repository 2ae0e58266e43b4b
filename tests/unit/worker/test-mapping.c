/*
 * Mapped files: what is in them, and zeros where that cannot be had. Every other fault ends the process.
 */

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "scratch.h"
#include "worker/mapping.h"

static Scratch scratch;
static size_t page;

static void set_up(void)
{
        scratch_init(&scratch);
        page = (size_t)sysconf(_SC_PAGESIZE);
        cr_assert_eq(mapping_catch_faults(), 0);
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(mapping, .init = set_up, .fini = tear_down);

static int make_file(size_t n_pages)
{
        uint8_t bytes[4096];
        int fd = openat(scratch.dir_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        memset(bytes, 0x5a, sizeof(bytes));
        for (size_t i = 0; i < n_pages * page; i += sizeof(bytes))
                cr_assert_eq(write(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
        return fd;
}

Test(mapping, reads_zeros_where_the_file_was_cut_off)
{
        Mapping mapping = MAPPING_INIT;
        int fd = make_file(4);

        cr_assert_eq(mapping_reserve(&mapping, fd, 4 * page), 0);
        cr_assert_eq(mapping.data[3 * page], 0x5a);
        cr_assert_eq(ftruncate(fd, (off_t)(2 * page)), 0);
        for (size_t i = 0; i < 4; i++)
                cr_assert_eq(mapping.data[i * page + 7], i < 2 ? 0x5a : 0, "page %zu", i);
        mapping_deinit(&mapping);
        fd_close(fd);
}

Test(mapping, follows_a_file_that_grows)
{
        Mapping mapping = MAPPING_INIT;
        uint8_t byte = 0x33;
        int fd = make_file(1);

        cr_assert_eq(mapping_reserve(&mapping, fd, page), 0);
        cr_assert_gt(mapping.n, page);
        const uint8_t *before = mapping.data;
        for (size_t at = 10 * page; at < 4 * mapping.n; at *= 2) {
                cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
                cr_assert_eq(mapping_reserve(&mapping, fd, at + 1), 0);
                cr_assert_eq(mapping.data[at], 0x33);
                cr_assert_eq(mapping.data[0], 0x5a);
                if (at > UINT32_MAX / 16)
                        break;
        }
        cr_assert_neq(mapping.data, before);
        mapping_deinit(&mapping);
        mapping_deinit(&mapping);
        fd_close(fd);
}

/* The signal by which a process ends that does this. */
static int ending_of(void (*act)(const uint8_t *data), const uint8_t *data)
{
        int status;

        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                act(data);
                _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void read_byte(const uint8_t *data)
{
        (void)*(const volatile uint8_t *)data;
}

static void send_sigbus(const uint8_t *data)
{
        (void)kill(getpid(), SIGBUS);
}

Test(mapping, lets_every_other_fault_kill)
{
        Mapping mapping = MAPPING_INIT;
        int fd = make_file(2);

        const uint8_t *other = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
        cr_assert_neq(other, MAP_FAILED);
        cr_assert_eq(mapping_reserve(&mapping, fd, 2 * page), 0);
        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(ending_of(read_byte, mapping.data), 0);
        cr_assert_eq(ending_of(read_byte, other), SIGBUS);
        cr_assert_eq(ending_of(send_sigbus, NULL), SIGBUS);
        /* Given back, it is a mapping no more. */
        const uint8_t *was = mapping.data;
        mapping_deinit(&mapping);
        cr_assert_eq(mmap((void *)was, 2 * page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0), was);
        cr_assert_eq(ending_of(read_byte, was), SIGBUS);
        fd_close(fd);
}
