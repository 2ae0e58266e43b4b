/*
 * The life of a connection, under an owner that is played: order, turns, half-close, back-pressure, hang-ups,
 * descriptors. Time is given.
 */

#include "frontend/connection.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"

#define WHO      "{\"method\":\"org.matchguard.Match.WhoAmI\"}"
#define ANSWERED "{\"parameters\":{},\"error\":\"org.matchguard.Match.Overloaded\"}"

/* The owner: notes what it hears as words. */
typedef struct Owner {
        sd_event *event;
        Connection *connection;
        int client_fd;
        bool may_go;
        uint64_t serial; /* of the last call */
        Buffer heard;
} Owner;

static bool owner_may_go(void *userdata)
{
        return ((Owner *)userdata)->may_go;
}

static int owner_wait(void *userdata)
{
        buffer_append_text(&((Owner *)userdata)->heard, "wait ");
        return 0;
}

static int owner_call(const CallMessage *message, void *userdata)
{
        Owner *owner = userdata;

        cr_assert_eq(message->connection, 5);
        owner->serial = message->serial;
        buffer_append_format(&owner->heard, "call-%u ", (unsigned)message->serial);
        return 0;
}

static int owner_refused(RefusedWhy why, void *userdata)
{
        buffer_append_format(&((Owner *)userdata)->heard, "%s ", refused_why_name(why));
        return 0;
}

static int owner_closed(void *userdata)
{
        Owner *owner = userdata;

        buffer_append_text(&owner->heard, "closed ");
        owner->connection = connection_free(owner->connection);
        return 0;
}

static const ConnectionHandlers owner_handlers = {owner_may_go, owner_wait, owner_call, owner_refused,
                                                  owner_closed};

/* @room: for how many bytes that the client has not read; 0: as many as the kernel has for them */
static void owner_init_with_room(Owner *owner, int room)
{
        int fds[2];

        *owner = (Owner){.may_go = true};
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        cr_assert_geq(sd_event_new(&owner->event), 0);
        if (room > 0)
                cr_assert_eq(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
        owner->client_fd = fds[0];
        ConnectionStart start = {owner->event, fds[1], 5, INTERFACE_MATCH, &owner_handlers, owner};
        cr_assert_eq(connection_new(&owner->connection, &start), 0);
}

static void owner_init(Owner *owner)
{
        owner_init_with_room(owner, 0);
}

static void owner_deinit(Owner *owner)
{
        owner->connection = connection_free(owner->connection);
        (void)fd_close(owner->client_fd);
        sd_event_unref(owner->event);
        buffer_deinit(&owner->heard);
}

/* Runs the loop until it has nothing more to do, and expects these words since the last time. */
static void owner_expect(Owner *owner, const char *heard)
{
        int r;

        while ((r = sd_event_run(owner->event, 0)) > 0)
                ;
        cr_assert_eq(r, 0);
        cr_assert_str_eq(buffer_text(&owner->heard), heard, "heard '%s', not '%s'",
                         buffer_text(&owner->heard), heard);
        buffer_clear(&owner->heard);
}

static void client_send(Owner *owner, const char *text, size_t n)
{
        cr_assert_eq(send(owner->client_fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Sends a string and the NUL that ends it. */
#define CLIENT_SEND(owner, text) client_send(owner, text, sizeof(text))

static void client_expect(Owner *owner, const char *text)
{
        char got[4096];
        ssize_t n = recv(owner->client_fd, got, sizeof(got) - 1, MSG_DONTWAIT);

        if (!text) {
                cr_assert_eq(n, -1);
                cr_assert_eq(errno, EAGAIN);
                return;
        }
        cr_assert_eq(n, (ssize_t)strlen(text) + (*text ? 1 : 0), "%zd", n);
        got[n] = 0;
        cr_assert_str_eq(got, text);
}

static void owner_answer(Owner *owner)
{
        AnswerMessage answer = {.connection = 5, .serial = owner->serial, .kind = ANSWER_OVERLOADED};

        cr_assert_eq(connection_answer(owner->connection, &answer), 0);
}

Test(connection, a_call_goes_out_and_its_answer_comes_back)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-1 ");
        owner_answer(&owner);
        client_expect(&owner, ANSWERED);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-2 ");
}

Test(connection, pipelined_calls_are_taken_one_after_the_other)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, WHO "\0" WHO "\0" WHO, 3 * sizeof(WHO));
        owner_expect(&owner, "call-1 ");
        CLIENT_SEND(&owner, "x");
        owner_expect(&owner, "");
        owner_answer(&owner);
        owner_expect(&owner, "call-2 ");
        owner_answer(&owner);
        owner_expect(&owner, "call-3 ");
        owner_answer(&owner);
        owner_expect(&owner, "malformed closed ");
}

Test(connection, a_fault_between_calls_keeps_the_order_of_replies)
{
        _cleanup_(owner_deinit) Owner owner;
        char got[1024] = "";

        owner_init(&owner);
        client_send(&owner, WHO "\0{\"method\":\"x\"}\0" WHO, 2 * sizeof(WHO) + 15);
        owner_expect(&owner, "call-1 ");
        owner_answer(&owner);
        owner_expect(&owner, "malformed call-2 ");
        owner_answer(&owner);
        ssize_t n = recv(owner.client_fd, got, sizeof(got), MSG_DONTWAIT);
        cr_assert_gt(n, 0);
        const char *second = got + strlen(got) + 1, *third = second + strlen(second) + 1;
        cr_expect_str_eq(got, ANSWERED);
        cr_expect_not_null(strstr(second, "MethodNotFound"));
        cr_expect_str_eq(third, ANSWERED);
}

Test(connection, a_message_in_pieces_is_one_message)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        for (size_t i = 0; i < sizeof(WHO); i++) {
                owner_expect(&owner, "");
                client_send(&owner, &WHO[i], 1);
        }
        owner_expect(&owner, "call-1 ");
}

Test(connection, nothing_is_read_without_leave)
{
        _cleanup_(owner_deinit) Owner owner;
        int n_waiting = 0;

        owner_init(&owner);
        owner.may_go = false;
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "wait ");
        owner_expect(&owner, "");
        cr_assert_eq(recv(owner.client_fd, &n_waiting, 1, MSG_DONTWAIT), -1);
        owner.may_go = true;
        cr_assert_eq(connection_turn(owner.connection), 0);
        owner_expect(&owner, "call-1 ");
}

Test(connection, a_turn_ends_so_that_others_have_theirs)
{
        _cleanup_(owner_deinit) Owner owner;
        char got[65536];

        owner_init(&owner);
        for (int i = 0; i < 40; i++)
                CLIENT_SEND(&owner, "{\"method\":\"x\"}");
        while (sd_event_run(owner.event, 0) > 0)
                ;
        const char *wait = strstr(buffer_text(&owner.heard), "wait ");
        cr_assert_not_null(wait);
        cr_assert_eq(wait[5], 0, "after it nothing happens");
        while (owner.heard.n > 0) {
                buffer_clear(&owner.heard);
                cr_assert_eq(connection_turn(owner.connection), 0);
        }
        ssize_t n = recv(owner.client_fd, got, sizeof(got), MSG_DONTWAIT);
        int n_replies = 0;
        for (ssize_t i = 0; i < n; i++)
                n_replies += got[i] == 0;
        cr_expect_eq(n_replies, 40, "and in the end all are answered");
}

Test(connection, oneway_is_counted_and_never_answered)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        CLIENT_SEND(&owner, "{\"method\":\"org.matchguard.Match.WhoAmI\",\"oneway\":true}");
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "oneway call-1 ");
        client_expect(&owner, NULL);
}

Test(connection, a_client_that_has_sent_all_still_gets_its_answers)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, WHO "\0" WHO, 2 * sizeof(WHO));
        cr_assert_eq(shutdown(owner.client_fd, SHUT_WR), 0);
        owner_expect(&owner, "call-1 ");
        owner_answer(&owner);
        client_expect(&owner, ANSWERED);
        owner_expect(&owner, "call-2 ");
        owner_answer(&owner);
        client_expect(&owner, ANSWERED);
        owner_expect(&owner, "closed ");
        client_expect(&owner, "");
}

Test(connection, half_a_message_at_the_end_is_malformed)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, WHO, sizeof(WHO) - 1);
        owner_expect(&owner, "");
        cr_assert_eq(shutdown(owner.client_fd, SHUT_WR), 0);
        owner_expect(&owner, "malformed closed ");
}

Test(connection, a_client_that_goes_says_so)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        owner.client_fd = fd_close(owner.client_fd);
        owner_expect(&owner, "closed ");
        cr_assert_null(owner.connection);
}

Test(connection, a_client_that_goes_with_a_call_out_is_forgotten)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-1 ");
        owner.client_fd = fd_close(owner.client_fd);
        owner_expect(&owner, "closed ");
}

Test(connection, what_a_gone_client_had_sent_is_counted)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, WHO "\0" WHO, 2 * sizeof(WHO));
        owner_expect(&owner, "call-1 ");
        owner.client_fd = fd_close(owner.client_fd);
        owner_expect(&owner, "caller-gone closed ");
}

Test(connection, a_client_that_goes_while_it_waits_makes_no_noise)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        owner.may_go = false;
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "wait ");
        owner.client_fd = fd_close(owner.client_fd);
        owner_expect(&owner, "");
        owner.may_go = true;
        cr_assert_eq(connection_turn(owner.connection), 0);
        owner_expect(&owner, "call-1 closed ");
}

Test(connection, the_guard_can_end_it_at_any_time)
{
        for (int waiting = 0; waiting <= 1; waiting++) {
                _cleanup_(owner_deinit) Owner owner;
                owner_init(&owner);
                owner.may_go = !waiting;
                CLIENT_SEND(&owner, WHO);
                owner_expect(&owner, waiting ? "wait " : "call-1 ");
                cr_assert_eq(connection_hang_up(owner.connection), 0);
                owner_expect(&owner, waiting ? "caller-gone closed " : "closed ");
        }
}

Test(connection, an_answer_to_no_call_is_a_fault_of_the_guards)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        AnswerMessage answer = {.connection = 5, .serial = 1, .kind = ANSWER_OVERLOADED};
        cr_expect_eq(connection_answer(owner.connection, &answer), -EPROTO);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-1 ");
        answer.serial = 2;
        cr_expect_eq(connection_answer(owner.connection, &answer), -EPROTO);
        answer.serial = 1;
        cr_expect_eq(connection_answer(owner.connection, &answer), 0);
        cr_expect_eq(connection_answer(owner.connection, &answer), -EPROTO, "nor twice");
}

static void client_send_fd(Owner *owner, const char *text, size_t n)
{
        union {
                struct cmsghdr header;
                uint8_t bytes[CMSG_SPACE(sizeof(int))];
        } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
        struct iovec part = {(void *)text, n};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};

        memcpy(CMSG_DATA(&control.header), &owner->client_fd, sizeof(int));
        cr_assert_eq(sendmsg(owner->client_fd, &message, 0), (ssize_t)n);
}

static unsigned n_open_fds(void)
{
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

Test(connection, a_descriptor_ends_it_and_is_closed)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        unsigned before = n_open_fds();
        client_send_fd(&owner, WHO, sizeof(WHO));
        owner_expect(&owner, "malformed closed ");
        cr_expect_eq(n_open_fds(), before - 1,
                     "the connection's own is closed, and nothing is left of what came");
}

/* Asks for the description again and again without reading, until the replies fill the socket. */
static void client_fill(Owner *owner)
{
        static const char ask[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                                  "\"parameters\":{\"interface\":\"org.matchguard.Match\"}}";

        cr_assert_eq(fcntl(owner->client_fd, F_SETFL, O_NONBLOCK), 0);
        for (int i = 0; i < 200; i++)
                (void)send(owner->client_fd, ask, sizeof(ask), MSG_NOSIGNAL); /* until it is full too */
        while (sd_event_run(owner->event, 0) > 0 || owner->heard.n > 0) {
                bool waits = owner->heard.n > 0;
                buffer_clear(&owner->heard);
                if (waits)
                        cr_assert_eq(connection_turn(owner->connection), 0);
        }
}

Test(connection, a_client_that_does_not_read_is_not_read_either)
{
        _cleanup_(owner_deinit) Owner owner;
        static char got[1 << 20];
        size_t n_replies = 0;

        owner_init(&owner);
        client_fill(&owner);
        owner_expect(&owner, "");
        for (int idle = 0; idle < 3;) {
                ssize_t n = recv(owner.client_fd, got, sizeof(got), MSG_DONTWAIT);
                idle = n > 0 ? 0 : idle + 1;
                for (ssize_t i = 0; i < n; i++)
                        n_replies += got[i] == 0;
                while (sd_event_run(owner.event, 0) > 0 || owner.heard.n > 0) {
                        bool waits = owner.heard.n > 0;
                        buffer_clear(&owner.heard);
                        if (waits)
                                cr_assert_eq(connection_turn(owner.connection), 0);
                }
        }
        cr_expect_eq(n_replies, 200, "once it reads, everything comes: %zu", n_replies);
}

static uint64_t now_usec(Owner *owner)
{
        uint64_t now = 0;

        cr_assert_geq(sd_event_now(owner->event, CLOCK_MONOTONIC, &now), 0);
        return now;
}

Test(connection, a_reply_that_nobody_reads_ends_it_in_the_end)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_fill(&owner);
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + CONNECTION_STALL_USEC / 2), 0);
        owner_expect(&owner, "");
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + 2 * CONNECTION_STALL_USEC), 0);
        owner_expect(&owner, "closed ");
}

Test(connection, half_a_message_ends_it_in_the_end)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, "{", 1);
        owner_expect(&owner, "");
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + CONNECTION_STALL_USEC / 2), 0);
        owner_expect(&owner, "");
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + 2 * CONNECTION_STALL_USEC), 0);
        owner_expect(&owner, "malformed closed ");
}

Test(connection, one_that_says_nothing_may_stay)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + 1000 * CONNECTION_STALL_USEC), 0);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-1 ");
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + 1000 * CONNECTION_STALL_USEC), 0);
        owner_expect(&owner, "");
        owner_answer(&owner);
        cr_assert_eq(connection_check(owner.connection, now_usec(&owner) + 1000 * CONNECTION_STALL_USEC), 0);
        owner_expect(&owner, "");
}

Test(connection, a_message_over_the_limit_ends_it, .timeout = 600)
{
        _cleanup_(owner_deinit) Owner owner;
        static char spaces[65536];

        owner_init(&owner);
        memset(spaces, ' ', sizeof(spaces));
        cr_assert_eq(fcntl(owner.client_fd, F_SETFL, O_NONBLOCK), 0);
        while (owner.connection) {
                (void)send(owner.client_fd, spaces, sizeof(spaces), MSG_NOSIGNAL); /* as much as fits */
                cr_assert_geq(sd_event_run(owner.event, 0), 0);
                if (owner.connection && owner.heard.n > 0) {
                        buffer_clear(&owner.heard);
                        cr_assert_eq(connection_turn(owner.connection), 0);
                }
        }
        cr_expect_not_null(strstr(buffer_text(&owner.heard), "too-large closed "));
}

Test(connection, one_that_drains_with_nothing_to_wait_for_ends_at_once)
{
        for (int half = 0; half <= 1; half++) {
                _cleanup_(owner_deinit) Owner owner;
                owner_init(&owner);
                client_send(&owner, WHO, half ? sizeof(WHO) - 1 : 0);
                owner_expect(&owner, "");
                cr_assert_eq(connection_drain(owner.connection, now_usec(&owner)), 0);
                owner_expect(&owner, "closed ");
        }
}

Test(connection, one_that_drains_while_it_waits_for_its_turn_ends_at_once)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        owner.may_go = false;
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "wait ");
        cr_assert_eq(connection_drain(owner.connection, now_usec(&owner)), 0);
        owner_expect(&owner, "closed ");
}

Test(connection, one_that_drains_answers_its_call_and_takes_no_other)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_send(&owner, WHO "\0" WHO, 2 * sizeof(WHO));
        owner_expect(&owner, "call-1 ");
        cr_assert_eq(connection_drain(owner.connection, now_usec(&owner)), 0);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "");
        owner_answer(&owner);
        owner_expect(&owner, "closed ");
        client_expect(&owner, ANSWERED);
}

Test(connection, a_client_that_goes_while_its_call_drains_is_forgotten)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        CLIENT_SEND(&owner, WHO);
        owner_expect(&owner, "call-1 ");
        cr_assert_eq(connection_drain(owner.connection, now_usec(&owner)), 0);
        owner.client_fd = fd_close(owner.client_fd);
        owner_expect(&owner, "closed ");
}

/* Reads up to @n bytes that are there. */
static void client_read(Owner *owner, size_t n)
{
        static char got[65536];

        cr_assert_gt(recv(owner->client_fd, got, MIN_OF(n, sizeof(got)), MSG_DONTWAIT), 0);
        while (sd_event_run(owner->event, 0) > 0)
                ;
}

Test(connection, one_that_drains_writes_what_it_had_to_write)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init(&owner);
        client_fill(&owner);
        cr_assert_eq(connection_drain(owner.connection, now_usec(&owner)), 0);
        owner_expect(&owner, "");
        while (owner.connection)
                client_read(&owner, SIZE_MAX);
        owner_expect(&owner, "closed ");
}

Test(connection, one_that_drains_is_not_held_up_by_a_client_that_reads_a_little)
{
        _cleanup_(owner_deinit) Owner owner;

        owner_init_with_room(&owner, 1);
        client_fill(&owner);
        uint64_t began_usec = now_usec(&owner) - CONNECTION_DRAIN_USEC;
        cr_assert_eq(connection_drain(owner.connection, began_usec), 0);
        cr_assert_eq(connection_check(owner.connection, began_usec + CONNECTION_DRAIN_USEC - 1), 0);
        client_read(&owner, SIZE_MAX);
        owner_expect(&owner, "");
        cr_assert_eq(connection_check(owner.connection, began_usec + CONNECTION_DRAIN_USEC), 0);
        owner_expect(&owner, "closed ");
}
