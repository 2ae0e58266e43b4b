#pragma once
/*
 * One message between two of our processes, over a SOCK_SEQPACKET socket.
 *
 *   offset  size
 *   0       1     type, enum MessageType (wire/message.h)
 *   1       1     flags: 1 = the body is in a memfd, the first descriptor that comes with the packet
 *   2       2     zero
 *   4       4     bytes in the body, little-endian
 *   8       ...   the body, unless it is in a memfd
 *
 * A packet is at most 64 KiB. A larger body travels as one memfd sealed against shrinking, growing, writing
 * and further sealing, which is checked before it is mapped; at most PACKET_BODY_MAX bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
        PACKET_HEADER_SIZE = 8,
        PACKET_MAX = 64 * 1024,
        PACKET_BODY_MAX = 2 * 1024 * 1024,
        PACKET_FDS_MAX = 2, /* beside the memfd of the body */
};

typedef struct Packet {
        uint8_t type;
        const uint8_t *body; /* in place; alignment is that of a byte */
        size_t n_body;
        int fds[PACKET_FDS_MAX]; /* the packet's; TAKE_FD() one to keep it */
        size_t n_fds;
        /* private */
        uint8_t *inline_bytes;
        void *mapping;
        size_t n_mapping;
} Packet;

#define PACKET_INIT ((Packet){.fds = {-1, -1}})

/** packet_deinit() - Frees the body and closes what descriptors are left; safe on PACKET_INIT and twice. */
void packet_deinit(Packet *packet);

enum {
        PACKET_E_AGAIN = 1,     /* the socket is full, or has nothing: wait for it */
        PACKET_E_CLOSED = 2,    /* the other side is gone */
        PACKET_E_MALFORMED = 3, /* no packet: cut, too many descriptors, an unsealed memfd ... */
};

/**
 * packet_send() - Sends one packet, whole or not at all.
 * @fd:         the socket, borrowed
 * @type:       its type
 * @body:       its body; moved to a sealed memfd when it does not fit into 64 KiB
 * @fds:        @n_fds descriptors to go with it, borrowed, at most PACKET_FDS_MAX
 *
 * Never blocks, never raises SIGPIPE. Return: 0, PACKET_E_AGAIN, PACKET_E_CLOSED, or -errno (-EMSGSIZE when
 * the body exceeds PACKET_BODY_MAX, -ENOMEM when the buffer has failed).
 */
int packet_send(int fd, uint8_t type, const Buffer *body, const int *fds, size_t n_fds);

/**
 * packet_receive() - Receives one packet.
 * @fd:         the socket, borrowed
 * @ret_packet: the packet, to be given to packet_deinit(); untouched unless 0 is returned
 *
 * Never blocks. Descriptors are close-on-exec; none is left open on any other ending.
 * Return: 0, PACKET_E_AGAIN, PACKET_E_CLOSED, PACKET_E_MALFORMED, or -errno.
 */
int packet_receive(int fd, Packet *ret_packet);
