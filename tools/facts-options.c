/*
 * Facts from options, by way of the object that a line of facts would hold: what is a request is said in one
 * place, tools/facts-json.c.
 */

#include "tools/facts-options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/time.h"
#include "tools/json.h"

typedef enum FactKind {
        FACT_TEXT,
        FACT_NUMBER,
        FACT_SIMILARITY,
        FACT_NUMBERS, /* OptionList */
        FACT_NAMES,   /* OptionList */
} FactKind;

typedef struct FactOption {
        const char *option;
        const char *fact;
        FactKind kind;
        size_t offset;
        const char *argument;
        const char *summary;
} FactOption;

#define AT(member) offsetof(FactsOptions, member)

/* One line a fact: */
/* clang-format off */
static const FactOption fact_options[] = {
        {"uid", "uid", FACT_NUMBER, AT(uid), "N", "the caller's user"},
        {"group", "groups", FACT_NUMBERS, AT(groups), "N", "one of its groups; may be repeated"},
        {"unit", "unit", FACT_TEXT, AT(unit), "UNIT", "the system unit that it runs in"},
        {"label", "label", FACT_TEXT, AT(label), "LABEL", "its security label"},
        {"operation", "operation", FACT_TEXT, AT(operation), "OPERATION", "identify, verify, enrol ..."},
        {"gallery", "gallery", FACT_TEXT, AT(gallery), "GALLERY", "the gallery; none for compare"},
        {"purpose", "purpose", FACT_TEXT, AT(purpose), "PURPOSE", "what it is for, as the policy names it"},
        {"sought", "sought", FACT_TEXT, AT(sought), "ROLE", "who is sought: victim, missing, suspect ..."},
        {"on-behalf-of", "on_behalf_of", FACT_NAMES, AT(on_behalf_of), "NAME",
         "an organisation or class it is asked for; may be repeated"},
        {"recipient", "recipients", FACT_NAMES, AT(recipients), "NAME",
         "an organisation or class that will see the result; may be repeated"},
        {"probe", "probe", FACT_TEXT, AT(probe), "KIND", "photograph, video-frame, sketch ..."},
        {"case", "case", FACT_TEXT, AT(case_reference), "TEXT", "the case's reference"},
        {"authorisation", "authorisation", FACT_TEXT, AT(authorisation), "TEXT", "the order or consent it rests on"},
        {"operator", "operator", FACT_TEXT, AT(operator), "TEXT", "the person who asks"},
        {"limit", "limit", FACT_NUMBER, AT(limit), "N", "at most so many candidates"},
        {"minimum-similarity", "minimum_similarity", FACT_SIMILARITY, AT(floor), "S",
         "nothing below this similarity, from -1 to 1"},
        {"at", "time", FACT_TEXT, AT(time), "TIME", "when it is asked (now)"},
        {"clock", "clock", FACT_TEXT, AT(clock), "STATE", "synchronised (the default), unsynchronised or behind"},
        {"mark", "mark", FACT_TEXT, AT(mark), "TIME", "the latest time that was recorded with a good clock"},
};
/* clang-format on */

static bool is_list(const FactOption *row)
{
        return row->kind == FACT_NUMBERS || row->kind == FACT_NAMES;
}

static const char *text_of(const FactsOptions *options, const FactOption *row)
{
        return *(const char *const *)((const char *)options + row->offset);
}

static const OptionList *list_of(const FactsOptions *options, const FactOption *row)
{
        return (const OptionList *)(const void *)((const char *)options + row->offset);
}

void facts_options(OptionSet *set, FactsOptions *options)
{
        for (size_t i = 0; i < ARRAY_SIZE(fact_options); i++) {
                const FactOption *row = &fact_options[i];
                const Option option = {row->option, is_list(row) ? OPTION_LIST : OPTION_TEXT,
                                       (char *)options + row->offset, row->argument, row->summary};
                options_add(set, &option, 1);
        }
}

bool facts_options_given(const FactsOptions *options)
{
        bool given = false;

        for (size_t i = 0; i < ARRAY_SIZE(fact_options); i++) {
                const FactOption *row = &fact_options[i];
                given |= is_list(row) ? list_of(options, row)->n > 0 : text_of(options, row) != NULL;
        }
        return given;
}

/* What is no number stays a text, so that the reader of facts refuses it by name. */
static json_object *value_of(FactKind kind, const char *text)
{
        int32_t millionths = 0;
        uint64_t number = 0;

        if ((kind == FACT_NUMBER || kind == FACT_NUMBERS) && text_to_u64(text, strlen(text), &number))
                return json_object_new_uint64(number);
        if (kind == FACT_SIMILARITY && text_to_similarity(text, strlen(text), true, &millionths))
                return json_object_new_double_s((double)millionths / TEXT_SIMILARITY_ONE, text);
        return json_object_new_string(text);
}

static json_object *values_of(const FactOption *row, const OptionList *list)
{
        json_object *values = json_need(json_object_new_array());

        for (size_t i = 0; i < list->n; i++)
                json_object_array_add(values, json_need(value_of(row->kind, list->items[i])));
        return values;
}

static json_object *object_of(const FactsOptions *options)
{
        json_object *object = json_need(json_object_new_object());

        for (size_t i = 0; i < ARRAY_SIZE(fact_options); i++) {
                const FactOption *row = &fact_options[i];
                if (is_list(row))
                        json_set(object, row->fact, values_of(row, list_of(options, row)));
                else if (text_of(options, row))
                        json_set(object, row->fact, value_of(row->kind, text_of(options, row)));
        }
        return object;
}

/* Whatever the reader of facts complains of, in words of the command line. */
static int say_fault(const FactsOptions *options, const Command *command, const FactsFault *fault)
{
        for (size_t i = 0; i < ARRAY_SIZE(fact_options) && fault->parameter; i++) {
                const FactOption *row = &fact_options[i];
                if (strcmp(row->fact, fault->parameter) != 0)
                        continue;
                if (!is_list(row) && !text_of(options, row))
                        return command_usage(command, "--%s is missing: expected %s", row->option,
                                             fault->expected);
                return command_usage(command, "--%s: expected %s", row->option, fault->expected);
        }
        return command_usage(command, "these options are no request: expected %s", fault->expected);
}

int facts_options_read(const FactsOptions *options, const Command *command, FactsJson *ret_json)
{
        FactsOptions all = *options;
        _cleanup_(facts_fault_deinit) FactsFault fault = {};
        ClockReading now = {};
        char time[TIME_TEXT_SIZE];

        int r = clock_read(&now);
        if (r < 0) {
                diag(DIAG_ERROR, "the clock: %s", strerror(-r));
                return EXIT_REFUSED;
        }
        time_format((int64_t)now.wall_usec, time);
        if (!all.time)
                all.time = time;
        if (!all.clock)
                all.clock = facts_clock_name(CLOCK_SYNCHRONISED);
        _cleanup_(json_putp) json_object *object = object_of(&all);
        const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
        r = facts_json_parse(text, strlen(text), ret_json, &fault);
        if (r > 0)
                return say_fault(options, command, &fault);
        if (r < 0)
                diag(DIAG_ERROR, "the facts: %s", strerror(-r));
        return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}
