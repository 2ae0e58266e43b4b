/*
 * `matchguard policy who-can`: everything that a policy permits at an instant, or the part of it that is asked
 * about, in rows.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/decide.h"
#include "policy/grants.h"
#include "tools/commands.h"
#include "tools/instant.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/policy-open.h"

#define OPERATIONS_LIMITED (OPERATIONS_SEARCH | BIT(OPERATION_LIST))

static void append_names(const GrantNames *names, const char *none, Buffer *text)
{
        for (size_t i = 0; i < names->n; i++)
                buffer_append_format(text, "%s%s", i > 0 ? ", " : "", names->items[i]);
        if (names->n == 0)
                buffer_append_text(text, none);
}

static void print_names(const char *label, const GrantNames *names, const char *none)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        append_names(names, none, &text);
        page_field(stdout, label, buffer_text(&text));
}

static void print_words_of(const char *label, const Vocabulary *vocabulary, uint32_t mask)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (mask == vocabulary_all(vocabulary))
                buffer_append_text(&text, "any");
        else
                vocabulary_list(vocabulary, mask, ", ", &text);
        page_field(stdout, label, buffer_text(&text));
}

/* What a permit gives, in words. */
static void print_limits(const Grant *grant)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        char floor[TEXT_SIMILARITY_SIZE];

        if (!(grant->operations & OPERATIONS_LIMITED) && !grant->rate)
                return;
        text_similarity(grant->floor_millionths, floor);
        if (grant->operations & OPERATIONS_LIMITED)
                buffer_append_format(&text, "%s, at most %u", release_name((Release)grant->release),
                                     grant->limit);
        if (grant->operations & OPERATIONS_SEARCH)
                buffer_append_format(&text, ", from a similarity of %s on", floor);
        if (grant->rate)
                buffer_append_format(&text, "%s%s an organisation", text.n > 0 ? "; " : "", grant->rate);
        page_field(stdout, "gives", buffer_text(&text));
}

static void print_grant(const Grant *grant)
{
        printf("%s (%s:%u)\n", grant->allow, grant->place.file, grant->place.line);
        print_names("who", &grant->askers, "nobody");
        print_words_of("may", &vocabulary_operations, grant->operations);
        print_names("for", &grant->purposes, "nothing");
        print_names("in", &grant->galleries, "no gallery: two templates are compared");
        if (grant->operations & OPERATIONS_SEARCH)
                print_words_of("seeking", &vocabulary_roles, grant->roles);
        if (grant->operations & OPERATIONS_PROBE)
                print_words_of("by", &vocabulary_probes, grant->probes);
        print_names("on behalf of", &grant->on_behalf_of, "nobody else");
        print_names("seen by", &grant->recipients, "nobody else");
        if (grant->requirements)
                print_words_of("stating", &vocabulary_requirements, grant->requirements);
        print_limits(grant);
}

static json_object *make_names(const GrantNames *names)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < names->n; i++)
                json_object_array_add(list, json_need(json_object_new_string(names->items[i])));
        return list;
}

static json_object *make_words(const Vocabulary *vocabulary, uint32_t mask)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < vocabulary->n; i++)
                if (mask & BIT(i))
                        json_object_array_add(list, json_need(json_object_new_string(vocabulary->words[i])));
        return list;
}

static json_object *make_grant(const Grant *grant)
{
        json_object *object = json_need(json_object_new_object());
        char floor[TEXT_SIMILARITY_SIZE];

        json_set_text(object, "allow", grant->allow);
        json_set_text(object, "file", grant->place.file);
        json_set(object, "line", json_object_new_int64(grant->place.line));
        json_set(object, "organisations", make_names(&grant->askers));
        json_set(object, "operations", make_words(&vocabulary_operations, grant->operations));
        json_set(object, "purposes", make_names(&grant->purposes));
        json_set(object, "galleries", make_names(&grant->galleries));
        if (grant->operations & OPERATIONS_SEARCH)
                json_set(object, "sought", make_words(&vocabulary_roles, grant->roles));
        if (grant->operations & OPERATIONS_PROBE)
                json_set(object, "probe", make_words(&vocabulary_probes, grant->probes));
        json_set(object, "onBehalfOf", make_names(&grant->on_behalf_of));
        json_set(object, "recipients", make_names(&grant->recipients));
        json_set(object, "require", make_words(&vocabulary_requirements, grant->requirements));
        if (grant->operations & OPERATIONS_LIMITED) {
                json_set_text(object, "release", release_name((Release)grant->release));
                json_set(object, "maximumCandidates", json_object_new_int64(grant->limit));
        }
        if (grant->operations & OPERATIONS_SEARCH) {
                text_similarity(grant->floor_millionths, floor);
                json_set(object, "minimumSimilarity",
                         json_need(json_object_new_double_s(grant->floor_millionths / 1e6, floor)));
        }
        json_set_text(object, "rate", grant->rate);
        return object;
}

static void print_json(const Grants *grants, const char *at)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *rows = json_need(json_object_new_array());

        json_set_text(object, "at", at);
        json_set(object, "permitted", rows);
        for (size_t i = 0; i < grants->n; i++)
                json_object_array_add(rows, make_grant(&grants->items[i]));
        json_print(object);
}

static void print_rows(const Grants *grants, const char *at)
{
        printf("Permitted at %s with a synchronised clock,\neach name alone or with others:\n", at);
        if (grants->n == 0)
                puts("nothing of the kind");
        for (size_t i = 0; i < grants->n; i++) {
                putchar('\n');
                print_grant(&grants->items[i]);
        }
}

/* Which option holds what the policy does not know, and what it could hold. */
static void say_unknown(const GrantsQuery *query, const char *unknown)
{
        const struct {
                const char *option, *text, *noun;
                const Vocabulary *words; /* NULL: names that the policy declares */
        } rows[] = {
                {"organisation", query->organisation, "organisation", NULL},
                {"operation", query->operation, "operation", &vocabulary_operations},
                {"purpose", query->purpose, "purpose", NULL},
                {"gallery", query->gallery, "gallery", NULL},
                {"sought", query->sought, "role", &vocabulary_roles},
                {"probe", query->probe, "kind of probe", &vocabulary_probes},
                {"on-behalf-of", query->on_behalf_of, "organisation or class", NULL},
                {"recipient", query->recipient, "organisation or class", NULL},
        };
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;
        size_t i = 0;

        while (rows[i].text != unknown)
                i++;
        if (rows[i].words)
                vocabulary_list(rows[i].words, vocabulary_all(rows[i].words), ", ", &expected);
        else
                buffer_append_text(&expected, "one that 'matchguard policy show' lists");
        diag(DIAG_ERROR, "--%s %s: there is no such %s; expected %s", rows[i].option, unknown, rows[i].noun,
             buffer_text(&expected));
}

static int who_can(const PolicyOpen *open, const GrantsQuery *query, bool json)
{
        _cleanup_(grants_deinit) Grants grants = GRANTS_INIT;
        char at[TIME_TEXT_SIZE];
        Policy *policy = NULL;

        int status = policy_open(open, &policy);
        if (status != EXIT_DONE)
                return status;
        const char *unknown = grants_unknown(policy, query);
        int r = unknown ? 0 : policy_grants(policy, query, &grants);
        time_format(query->at.time, at);
        if (unknown)
                say_unknown(query, unknown);
        else if (r < 0)
                diag(DIAG_ERROR, "cannot list what is permitted: %s", strerror(-r));
        else
                (json ? print_json : print_rows)(&grants, at);
        policy_unref(policy);
        return unknown || r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int run_policy_who_can(const Command *command, int argc, char **argv)
{
        PolicyOpen open = POLICY_OPEN_INIT;
        GrantsQuery query = {};
        const char *at = NULL;
        bool json = false;
        const Option options[] = {
                {"organisation", OPTION_TEXT, &query.organisation, "NAME", "only if it asks"},
                {"operation", OPTION_TEXT, &query.operation, "WORD", "only this operation"},
                {"purpose", OPTION_TEXT, &query.purpose, "NAME",
                 "only for this purpose, as it would be stated"},
                {"gallery", OPTION_TEXT, &query.gallery, "NAME", "only in this gallery"},
                {"sought", OPTION_TEXT, &query.sought, "ROLE", "only searches for such a person"},
                {"probe", OPTION_TEXT, &query.probe, "KIND", "only with such a probe"},
                {"on-behalf-of", OPTION_TEXT, &query.on_behalf_of, "NAME",
                 "only where it may be asked for it"},
                {"recipient", OPTION_TEXT, &query.recipient, "NAME", "only where it may see the result"},
                {"at", OPTION_TEXT, &at, "TIME", "the instant (default: now)"},
                {"json", OPTION_FLAG, &json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &open);
        policy_open_unproved_option(&set, &open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        r = instant_read(command, at, &query.at.time);
        query.at.loosening = query.at.time; /* with a synchronised clock they are one */
        return r != EXIT_DONE ? r : who_can(&open, &query, json);
}
