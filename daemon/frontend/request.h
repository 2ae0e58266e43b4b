#pragma once
/*
 * One message of a client, and what is to be done about it. A pure function of the bytes: what a connection
 * does with them is its own business.
 */

#include <stdbool.h>

#include "base/buffer.h"
#include "frontend/match.h"
#include "varlink/call.h"
#include "wire/message.h"

typedef enum RequestNext {
        REQUEST_CLOSE,   /* the sender has lost step: close the connection, answer nothing */
        REQUEST_SILENCE, /* go on, answer nothing */
        REQUEST_REPLY,   /* send `reply`, go on */
        REQUEST_CALL,    /* give `call.message` to the guard and wait for its answer */
} RequestNext;

typedef struct Request {
        RequestNext next;
        bool refused; /* the guard is to be told that a call was refused, and `why` */
        RefusedWhy why;
        Buffer reply;
        MatchCall call;
        VarlinkCall varlink; /* what `call` points into */
} Request;

#define REQUEST_INIT ((Request){})

/** request_deinit() - Frees it; safe on REQUEST_INIT and twice. */
void request_deinit(Request *request);

/**
 * request_read() - Reads one message without its NUL.
 * @interface:  the one that its connection speaks, beside org.varlink.service
 * @request:    REQUEST_INIT before; to be given to request_deinit() on success and failure, and not to be
 *              moved
 *
 * Whatever the bytes are is an answer, never a failure. Order of the checks: framing and top level (CLOSE);
 * oneway (SILENCE); interface, method, upgrade, parameters (each an error REPLY).
 *
 * Return: 0 or -ENOMEM.
 */
int request_read(MessageInterface interface, const char *data, size_t n, Request *request);
