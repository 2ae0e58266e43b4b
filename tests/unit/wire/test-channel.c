/*
 * wire/channel.h on a real loop and real socket pairs: order, waiting, the end, and being freed by handlers.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/channel.h"

/* One side on the loop; the other is a bare socket that the test plays. */
typedef struct Fixture {
        sd_event *event;
        Channel *channel;
        int own_fd; /* the channel's */
        int peer_fd;
        unsigned n_packets, n_closed;
        int reason;
        uint8_t last_type;
        int packet_result; /* what the packet handler returns */
        bool free_in_packet, free_in_closed, answer, send_in_closed;
        bool peer_sends_on; /* another packet for each that came */
        int kept_fd;
} Fixture;

static Fixture f;

static int on_packet(Channel *channel, Packet *packet, void *userdata)
{
        Fixture *fixture = userdata;
        Buffer body = BUFFER_INIT;

        cr_assert_eq(fixture, &f);
        f.n_packets++;
        f.last_type = packet->type;
        if (packet->n_fds > 0)
                f.kept_fd = TAKE_FD(packet->fds[0]);
        if (f.peer_sends_on)
                (void)send(f.peer_fd, "\1\0\0\0\0\0\0", PACKET_HEADER_SIZE,
                           MSG_NOSIGNAL); /* Until it is closed. */
        if (f.answer)
                cr_assert_eq(channel_send(channel, packet->type, &body, NULL, 0), 0);
        if (f.free_in_packet)
                f.channel = channel_free(channel);
        return f.packet_result;
}

static int on_closed(Channel *channel, int reason, void *userdata)
{
        Buffer body = BUFFER_INIT;

        f.n_closed++;
        f.reason = reason;
        if (f.send_in_closed)
                cr_assert_eq(channel_send(channel, 1, &body, NULL, 0), 0);
        if (f.free_in_closed)
                f.channel = channel_free(channel);
        return 0;
}

static const ChannelHandlers handlers = {.packet = on_packet, .closed = on_closed};

static void fixture_make(void)
{
        int ends[2];

        f = (Fixture){.kept_fd = -1, .free_in_closed = true};
        cr_assert_geq(sd_event_new(&f.event), 0);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        f.own_fd = ends[0];
        f.peer_fd = ends[1];
        cr_assert_eq(channel_new(&f.channel, f.event, ends[0], &handlers, &f), 0);
}

static void fixture_end(void)
{
        f.channel = channel_free(f.channel);
        f.event = sd_event_unref(f.event);
        f.peer_fd = fd_close(f.peer_fd);
        f.kept_fd = fd_close(f.kept_fd);
}

TestSuite(channel, .init = fixture_make, .fini = fixture_end);

/* Lets the loop do what it has to do now. Return: how many turns that took. */
static unsigned settle(void)
{
        for (unsigned n = 0;; n++) {
                cr_assert_lt(n, 10000, "the loop does not come to rest");
                int r = sd_event_run(f.event, 0);
                cr_assert_geq(r, 0);
                if (r == 0)
                        return n;
        }
}

static void peer_sends(uint8_t type)
{
        Buffer body = BUFFER_INIT;
        cr_assert_eq(packet_send(f.peer_fd, type, &body, NULL, 0), 0);
}

/* Sends @n bytes whose first four are @number. */
static int channel_sends(uint32_t number, size_t n)
{
        Buffer body = BUFFER_INIT;

        memset(buffer_extend(&body, n), 'x', n);
        memcpy(body.data, &number, sizeof(number));
        int r = channel_send(f.channel, 9, &body, NULL, 0);
        cr_assert_eq(body.n, 0);
        buffer_deinit(&body);
        return r;
}

/* Whether the peer finds the packet with this number. */
static bool peer_receives(uint32_t number)
{
        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
        uint32_t found = 0;

        if (packet_receive(f.peer_fd, &packet) != 0)
                return false;
        memcpy(&found, packet.body, sizeof(found));
        cr_assert_eq(found, number, "out of order");
        return true;
}

Test(channel, packets_arrive_and_answers_leave)
{
        Packet packet = PACKET_INIT;

        f.answer = true;
        peer_sends(5);
        settle();
        cr_assert_eq(f.n_packets, 1);
        cr_assert_eq(packet_receive(f.peer_fd, &packet), 0);
        cr_assert_eq(packet.type, 5);
        packet_deinit(&packet);
        cr_assert(channel_is_idle(f.channel));
}

Test(channel, a_full_socket_makes_packets_wait_and_keeps_their_order)
{
        enum { COUNT = 400 };
        uint32_t next = 0;

        for (uint32_t i = 0; i < COUNT; i++)
                cr_assert_eq(channel_sends(i, i % 7 == 0 ? 100000 : 20000), 0);
        cr_assert_not(channel_is_idle(f.channel));
        cr_assert_eq(settle(), 0, "the loop spins while the peer does not read");
        while (next < COUNT) {
                cr_assert(peer_receives(next), "packet %u does not come", next);
                next++;
                settle();
        }
        cr_assert(channel_is_idle(f.channel));
        cr_assert_eq(settle(), 0, "the loop spins although nothing waits");
        cr_assert_eq(f.n_closed, 0);
}

Test(channel, no_packet_overtakes_one_that_waits)
{
        uint32_t n_sent = 0, next = 0;

        while (channel_is_idle(f.channel))
                cr_assert_eq(channel_sends(n_sent++, 60000), 0);
        while (next < 3)
                cr_assert(peer_receives(next++));
        /* There is room now, and the loop has not run yet. */
        cr_assert_eq(channel_sends(n_sent++, 4), 0);
        for (; next < n_sent; next++, settle())
                cr_assert(peer_receives(next) || (settle() > 0 && peer_receives(next)));
}

Test(channel, a_descriptor_that_waits_is_the_channels_own)
{
        Buffer body = BUFFER_INIT;
        int files[2];

        for (uint32_t i = 0; channel_is_idle(f.channel); i++)
                cr_assert_eq(channel_sends(i, 60000), 0);
        cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
        cr_assert_eq(channel_send(f.channel, 7, &body, &files[1], 1), 0);
        fd_close(files[1]);
        for (bool found = false; !found;) {
                _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
                cr_assert_eq(packet_receive(f.peer_fd, &packet), 0);
                settle();
                found = packet.type == 7;
                if (found)
                        cr_assert_eq(write(packet.fds[0], "!", 1), 1);
        }
        char c = 0;
        cr_assert_eq(read(files[0], &c, 1), 1);
        /* The other end is closed everywhere now. */
        cr_assert_eq(read(files[0], &c, 1), 0);
        fd_close(files[0]);
}

Test(channel, descriptors_arrive_and_can_be_kept)
{
        Buffer body = BUFFER_INIT;
        int files[2];

        cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
        cr_assert_eq(packet_send(f.peer_fd, 7, &body, files, 2), 0);
        settle();
        fd_close(files[0]);
        cr_assert_eq(write(files[1], "!", 1), 1);
        char c = 0;
        cr_assert_eq(read(f.kept_fd, &c, 1), 1);
        fd_close(files[1]);
}

Test(channel, the_end_is_reported_once_and_after_everything_that_came)
{
        f.free_in_closed = false;
        for (uint8_t i = 1; i <= 100; i++)
                peer_sends(i);
        f.peer_fd = fd_close(f.peer_fd);
        settle();
        cr_assert_eq(f.n_packets, 100);
        cr_assert_eq(f.last_type, 100);
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, PACKET_E_CLOSED);
        cr_assert_eq(channel_sends(1, 4), 0, "sending after the end is not ignored");
        cr_assert_eq(settle(), 0);
        cr_assert_eq(f.n_closed, 1);
}

Test(channel, an_end_noticed_while_sending_is_reported_after_what_came)
{
        peer_sends(3);
        f.peer_fd = fd_close(f.peer_fd);
        cr_assert_eq(channel_sends(1, 4), 0);
        cr_assert_eq(f.n_closed, 0, "reported from within channel_send()");
        settle();
        cr_assert_eq(f.last_type, 3);
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, PACKET_E_CLOSED);
}

Test(channel, a_peer_that_refuses_to_hear_is_at_an_end)
{
        cr_assert_eq(shutdown(f.peer_fd, SHUT_RD), 0);
        cr_assert_eq(channel_sends(1, 4), 0);
        settle();
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, PACKET_E_CLOSED);
}

Test(channel, a_socket_that_fails_is_the_end_of_its_channel_and_not_of_the_process)
{
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(dup3(fd, f.own_fd, O_CLOEXEC), f.own_fd);
        (void)fd_close(fd); /* Always -1. */
        cr_assert_eq(channel_sends(1, 4), 0);
        cr_assert_eq(f.n_closed, 0, "reported from within channel_send()");
        settle();
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, -ENOTSOCK);
}

Test(channel, what_is_no_packet_ends_it)
{
        cr_assert_eq(send(f.peer_fd, "junk", 4, 0), 4);
        peer_sends(1);
        settle();
        cr_assert_eq(f.n_packets, 0);
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, PACKET_E_MALFORMED);
}

Test(channel, a_peer_that_does_not_read_is_given_up_in_time)
{
        uint32_t n = 0;

        for (; f.n_closed == 0 && n < 1000; n++) {
                cr_assert_eq(channel_sends(n, 100000), 0);
                settle();
        }
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, -ENOBUFS);
        cr_assert_gt(n, CHANNEL_QUEUE_MAX / 100000 - 2);
        cr_assert_lt(n, CHANNEL_QUEUE_MAX / 100000 + 300);
}

Test(channel, what_has_left_is_not_counted_any_more)
{
        uint32_t n_sent = 0, n_received = 0;

        while (n_sent < 2 * CHANNEL_QUEUE_MAX / 60000) {
                cr_assert_eq(channel_sends(n_sent++, 60000), 0);
                if (channel_is_idle(f.channel))
                        continue;
                cr_assert_eq(channel_sends(n_sent++, 60000), 0);
                for (; n_received < n_sent; n_received++, settle())
                        cr_assert(peer_receives(n_received));
                cr_assert(channel_is_idle(f.channel));
        }
        cr_assert_eq(f.n_closed, 0);
        for (uint32_t i = 0; i < CHANNEL_QUEUE_MAX / 60000; i++)
                cr_assert_eq(channel_sends(i, 60000), 0);
        settle();
        cr_assert_eq(f.n_closed, 0);
}

Test(channel, packets_without_a_body_are_counted_too)
{
        Buffer body = BUFFER_INIT;
        uint32_t n = 0;

        for (; f.n_closed == 0 && n < 1000000; n++) {
                cr_assert_eq(channel_send(f.channel, 1, &body, NULL, 0), 0);
                if (n % 1000 == 0)
                        settle();
        }
        cr_assert_eq(f.n_closed, 1);
}

Test(channel, a_packet_handler_may_free_it)
{
        f.free_in_packet = true;
        peer_sends(1);
        peer_sends(2);
        settle();
        cr_assert_eq(f.n_packets, 1);
        cr_assert_eq(f.n_closed, 0);
        char c = 0;
        /* The peer had a packet unread, so it hears of a reset before the end. */
        while (recv(f.peer_fd, &c, 1, 0) < 0)
                cr_assert_eq(errno, ECONNRESET);
}

Test(channel, a_packet_handler_may_free_it_with_packets_waiting)
{
        for (uint32_t i = 0; channel_is_idle(f.channel); i++)
                cr_assert_eq(channel_sends(i, 60000), 0);
        f.free_in_packet = true;
        peer_sends(1);
        settle();
        cr_assert_eq(f.n_packets, 1);
}

Test(channel, sending_from_the_closed_handler_is_ignored)
{
        f.send_in_closed = true;
        f.peer_fd = fd_close(f.peer_fd);
        settle();
        cr_assert_eq(f.n_closed, 1);
}

Test(channel, a_handler_that_fails_ends_the_loop_with_its_error)
{
        f.packet_result = -EBADMSG;
        peer_sends(1);
        cr_assert_eq(sd_event_loop(f.event), -EBADMSG);
}

Test(channel, a_handler_that_frees_it_and_fails_ends_the_loop_too)
{
        f.packet_result = -EBADMSG;
        f.free_in_packet = true;
        peer_sends(1);
        cr_assert_eq(sd_event_loop(f.event), -EBADMSG);
}

static unsigned n_other_turns;

static int on_other_turn(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        n_other_turns++;
        return 0;
}

Test(channel, a_peer_that_never_stops_does_not_keep_others_waiting)
{
        sd_event_source *other = NULL;
        int other_fd = eventfd(1, EFD_CLOEXEC);

        for (unsigned i = 0; i < 200; i++)
                peer_sends(1);
        cr_assert_geq(sd_event_add_io(f.event, &other, other_fd, EPOLLIN, on_other_turn, NULL), 0);
        while (f.n_packets < 200)
                cr_assert_gt(sd_event_run(f.event, 0), 0);
        cr_assert_geq(n_other_turns, 4);
        sd_event_source_disable_unref(other);
        fd_close(other_fd);
}

Test(channel, a_peer_that_sends_on_but_refuses_to_hear_is_at_an_end_all_the_same)
{
        f.peer_sends_on = true;
        peer_sends(1);
        cr_assert_eq(shutdown(f.peer_fd, SHUT_RD), 0);
        cr_assert_eq(channel_sends(1, 4), 0);
        settle();
        cr_assert_eq(f.n_closed, 1);
        cr_assert_eq(f.reason, PACKET_E_CLOSED);
}

Test(channel, what_cannot_be_sent_is_refused)
{
        Buffer failed = {.failed = true}, large = BUFFER_INIT, body = BUFFER_INIT;
        int fds[PACKET_FDS_MAX + 1] = {};

        buffer_extend(&large, PACKET_BODY_MAX + 1);
        cr_assert_eq(channel_send(f.channel, 1, &failed, NULL, 0), -ENOMEM);
        cr_assert_eq(channel_send(f.channel, 1, &large, NULL, 0), -EMSGSIZE);
        cr_assert_eq(channel_send(f.channel, 1, &body, fds, PACKET_FDS_MAX + 1), -EINVAL);
        buffer_deinit(&large);
        cr_assert_eq(settle(), 0);
}

Test(channel, a_descriptor_that_is_no_socket_of_an_event_is_consumed)
{
        Channel *none = NULL;
        int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

        cr_assert_lt(channel_new(&none, f.event, fd, &handlers, &f), 0);
        cr_assert_eq(fcntl(fd, F_GETFD), -1);
        cr_assert_null(none);
}
