/*
 * An older kernel for tests, to be preloaded into a real matchguardd: SO_PEERPIDFD fails with the error whose
 * number MATCHGUARD_TEST_PEERPIDFD is. ENOPROTOOPT always, as before Linux 6.5, where the option is unknown;
 * any other where the peer has exited, as Linux 6.5 to 6.15 do (EINVAL, ESRCH or ENODATA).
 */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int getsockopt(int fd, int level, int name, void *value, socklen_t *n);

static int old_kernel_error;

__attribute__((constructor)) static void old_kernel_read(void)
{
        const char *text = getenv("MATCHGUARD_TEST_PEERPIDFD");

        old_kernel_error = text ? atoi(text) : 0;
}

static int old_kernel_fail(void)
{
        errno = old_kernel_error;
        return -1;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
        bool asked = old_kernel_error > 0 && level == SOL_SOCKET && name == SO_PEERPIDFD;

        if (asked && old_kernel_error == ENOPROTOOPT)
                return old_kernel_fail();
        int r = (int)syscall(SYS_getsockopt, fd, level, name, value, n);
        if (!asked || r < 0)
                return r;
        struct pollfd p = {.fd = *(int *)value, .events = POLLIN};
        if (poll(&p, 1, 0) == 0)
                return r;
        close(p.fd);
        return old_kernel_fail();
}
