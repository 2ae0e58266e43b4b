/* The client against a small server of this test's own, which says exactly what each test wants it to. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"
#include "tools/client.h"

/* What the server does with the one connection that it accepts. */
typedef struct Server {
        char folder[64];
        char path[96];
        int listen_fd;
        pthread_t thread;
        bool joined;
        const char *reply; /* sent after a whole call; NULL: nothing */
        size_t n_reply;
        size_t piece;      /* bytes that are sent at once; 0: all */
        bool close_unread; /* ends the connection before anything is read */
        bool hold;         /* keeps it open until the client ends it */
        unsigned n_calls;  /* how many calls are answered */
        Buffer calls;      /* what came, with the NULs */
} Server;

static void read_call(Server *server, int fd)
{
        char byte;
        while (read(fd, &byte, 1) == 1) {
                buffer_append(&server->calls, &byte, 1);
                if (byte == '\0')
                        return;
        }
}

static void write_reply(const Server *server, int fd)
{
        size_t step = server->piece > 0 ? server->piece : server->n_reply;
        for (size_t at = 0; at < server->n_reply; at += step) {
                size_t n = MIN_OF(step, server->n_reply - at);
                if (send(fd, server->reply + at, n, MSG_NOSIGNAL) != (ssize_t)n)
                        return;
        }
}

static void *serve(void *userdata)
{
        Server *server = userdata;
        char byte;
        int fd = accept(server->listen_fd, NULL, NULL);
        for (unsigned i = 0; i < server->n_calls && !server->close_unread; i++) {
                read_call(server, fd);
                write_reply(server, fd);
        }
        if (server->hold)
                while (read(fd, &byte, 1) == 1)
                        ;
        close(fd);
        return NULL;
}

static void server_start(Server *server)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(server->folder, "/tmp/test-client-XXXXXX");
        cr_assert_not_null(mkdtemp(server->folder));
        snprintf(server->path, sizeof(server->path), "%s/socket", server->folder);
        strcpy(address.sun_path, server->path);
        if (server->n_calls == 0)
                server->n_calls = 1;
        if (server->reply && server->n_reply == 0)
                server->n_reply = strlen(server->reply) + 1;
        server->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_assert_eq(bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(server->listen_fd, 4), 0);
        cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* Waits until the server is done with its connection; from then on its calls can be looked at. */
static void server_join(Server *server)
{
        if (!server->joined)
                pthread_join(server->thread, NULL);
        server->joined = true;
}

static void server_stop(Server *server)
{
        server_join(server);
        close(server->listen_fd);
        unlink(server->path);
        rmdir(server->folder);
        buffer_deinit(&server->calls);
}

/* What is waited for comes, sooner or later. */
enum { PATIENCE_MSEC = 60000 };

/* One call to a server that replies so. */
static int call_once(Server *server, unsigned timeout_msec, const char *parameters, ClientReply *ret_reply)
{
        Client *client = NULL;
        server_start(server);
        cr_assert_eq(client_connect(server->path, timeout_msec, &client), 0);
        int r = client_call(client, "org.example.Test.Do", parameters, ret_reply);
        client_free(client);
        server_join(server);
        return r;
}

Test(client, a_call_is_one_object_and_a_nul)
{
        Server server = {.reply = "{\"parameters\":{\"a\":1}}"};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_assert_eq(call_once(&server, PATIENCE_MSEC, "{\"x\":\"y\"}", &reply), 0);
        static const char wanted[] = "{\"method\":\"org.example.Test.Do\",\"parameters\":{\"x\":\"y\"}}";
        cr_assert_eq(server.calls.n, sizeof(wanted));
        cr_expect_arr_eq(server.calls.data, wanted, sizeof(wanted));
        cr_expect_null(reply.error);
        cr_expect_str_eq(reply.parameters, "{\"a\":1}");
        client_reply_deinit(&reply);
        server_stop(&server);
}

Test(client, parameters_may_be_left_out)
{
        Server server = {.reply = "{}"};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_assert_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), 0);
        cr_expect_str_eq(buffer_text(&server.calls), "{\"method\":\"org.example.Test.Do\"}");
        cr_expect_str_eq(reply.parameters, "{}");
        client_reply_deinit(&reply);
        server_stop(&server);
}

Test(client, an_error_is_a_reply)
{
        Server server = {.reply = "{\"error\":\"org.example.Test.No\",\"parameters\":{\"why\":\"so\"}}"};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_assert_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), 0);
        cr_expect_str_eq(reply.error, "org.example.Test.No");
        cr_expect_str_eq(reply.parameters, "{\"why\":\"so\"}");
        client_reply_deinit(&reply);
        server_stop(&server);
}

Test(client, a_reply_may_come_in_pieces)
{
        Server server = {.reply = "{\"parameters\":{\"text\":\"gr\xc3\xbc\xc3\x9f\"}}", .piece = 1};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_assert_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), 0);
        cr_expect_str_eq(reply.parameters, "{\"text\":\"gr\xc3\xbc\xc3\x9f\"}");
        client_reply_deinit(&reply);
        server_stop(&server);
}

Test(client, numbers_come_through_as_they_were_written)
{
        Server server = {.reply = "{\"parameters\":{\"a\":0.6000000000000001,\"b\":9007199254740991}}"};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_assert_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), 0);
        cr_expect_str_eq(reply.parameters, "{\"a\":0.6000000000000001,\"b\":9007199254740991}");
        client_reply_deinit(&reply);
        server_stop(&server);
}

Test(client, what_a_reply_may_hold_beside_is_let_pass)
{
        static const char *const texts[] = {
                "{\"parameters\":null}",      "{\"continues\":false}",
                "{\"error\":null}",           "{\"parameters\":{},\"com.example.extension\":{\"x\":[1]}}",
                " { \"parameters\" : { } } ",
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                Server server = {.reply = texts[i]};
                ClientReply reply = CLIENT_REPLY_INIT;
                cr_expect_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), 0, "%s", texts[i]);
                cr_expect(reply.parameters && strcmp(reply.parameters, "{}") == 0, "%s", texts[i]);
                client_reply_deinit(&reply);
                server_stop(&server);
        }
}

/* The bytes of a row with the NUL that ends them. */
#define ROW(text) text, sizeof(text)

Test(client, what_is_no_reply_is_malformed)
{
        static const struct {
                const char *text;
                size_t n;
        } rows[] = {
                {ROW("")},
                {ROW("{")},
                {ROW("[]")},
                {ROW("null")},
                {ROW("{}x")},
                {ROW("{}{}")},
                {ROW("{\"error\":1}")},
                {ROW("{\"a\":1,\"a\":1}")},
                {ROW("{\"parameters\":{\"a\":1,\"a\":2}}")},
                {ROW("{\"parameters\":[]}")},
                {ROW("{\"parameters\":{},\"other\":1}")},
                {ROW("{\"continues\":true}")},
                {ROW("{\"parameters\":{\"a\":\"\xff\"}}")},
                {ROW("{}\0{}")},
                {ROW("{}\0x")},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Server server = {.reply = rows[i].text, .n_reply = rows[i].n};
                ClientReply reply = CLIENT_REPLY_INIT;
                int r = call_once(&server, PATIENCE_MSEC, NULL, &reply);
                cr_expect_eq(r, CLIENT_E_MALFORMED, "row %zu (%s): %d", i, rows[i].text, r);
                cr_expect_null(reply.parameters);
                client_reply_deinit(&reply);
                server_stop(&server);
        }
}

Test(client, a_connection_that_ends_is_said_so)
{
        Server server = {};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_expect_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), CLIENT_E_CLOSED);
        server_stop(&server);
}

Test(client, a_reply_that_is_cut_off_is_none)
{
        Server server = {.reply = "{\"parameters\":{}}", .n_reply = 17};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_expect_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), CLIENT_E_CLOSED);
        server_stop(&server);
}

Test(client, an_end_before_the_call_was_read_is_said_so)
{
        Server server = {.close_unread = true};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_expect_eq(call_once(&server, PATIENCE_MSEC, NULL, &reply), CLIENT_E_CLOSED);
        server_stop(&server);
}

Test(client, waiting_has_an_end)
{
        Server server = {.hold = true};
        ClientReply reply = CLIENT_REPLY_INIT;
        cr_expect_eq(call_once(&server, 100, NULL, &reply), CLIENT_E_TIMEOUT);
        server_stop(&server);
}

Test(client, a_connection_serves_one_call_after_the_other)
{
        Server server = {.reply = "{\"parameters\":{\"a\":1}}", .n_calls = 3};
        Client *client = NULL;
        server_start(&server);
        cr_assert_eq(client_connect(server.path, PATIENCE_MSEC, &client), 0);
        for (int i = 0; i < 3; i++) {
                ClientReply reply = CLIENT_REPLY_INIT;
                cr_assert_eq(client_call(client, "org.example.Test.Do", NULL, &reply), 0);
                cr_expect_str_eq(reply.parameters, "{\"a\":1}");
                client_reply_deinit(&reply);
        }
        client_free(client);
        server_stop(&server);
}

Test(client, a_call_that_is_too_large_is_not_sent)
{
        Server server = {.hold = true, .n_calls = 1};
        Client *client = NULL;
        ClientReply reply = CLIENT_REPLY_INIT;
        char *parameters = malloc(CLIENT_CALL_MAX + 1);
        memset(parameters, 'x', CLIENT_CALL_MAX);
        parameters[CLIENT_CALL_MAX] = '\0';
        server_start(&server);
        cr_assert_eq(client_connect(server.path, PATIENCE_MSEC, &client), 0);
        cr_expect_eq(client_call(client, "org.example.Test.Do", parameters, &reply), CLIENT_E_TOO_LARGE);
        client_free(client);
        server_join(&server);
        cr_expect_eq(server.calls.n, 0);
        server_stop(&server);
        free(parameters);
}

Test(client, where_nobody_listens_is_unreachable)
{
        Client *client = NULL;
        char long_path[200];
        memset(long_path, 'x', sizeof(long_path) - 1);
        long_path[sizeof(long_path) - 1] = '\0';
        cr_expect_eq(client_connect("/nowhere/at-all", 1000, &client), CLIENT_E_UNREACHABLE);
        cr_expect_eq(errno, ENOENT);
        cr_expect_eq(client_connect(long_path, 1000, &client), CLIENT_E_UNREACHABLE);
        cr_expect_eq(errno, ENAMETOOLONG);
        cr_expect_null(client);
}

Test(client, a_full_backlog_does_not_wait_for_ever)
{
        Server server = {};
        Client *clients[8] = {};
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(server.folder, "/tmp/test-client-XXXXXX");
        cr_assert_not_null(mkdtemp(server.folder));
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", server.folder);
        server.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_assert_eq(bind(server.listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(server.listen_fd, 0), 0);
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(clients) && r == 0; i++)
                r = client_connect(address.sun_path, 50, &clients[i]);
        cr_expect_eq(r, CLIENT_E_UNREACHABLE);
        for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
                client_free(clients[i]);
        close(server.listen_fd);
        unlink(address.sun_path);
        rmdir(server.folder);
}

Test(client, every_ending_has_a_text)
{
        for (int ending = CLIENT_E_UNREACHABLE; ending <= CLIENT_E_TOO_LARGE; ending++)
                cr_expect_neq(client_error_text(ending)[0], '\0', "%d", ending);
        cr_expect_str_eq(client_error_text(-ENOMEM), "Cannot allocate memory");
}
