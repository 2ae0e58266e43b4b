#pragma once
/*
 * Varlink replies and errors: written by the frontend's child, read by the tool's client. One reply a call;
 * our interfaces stream nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "varlink/json.h"

/* The errors that every service has; their one parameter, where they have one, is named here too. */
#define VARLINK_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"    /* interface */
#define VARLINK_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"       /* method */
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented" /* method */
#define VARLINK_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"     /* parameter */
#define VARLINK_PERMISSION_DENIED      "org.varlink.service.PermissionDenied"

/**
 * varlink_reply_write() - Appends a reply with its NUL.
 * @parameters: borrowed; NULL stands for an empty object, which is sent too
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_reply_write(struct json_object *parameters, Buffer *buffer);

/**
 * varlink_error_write() - Appends an error reply with its NUL.
 * @error:      interface and name
 * @parameters: as above
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_error_write(const char *error, struct json_object *parameters, Buffer *buffer);

/** varlink_error_write_text() - The same for an error whose one parameter is a string. */
int varlink_error_write_text(const char *error, const char *parameter, const char *text, Buffer *buffer);

typedef struct VarlinkReply {
        const char *error;              /* NULL: it is no error; borrowed from `root` */
        struct json_object *parameters; /* an object, borrowed from `root`; NULL when absent or null */
        struct json_object *root;
} VarlinkReply;

#define VARLINK_REPLY_INIT ((VarlinkReply){})

/** varlink_reply_deinit() - Frees it; safe on VARLINK_REPLY_INIT and twice. */
void varlink_reply_deinit(VarlinkReply *reply);

enum {
        VARLINK_REPLY_E_MALFORMED = 1,
};

/**
 * varlink_reply_read() - Reads one message as the reply to a call that did not ask for more.
 * @ret_reply:  the reply, to be given to varlink_reply_deinit()
 *
 * Return: 0; VARLINK_REPLY_E_MALFORMED, also where the reply says that it continues; -ENOMEM.
 */
int varlink_reply_read(const char *data, size_t n, VarlinkReply *ret_reply);
