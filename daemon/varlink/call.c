/*
 * Varlink calls, top level only: what the parameters of a method are is nothing to this file. Pure.
 */

#include "varlink/call.h"

#include <string.h>

/* The members that the protocol knows. Each taker says whether the value is of the right type. */
typedef struct CallMember {
        const char *name;
        bool (*take)(VarlinkCall *call, struct json_object *value);
} CallMember;

void varlink_call_deinit(VarlinkCall *call)
{
        json_free(call->root);
        *call = VARLINK_CALL_INIT;
}

static bool call_take_method(VarlinkCall *call, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        size_t n = (size_t)json_object_get_string_len(value);
        call->method = json_object_get_string(value);
        return n > 0 && n <= VARLINK_METHOD_MAX && strlen(call->method) == n;
}

static bool call_take_parameters(VarlinkCall *call, struct json_object *value)
{
        call->parameters = value;
        return !value || json_object_is_type(value, json_type_object);
}

static bool call_take_flag(bool *flag, struct json_object *value)
{
        *flag = json_object_get_boolean(value);
        return !value || json_object_is_type(value, json_type_boolean);
}

static bool call_take_oneway(VarlinkCall *call, struct json_object *value)
{
        return call_take_flag(&call->oneway, value);
}

static bool call_take_more(VarlinkCall *call, struct json_object *value)
{
        return call_take_flag(&call->more, value);
}

static bool call_take_upgrade(VarlinkCall *call, struct json_object *value)
{
        return call_take_flag(&call->upgrade, value);
}

static const CallMember call_members[] = {
        {"method", call_take_method}, {"parameters", call_take_parameters}, {"oneway", call_take_oneway},
        {"more", call_take_more},     {"upgrade", call_take_upgrade},
};

static bool call_take_member(VarlinkCall *call, const char *name, struct json_object *value)
{
        for (size_t i = 0; i < ARRAY_SIZE(call_members); i++)
                if (strcmp(call_members[i].name, name) == 0)
                        return call_members[i].take(call, value);
        return strchr(name, '.') != NULL;
}

int varlink_call_read(const char *data, size_t n, VarlinkCall *ret_call)
{
        _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;
        int r = json_message_read(data, n, &call.root);
        if (r != 0)
                return r == JSON_E_MALFORMED ? VARLINK_CALL_E_MALFORMED : r;

        json_object_object_foreach(call.root, name, value)
        {
                if (!call_take_member(&call, name, value))
                        return VARLINK_CALL_E_MALFORMED;
        }
        if (!call.method || (call.oneway && call.more))
                return VARLINK_CALL_E_MALFORMED;
        *ret_call = call;
        call = VARLINK_CALL_INIT;
        return 0;
}
