#pragma once
/*
 * Child: the guard's side of one frontend child, which serves all connections of one uid on one socket. The
 * child is not trusted: it may call only what its interface has, only on connections that were given to it,
 * in the order of their serials, and only as often as it has credits. Anything else ends it and all its
 * connections.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "guard/bucket.h"
#include "guard/call.h"
#include "guard/client.h"
#include "guard/quota.h"
#include "wire/channel.h"
#include "wire/message.h"

struct Guard;

enum { CHILD_CREDITS_KNOWN = 64, CHILD_CREDITS_UNKNOWN = 1 };

typedef struct Child Child;
struct Child {
        struct Guard *guard;
        uint64_t id;
        MessageInterface interface;
        QuotaUser user;   /* as charged when it was made */
        Channel *channel; /* NULL once it has ended; its process may still be there */
        TAILQ_HEAD(ChildClients, Client) clients;
        size_t n_clients;
        TAILQ_HEAD(ChildCalls, Call) calls;
        size_t n_calls;
        uint32_t n_credits;      /* granted, not spent */
        uint32_t most;           /* credits and calls together */
        Bucket *bucket;          /* what each credit is taken from; NULL: no bound */
        uint64_t idle_usec;      /* boot time since which it has no client */
        TAILQ_ENTRY(Child) link; /* the frontend's */
};

/**
 * child_new() - Makes the guard's side.
 * @fd:         the guard's end of the pair; consumed
 */
int child_new(Child **ret_child, struct Guard *guard, int fd, const Child *like);

/** child_free() - Ends and forgets it; takes NULL, returns NULL. */
Child *child_free(Child *child);

/** child_end() - Ends its connections and its channel; the charge stays until its process is gone. */
void child_end(Child *child);

/** child_add() - Gives it a connection. Return: 0 or -errno. */
int child_add(Child *child, Client *client);

/** child_remove() - A connection is forgotten. */
void child_remove(Child *child, Client *client);

/** child_hang_up() - Tells it that a connection has ended. */
void child_hang_up(Child *child, const Client *client);

/** child_answer() - Sends it an ANSWER. Return: 0 or -errno. */
int child_answer(Child *child, Buffer *answer);

/** child_spend() - A call began. */
void child_spend(Child *child);

/** child_regain() - A call ended; @recorded: a leaf holds it. Return: 0 or -errno. */
int child_regain(Child *child, bool recorded);

/**
 * child_grant() - Gives what credits it may have; where none are to be had, the guard's timer tries again.
 */
int child_grant(Child *child);
