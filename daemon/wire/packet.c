/*
 * Packets on a SOCK_SEQPACKET socket. Owns the descriptors and the memory of a packet until packet_deinit().
 * Every process runs it; knows no message. What the peer sends can make a packet malformed, never make this
 * process fail.
 */

#include "wire/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/cursor.h"

enum {
        PACKET_FLAG_MEMFD = 1,
        PACKET_INLINE_MAX = PACKET_MAX - PACKET_HEADER_SIZE,
        PACKET_ALL_FDS_MAX = PACKET_FDS_MAX + 1,
};

/* Room for descriptors, aligned as cmsg(3) wants it. The kernel may fill what alignment adds. */
typedef union PacketControl {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(PACKET_ALL_FDS_MAX * sizeof(int))];
} PacketControl;

/* The descriptors as they came; one that was handed over is -1. */
typedef struct PacketFds {
        size_t n;
        int all[(sizeof(PacketControl) - CMSG_LEN(0)) / sizeof(int)];
} PacketFds;

void packet_deinit(Packet *packet)
{
        for (size_t i = 0; i < PACKET_FDS_MAX; i++)
                packet->fds[i] = fd_close(packet->fds[i]);
        /* Bodies hold templates, of which nothing is to be left in memory that was given back. */
        if (packet->inline_bytes)
                explicit_bzero(packet->inline_bytes, packet->n_body);
        free(packet->inline_bytes);
        if (packet->mapping)
                (void)munmap(packet->mapping, packet->n_mapping); /* Cannot fail on what mmap(2) gave. */
        *packet = PACKET_INIT;
}

static void packet_header(uint8_t header[static PACKET_HEADER_SIZE], uint8_t type, uint8_t flags,
                          size_t n_body)
{
        header[0] = type;
        header[1] = flags;
        header[2] = header[3] = 0;
        for (size_t i = 0; i < 4; i++)
                header[4 + i] = (uint8_t)(n_body >> (8 * i));
}

static int packet_send_message(int fd, const struct msghdr *message)
{
        for (;;) {
                if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno == EINTR)
                        continue;
                if (errno == EAGAIN)
                        return PACKET_E_AGAIN;
                if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
                        return PACKET_E_CLOSED;
                return -errno;
        }
}

static void packet_attach(struct msghdr *message, PacketControl *control, const int *fds, size_t n_fds)
{
        if (n_fds == 0)
                return;
        message->msg_control = control;
        message->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));
}

int packet_send(int fd, uint8_t type, const Buffer *body, const int *fds, size_t n_fds)
{
        if (body->failed)
                return -ENOMEM;
        if (body->n > PACKET_BODY_MAX)
                return -EMSGSIZE;
        if (n_fds > PACKET_FDS_MAX)
                return -EINVAL;

        int all_fds[PACKET_ALL_FDS_MAX];
        size_t n_all_fds = 0;
        bool apart = body->n > PACKET_INLINE_MAX;
        _cleanup_(fd_closep) int memfd = -1;
        if (apart) {
                int r = fd_memfd_new("matchguard-packet", body->data, body->n, &memfd);
                if (r < 0)
                        return r;
                all_fds[n_all_fds++] = memfd;
        }
        for (size_t i = 0; i < n_fds; i++)
                all_fds[n_all_fds++] = fds[i];

        uint8_t header[PACKET_HEADER_SIZE];
        packet_header(header, type, apart ? PACKET_FLAG_MEMFD : 0, body->n);
        struct iovec parts[] = {
                {.iov_base = header, .iov_len = sizeof(header)},
                {.iov_base = body->data, .iov_len = body->n},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = apart || body->n == 0 ? 1 : 2};
        PacketControl control = {};
        packet_attach(&message, &control, all_fds, n_all_fds);
        return packet_send_message(fd, &message);
}

static void packet_fds_close(PacketFds *fds)
{
        for (size_t i = 0; i < fds->n; i++)
                fds->all[i] = fd_close(fds->all[i]);
        fds->n = 0;
}

/* Takes every descriptor that the kernel has installed. Return: whether a packet may have so many. */
static bool packet_collect(struct msghdr *message, PacketFds *fds)
{
        bool fine = !(message->msg_flags & (MSG_CTRUNC | MSG_TRUNC));

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
                        fine = false;
                        continue;
                }
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                memcpy(fds->all + fds->n, CMSG_DATA(c), n * sizeof(int));
                fds->n += n;
        }
        return fine && fds->n <= PACKET_ALL_FDS_MAX;
}

/* One recvmsg(2). Return: 0, PACKET_E_AGAIN, PACKET_E_CLOSED, or -errno; with @ret_n bytes read. */
static int packet_receive_message(int fd, struct msghdr *message, size_t *ret_n)
{
        size_t control_size = message->msg_controllen;
        bool again = false;

        for (;;) {
                message->msg_controllen = control_size;
                ssize_t n = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                if (n >= 0) {
                        *ret_n = (size_t)n;
                        return 0;
                }
                if (errno == EINTR)
                        continue;
                if (errno == EAGAIN)
                        return PACKET_E_AGAIN;
                if (errno != ECONNRESET && errno != ENOTCONN)
                        return -errno;
                /* A peer that went without reading everything is reported before what it had sent: that is
                 * still there, and may be a result. */
                if (again || errno == ENOTCONN)
                        return PACKET_E_CLOSED;
                again = true;
        }
}

/* Puts the body in place. Return: 0, PACKET_E_MALFORMED, or -errno. */
static int packet_open_body(const uint8_t *bytes, size_t n, const PacketFds *fds, Packet *packet)
{
        Cursor cursor = cursor_init(bytes, n);
        packet->type = cursor_u8(&cursor);
        uint8_t flags = cursor_u8(&cursor);
        uint16_t zero = cursor_u16(&cursor);
        packet->n_body = cursor_u32(&cursor);
        size_t n_inline = n - PACKET_HEADER_SIZE;
        if (cursor.failed || flags > PACKET_FLAG_MEMFD || zero != 0)
                return PACKET_E_MALFORMED;

        if (flags & PACKET_FLAG_MEMFD) {
                if (n_inline != 0 || fds->n == 0 || packet->n_body <= PACKET_INLINE_MAX)
                        return PACKET_E_MALFORMED;
                int r = fd_memfd_map(fds->all[0], PACKET_BODY_MAX, &packet->mapping, &packet->n_mapping);
                if (r != 0)
                        return r < 0 ? r : PACKET_E_MALFORMED;
                packet->body = packet->mapping;
                return packet->n_mapping == packet->n_body ? 0 : PACKET_E_MALFORMED;
        }
        if (n_inline != packet->n_body || fds->n > PACKET_FDS_MAX)
                return PACKET_E_MALFORMED;
        packet->inline_bytes = malloc(n_inline + 1); /* One more, so that it is never nothing. */
        if (!packet->inline_bytes)
                return -ENOMEM;
        memcpy(packet->inline_bytes, bytes + PACKET_HEADER_SIZE, n_inline);
        packet->body = packet->inline_bytes;
        return 0;
}

/* Hands over the descriptors behind the body's. */
static void packet_take_fds(Packet *packet, PacketFds *fds)
{
        for (size_t i = packet->mapping ? 1 : 0; i < fds->n; i++)
                packet->fds[packet->n_fds++] = TAKE_FD(fds->all[i]);
}

int packet_receive(int fd, Packet *ret_packet)
{
        uint8_t bytes[PACKET_MAX]; /* The exact size is known only afterwards, and most packets are small. */
        struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        PacketControl control;
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        size_t n = 0;

        int r = packet_receive_message(fd, &message, &n);
        if (r != 0)
                return r;
        _cleanup_(packet_fds_close) PacketFds fds = {};
        bool fine = packet_collect(&message, &fds);
        if (n == 0 && fds.n == 0)
                return PACKET_E_CLOSED;
        if (!fine)
                return PACKET_E_MALFORMED;

        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
        r = packet_open_body(bytes, n, &fds, &packet);
        explicit_bzero(bytes, n); /* As in packet_deinit(). */
        if (r != 0)
                return r;
        packet_take_fds(&packet, &fds);
        *ret_packet = packet;
        packet = PACKET_INIT;
        return 0;
}
