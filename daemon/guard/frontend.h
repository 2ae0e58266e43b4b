#pragma once
/*
 * Frontend: the guard's side of the frontend's parent, which reads no client byte and only forks children,
 * and the table of those children.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "guard/child.h"
#include "wire/channel.h"
#include "wire/message.h"

struct Guard;

typedef struct Frontend {
        struct Guard *guard;
        Channel *channel; /* NULL: none is connected */
        bool stopping;    /* it has said so: it is given no client any more */
        TAILQ_HEAD(FrontendChildren, Child) children;
        uint64_t next_child;
        uint64_t next_connection;
        sd_event_source *sweep;  /* ends children that had no client for a while */
        sd_event_source *tokens; /* wakes children that wait for a token */
} Frontend;

/** frontend_init() - No frontend yet. Return: 0 or -errno. */
int frontend_init(Frontend *frontend, struct Guard *guard);

/** frontend_deinit() - Ends everybody; safe when all zero. */
void frontend_deinit(Frontend *frontend);

/**
 * frontend_accept() - Takes a connection on the `frontend` socket.
 * @fd:         consumed
 *
 * There is one frontend at a time, and it must be of the account that it is meant to be. Return: 0 or -errno.
 */
int frontend_accept(struct Guard *guard, int fd);

enum {
        FRONTEND_E_NONE = 1, /* no frontend is there, or there are children enough */
};

/** frontend_child() - The child for a socket and uid, made where there is none. Return: 0, FRONTEND_E_NONE,
 * -errno. */
int frontend_child(struct Guard *guard, MessageInterface interface, QuotaUser user, Child **ret_child);

/** frontend_is_crowded() - Whether more than half of the children that there may be are there. */
bool frontend_is_crowded(const struct Guard *guard);

/** frontend_wait_for_tokens() - Some child waits for a token: looks again when there may be one. */
int frontend_wait_for_tokens(struct Guard *guard);

/* That of nobody: the kernel's own word for "none". */
#define FRONTEND_NO_ACCOUNT ((uid_t)-1)

/**
 * frontend_account() - The uid that one of our processes runs as; looked up before the guard is confined.
 * Return: FRONTEND_NO_ACCOUNT where there is no such account.
 */
uid_t frontend_account(const struct Guard *guard, const char *name);

/** frontend_peer_is() - Whether a connection comes from that account. */
bool frontend_peer_is(int fd, uid_t account);
