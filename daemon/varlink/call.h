#pragma once
/*
 * The top level of a Varlink call, read by the children of the frontend.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "varlink/json.h"

/* Bytes of a method's name, interface included. */
enum { VARLINK_METHOD_MAX = 255 };

typedef struct VarlinkCall {
        const char *method;             /* UTF-8 of 1 to VARLINK_METHOD_MAX bytes; borrowed from `root` */
        struct json_object *parameters; /* an object, borrowed from `root`; NULL when absent or null */
        bool oneway;
        bool more;
        bool upgrade;
        struct json_object *root;
} VarlinkCall;

#define VARLINK_CALL_INIT ((VarlinkCall){})

/** varlink_call_deinit() - Frees it; safe on VARLINK_CALL_INIT and twice. */
void varlink_call_deinit(VarlinkCall *call);

enum {
        VARLINK_CALL_E_MALFORMED = 1,
};

/**
 * varlink_call_read() - Reads one message as a call.
 * @ret_call:   the call, to be given to varlink_call_deinit()
 *
 * Malformed is all that json_message_read() refuses, and: no method; a member of a wrong type (null counts as
 * absent, except for the method); a member that the protocol does not know, unless there is a dot in its
 * name: such are extensions, and ignored; oneway together with more. A malformed call cannot be answered,
 * since its sender has lost step: the connection is to be closed.
 *
 * Return: 0, VARLINK_CALL_E_MALFORMED, -ENOMEM.
 */
int varlink_call_read(const char *data, size_t n, VarlinkCall *ret_call);
