/*
 * wire/packet.h over real socket pairs: good packets come through, and whatever else a peer can send is
 * refused without leaving a descriptor open.
 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/packet.h"

static int ends[2];

static void pair_make(void)
{
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void pair_close(void)
{
        ends[0] = fd_close(ends[0]);
        ends[1] = fd_close(ends[1]);
}

TestSuite(packet, .init = pair_make, .fini = pair_close);

static unsigned open_fds(void)
{
        unsigned n = 0;
        DIR *dir = opendir("/proc/self/fd");
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static bool same_file(int a, int b)
{
        struct stat sa, sb;
        return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

/* Sends one raw packet, as a peer could that does not use packet_send(). */
static void send_raw(const void *bytes, size_t n, const int *fds, size_t n_fds)
{
        struct iovec part = {(void *)bytes, n};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(8 * sizeof(int))];
        } control = {};

        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
                rights->cmsg_level = SOL_SOCKET;
                rights->cmsg_type = SCM_RIGHTS;
                rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));
        }
        cr_assert_eq(sendmsg(ends[0], &message, MSG_NOSIGNAL), (ssize_t)n);
}

static int receive_nothing(void)
{
        Packet packet = PACKET_INIT;
        unsigned before = open_fds();

        int r = packet_receive(ends[1], &packet);
        cr_assert_neq(r, 0, "accepted");
        cr_assert_null(packet.body);
        cr_assert_eq(open_fds(), before, "a descriptor was left open");
        return r;
}

/* Sends a body of @n bytes and checks that it comes out as it went in. */
static void body_comes_through(size_t n)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;

        uint8_t *bytes = buffer_extend(&body, n);
        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(i * 7);
        cr_assert_eq(packet_send(ends[0], 200, &body, NULL, 0), 0);
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        cr_assert_eq(packet.type, 200);
        cr_assert_eq(packet.n_body, n);
        cr_assert_eq(memcmp(packet.body, body.data, n), 0);
        cr_assert_eq(packet.n_fds, 0);
        cr_assert_eq(packet.mapping != NULL, n > PACKET_MAX - PACKET_HEADER_SIZE);
}

Test(packet, bodies_of_every_size_come_through)
{
        static const size_t sizes[] = {0,
                                       1,
                                       2,
                                       1000,
                                       PACKET_MAX - PACKET_HEADER_SIZE,
                                       PACKET_MAX - PACKET_HEADER_SIZE + 1,
                                       PACKET_MAX,
                                       1000000,
                                       PACKET_BODY_MAX};
        unsigned before = open_fds();

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
                body_comes_through(sizes[i]);
        cr_assert_eq(open_fds(), before);
}

static void fds_come_through(size_t n_body)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        Packet packet = PACKET_INIT;
        int files[PACKET_FDS_MAX];

        memset(buffer_extend(&body, n_body), 'b', n_body);
        cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
        unsigned before = open_fds();
        cr_assert_eq(packet_send(ends[0], 1, &body, files, PACKET_FDS_MAX), 0);
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        cr_assert_eq(packet.n_fds, PACKET_FDS_MAX);
        for (size_t i = 0; i < PACKET_FDS_MAX; i++) {
                cr_assert(same_file(packet.fds[i], files[i]));
                cr_assert_eq(fcntl(packet.fds[i], F_GETFD), FD_CLOEXEC);
        }
        _cleanup_(fd_closep) int kept = TAKE_FD(packet.fds[0]);
        packet_deinit(&packet);
        packet_deinit(&packet);
        cr_assert_eq(open_fds(), before + 1);
        cr_assert(same_file(kept, files[0]));
        fd_close(files[0]);
        fd_close(files[1]);
}

Test(packet, descriptors_come_with_a_small_body)
{
        fds_come_through(10);
}

Test(packet, descriptors_come_with_a_body_in_a_memfd)
{
        fds_come_through(PACKET_MAX);
}

Test(packet, what_cannot_be_sent_is_refused_before_anything_is)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        int fds[PACKET_FDS_MAX + 1] = {ends[0], ends[0], ends[0]};

        cr_assert_eq(packet_send(ends[0], 1, &(Buffer){.failed = true}, NULL, 0), -ENOMEM);
        cr_assert_eq(packet_send(ends[0], 1, &body, fds, PACKET_FDS_MAX + 1), -EINVAL);
        buffer_extend(&body, PACKET_BODY_MAX + 1);
        cr_assert_eq(packet_send(ends[0], 1, &body, NULL, 0), -EMSGSIZE);
        cr_assert_eq(receive_nothing(), PACKET_E_AGAIN);
}

Test(packet, a_full_socket_says_so_and_keeps_what_it_has_whole)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        unsigned n_sent = 0, n_received = 0;
        int r = 0;

        memset(buffer_extend(&body, 30000), 'x', 30000);
        while ((r = packet_send(ends[0], 1, &body, NULL, 0)) == 0)
                cr_assert_lt(++n_sent, 10000);
        cr_assert_eq(r, PACKET_E_AGAIN);
        for (;;) {
                _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
                r = packet_receive(ends[1], &packet);
                if (r != 0)
                        break;
                cr_assert_eq(packet.n_body, 30000);
                n_received++;
        }
        cr_assert_eq(r, PACKET_E_AGAIN);
        cr_assert_eq(n_received, n_sent);
}

Test(packet, a_peer_that_is_gone_is_noticed_on_both_ways)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        ends[0] = fd_close(ends[0]);
        cr_assert_eq(receive_nothing(), PACKET_E_CLOSED);
        cr_assert_eq(packet_send(ends[1], 1, &body, NULL, 0), PACKET_E_CLOSED);
}

Test(packet, what_a_peer_sent_before_it_went_still_arrives)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;

        /* It goes with something unread, which the kernel reports ahead of its last words. */
        cr_assert_eq(packet_send(ends[1], 1, &body, NULL, 0), 0);
        cr_assert_eq(packet_send(ends[0], 2, &body, NULL, 0), 0);
        ends[0] = fd_close(ends[0]);
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        cr_assert_eq(packet.type, 2);
        cr_assert_eq(receive_nothing(), PACKET_E_CLOSED);
}

Test(packet, an_empty_packet_with_a_descriptor_is_malformed)
{
        int fd = ends[0];

        send_raw("", 0, &fd, 1);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
}

Test(packet, headers_that_do_not_fit_are_malformed)
{
        static const struct {
                const char *bytes;
                size_t n, n_fds;
        } bad[] = {
                {"\x01", 1, 0},
                {"\x01\0\0\0\0\0\0", 7, 0},
                {"\x01\0\0\0\x01\0\0\0", 8, 0},    /* a body that did not come */
                {"\x01\0\0\0\0\0\0\0x", 9, 0},     /* more than it says */
                {"\x01\0\0\0\x02\0\0\0x", 9, 0},   /* less than it says */
                {"\x01\0\0\0\x01\0\0\x01x", 9, 0}, /* a high byte of the size */
                {"\x01\x02\0\0\0\0\0\0", 8, 0},    /* an unknown flag */
                {"\x01\x80\0\0\0\0\0\0", 8, 0},    /* another */
                {"\x01\0\x01\0\0\0\0\0", 8, 0},    /* not zero */
                {"\x01\0\0\x01\0\0\0\0", 8, 0},    /* not zero */
                {"\x01\x01\0\0\0\0\x01\0", 8, 0},  /* a memfd that did not come */
                {"\x01\x01\0\0\0\0\x01\0", 8, 1},  /* a memfd that is none */
                {"\x01\0\0\0\0\0\0\0", 8, 3},      /* too many descriptors */
                {"\x01\0\0\0\0\0\0\0", 8, 4},      /* one more: still fits into aligned control bytes */
                {"\x01\0\0\0\0\0\0\0", 8, 8},      /* more than fit */
                {"\x01\x01\0\0\0\0\x01\0", 8, 4},
        };
        int fds[8];

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = ends[0];
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                send_raw(bad[i].bytes, bad[i].n, fds, bad[i].n_fds);
                cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED, "number %zu", i);
        }
}

Test(packet, one_that_exceeds_the_largest_is_malformed)
{
        _cleanup_(freep) uint8_t *bytes = calloc(1, PACKET_MAX + 1);

        /* Its header speaks of what fits, so that only the cut gives it away. */
        bytes[4] = 0xf8;
        bytes[5] = 0xff;
        send_raw(bytes, PACKET_MAX + 1, NULL, 0);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
}

/* A packet whose body is @n bytes in @fd, by its own account. */
static void send_memfd(size_t n, int fd)
{
        uint8_t header[PACKET_HEADER_SIZE] = {1, 1, 0, 0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
                                              0};

        send_raw(header, sizeof(header), &fd, 1);
}

Test(packet, a_memfd_that_is_not_what_its_packet_says_is_malformed)
{
        enum { SIZE = 100000 };
        _cleanup_(freep) uint8_t *bytes = calloc(1, SIZE);
        _cleanup_(freep) uint8_t *large = calloc(1, PACKET_BODY_MAX + 1);
        _cleanup_(fd_closep) int sealed = -1, small = -1, huge = -1;

        cr_assert_eq(fd_memfd_new("test", bytes, SIZE, &sealed), 0);
        cr_assert_eq(fd_memfd_new("test", bytes, 100, &small), 0);
        cr_assert_eq(fd_memfd_new("test", large, PACKET_BODY_MAX + 1, &huge), 0);
        _cleanup_(fd_closep) int open = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        cr_assert_eq(fd_write_all(open, bytes, SIZE), 0);

        send_memfd(SIZE - 1, sealed);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        send_memfd(SIZE + 1, sealed);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        send_memfd(SIZE, open);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        send_memfd(100, small);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        send_memfd(PACKET_BODY_MAX + 1, huge);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);

        Packet packet = PACKET_INIT;
        send_memfd(SIZE, sealed);
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        packet_deinit(&packet);
}

Test(packet, a_memfd_with_too_many_descriptors_beside_it_is_malformed)
{
        enum { SIZE = 100000 };
        _cleanup_(freep) uint8_t *bytes = calloc(1, SIZE);
        int fds[PACKET_FDS_MAX + 2] = {-1, ends[0], ends[0], ends[0]};

        cr_assert_eq(fd_memfd_new("test", bytes, SIZE, &fds[0]), 0);
        send_raw("\x01\x01\0\0\xa0\x86\x01\0", 8, fds, ARRAY_SIZE(fds));
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        fd_close(fds[0]);
}

Test(packet, a_memfd_with_a_body_beside_it_is_malformed)
{
        enum { SIZE = 100000 };
        _cleanup_(freep) uint8_t *bytes = calloc(1, SIZE);
        _cleanup_(fd_closep) int sealed = -1;

        cr_assert_eq(fd_memfd_new("test", bytes, SIZE, &sealed), 0);
        send_raw("\x01\x01\0\0\xa0\x86\x01\0x", 9, &sealed, 1);
        cr_assert_eq(receive_nothing(), PACKET_E_MALFORMED);
        send_raw("\x01\x01\0\0\xa0\x86\x01\0", 8, &sealed, 1);
        Packet packet = PACKET_INIT;
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        packet_deinit(&packet);
}

/* What is freed while this is set is looked at: whether a template is left in it. */
static const char *looked_for;
static unsigned n_left;

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
        if (memory && looked_for)
                n_left += memmem(memory, malloc_usable_size(memory), looked_for, strlen(looked_for)) != NULL;
        __real_free(memory);
}

Test(packet, nothing_is_left_of_a_body_in_memory_that_is_given_back)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        Packet packet = PACKET_INIT;

        buffer_append_text(&body, "0123456789 0123456789 a template");
        cr_assert_eq(packet_send(ends[0], 1, &body, NULL, 0), 0);
        cr_assert_eq(packet_receive(ends[1], &packet), 0);
        cr_assert_eq(packet.n_body, body.n);
        looked_for = "a template";
        packet_deinit(&packet);
        looked_for = NULL;
        cr_expect_eq(n_left, 0U);
}
