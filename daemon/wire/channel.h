#pragma once
/*
 * One peer of ours (frontend parent, frontend child, worker, guard) on an sd-event loop: packets in, packets
 * out through a bounded queue. Knows nothing of what the packets mean.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "wire/packet.h"

typedef struct Channel Channel;

typedef struct ChannelHandlers {
        /* A packet came. It may be taken apart (TAKE_FD), and is freed afterwards. The handler may free the
         * channel. Return 0, or a negative errno to end the loop with it. */
        int (*packet)(Channel *channel, Packet *packet, void *userdata);
        /* The peer is gone, sent what is no packet, or does not read what it is sent: `reason` is
         * PACKET_E_CLOSED, PACKET_E_MALFORMED, or -ENOBUFS. Any other -errno: its socket fails. Called once;
         * nothing is sent or received after it. The handler is expected to free the channel. Return as
         * above. */
        int (*closed)(Channel *channel, int reason, void *userdata);
} ChannelHandlers;

/**
 * channel_new() - Puts a connected SOCK_SEQPACKET socket on the loop.
 * @ret_channel:        the channel
 * @event:      the loop; a reference is kept
 * @fd:         the socket; consumed, also on failure
 * @handlers:   what to call; borrowed for ever
 * @userdata:   given to the handlers
 *
 * Return: 0 or -errno.
 */
int channel_new(Channel **ret_channel, sd_event *event, int fd, const ChannelHandlers *handlers,
                void *userdata);

/** channel_free() - Drops what waits, closes the socket; takes NULL, returns NULL; allowed in handlers. */
Channel *channel_free(Channel *channel);

/**
 * channel_send() - Sends a packet now or, while the socket is full, as soon as it has room, in order.
 * @body:       the body; its bytes are taken over and the buffer left empty
 * @fds:        descriptors to go with it; duplicated when the packet has to wait, so the caller keeps its own
 *
 * More than CHANNEL_QUEUE_MAX bytes waiting end the channel (`closed` with -ENOBUFS, from the loop): a peer
 * that does not read must not grow this process. Sending on a channel that has ended is ignored.
 *
 * Return: 0 or -errno.
 */
int channel_send(Channel *channel, uint8_t type, Buffer *body, const int *fds, size_t n_fds);

enum { CHANNEL_QUEUE_MAX = 16 * 1024 * 1024 };

/** channel_is_idle() - Whether nothing waits to be sent. */
bool channel_is_idle(const Channel *channel);
