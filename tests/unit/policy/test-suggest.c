/* Tests of policy/suggest.h. */

#include "policy/suggest.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

Test(suggest, a_word_is_near_that_differs_in_few_of_its_letters)
{
        static const struct {
                const char *word, *right;
                bool near;
        } rows[] = {
                {"Orgnisation", "Organisation", true},   /* one is missing */
                {"Organnisation", "Organisation", true}, /* one is too many */
                {"Organization", "Organisation", true},  /* another one */
                {"Orgainsation", "Organisation", true},  /* two swapped */
                {"organisation", "Organisation", true},  /* upper and lower case */
                {"Ogranizatio", "Organisation", true},   /* three slips */
                {"Ogranizati", "Organisation", false},   /* four */
                {"Rat", "Rate", true},
                {"At", "Rate", false}, /* two of four letters */
                {"x", "y", false},
                {"ab", "ba", false}, /* one of two letters */
                {"abc", "acb", true},
                {"", "abc", false},
                {"abc", "", false},
                {"From", "Until", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Suggestion suggestion = suggest_for(rows[i].word);
                suggest_offer(&suggestion, rows[i].right);
                cr_expect_eq(suggestion.best != NULL, rows[i].near, "%s", rows[i].word);
        }
}

Test(suggest, the_nearest_is_kept_and_of_several_the_first)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Suggestion suggestion = suggest_for("police");

        suggest_append(&suggestion, &text);
        cr_expect_str_eq(buffer_text(&text), "");
        suggest_offer(&suggestion, "notice");
        suggest_offer(&suggestion, "policy");
        suggest_offer(&suggestion, "polite");
        suggest_offer(&suggestion, "pollute");
        suggest_append(&suggestion, &text);
        cr_expect_str_eq(buffer_text(&text), "; did you mean 'policy'?");
}

Test(suggest, words_longer_than_any_name_are_near_to_nothing)
{
        char word[66], right[66];

        memset(word, 'a', sizeof(word));
        memset(right, 'a', sizeof(right));
        word[64] = right[63] = 0;
        Suggestion suggestion = suggest_for(word);
        suggest_offer(&suggestion, right);
        cr_expect_eq(suggestion.best, right);
        word[64] = 'a';
        word[65] = 0;
        suggestion = suggest_for(word);
        suggest_offer(&suggestion, right);
        cr_expect_null(suggestion.best);
        suggestion = suggest_for(right);
        suggest_offer(&suggestion, word);
        cr_expect_null(suggestion.best);
}
