/* Rows of what would have been, as labelled lines and as JSON. */

#include "tools/what-if-words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "policy/time.h"
#include "tools/json.h"
#include "tools/page.h"

/* -------------------------------------------------------------------------------------------------- for people */

/* "thorn: identify in missing-children for missing-child-reunion". */
static void what_words(const WhatIfRow *row, Buffer *words)
{
        const char *organisation = row->fields[WHAT_IF_ORGANISATION];

        if (!*organisation)
                organisation = row->fields[WHAT_IF_NEW_ORGANISATION];
        buffer_append_format(words, "%s: %s", *organisation ? organisation : "nobody known",
                             row->fields[WHAT_IF_OPERATION]);
        if (*row->fields[WHAT_IF_GALLERY])
                buffer_append_format(words, " in %s", row->fields[WHAT_IF_GALLERY]);
        buffer_append_format(words, " for %s", row->fields[WHAT_IF_PURPOSE]);
}

/* One answer: verdict, why, and whom the asker was taken for where the other answer says another. */
typedef struct Answer {
        const char *verdict, *reason, *rule, *organisation;
        bool other_organisation;
} Answer;

static void answer_words(const Answer *answer, Buffer *words)
{
        buffer_append_text(words, answer->verdict);
        if (*answer->reason)
                buffer_append_format(words, ", %s", answer->reason);
        if (*answer->rule)
                buffer_append_format(words, ", %s", answer->rule);
        if (answer->other_organisation)
                buffer_append_format(words, ", taken for %s",
                                     *answer->organisation ? answer->organisation : "nobody");
}

static void print_row(const WhatIfRow *row)
{
        _cleanup_(buffer_deinit) Buffer what = BUFFER_INIT, was = BUFFER_INIT, new = BUFFER_INIT;
        const char *const *fields = row->fields;
        const bool other = strcmp(fields[WHAT_IF_ORGANISATION], fields[WHAT_IF_NEW_ORGANISATION]) != 0;
        const Answer old_answer = {fields[WHAT_IF_VERDICT], fields[WHAT_IF_REASON], fields[WHAT_IF_RULE],
                                   fields[WHAT_IF_ORGANISATION], other};
        const Answer new_answer = {fields[WHAT_IF_NEW_VERDICT], fields[WHAT_IF_NEW_REASON],
                                   fields[WHAT_IF_NEW_RULE], fields[WHAT_IF_NEW_ORGANISATION], other};
        char first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];

        what_words(row, &what);
        answer_words(&old_answer, &was);
        answer_words(&new_answer, &new);
        if (*fields[WHAT_IF_CHANGES])
                buffer_append_format(&new, "; other than it was: %s", fields[WHAT_IF_CHANGES]);
        time_format((int64_t)row->first_usec, first);
        time_format((int64_t)row->last_usec, last);
        printf("%" PRIu64 " x  %s\n", row->count, buffer_text(&what));
        page_field(stdout, "was", buffer_text(&was));
        page_field(stdout, "would be", buffer_text(&new));
        page_field_format(stdout, "from", "%s to %s", first, last);
        page_field_format(stdout, "for example", "leaf %" PRIu64 ", request %s", row->example, row->request);
}

void what_if_print(const WhatIf *what_if)
{
        for (size_t i = 0; i < what_if->n_rows; i++)
                print_row(what_if->rows[i]);
}

/* ------------------------------------------------------------------------------------------------------ as JSON */

static void set_word(json_object *object, const char *key, const char *word)
{
        if (*word)
                json_set_text(object, key, word);
}

static void set_number(json_object *object, const char *key, uint64_t number)
{
        json_set(object, key, json_object_new_uint64(number));
}

static json_object *answer_json(const char *const *fields, WhatIfField first)
{
        json_object *object = json_need(json_object_new_object());

        set_word(object, "organisation", fields[first]);
        set_word(object, "verdict", fields[first + 1]);
        set_word(object, "reason", fields[first + 2]);
        set_word(object, "rule", fields[first + 3]);
        return object;
}

static json_object *row_json(const WhatIfRow *row)
{
        json_object *object = json_need(json_object_new_object());
        json_object *example = json_need(json_object_new_object());
        char first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];

        time_format((int64_t)row->first_usec, first);
        time_format((int64_t)row->last_usec, last);
        set_word(object, "operation", row->fields[WHAT_IF_OPERATION]);
        set_word(object, "purpose", row->fields[WHAT_IF_PURPOSE]);
        set_word(object, "gallery", row->fields[WHAT_IF_GALLERY]);
        json_set(object, "was", answer_json(row->fields, WHAT_IF_ORGANISATION));
        json_set(object, "wouldBe", answer_json(row->fields, WHAT_IF_NEW_ORGANISATION));
        set_word(object, "changes", row->fields[WHAT_IF_CHANGES]);
        set_number(object, "count", row->count);
        json_set_text(object, "first", first);
        json_set_text(object, "last", last);
        set_number(example, "index", row->example);
        json_set_text(example, "request", row->request);
        json_set(object, "example", example);
        return object;
}

void what_if_json(const WhatIf *what_if, json_object *object)
{
        json_object *rows = json_need(json_object_new_array());
        char digest[DIGEST_HEX_SIZE];

        digest_hex(policy_digest(what_if->policy), digest);
        json_set_text(object, "policy", digest);
        set_number(object, "decisions", what_if->n_decisions);
        set_number(object, "same", what_if->n_same);
        set_number(object, "differing", what_if->n_decisions - what_if->n_same);
        set_number(object, "permitted", what_if->n_permitted);
        set_number(object, "denied", what_if->n_denied);
        set_number(object, "unfolded", what_if->n_unfolded);
        set_number(object, "unreadable", what_if->n_unread);
        set_number(object, "groupsUnknown", what_if->n_groups_unknown);
        for (size_t i = 0; i < what_if->n_rows; i++)
                json_object_array_add(rows, row_json(what_if->rows[i]));
        json_set(object, "rows", rows);
}
