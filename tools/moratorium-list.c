/*
 * matchguard moratorium list: what each moratorium says, and whether it stands now, as the policy on disk has
 * it. Says so where the service runs another policy.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/standing.h"
#include "policy/time.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/policy-open.h"
#include "tools/policy-place.h"

/* The keys, as people and as programs read them. */
static const struct {
        KeyId key;
        const char *label, *json;
} rows[] = {
        {KEY_DESCRIPTION, "description", "description"},
        {KEY_NOTICE, "notice", "notice"},
        {KEY_DOCUMENTATION, "see", "documentation"},
        {KEY_CLASS, "covers", "class"},
        {KEY_OPERATION, "operation", "operation"},
        {KEY_PURPOSE, "purpose", "purpose"},
        {KEY_GALLERY, "gallery", "gallery"},
        {KEY_FROM, "from", "from"},
        {KEY_UNTIL, "until", "until"},
        {KEY_ON_EXPIRY, "on expiry", "onExpiry"},
        {KEY_EXCEPT, "excepted", "except"},
        {KEY_REVIEW_BY, "review by", "reviewBy"},
};

/* One moratorium, with what follows from the rest of the policy. */
typedef struct Entry {
        const Policy *policy;
        const Object *object;
        bool stands;
        Buffer standing; /* in words */
} Entry;

static bool releases(const Object *release, const Entry *entry)
{
        return strcmp(release->main.values[KEY_MORATORIUM]->text, entry->object->name) == 0;
}

/* A value as it was written; a time as times are written everywhere. */
static void append_value(const Value *value, Buffer *text)
{
        char time[TIME_TEXT_SIZE];

        for (size_t i = 0; i < value->n_words; i++)
                buffer_append_format(text, "%s%s", i > 0 ? ", " : "", value->words[i].text);
        if (key_is_list(value->spec))
                return;
        bool is_time = value->spec->kind == VALUE_TIME ||
                       (value->spec->kind == VALUE_TIME_OR_NOTICE && value->number != TIME_FOREVER);
        if (is_time)
                time_format(value->number, time);
        buffer_append_text(text, is_time ? time : value->text);
}

/* ----------------------------------------------------------------------------------------------- for people */

static void print_releases(const Entry *entry)
{
        size_t n = 0, n_found = 0;
        const Object *objects = policy_objects(entry->policy, OBJECT_RELEASE, &n);

        for (size_t i = 0; i < n; i++)
                if (releases(&objects[i], entry)) {
                        page_field_format(stdout, "released", "by %s: %s", objects[i].place.file,
                                          objects[i].main.values[KEY_REASON]->text);
                        n_found++;
                }
        if (n_found == 0)
                page_field(stdout, "released", "no");
}

static void print_words(const Entry *entry, const Facts *now)
{
        const Value *const *values = entry->object->main.values;
        const Value *review = values[KEY_REVIEW_BY];

        printf("%s: %s\n", entry->object->name, entry->stands ? "in force" : "not in force");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                const Value *value = values[rows[i].key];
                /* When it stands is told in one sentence below. */
                if (rows[i].key == KEY_FROM || rows[i].key == KEY_UNTIL || rows[i].key == KEY_ON_EXPIRY)
                        continue;
                if (value)
                        append_value(value, &text);
                if (rows[i].key == KEY_EXCEPT && !value)
                        buffer_append_text(&text, "nobody");
                if (rows[i].key == KEY_REVIEW_BY && review && (int64_t)now->time_usec >= review->number)
                        buffer_append_text(&text, ", which has passed");
                if (text.n > 0)
                        page_field(stdout, rows[i].label, buffer_text(&text));
        }
        page_field(stdout, entry->stands ? "stands" : "stands not", buffer_text(&entry->standing));
        print_releases(entry);
        page_field(stdout, "file", entry->object->place.file);
}

/* --------------------------------------------------------------------------------------------- for programs */

static json_object *value_json(const Value *value)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (!key_is_list(value->spec)) {
                append_value(value, &text);
                return json_need(json_object_new_string(buffer_text(&text)));
        }
        json_object *list = json_need(json_object_new_array());
        for (size_t i = 0; i < value->n_words; i++)
                json_object_array_add(list, json_need(json_object_new_string(value->words[i].text)));
        return list;
}

static json_object *releases_json(const Entry *entry)
{
        size_t n = 0;
        const Object *objects = policy_objects(entry->policy, OBJECT_RELEASE, &n);
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < n; i++) {
                if (!releases(&objects[i], entry))
                        continue;
                json_object *release = json_need(json_object_new_object());
                json_set_text(release, "file", objects[i].place.file);
                json_set_text(release, "reason", objects[i].main.values[KEY_REASON]->text);
                json_object_array_add(list, release);
        }
        return list;
}

static json_object *entry_json(const Entry *entry)
{
        const Value *const *values = entry->object->main.values;
        json_object *object = json_need(json_object_new_object());
        char digest[DIGEST_HEX_SIZE];

        json_set_text(object, "name", entry->object->name);
        json_set(object, "inForce", json_object_new_boolean(entry->stands));
        json_set_text(object, "standing", buffer_text(&entry->standing));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (values[rows[i].key])
                        json_set(object, rows[i].json, value_json(values[rows[i].key]));
        json_set(object, "releases", releases_json(entry));
        digest_hex(&entry->object->digest, digest);
        json_set_text(object, "digest", digest);
        json_set_text(object, "file", entry->object->place.file);
        return object;
}

/* ----------------------------------------------------------------------------------------------- the command */

/* A reader who takes the list for what holds has to know where it does not. */
static bool is_what_runs(const Policy *policy, const PolicyPlace *place)
{
        char digest[DIGEST_HEX_SIZE];

        digest_hex(policy_digest(policy), digest);
        return place->running && strcmp(place->running, digest) == 0;
}

static void print_head(const Policy *policy, const PolicyPlace *place)
{
        if (place->running && !is_what_runs(policy, place))
                fputs("This is the policy on disk; the service runs another one ('matchguard reload "
                      "--dry-run' "
                      "shows what differs).\n",
                      stderr);
        if (place->now.clock != CLOCK_SYNCHRONISED)
                fprintf(stderr, "The clock is %s: what loosens with time is not believed to have come.\n",
                        facts_clock_name(place->now.clock));
}

static void list(const Policy *policy, const PolicyPlace *place, bool json)
{
        size_t n = 0;
        const Object *objects = policy_objects(policy, OBJECT_MORATORIUM, &n);
        _cleanup_(json_putp) json_object *whole = json_need(json_object_new_object());
        json_object *items = json_need(json_object_new_array());
        char digest[DIGEST_HEX_SIZE];

        digest_hex(policy_digest(policy), digest);
        json_set_text(whole, "policy", digest);
        json_set_text(whole, "running", place->running);
        json_set_text(whole, "clock", facts_clock_name(place->now.clock));
        json_set(whole, "moratoria", items);
        for (size_t i = 0; i < n; i++) {
                Entry entry = {.policy = policy, .object = &objects[i]};
                entry.stands =
                        policy_moratorium_standing(policy, objects[i].name, &place->now, &entry.standing);
                if (json)
                        json_object_array_add(items, entry_json(&entry));
                else
                        print_words(&entry, &place->now);
                buffer_deinit(&entry.standing);
        }
        if (json)
                json_print(whole);
        else if (n == 0)
                puts("There is no moratorium.");
}

static int open_and_list(PolicyPlace *place, Service *service)
{
        Policy *policy = NULL;

        int r = policy_place_find(place, service);
        if (r == EXIT_DONE)
                r = policy_open_source(&place->source, &policy);
        if (r != EXIT_DONE)
                return r;
        print_head(policy, place);
        list(policy, place, service->json);
        policy_unref(policy);
        return EXIT_DONE;
}

int run_moratorium_list(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(policy_place_deinit) PolicyPlace place = POLICY_PLACE_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        service_options(&set, &service);
        policy_place_options(&set, &place);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        return open_and_list(&place, &service);
}
