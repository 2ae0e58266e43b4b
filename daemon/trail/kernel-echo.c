/*
 * The reader of the audit multicast. Owns its descriptor and its thread. Thread and loop share a ring of
 * echoes under one lock; an eventfd wakes the loop, another one ends the thread.
 */

#include "trail/kernel-echo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

enum {
        ECHO_MESSAGE_MAX = 16 * 1024, /* the kernel's own bound is below 9 KiB */
        ECHO_RING_MAX = 8192,
        ECHO_SOCKET_BUFFER = 4 * 1024 * 1024,
};

struct KernelEcho {
        int fd;
        int event_fd; /* for the loop */
        int stop_fd;  /* for the thread */
        pthread_t thread;

        pthread_mutex_t lock;
        AuditEcho ring[ECHO_RING_MAX];
        size_t first, n;
        KernelEchoCounts counts;

        uint8_t message[ECHO_MESSAGE_MAX]; /* the thread's */
};

int kernel_echo_open(void)
{
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                            .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1)};
        const int size = ECHO_SOCKET_BUFFER;

        _cleanup_(fd_closep) int fd =
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
        if (fd < 0)
                return -errno;
        /* A smaller one does as well, and overruns are seen. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

bool kernel_echo_is_fd(int fd)
{
        int domain = 0, protocol = -1;
        socklen_t n_domain = sizeof(domain), n_protocol = sizeof(protocol);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_domain) == 0 && domain == AF_NETLINK &&
               getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n_protocol) == 0 &&
               protocol == NETLINK_AUDIT;
}

/* ---------------------------------------------------------------------------------------------- the thread */

static void echo_put(KernelEcho *echo, const AuditEcho *heard)
{
        pthread_mutex_lock(&echo->lock);
        echo->counts.heard++;
        if (echo->n == ECHO_RING_MAX)
                echo->counts.overruns++;
        else
                echo->ring[(echo->first + echo->n++) % ECHO_RING_MAX] = *heard;
        pthread_mutex_unlock(&echo->lock);
        /* It only fails when the counter is full: then the loop has been woken long since. */
        (void)eventfd_write(echo->event_fd, 1);
}

static void echo_overrun(KernelEcho *echo)
{
        pthread_mutex_lock(&echo->lock);
        echo->counts.overruns++;
        pthread_mutex_unlock(&echo->lock);
}

/* One message of @n bytes from the kernel. A multicast has one record a datagram; its length field counts the
 * text alone on older kernels, so that the datagram's own length is what counts. */
static void echo_message(KernelEcho *echo, size_t n)
{
        struct nlmsghdr header;
        AuditEcho heard;

        if (n < NLMSG_HDRLEN)
                return;
        memcpy(&header, echo->message, sizeof(header));
        const char *text = (const char *)echo->message + NLMSG_HDRLEN;
        size_t n_text = n - NLMSG_HDRLEN;
        while (n_text > 0 && text[n_text - 1] == '\0')
                n_text--;
        if (audit_record_echo(header.nlmsg_type, text, n_text, &heard))
                echo_put(echo, &heard);
}

/* Reads what there is. Return: 0 or -errno, after which nothing more comes. */
static int echo_drain(KernelEcho *echo)
{
        for (;;) {
                struct sockaddr_nl from = {};
                socklen_t n_from = sizeof(from);
                ssize_t n = recvfrom(echo->fd, echo->message, sizeof(echo->message), MSG_DONTWAIT,
                                     (struct sockaddr *)&from, &n_from);
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0 && errno == ENOBUFS)
                        echo_overrun(echo);
                else if (n < 0 && errno != EINTR)
                        return -errno;
                else if (n > 0 && from.nl_family == AF_NETLINK && from.nl_pid == 0)
                        echo_message(echo, (size_t)n);
        }
}

static void *echo_run(void *userdata)
{
        KernelEcho *echo = userdata;
        struct pollfd fds[] = {{.fd = echo->fd, .events = POLLIN}, {.fd = echo->stop_fd, .events = POLLIN}};
        int r = 0;

        while (r == 0 && fds[1].revents == 0) {
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
                        r = -errno;
                else if (fds[0].revents)
                        r = echo_drain(echo);
        }
        pthread_mutex_lock(&echo->lock);
        echo->counts.error = -r;
        pthread_mutex_unlock(&echo->lock);
        (void)eventfd_write(echo->event_fd, 1); /* As above. The loop learns of the end, too. */
        return NULL;
}

/* ------------------------------------------------------------------------------------------------ the loop */

int kernel_echo_new(KernelEcho **ret_echo, int fd)
{
        KernelEcho *echo = calloc(1, sizeof(*echo));
        if (!echo)
                return -ENOMEM;
        echo->fd = fd;
        echo->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        echo->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        (void)pthread_mutex_init(&echo->lock, NULL); /* With glibc it cannot fail. */
        int r = echo->event_fd < 0 || echo->stop_fd < 0 ? errno
                                                        : pthread_create(&echo->thread, NULL, echo_run, echo);
        if (r == 0) {
                *ret_echo = echo;
                return 0;
        }
        fd_close(echo->event_fd);
        fd_close(echo->stop_fd);
        pthread_mutex_destroy(&echo->lock);
        free(echo);
        return -r;
}

KernelEcho *kernel_echo_free(KernelEcho *echo)
{
        if (!echo)
                return NULL;
        /* A thread that is not told would be waited for for ever. */
        while (eventfd_write(echo->stop_fd, 1) < 0)
                usleep(1000);
        (void)pthread_join(echo->thread, NULL); /* It was made joinable, and waits for nothing else. */
        fd_close(echo->fd);
        fd_close(echo->event_fd);
        fd_close(echo->stop_fd);
        pthread_mutex_destroy(&echo->lock);
        free(echo);
        return NULL;
}

int kernel_echo_event_fd(const KernelEcho *echo)
{
        return echo->event_fd;
}

bool kernel_echo_take(KernelEcho *echo, AuditEcho *ret_echo)
{
        pthread_mutex_lock(&echo->lock);
        bool any = echo->n > 0;
        if (any) {
                *ret_echo = echo->ring[echo->first];
                echo->first = (echo->first + 1) % ECHO_RING_MAX;
                echo->n--;
        }
        pthread_mutex_unlock(&echo->lock);
        return any;
}

KernelEchoCounts kernel_echo_counts(KernelEcho *echo)
{
        pthread_mutex_lock(&echo->lock);
        KernelEchoCounts counts = echo->counts;
        pthread_mutex_unlock(&echo->lock);
        return counts;
}
