#pragma once
/*
 * Client: one accepted connection: who is at its other end, a descriptor that is never read, and how it ends.
 * The guard watches it for the hang-up and ends it by shutdown(2); its bytes are read by a frontend child
 * alone.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "guard/attest.h"
#include "guard/quota.h"
#include "wire/message.h"

struct Guard;
struct Child;

typedef struct Client Client;
struct Client {
        struct Guard *guard;
        struct Child *child;
        uint64_t id; /* never used twice */
        int fd;      /* the same connection as the child's; never read */
        Attestation attestation;
        QuotaUser user; /* as charged when it was accepted */
        uint64_t last_serial;
        bool gone; /* it hung up, its process ended, or we ended it */
        sd_event_source *hang_up;
        TAILQ_ENTRY(Client) link; /* the child's */
};

/**
 * client_accept() - Attests a connection and hands it to the child for its socket and uid.
 * @fd:         the connection; consumed
 *
 * One that is over a bound, or whose process has exited already, is closed. Return: 0 or -errno.
 */
int client_accept(struct Guard *guard, MessageInterface interface, int fd);

/** client_free() - Ends it and forgets it: its calls have no caller any more. Takes NULL, returns NULL. */
Client *client_free(Client *client);

/**
 * client_alive() - Whether there is still somebody to answer: the connection is up and the process that made
 * it runs. One whose process has ended is hung up on.
 */
bool client_alive(Client *client);

/** client_hang_up() - Ends the connection: nothing more is read from it or sent on it. */
void client_hang_up(Client *client);
