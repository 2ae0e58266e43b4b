/*
 * One peer on the loop. Owns its socket, two event sources and the packets that wait to be sent. Every
 * process with a loop runs it; knows no message.
 *
 * Invariants:
 *   1. packets leave in the order of channel_send(): while one waits, none is sent past it
 *   2. EPOLLOUT is watched only while a packet waits
 *   3. `closed` is called once, from the loop, and nothing after it
 *   4. a channel that a handler frees stays as an empty shell until that handler has returned
 */

#include "wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/macro.h"

enum {
        /* Packets taken in one turn, so that a peer that never stops sending does not keep the others
           waiting. */
        CHANNEL_TURN_MAX = 32,
        /* Turns taken at once when the peer cannot be sent to any more: what a peer that died has left behind
         * is less. One that lives, and only refuses to hear, must not hold the loop up. */
        CHANNEL_LAST_TURNS = 32,
};

typedef struct ChannelItem ChannelItem;

/* A packet that waits. */
struct ChannelItem {
        ChannelItem *next;
        uint8_t type;
        Buffer body;
        int fds[PACKET_FDS_MAX];
        size_t n_fds;
};

struct Channel {
        sd_event *event;
        int fd;
        sd_event_source *io;  /* packets in, and out while some wait */
        sd_event_source *end; /* one shot: ends the channel from the loop */
        const ChannelHandlers *handlers;
        void *userdata;
        ChannelItem *first;
        ChannelItem **last;
        size_t n_waiting; /* bytes */
        int reason;       /* 0, or why it is to end */
        bool ended;       /* `closed` was called */
        bool busy;        /* a handler is running */
        bool dead;        /* freed by that handler */
};

static ChannelItem *channel_item_free(ChannelItem *item)
{
        for (size_t i = 0; i < item->n_fds; i++)
                (void)fd_close(item->fds[i]); /* Always -1; the item goes. */
        buffer_deinit(&item->body);
        free(item);
        return NULL;
}

/* What an item costs, descriptors and bookkeeping included, so that empty bodies are not free. */
static size_t channel_item_cost(const ChannelItem *item)
{
        return sizeof(*item) + item->body.n;
}

static void channel_drop_first(Channel *channel)
{
        ChannelItem *item = channel->first;

        channel->first = item->next;
        if (!channel->first)
                channel->last = &channel->first;
        channel->n_waiting -= channel_item_cost(item);
        channel_item_free(item);
}

/* Gives back everything but the shell. */
static void channel_shut(Channel *channel)
{
        while (channel->first)
                channel_drop_first(channel);
        channel->io = sd_event_source_disable_unref(channel->io);
        channel->end = sd_event_source_disable_unref(channel->end);
        channel->event = sd_event_unref(channel->event);
        channel->fd = fd_close(channel->fd);
}

Channel *channel_free(Channel *channel)
{
        if (!channel)
                return NULL;
        channel_shut(channel);
        if (channel->busy)
                channel->dead = true;
        else
                free(channel);
        return NULL;
}

DEFINE_CLEANUP(Channel *, channel_free);

/* After a handler has run: whether the channel is still there. */
static bool channel_lives(Channel *channel)
{
        channel->busy = false;
        if (!channel->dead)
                return true;
        free(channel);
        return false;
}

static int channel_report(Channel *channel, int reason)
{
        while (channel->first)
                channel_drop_first(channel);
        channel->ended = true;
        (void)sd_event_source_set_enabled(channel->io, SD_EVENT_OFF); /* Cannot fail on a source of ours. */
        (void)sd_event_source_set_enabled(channel->end, SD_EVENT_OFF);

        channel->busy = true;
        int r = channel->handlers->closed(channel, reason, channel->userdata);
        (void)channel_lives(channel);
        return r;
}

/* Ends the channel from the loop, and not from within channel_send(), whose caller would not expect it. */
static int channel_end_later(Channel *channel, int reason)
{
        if (channel->reason == 0)
                channel->reason = reason;
        while (channel->first)
                channel_drop_first(channel);
        return sd_event_source_set_enabled(channel->end, SD_EVENT_ONESHOT);
}

static int channel_watch(Channel *channel)
{
        return sd_event_source_set_io_events(channel->io, EPOLLIN | (channel->first ? EPOLLOUT : 0));
}

/* Ends this channel, and nothing else, unless memory is what there is none of. */
static int channel_send_failed(Channel *channel, int r)
{
        if (r == -ENOMEM)
                return r;
        /* Descriptors that it has not taken yet are more than one user may have in flight. */
        return channel_end_later(channel, r == -ETOOMANYREFS ? -ENOBUFS : r);
}

static int channel_flush(Channel *channel)
{
        while (channel->first) {
                ChannelItem *item = channel->first;
                int r = packet_send(channel->fd, item->type, &item->body, item->fds, item->n_fds);
                if (r == PACKET_E_AGAIN)
                        return 0;
                if (r != 0)
                        return channel_send_failed(channel, r);
                channel_drop_first(channel);
        }
        return channel_watch(channel);
}

static int channel_enqueue(Channel *channel, uint8_t type, Buffer *body, const int *fds, size_t n_fds)
{
        ChannelItem *item = calloc(1, sizeof(*item));
        if (!item)
                return -ENOMEM;
        item->type = type;
        for (; item->n_fds < n_fds; item->n_fds++) {
                item->fds[item->n_fds] = fcntl(fds[item->n_fds], F_DUPFD_CLOEXEC, 3);
                if (item->fds[item->n_fds] < 0) {
                        int r = -errno;
                        channel_item_free(item);
                        return channel_send_failed(channel, r);
                }
        }
        item->body = *body;
        *body = BUFFER_INIT;

        bool first = channel->first == NULL;
        *channel->last = item;
        channel->last = &item->next;
        channel->n_waiting += channel_item_cost(item);
        if (channel->n_waiting > CHANNEL_QUEUE_MAX)
                return channel_end_later(channel, -ENOBUFS);
        return first ? channel_watch(channel) : 0;
}

int channel_send(Channel *channel, uint8_t type, Buffer *body, const int *fds, size_t n_fds)
{
        int r = PACKET_E_AGAIN;

        if (body->failed)
                return -ENOMEM;
        if (body->n > PACKET_BODY_MAX)
                return -EMSGSIZE;
        if (n_fds > PACKET_FDS_MAX)
                return -EINVAL;
        if (channel->ended || channel->reason != 0) {
                buffer_clear(body);
                return 0;
        }
        if (!channel->first)
                r = packet_send(channel->fd, type, body, fds, n_fds);
        if (r == PACKET_E_AGAIN)
                return channel_enqueue(channel, type, body, fds, n_fds);
        buffer_clear(body);
        return r == 0 ? 0 : channel_send_failed(channel, r);
}

/*
 * Takes packets, at most a turn's. A peer that closed may have sent something before: so that it is not lost,
 * the end is reported only once nothing is left to read.
 *
 * Return: 0, PACKET_E_AGAIN when nothing is left,
 * PACKET_E_CLOSED when the channel has ended or is gone, -errno.
 */
static int channel_receive(Channel *channel)
{
        for (unsigned i = 0; i < CHANNEL_TURN_MAX; i++) {
                _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
                int r = packet_receive(channel->fd, &packet);
                if (r == PACKET_E_AGAIN || r == -ENOMEM)
                        return r;
                if (r != 0) {
                        r = channel_report(channel, r);
                        return r < 0 ? r : PACKET_E_CLOSED;
                }
                channel->busy = true;
                r = channel->handlers->packet(channel, &packet, channel->userdata);
                if (!channel_lives(channel))
                        return r < 0 ? r : PACKET_E_CLOSED;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int channel_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Channel *channel = userdata;

        if (events & EPOLLOUT) {
                int r = channel_flush(channel);
                if (r < 0)
                        return r;
        }
        if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;
        int r = channel_receive(channel);
        return r < 0 ? r : 0;
}

static int channel_on_end(sd_event_source *source, void *userdata)
{
        Channel *channel = userdata;

        for (unsigned turn = 0; channel->reason == PACKET_E_CLOSED && turn < CHANNEL_LAST_TURNS; turn++) {
                int r = channel_receive(channel);
                if (r < 0 || r == PACKET_E_CLOSED)
                        return r < 0 ? r : 0;
                if (r == PACKET_E_AGAIN)
                        break;
        }
        return channel_report(channel, channel->reason);
}

/* Without this a handler that fails would only be switched off. */
static int channel_set_fatal(Channel *channel)
{
        int r = sd_event_source_set_exit_on_failure(channel->io, true);
        return r < 0 ? r : sd_event_source_set_exit_on_failure(channel->end, true);
}

int channel_new(Channel **ret_channel, sd_event *event, int fd, const ChannelHandlers *handlers,
                void *userdata)
{
        _cleanup_(channel_freep) Channel *channel = calloc(1, sizeof(*channel));
        if (!channel) {
                (void)fd_close(fd); /* Consumed, as promised. */
                return -ENOMEM;
        }
        channel->event = sd_event_ref(event);
        channel->fd = fd;
        channel->handlers = handlers;
        channel->userdata = userdata;
        channel->last = &channel->first;

        int r = sd_event_add_io(event, &channel->io, fd, EPOLLIN, channel_on_io, channel);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &channel->end, channel_on_end, channel);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(channel->end, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = channel_set_fatal(channel);
        if (r < 0)
                return r;
        *ret_channel = TAKE_PTR(channel);
        return 0;
}

bool channel_is_idle(const Channel *channel)
{
        return channel->first == NULL;
}
