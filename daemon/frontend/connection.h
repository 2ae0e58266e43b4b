#pragma once
/*
 * One connection of a client: bytes in, calls taken one after the other, replies out. Knows nothing of
 * credits and of the guard; whoever owns it says when it may go on, and passes on what it hears.
 *
 * A call is only looked at when the one before it has been answered and that answer has left, so that replies
 * are in order by construction and one connection never holds more than one reply.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "wire/message.h"

/* How long a message may take to come, once begun, and a reply to be read. */
#define CONNECTION_STALL_USEC (UINT64_C(60) * 1000 * 1000)

/* How long the last reply of a connection that drains may take to be read, whole: long for a client that reads, and short beside
 * what the parent waits for its children. */
#define CONNECTION_DRAIN_USEC (UINT64_C(3) * 1000 * 1000)

typedef struct Connection Connection;

/*
 * What a connection tells its owner. All but `may_go` return 0, or a negative errno to end the loop with it.
 */
typedef struct ConnectionHandlers {
        /* Whether it may take up what it has, now. */
        bool (*may_go)(void *userdata);
        /* It has something to take up, and reads nothing more until
         * the owner gives it a connection_turn(). */
        int (*wait)(void *userdata);
        /* A call for the guard, which is to be answered by connection_answer(). `message` is good until
         * return. */
        int (*call)(const CallMessage *message, void *userdata);
        /* Something was refused, and is to be counted. */
        int (*refused)(RefusedWhy why, void *userdata);
        /* It has ended. The handler frees it. */
        int (*closed)(void *userdata);
} ConnectionHandlers;

typedef struct ConnectionStart {
        sd_event *event; /* a reference is kept */
        int fd;          /* the client's socket; consumed, also on failure */
        uint64_t id;     /* the guard's */
        MessageInterface interface;
        const ConnectionHandlers *handlers; /* borrowed for ever */
        void *userdata;
} ConnectionStart;

/** connection_new() - Begins to serve a client. Return: 0 or -errno. */
int connection_new(Connection **ret_connection, const ConnectionStart *start);

/** connection_free() - Closes the socket, telling nobody; takes NULL, returns NULL. */
Connection *connection_free(Connection *connection);

/** connection_turn() - Lets a connection that waits take up what it has. It may have ended on return. */
int connection_turn(Connection *connection);

/**
 * connection_answer() - Answers the call that is outstanding. It may have ended on return.
 *
 * Return: 0; -EPROTO when the answer is none to that call; another -errno.
 */
int connection_answer(Connection *connection, const AnswerMessage *answer);

/** connection_hang_up() - Ends it, counting what was never looked at; `closed` is called. Return: 0 or
 * -errno. */
int connection_hang_up(Connection *connection);

/**
 * connection_drain() - Reads nothing more. It ends as soon as the call that is out, if there is one, has been
 * answered and the answer has left; where there is nothing to wait for it has ended on return.
 * @now_usec:   CLOCK_MONOTONIC
 *
 * Return: 0 or -errno.
 */
int connection_drain(Connection *connection, uint64_t now_usec);

/**
 * connection_check() - Ends it if at @now_usec (CLOCK_MONOTONIC) half a message, or a reply that nobody
 * reads, has not moved for CONNECTION_STALL_USEC; while it drains, if its reply has not left within
 * CONNECTION_DRAIN_USEC. One that merely says nothing is left alone.
 */
int connection_check(Connection *connection, uint64_t now_usec);
