/* Differences as a sentence and as JSON. */

#include <criterion/criterion.h>

#include "base/macro.h"
#include "tools/diff-words.h"

#include "policy/time.h"
#include "tools/json.h"

#define LINE(kind, text)                                                                                     \
        {                                                                                                    \
                kind, (char *)(text), (char *)"{\"uid\":7}", .until = TIME_FOREVER, .confirmed = true        \
        }

Test(diff_words, how_much_changes_is_a_sentence)
{
        DiffLine lines[] = {LINE(DIFF_PERMITTED, "a"), LINE(DIFF_DENIED, "b"), LINE(DIFF_MORE, "c"),
                            LINE(DIFF_OTHER, "d")};
        const struct {
                size_t n;
                const char *words;
        } rows[] = {
                {0, "Nothing changes for any request."},
                {1, "1 kind of request gets more than before, 0 less."},
                {2, "1 kind of request gets more than before, 1 less."},
                {3, "2 kinds of request get more than before, 1 less."},
                {4,
                 "2 kinds of request get more than before, 1 less, 1 more of one thing and less of another."},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                const PolicyDiff diff = {.lines = lines, .n = rows[i].n};
                diff_sentence(&diff, &text);
                cr_expect_str_eq(buffer_text(&text), rows[i].words);
        }
}

Test(diff_words, every_line_is_an_object_with_its_example)
{
        DiffLine lines[] = {LINE(DIFF_PERMITTED, "a"), LINE(DIFF_LESS, "b")};
        const PolicyDiff diff = {.lines = lines, .n = ARRAY_SIZE(lines), .wider = true};
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());

        diff_json(&diff, object);
        cr_expect_str_eq(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                         "{\"wider\":true,\"changes\":[{\"kind\":\"permitted\",\"text\":\"a\",\"example\":{"
                         "\"uid\":7},\"confirmed\":true},"
                         "{\"kind\":\"less\",\"text\":\"b\",\"example\":{\"uid\":7},\"confirmed\":true}]}");
}
