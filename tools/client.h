#pragma once
/*
 * A Varlink client over a Unix socket: connect, call, wait for the one reply. Knows the framing and the
 * envelope, nothing of any interface. Parameters go in and come out as JSON text, so that whoever uses this
 * is free in the choice of a JSON library.
 */

#include <stddef.h>

typedef struct Client Client;

enum {
        CLIENT_CALL_MAX = 1024 * 1024,       /* bytes of a call with its NUL: what the service accepts */
        CLIENT_REPLY_MAX = 16 * 1024 * 1024, /* bytes of a reply with its NUL */
        CLIENT_TIMEOUT_MSEC = 30000,         /* what suits a match call */
};

enum {
        CLIENT_E_UNREACHABLE = 1, /* no socket there, or nobody who listens; errno says which */
        CLIENT_E_CLOSED = 2,      /* the service ended the connection before its reply */
        CLIENT_E_TIMEOUT = 3,     /* no reply in time; whether the call had an effect is not known */
        CLIENT_E_MALFORMED = 4,   /* what came is no Varlink reply */
        CLIENT_E_TOO_LARGE = 5,   /* the call exceeds CLIENT_CALL_MAX; nothing was sent */
};

/** client_error_text() - One of these endings for people: "the service gave no reply in time" and so on. */
const char *client_error_text(int ending);

/**
 * client_connect() - Connects to a socket in the file system.
 * @path:         of the socket, at most 107 bytes
 * @timeout_msec: the most that connecting, and later each call, may take
 * @ret_client:   to be given to client_free()
 *
 * Return: 0, CLIENT_E_UNREACHABLE (with errno set), or -ENOMEM.
 */
int client_connect(const char *path, unsigned timeout_msec, Client **ret_client);

/** client_free() - Ends the connection; takes NULL, returns NULL. */
Client *client_free(Client *client);

/* What came back. An error of the service is a reply like any other. */
typedef struct ClientReply {
        char *error;      /* its whole name, "org.matchguard.Match.Denied"; NULL: the call was answered */
        char *parameters; /* a JSON object, as text; "{}" where the reply has none */
} ClientReply;

#define CLIENT_REPLY_INIT ((ClientReply){})

void client_reply_deinit(ClientReply *reply);

/**
 * client_call() - Makes one call and waits for its reply.
 * @client:     after any other ending than 0 and CLIENT_E_TOO_LARGE it is of no more use
 * @method:     its whole name, "org.matchguard.Match.Identify"
 * @parameters: a JSON object as text; NULL: none
 * @ret_reply:  to be given to client_reply_deinit(); untouched unless 0 is returned
 *
 * Return: 0, CLIENT_E_CLOSED, CLIENT_E_TIMEOUT, CLIENT_E_MALFORMED, CLIENT_E_TOO_LARGE, or -errno.
 */
int client_call(Client *client, const char *method, const char *parameters, ClientReply *ret_reply);
