/* Putting differences into words. Reads the clock, to tell what has passed. */

#include "tools/diff-words.h"

#include "base/clock.h"
#include "policy/time.h"
#include "tools/json.h"

void diff_write(const PolicyDiff *diff, Buffer *buffer)
{
        ClockReading now = {};

        (void)clock_read(&now); /* without a clock it is 1970, and nothing has passed */
        policy_diff_write(diff, (int64_t)now.wall_usec, buffer);
}

void diff_json(const PolicyDiff *diff, json_object *object)
{
        json_object *changes = json_need(json_object_new_array());

        json_set(object, "wider", json_object_new_boolean(diff->wider));
        if (diff->cut)
                json_set(object, "cut", json_object_new_boolean(true));
        json_set(object, "changes", changes);
        for (size_t i = 0; i < diff->n; i++) {
                const DiffLine *line = &diff->lines[i];
                json_object *item = json_need(json_object_new_object());
                json_set_text(item, "kind", diff_kind_name(line->kind));
                json_set_text(item, "text", line->text);
                json_set(item, "example", json_need(json_tokener_parse(line->facts)));
                if (line->until != TIME_FOREVER) {
                        char until[TIME_TEXT_SIZE];
                        time_format(line->until, until);
                        json_set_text(item, "until", until);
                }
                json_set(item, "confirmed", json_object_new_boolean(line->confirmed));
                json_object_array_add(changes, item);
        }
}

void diff_sentence(const PolicyDiff *diff, Buffer *buffer)
{
        size_t n[_DIFF_MAX] = {};

        for (size_t i = 0; i < diff->n; i++)
                n[diff->lines[i].kind]++;
        size_t wider = n[DIFF_PERMITTED] + n[DIFF_MORE], narrower = n[DIFF_DENIED] + n[DIFF_LESS];
        if (diff->n == 0) {
                buffer_append_text(buffer, "Nothing changes for any request.");
                return;
        }
        buffer_append_format(buffer, "%zu kind%s of request get%s more than before, %zu less", wider,
                             wider == 1 ? "" : "s", wider == 1 ? "s" : "", narrower);
        if (n[DIFF_OTHER] > 0)
                buffer_append_format(buffer, ", %zu more of one thing and less of another", n[DIFF_OTHER]);
        buffer_append_text(buffer, ".");
}
