/*
 * Facts from JSON: one table of keys, one small reader for each kind of value. Pure.
 */

#include "tools/facts-json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/time.h"
#include "varlink/json.h"

enum {
        LABEL_MAX = 512,
        LIST_READ_MAX = 65536, /* entries that are read at all; what a request may hold is facts_check()'s */
};

/* Readers return 0, FACTS_E_INVALID, or -ENOMEM. */
typedef struct FactsKey {
        const char *key;
        int (*read)(const struct FactsKey *key, FactsJson *json, json_object *value);
        size_t offset; /* of a string in Facts */
        bool required;
        const char *expected;
} FactsKey;

static int read_text(const FactsKey *key, FactsJson *json, json_object *value)
{
        if (!json_object_is_type(value, json_type_string))
                return FACTS_E_INVALID;
        *(const char **)((char *)&json->facts + key->offset) = json_object_get_string(value);
        return 0;
}

/* An empty statement is none: it cannot be what a rule requires. */
static int read_statement(const FactsKey *key, FactsJson *json, json_object *value)
{
        if (!json_object_is_type(value, json_type_string))
                return FACTS_E_INVALID;
        return json_object_get_string_len(value) == 0 ? 0 : read_text(key, json, value);
}

static bool text_fits_leaf(const char *text)
{
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
                        return false;
        return true;
}

/* What no leaf could hold is not decided upon either. */
static int read_attested(const FactsKey *key, FactsJson *json, json_object *value)
{
        if (!json_object_is_type(value, json_type_string))
                return FACTS_E_INVALID;
        const char *text = json_object_get_string(value);
        bool label = key->offset == offsetof(Facts, peer.label);
        if (*text == '\0' || !text_fits_leaf(text) || (label && strlen(text) > LABEL_MAX))
                return 0;
        return read_text(key, json, value);
}

static bool value_to_u64(json_object *value, uint64_t *ret_value)
{
        if (!json_object_is_type(value, json_type_int))
                return false;
        if (json_object_get_int64(value) < 0)
                return false;
        *ret_value = json_object_get_uint64(value);
        return true;
}

/* The highest number means "no id" to the kernel. */
static bool value_to_id(json_object *value, uint32_t *ret_id)
{
        uint64_t number;
        if (!value_to_u64(value, &number) || number >= UINT32_MAX)
                return false;
        *ret_id = (uint32_t)number;
        return true;
}

static int read_uid(const FactsKey *key, FactsJson *json, json_object *value)
{
        return value_to_id(value, &json->facts.peer.uid) ? 0 : FACTS_E_INVALID;
}

/* The number of entries, or FACTS_E_INVALID's place in `ret_n` untouched. */
static bool list_length(json_object *value, size_t *ret_n)
{
        if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > LIST_READ_MAX)
                return false;
        *ret_n = json_object_array_length(value);
        return true;
}

static int read_groups(const FactsKey *key, FactsJson *json, json_object *value)
{
        size_t n;
        if (!list_length(value, &n))
                return FACTS_E_INVALID;
        json->groups = calloc(n + 1, sizeof(*json->groups));
        if (!json->groups)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!value_to_id(json_object_array_get_idx(value, i), &json->groups[i]))
                        return FACTS_E_INVALID;
        json->facts.peer.groups = json->groups;
        json->facts.peer.n_groups = n;
        return 0;
}

static int read_names(json_object *value, const char ***ret_names, size_t *ret_n)
{
        size_t n;
        if (!list_length(value, &n))
                return FACTS_E_INVALID;
        const char **names = calloc(n + 1, sizeof(*names));
        if (!names)
                return -ENOMEM;
        *ret_names = names; /* the caller's from here on, whatever the entries are */
        for (size_t i = 0; i < n; i++) {
                json_object *entry = json_object_array_get_idx(value, i);
                if (!json_object_is_type(entry, json_type_string))
                        return FACTS_E_INVALID;
                names[i] = json_object_get_string(entry);
        }
        *ret_n = n;
        return 0;
}

static int read_on_behalf_of(const FactsKey *key, FactsJson *json, json_object *value)
{
        int r = read_names(value, &json->on_behalf_of, &json->facts.n_on_behalf_of);
        json->facts.on_behalf_of = json->on_behalf_of;
        return r;
}

static int read_recipients(const FactsKey *key, FactsJson *json, json_object *value)
{
        int r = read_names(value, &json->recipients, &json->facts.n_recipients);
        json->facts.recipients = json->recipients;
        return r;
}

static int read_limit(const FactsKey *key, FactsJson *json, json_object *value)
{
        if (!value_to_u64(value, &json->facts.limit))
                return FACTS_E_INVALID;
        json->facts.has_limit = true;
        return 0;
}

static int read_floor(const FactsKey *key, FactsJson *json, json_object *value)
{
        if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
                return FACTS_E_INVALID;
        const char *text = json_number_text(value);
        if (!text)
                return -ENOMEM;
        if (!text_to_similarity(text, strlen(text), true, &json->facts.floor_millionths))
                return FACTS_E_INVALID;
        json->facts.has_floor = true;
        return 0;
}

/* No clock that the service runs on stands before 1970. */
static bool value_to_time(json_object *value, uint64_t *ret_usec)
{
        int64_t usec;

        if (!json_object_is_type(value, json_type_string))
                return false;
        if (!time_parse(json_object_get_string(value), (size_t)json_object_get_string_len(value), &usec))
                return false;
        if (usec < 0)
                return false;
        *ret_usec = (uint64_t)usec;
        return true;
}

static int read_time(const FactsKey *key, FactsJson *json, json_object *value)
{
        return value_to_time(value, &json->facts.time_usec) ? 0 : FACTS_E_INVALID;
}

static int read_mark(const FactsKey *key, FactsJson *json, json_object *value)
{
        json->facts.has_mark = value_to_time(value, &json->facts.mark_usec);
        return json->facts.has_mark ? 0 : FACTS_E_INVALID;
}

static int read_clock(const FactsKey *key, FactsJson *json, json_object *value)
{
        static const FactsClock clocks[] = {CLOCK_UNSYNCHRONISED, CLOCK_SYNCHRONISED, CLOCK_BEHIND};

        for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
                if (json_object_is_type(value, json_type_string) &&
                    strcmp(json_object_get_string(value), facts_clock_name(clocks[i])) == 0) {
                        json->facts.clock = clocks[i];
                        return 0;
                }
        return FACTS_E_INVALID;
}

static uint64_t used_count(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        json_object *count;
        uint64_t n = 0;

        /* Already counted for this organisation and within the window by whoever stated the fact. */
        if (json_object_object_get_ex(userdata, allow, &count))
                (void)value_to_u64(count, &n); /* a number: it was checked when it was read */
        return n;
}

static int read_used(const FactsKey *key, FactsJson *json, json_object *value)
{
        uint64_t n;

        if (!json_object_is_type(value, json_type_object))
                return FACTS_E_INVALID;
        json_object_object_foreach(value, allow, count)
        {
                if (!text_is_name(allow, strlen(allow)) || !value_to_u64(count, &n))
                        return FACTS_E_INVALID;
        }
        json->facts.used = used_count;
        json->facts.used_userdata = value;
        return 0;
}

#define TEXT(key, member, required, expected)                                                                \
        {                                                                                                    \
                key, read_text, offsetof(Facts, member), required, expected                                  \
        }
#define STATEMENT(key, member)                                                                               \
        {                                                                                                    \
                key, read_statement, offsetof(Facts, member), false, "a string"                              \
        }
#define ATTESTED(key, member)                                                                                \
        {                                                                                                    \
                key, read_attested, offsetof(Facts, member), false, "a string"                               \
        }

static const FactsKey facts_keys[] = {
        {"uid", read_uid, 0, true, "a user number"},
        {"groups", read_groups, 0, false, "a list of group numbers"},
        ATTESTED("unit", peer.unit),
        ATTESTED("label", peer.label),
        TEXT("operation", operation, true,
             "identify, identify-stored, verify, compare, enrol, remove or list"),
        TEXT("gallery", gallery, false, "a name, for every operation but compare"),
        TEXT("purpose", purpose, true, "a name"),
        TEXT("sought", sought, false,
             "victim, missing, deceased, incapacitated, witness, suspect, claimant or unknown"),
        {"on_behalf_of", read_on_behalf_of, 0, true, "a list of at most 16 names"},
        {"recipients", read_recipients, 0, true, "a list of at most 16 names"},
        TEXT("probe", probe, false,
             "photograph, video-frame, sketch, composite, edited, synthetic or unknown"),
        STATEMENT("case", case_reference),
        STATEMENT("authorisation", authorisation),
        STATEMENT("operator", operator),
        {"limit", read_limit, 0, false, "a whole number, at least 1"},
        {"minimum_similarity", read_floor, 0, false, "a number from -1 to 1"},
        {"time", read_time, 0, true, "YYYY-MM-DD or RFC 3339 with an offset"},
        {"clock", read_clock, 0, false, "synchronised, unsynchronised or behind"},
        {"mark", read_mark, 0, false, "YYYY-MM-DD or RFC 3339 with an offset"},
        {"used", read_used, 0, false, "an object of counts by the names of allows"},
};

void facts_json_deinit(FactsJson *json)
{
        json_object_put(json->object);
        free(json->groups);
        free(json->on_behalf_of);
        free(json->recipients);
        *json = FACTS_JSON_INIT;
}

void facts_fault_deinit(FactsFault *fault)
{
        free(fault->parameter);
        *fault = (FactsFault){};
}

void facts_fault_write(const FactsFault *fault, Buffer *text)
{
        if (!fault->parameter)
                buffer_append_format(text, "expected %s", fault->expected);
        else if (!fault->expected)
                buffer_append_format(text, "%s: there is no such fact", fault->parameter);
        else
                buffer_append_format(text, "%s: expected %s", fault->parameter, fault->expected);
}

static const FactsKey *find_key(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(facts_keys); i++)
                if (strcmp(facts_keys[i].key, name) == 0)
                        return &facts_keys[i];
        return NULL;
}

static int fault_set(FactsFault *ret_fault, const char *parameter, const char *expected)
{
        char *copy = strdup(parameter);
        if (!copy)
                return -ENOMEM;
        *ret_fault = (FactsFault){.parameter = copy, .expected = expected};
        return FACTS_E_INVALID;
}

static int fault_of_key(FactsFault *ret_fault, const char *name)
{
        const FactsKey *key = find_key(name);
        return fault_set(ret_fault, name, key ? key->expected : NULL);
}

static int read_members(FactsJson *json, FactsFault *ret_fault)
{
        json_object_object_foreach(json->object, name, value)
        {
                const FactsKey *key = find_key(name);
                int r = key ? key->read(key, json, value) : FACTS_E_INVALID;
                if (r > 0)
                        return fault_of_key(ret_fault, name);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(facts_keys); i++)
                if (facts_keys[i].required &&
                    !json_object_object_get_ex(json->object, facts_keys[i].key, NULL))
                        return fault_of_key(ret_fault, facts_keys[i].key);
        return 0;
}

int facts_json_read(json_object *object, FactsJson *ret_json, FactsFault *ret_fault)
{
        _cleanup_(facts_json_deinit) FactsJson json = {.object = json_object_get(object)};

        int r = read_members(&json, ret_fault);
        if (r != 0)
                return r;
        /* A mark that lies ahead speaks louder than what is said of the clock. */
        Facts *facts = &json.facts;
        if (facts->clock != CLOCK_BEHIND)
                facts->clock = facts_clock(facts->clock == CLOCK_SYNCHRONISED, facts->time_usec,
                                           facts->has_mark, facts->mark_usec);
        const char *bad = facts_check(facts);
        if (bad)
                return fault_of_key(ret_fault, bad);
        *ret_json = json;
        json = FACTS_JSON_INIT;
        return 0;
}

int facts_json_parse(const char *text, size_t n, FactsJson *ret_json, FactsFault *ret_fault)
{
        _cleanup_(json_freep) JsonRef object = NULL;

        int r = json_message_read(text, n, &object);
        if (r == JSON_E_MALFORMED) {
                *ret_fault = (FactsFault){.expected = "one JSON object in UTF-8, no member twice"};
                return FACTS_E_MALFORMED;
        }
        return r < 0 ? r : facts_json_read(object, ret_json, ret_fault);
}
