/*
 * Match: from options to parameters, and from replies to what people read. Judges nothing: what may be asked
 * is for the service to say.
 */

#include "tools/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/page.h"

void match_deinit(Match *match)
{
        service_deinit(&match->service);
}

static void statement_options(OptionSet *set, Match *m)
{
        const Option rows[] = {
                {"purpose", OPTION_TEXT, &m->purpose, "PURPOSE", "what it is for, as the policy names it"},
                {"sought", OPTION_TEXT, &m->sought, "ROLE", "who is sought: victim, missing, suspect ..."},
                {"on-behalf-of", OPTION_LIST, &m->on_behalf_of, "NAME",
                 "an organisation or class it is asked for; may be repeated"},
                {"recipient", OPTION_LIST, &m->recipients, "NAME",
                 "an organisation or class that will see the result; may be repeated"},
                {"case", OPTION_TEXT, &m->case_reference, "TEXT", "the case's reference"},
                {"authorisation", OPTION_TEXT, &m->authorisation, "TEXT", "the order or consent it rests on"},
                {"operator", OPTION_TEXT, &m->operator, "TEXT", "the person who asks"},
        };
        options_add(set, rows, ARRAY_SIZE(rows));
}

static void template_options(OptionSet *set, Match *m)
{
        const Option rows[] = {
                {"model", OPTION_TEXT, &m->model, "MODEL", "what made the templates"},
                {"kind", OPTION_TEXT, &m->kind, "KIND",
                 "what they were made from: photograph, video-frame ..."},
                {"dimension", OPTION_NUMBER, &m->dimension, "N",
                 "values in a template, for raw files of several"},
        };
        options_add(set, rows, ARRAY_SIZE(rows));
}

void match_options(OptionSet *set, Match *match, unsigned wants)
{
        const Option gallery = {"gallery", OPTION_TEXT, &match->gallery, "GALLERY", "the gallery"};
        const Option limit = {"limit", OPTION_NUMBER, &match->limit, "N", "at most so many"};
        const Option floor = {"minimum-similarity", OPTION_SIMILARITY, &match->floor, "S",
                              "nothing below this similarity, from -1 to 1"};
        if (wants & MATCH_GALLERY)
                options_add(set, &gallery, 1);
        statement_options(set, match);
        if (wants & MATCH_TEMPLATE)
                template_options(set, match);
        if (wants & MATCH_LIMIT)
                options_add(set, &limit, 1);
        if (wants & MATCH_FLOOR)
                options_add(set, &floor, 1);
        service_options(set, &match->service);
}

int match_check(const Match *match, const Command *command, unsigned wants)
{
        if ((wants & MATCH_GALLERY) && !match->gallery)
                return command_usage(command, "--gallery is missing");
        if (!match->purpose)
                return command_usage(command, "--purpose is missing: every request says what it is for");
        if ((wants & MATCH_TEMPLATE) && !match->model)
                return command_usage(command, "--model is missing");
        if (match->dimension.value > TEMPLATES_DIMENSION_MAX)
                return command_usage(command, "--dimension is at most %d", TEMPLATES_DIMENSION_MAX);
        return EXIT_DONE;
}

static json_object *names(const OptionList *list)
{
        json_object *array = json_need(json_object_new_array_ext((int)list->n));
        for (size_t i = 0; i < list->n; i++)
                json_object_array_add(array, json_need(json_object_new_string(list->items[i])));
        return array;
}

static json_object *statement(const Match *match)
{
        json_object *object = json_need(json_object_new_object());
        json_set_text(object, "purpose", match->purpose);
        json_set_text(object, "sought", match->sought);
        json_set(object, "onBehalfOf", names(&match->on_behalf_of));
        json_set(object, "recipients", names(&match->recipients));
        json_set_text(object, "caseReference", match->case_reference);
        json_set_text(object, "authorisation", match->authorisation);
        json_set_text(object, "operator", match->operator);
        return object;
}

json_object *match_parameters(const Match *match, unsigned wants)
{
        json_object *object = json_need(json_object_new_object());
        if (wants & MATCH_GALLERY)
                json_set_text(object, "gallery", match->gallery);
        json_set(object, "statement", statement(match));
        if ((wants & MATCH_LIMIT) && match->limit.given)
                json_set(object, "limit", json_object_new_int64((int64_t)match->limit.value));
        if ((wants & MATCH_FLOOR) && match->floor.given)
                json_set(object, "minimumSimilarity",
                         json_object_new_double_s(match->floor.millionths / 1e6, match->floor.text));
        return object;
}

json_object *match_template(const Match *match, const Buffer *bytes)
{
        json_object *object = json_need(json_object_new_object());
        _cleanup_(freep) char *text = malloc(TEXT_BASE64_SIZE(bytes->n));
        if (!text)
                (void)json_need(NULL);
        size_t n = text_base64(bytes->data, bytes->n, text);
        json_set_text(object, "model", match->model);
        json_set_text(object, "kind", match->kind);
        json_set(object, "data", json_object_new_string_len(text, (int)n));
        return object;
}

int match_load(const Match *match, const char *path, json_object **ret_template)
{
        _cleanup_(templates_deinit) Templates templates = TEMPLATES_INIT;
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT, bytes = BUFFER_INIT;
        int r = templates_open(path, (size_t)match->dimension.value, &templates, &fault);
        if (r == 0 && templates.n_rows != 1) {
                buffer_append_format(&fault, "%s: it holds %lu templates, and one is wanted", path,
                                     (unsigned long)templates.n_rows);
                r = TEMPLATES_E_INVALID;
        }
        if (r == 0)
                r = templates_read(&templates, 0, &bytes, &fault);
        if (r != 0) {
                fprintf(stderr, "matchguard: %s.\n", buffer_text(&fault));
                return EXIT_REFUSED;
        }
        *ret_template = match_template(match, &bytes);
        return EXIT_DONE;
}

static void print_candidate(json_object *candidate)
{
        json_object *similarity = NULL;
        const char *subject = json_text(candidate, "subject");
        printf("  %3ld. %s", (long)json_number(candidate, "rank", 0), subject ? subject : "");
        if (json_object_object_get_ex(candidate, "similarity", &similarity) && similarity)
                printf("   similarity %.4f", json_object_get_double(similarity));
        putchar('\n');
}

void match_print_found(json_object *reply)
{
        json_object *candidates = json_list(reply, "candidates");
        size_t n = candidates ? json_object_array_length(candidates) : 0;
        char searched[PAGE_NUMBER_SIZE];
        if (!json_is_true(reply, "matched"))
                puts("Nobody was found.");
        else if (n == 0)
                puts("Somebody was found; the permission releases no more than that.");
        else
                printf("Found %zu candidate%s:\n", n, n == 1 ? "" : "s");
        for (size_t i = 0; i < n; i++)
                print_candidate(json_object_array_get_idx(candidates, i));
        page_field_format(stdout, "searched", "%s templates, at epoch %ld of the gallery",
                          page_number((uint64_t)json_number(reply, "searched", 0), searched),
                          (long)json_number(reply, "galleryEpoch", 0));
        match_print_rule(reply);
}

void match_print_verdict(json_object *reply)
{
        json_object *similarity = NULL;
        puts(json_is_true(reply, "matched") ? "They match." : "They do not match.");
        if (json_object_object_get_ex(reply, "similarity", &similarity) && similarity)
                page_field_format(stdout, "similarity", "%.6f", json_object_get_double(similarity));
        match_print_rule(reply);
}

void match_print_rule(json_object *reply)
{
        const char *allow = json_text(reply, "allow");
        if (allow)
                page_field(stdout, "permitted by", allow);
        failure_print_receipt(stdout, reply);
}
