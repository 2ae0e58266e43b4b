/*
 * Decisions to JSON. Pure.
 */

#include "tools/decision-json.h"

#include "base/macro.h"
#include "base/text.h"
#include "tools/json.h"

/* Failure of json-c is out of memory: it sticks in the buffer like any other. */
static void add_text(json_object *object, const char *key, const char *text)
{
        if (text)
                json_set(object, key, json_object_new_string(text));
}

static json_object *new_list(const char *const *items, size_t n)
{
        json_object *list = json_object_new_array();
        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, json_object_new_string(items[i]));
        return list;
}

static json_object *new_similarity(int32_t millionths)
{
        char text[TEXT_SIMILARITY_SIZE];

        text_similarity(millionths, text);
        return json_object_new_double_s((double)millionths / TEXT_SIMILARITY_ONE, text);
}

static json_object *new_limits(const Decision *decision)
{
        json_object *limits = json_need(json_object_new_object());
        if (decision->has_floor)
                json_set(limits, "minimumSimilarity", new_similarity(decision->floor_millionths));
        if (decision->has_limit)
                json_set(limits, "maximumCandidates", json_object_new_int64(decision->limit));
        add_text(limits, "release", release_name(decision->release));
        return limits;
}

static json_object *new_nearest(const Decision *decision)
{
        json_object *nearest = json_need(json_object_new_object());
        json_object *unmet = json_object_new_array();

        add_text(nearest, "allow", decision->nearest);
        for (Unmet u = 0; u < _UNMET_MAX; u++)
                if (decision->unmet & (1u << u))
                        json_object_array_add(unmet, json_object_new_string(unmet_name(u)));
        json_set(nearest, "unmet", unmet);
        return nearest;
}

json_object *decision_json_new(const Decision *decision, const Policy *policy)
{
        char digest[DIGEST_HEX_SIZE];
        json_object *object = json_need(json_object_new_object());

        digest_hex(policy_digest(policy), digest);
        add_text(object, "verdict", decision->permit ? "permit" : "deny");
        if (!decision->permit)
                add_text(object, "reason", reason_name(decision->reason));
        add_text(object, "allow", decision->allow);
        add_text(object, "organisation", decision->organisation);
        json_set(object, "moratoria", new_list(decision->moratoria, decision->n_moratoria));
        add_text(object, "term", decision->term);
        if (decision->n_missing > 0)
                json_set(object, "missing", new_list(decision->missing, decision->n_missing));
        add_text(object, "notice", decision->notice);
        if (decision->nearest)
                json_set(object, "nearest", new_nearest(decision));
        if (decision->permit)
                json_set(object, "limits", new_limits(decision));
        add_text(object, "policy", digest);
        return object;
}

void decision_json_write(const Decision *decision, const Policy *policy, Buffer *buffer)
{
        _cleanup_(json_putp) json_object *object = decision_json_new(decision, policy);
        const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                          JSON_C_TO_STRING_NOSLASHESCAPE);

        if (text)
                buffer_append_text(buffer, text);
        else
                buffer->failed = true;
        buffer_append_text(buffer, "\n");
}
