/*
 * Varlink replies. Pure; what stands in the parameters is the caller's business.
 */

#include "varlink/reply.h"

#include <errno.h>
#include <string.h>

static int reply_write(const char *error, struct json_object *parameters, Buffer *buffer)
{
        _cleanup_(json_freep) JsonRef root = json_object_new_object();
        struct json_object *shown = parameters ? json_object_get(parameters) : json_object_new_object();

        /* The parameters go in first, so that they are consumed in any case. */
        if (!json_add(root, "parameters", shown) || !json_add_text(root, "error", error))
                return -ENOMEM;
        return json_message_write(root, buffer);
}

int varlink_reply_write(struct json_object *parameters, Buffer *buffer)
{
        return reply_write(NULL, parameters, buffer);
}

int varlink_error_write(const char *error, struct json_object *parameters, Buffer *buffer)
{
        return reply_write(error, parameters, buffer);
}

int varlink_error_write_text(const char *error, const char *parameter, const char *text, Buffer *buffer)
{
        _cleanup_(json_freep) JsonRef parameters = json_object_new_object();

        if (!json_add_text(parameters, parameter, text))
                return -ENOMEM;
        return reply_write(error, parameters, buffer);
}

void varlink_reply_deinit(VarlinkReply *reply)
{
        json_free(reply->root);
        *reply = VARLINK_REPLY_INIT;
}

static bool reply_take_member(VarlinkReply *reply, const char *name, struct json_object *value)
{
        if (strcmp(name, "parameters") == 0) {
                reply->parameters = value;
                return !value || json_object_is_type(value, json_type_object);
        }
        if (strcmp(name, "error") == 0) {
                reply->error = value ? json_object_get_string(value) : NULL;
                return !value || json_object_is_type(value, json_type_string);
        }
        if (strcmp(name, "continues") == 0)
                return !value ||
                       (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value));
        return strchr(name, '.') != NULL;
}

int varlink_reply_read(const char *data, size_t n, VarlinkReply *ret_reply)
{
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = VARLINK_REPLY_INIT;
        int r = json_message_read(data, n, &reply.root);
        if (r != 0)
                return r == JSON_E_MALFORMED ? VARLINK_REPLY_E_MALFORMED : r;

        json_object_object_foreach(reply.root, name, value)
        {
                if (!reply_take_member(&reply, name, value))
                        return VARLINK_REPLY_E_MALFORMED;
        }
        *ret_reply = reply;
        reply = VARLINK_REPLY_INIT;
        return 0;
}
