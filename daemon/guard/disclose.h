#pragma once
/*
 * Disclose: opens the details of a request for an auditor. A `disclose` leaf that says who asked, and commits to
 * why, is durable before a byte is read: nobody looks without a record.
 */

#include <sys/queue.h>

#include "guard/client.h"
#include "wire/message.h"
#include "wire/packet.h"

typedef struct Disclosures {
        LIST_HEAD(DisclosureList, Disclosure) all;
} Disclosures;

/** disclosures_deinit() - Forgets those under way; the trail must be gone. Safe when all zero. */
void disclosures_deinit(Disclosures *disclosures);

/** disclose_begin() - Handler of OpenDetails, as those in guard/inquiry.h. Return: 0 or -errno. */
int disclose_begin(Client *client, Packet *packet, CallMessage *message);
