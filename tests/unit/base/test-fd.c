/*
 * base/fd.h on real files and memfds: whole reads, writes that leave no half, seals.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

static char folder[] = "/tmp/matchguard-test-fd-XXXXXX";
static int folder_fd = -1;

static void folder_make(void)
{
        cr_assert_not_null(mkdtemp(folder));
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(folder_fd, 0);
}

static void folder_remove(void)
{
        static const char *const names[] = {"file", "file.tmp", "a/b"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                (void)unlinkat(folder_fd, names[i], 0);
        (void)unlinkat(folder_fd, "a/b", AT_REMOVEDIR);
        (void)unlinkat(folder_fd, "a", AT_REMOVEDIR);
        folder_fd = fd_close(folder_fd);
        cr_assert_eq(rmdir(folder), 0);
}

TestSuite(fd, .init = folder_make, .fini = folder_remove);

static void file_is(const char *content)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(fd_read_file(folder_fd, "file", 4096, &buffer), 0);
        cr_assert_str_eq(buffer_text(&buffer), content);
}

static void file_write(const char *content)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        buffer_append_text(&buffer, content);
        cr_assert_eq(fd_write_file(folder_fd, "file", 0640, &buffer), 0);
}

Test(fd, closing_keeps_errno_and_gives_minus_one)
{
        errno = EBUSY;
        cr_assert_eq(fd_close(dup(folder_fd)), -1);
        cr_assert_eq(fd_close(-1), -1);
        cr_assert_eq(errno, EBUSY);
}

Test(fd, writes_a_whole_file_with_its_mode_whatever_the_umask)
{
        struct stat st;
        mode_t old = umask(077);

        file_write("one");
        umask(old);
        file_is("one");
        cr_assert_eq(fstatat(folder_fd, "file", &st, 0), 0);
        cr_assert_eq(st.st_mode & 07777, 0640);
}

Test(fd, replaces_a_file_and_leaves_no_temporary)
{
        file_write("a longer content than the next");
        file_write("two");
        file_is("two");
        cr_assert_eq(faccessat(folder_fd, "file.tmp", F_OK, 0), -1);
}

Test(fd, a_write_that_fails_leaves_the_old_file)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};

        file_write("old");
        cr_assert_not_null(buffer_extend(&buffer, 5000));
        memset(buffer.data, 'n', 5000);
        signal(SIGXFSZ, SIG_IGN);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_assert_eq(fd_write_file(folder_fd, "file", 0640, &buffer), -EFBIG);
        limit.rlim_cur = RLIM_INFINITY;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        file_is("old");
        cr_assert_eq(faccessat(folder_fd, "file.tmp", F_OK, 0), -1);
}

Test(fd, a_buffer_that_failed_is_not_written)
{
        Buffer buffer = {.failed = true};

        file_write("old");
        cr_assert_eq(fd_write_file(folder_fd, "file", 0640, &buffer), -ENOMEM);
        file_is("old");
}

Test(fd, a_temporary_that_is_a_link_is_not_followed)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        file_write("old");
        buffer_append_text(&buffer, "new");
        cr_assert_eq(symlinkat("elsewhere", folder_fd, "file.tmp"), 0);
        cr_assert_eq(fd_write_file(folder_fd, "file", 0640, &buffer), -ELOOP);
        cr_assert_eq(faccessat(folder_fd, "elsewhere", F_OK, 0), -1);
        file_is("old");
}

Test(fd, reads_up_to_the_limit_and_not_a_byte_more)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        file_write("12345");
        cr_assert_eq(fd_read_file(folder_fd, "file", 5, &buffer), 0);
        cr_assert_eq(fd_read_file(folder_fd, "file", 4, &buffer), -EFBIG);
        cr_assert_eq(fd_read_file(folder_fd, "none", 4, &buffer), -ENOENT);
}

Test(fd, makes_the_folders_above_a_path)
{
        struct stat st;

        cr_assert_eq(fd_make_dirs(folder_fd, "a/b/file", 0700), 0);
        cr_assert_eq(fd_make_dirs(folder_fd, "a/b/file", 0700), 0);
        cr_assert_eq(fstatat(folder_fd, "a/b", &st, 0), 0);
        cr_assert(S_ISDIR(st.st_mode));
        cr_assert_eq(faccessat(folder_fd, "a/b/file", F_OK, 0), -1);
        cr_assert_eq(fd_sync_dir(folder_fd, "a/b/file"), 0);
        cr_assert_eq(fd_sync_dir(folder_fd, "file"), 0);
}

Test(fd, a_new_memfd_can_be_mapped_but_changed_by_nobody)
{
        _cleanup_(fd_closep) int fd = -1;
        void *data = NULL;
        size_t n = 0;

        cr_assert_eq(fd_memfd_new("test", "sealed", 6, &fd), 0);
        cr_assert_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        cr_assert_eq(pwrite(fd, "x", 1, 0), -1);
        cr_assert_eq(ftruncate(fd, 1), -1);
        cr_assert_eq(ftruncate(fd, 100), -1);
        cr_assert_eq(mmap(NULL, 6, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
        cr_assert_eq(fd_memfd_map(fd, 6, &data, &n), 0);
        cr_assert_eq(n, 6);
        cr_assert_eq(memcmp(data, "sealed", 6), 0);
        cr_assert_eq(munmap(data, n), 0);
}

Test(fd, a_memfd_that_lacks_a_seal_is_refused)
{
        static const int seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL};
        void *data = NULL;
        size_t n = 0;

        for (size_t lacking = 0; lacking < ARRAY_SIZE(seals); lacking++) {
                _cleanup_(fd_closep) int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                cr_assert_eq(fd_write_all(fd, "bytes", 5), 0);
                for (size_t i = 0; i < ARRAY_SIZE(seals); i++)
                        if (i != lacking)
                                cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
                cr_assert_eq(fd_memfd_map(fd, 100, &data, &n), FD_E_NOT_SEALED);
        }
}

Test(fd, what_is_no_memfd_or_empty_or_too_large_is_refused)
{
        void *data = NULL;
        size_t n = 0;
        int ends[2];

        _cleanup_(fd_closep) int empty = -1;
        cr_assert_eq(fd_memfd_new("test", NULL, 0, &empty), 0);
        cr_assert_eq(fd_memfd_map(empty, 100, &data, &n), FD_E_NOT_SEALED);

        _cleanup_(fd_closep) int large = -1;
        cr_assert_eq(fd_memfd_new("test", "12345", 5, &large), 0);
        cr_assert_eq(fd_memfd_map(large, 4, &data, &n), FD_E_NOT_SEALED);

        cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
        cr_assert_eq(fd_memfd_map(ends[0], 100, &data, &n), FD_E_NOT_SEALED);
        cr_assert_eq(fd_memfd_map(folder_fd, 100, &data, &n), FD_E_NOT_SEALED);
        fd_close(ends[0]);
        fd_close(ends[1]);
}

Test(fd, a_memfd_of_huge_pages_is_refused)
{
        enum { HUGE = 2 * 1024 * 1024 };
        void *data = NULL;
        size_t n = 0;

        _cleanup_(fd_closep) int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
        if (fd < 0)
                cr_skip_test("this kernel has no huge pages");
        cr_assert_eq(ftruncate(fd, HUGE), 0);
        cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
        cr_assert_eq(fd_memfd_map(fd, HUGE, &data, &n), FD_E_NOT_SEALED);
}
