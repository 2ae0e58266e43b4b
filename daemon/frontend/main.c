/*
 * matchguard-frontend: takes apart what clients send. The parent connects to the guard and makes children;
 * see frontend/parent.h and frontend/child.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/manager.h"
#include "frontend/confine.h"
#include "frontend/parent.h"

#define MAIN_CONNECT "/run/matchguard/internal/frontend"

static const char *arg_connect = MAIN_CONNECT;
static bool arg_log_seccomp;

static const struct option main_options[] = {
        {"connect", required_argument, NULL, 'c'},
        {"log-seccomp", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {},
};

static void main_help(void)
{
        puts("matchguard-frontend [--connect PATH] [--log-seccomp]\n\n"
             "Serves the clients of matchguardd. Ends when the guard does.\n\n"
             "      --connect PATH  the guard's socket (" MAIN_CONNECT ")\n"
             "      --log-seccomp   only log system calls that are not allowed\n"
             "      --help          print this\n"
             "      --version       print the version");
}

/* Return: a negative number to go on, or the exit status. */
static int main_parse(int argc, char **argv)
{
        int c;

        while ((c = getopt_long(argc, argv, "", main_options, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        arg_connect = optarg;
                        break;
                case 'l':
                        arg_log_seccomp = true;
                        break;
                case 'h':
                        main_help();
                        return EXIT_SUCCESS;
                case 'v':
                        puts("matchguard-frontend " MATCHGUARD_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return 2;
                }
        }
        if (optind == argc)
                return -1;
        fprintf(stderr, "matchguard-frontend: no argument is expected, but there is '%s'\n", argv[optind]);
        return 2;
}

static int main_connect(int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (strlen(arg_connect) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, arg_connect);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int main_block_signals(void)
{
        sigset_t signals;

        if (sigemptyset(&signals) < 0 || sigaddset(&signals, SIGCHLD) < 0 ||
            sigaddset(&signals, SIGTERM) < 0 || sigaddset(&signals, SIGINT) < 0 ||
            sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        return 0;
}

/* What is needed from outside, before it gives up the right to open anything. Return: 0 or -errno, which it has said. */
static int main_open(ParentFds *fds)
{
        int r = main_block_signals();
        if (r == 0 && pipe2(fds->stop, O_CLOEXEC) < 0)
                r = -errno;
        if (r < 0) {
                diag(DIAG_ERROR, "cannot set up signals and a pipe: %s", strerror(-r));
                return r;
        }
        r = manager_connect(&fds->manager);
        if (r < 0) {
                diag(DIAG_ERROR, "cannot reach the service manager ($NOTIFY_SOCKET): %s", strerror(-r));
                return r;
        }
        r = main_connect(&fds->channel);
        if (r < 0)
                diag(DIAG_ERROR, "cannot connect to %s: %s", arg_connect, strerror(-r));
        return r;
}

int main(int argc, char **argv)
{
        SandboxRemarks remarks;
        ParentFds fds = {-1, -1, {-1, -1}};
        int status = main_parse(argc, argv);
        if (status >= 0)
                return status;

        diag_init("matchguard-frontend", DIAG_INFO);
        if (main_open(&fds) < 0)
                return EXIT_FAILURE;
        int r = confine_parent(arg_log_seccomp, &remarks);
        if (r < 0) {
                diag(DIAG_ERROR, "cannot confine this process: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        sandbox_remarks_tell(&remarks);
        r = parent_serve(&fds);
        if (r < 0)
                diag(DIAG_ERROR, "cannot serve: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
