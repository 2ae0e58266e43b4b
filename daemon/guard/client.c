/*
 * Connections of clients. Owns one descriptor and one attestation each; must not read a byte. Run by the
 * guard's loop.
 */

#include "guard/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macro.h"
#include "guard/child.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "trail/event.h"

DEFINE_CLEANUP(Client *, client_free);

/* The callers of its calls are gone. */
static void client_drop_calls(Client *client)
{
        Call *next;

        for (Call *call = TAILQ_FIRST(&client->child->calls); call; call = next) {
                next = TAILQ_NEXT(call, link);
                if (call->client == client)
                        call_lose_caller(call);
        }
}

Client *client_free(Client *client)
{
        if (!client)
                return NULL;
        client->hang_up = sd_event_source_disable_unref(client->hang_up);
        if (client->child) {
                client_drop_calls(client);
                child_remove(client->child, client);
        }
        if (client->fd >= 0)
                (void)shutdown(client->fd, SHUT_RDWR); /* It may have ended already. */
        (void)fd_close(client->fd);                    /* Always -1; the client goes. */
        attestation_deinit(&client->attestation);
        quota_drop(&client->guard->quota, QUOTA_CONNECTION, client->user);
        free(client);
        return NULL;
}

/* From here on the child's word is all that is waited for: that it has closed its own descriptor. */
static void client_set_gone(Client *client)
{
        client->gone = true;
        client->hang_up = sd_event_source_disable_unref(client->hang_up);
        client_drop_calls(client);
}

void client_hang_up(Client *client)
{
        if (client->gone)
                return;
        (void)shutdown(client->fd, SHUT_RDWR); /* It may have ended already. */
        child_hang_up(client->child, client);
        client_set_gone(client);
}

bool client_alive(Client *client)
{
        if (client->gone)
                return false;
        if (attestation_alive(&client->attestation))
                return true;
        client_hang_up(client);
        return false;
}

static int client_on_hang_up(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        client_set_gone(userdata);
        return 0;
}

/* Whether the policy names the caller. The other two sockets let in only whom their mode does. */
static bool client_is_known(Guard *guard, MessageInterface interface, const Attestation *attestation)
{
        Peer peer = facts_peer(attestation);

        return interface != INTERFACE_MATCH || policy_knows(guard->policy, &peer);
}

/* Return: the client, charged; NULL where a bound or memory says
 * no. Consumes the attestation with success. */
static Client *client_new(Guard *guard, QuotaUser user, Attestation *attestation)
{
        Client *client = calloc(1, sizeof(*client));
        if (!client)
                return NULL;
        if (!quota_take(&guard->quota, QUOTA_CONNECTION, user)) {
                free(client);
                return NULL;
        }
        *client = (Client){.guard = guard,
                           .id = guard->frontend.next_connection++,
                           .fd = -1,
                           .attestation = *attestation,
                           .user = user};
        *attestation = ATTESTATION_INIT;
        return client;
}

int client_accept(Guard *guard, MessageInterface interface, int fd)
{
        _cleanup_(fd_closep) int own_fd = fd;
        _cleanup_(attestation_deinit) Attestation attestation = ATTESTATION_INIT;

        int r = attest(own_fd, false, &attestation);
        if (r < 0) {
                event_tell(EVENT_CALLER_UNKNOWN, EVENT_FIELDS({"why", strerror(-r)}),
                           "Cannot tell who connected, so it is turned away: %s", strerror(-r));
                return 0;
        }
        QuotaUser user = {.uid = attestation.uid, .known = client_is_known(guard, interface, &attestation)};
        if (r == ATTEST_E_GONE) {
                guard_refuse(guard, user, REFUSED_CALLER_GONE);
                return 0;
        }
        _cleanup_(client_freep) Client *client = client_new(guard, user, &attestation);
        if (!client) {
                guard_overloaded(guard);
                return 0;
        }
        client->fd = TAKE_FD(own_fd);
        r = sd_event_add_io(guard->event, &client->hang_up, client->fd, EPOLLHUP, client_on_hang_up, client);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(client->hang_up, true);
        if (r < 0)
                return r;
        Child *child = NULL;
        r = frontend_child(guard, interface, user, &child);
        if (r != 0)
                return r < 0 ? r : 0;
        r = child_add(child, client);
        if (r < 0)
                return r;
        TAKE_PTR(client);
        return 0;
}
