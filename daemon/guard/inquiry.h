#pragma once
/*
 * Inquiry: calls that are no match requests. They are not recorded as such, change no decision, and tell a
 * caller nothing that is somebody else's.
 */

#include <sys/queue.h>

#include "guard/client.h"
#include "wire/message.h"
#include "wire/packet.h"

/* Look-ups that the trail's thread has. */
typedef struct Lookups {
        LIST_HEAD(LookupList, Lookup) all;
} Lookups;

/** lookups_deinit() - Forgets them; the trail must be gone. Safe when all zero. */
void lookups_deinit(Lookups *lookups);

/* Handlers of calls (guard/child.c): packet and message stay the caller's. Return: 0 or -errno. */
int inquiry_who_am_i(Client *client, Packet *packet, CallMessage *message);
int inquiry_status(Client *client, Packet *packet, CallMessage *message);
int inquiry_checkpoint(Client *client, Packet *packet, CallMessage *message);
int inquiry_reload(Client *client, Packet *packet, CallMessage *message);
int inquiry_rebase(Client *client, Packet *packet, CallMessage *message);
int inquiry_log_level(Client *client, Packet *packet, CallMessage *message);
int inquiry_count_details(Client *client, Packet *packet, CallMessage *message);
int inquiry_erase(Client *client, Packet *packet, CallMessage *message);

/**
 * inquiry_receipt() - On the Match socket only the leaves of the caller's own uid; on the Audit socket any.
 */
int inquiry_receipt(Client *client, Packet *packet, CallMessage *message);
