/* What is said of leaves that an auditor looks for: policies, jumps. */

#include "tools/leaf-words.h"

#include <criterion/criterion.h>

#include "base/macro.h"
#include "make-leaf.h"

#define A12 "aaaaaaaaaaaa"
#define B12 "bbbbbbbbbbbb"

Test(leaf_words, what_happened_is_told)
{
        static const struct {
                const char *spec, *words;
        } cases[] = {
                {"policy result=loaded new=@a old=@b via=admin by=0 wider=1",
                 "policy loaded: " A12 ", before it " B12 ", by admin, something became permitted"},
                {"policy result=loaded new=@a old=@b via=signal wider=0",
                 "policy loaded: " A12 ", before it " B12 ", by signal, nothing became permitted"},
                {"policy result=loaded new=@a old=@b via=start",
                 "policy loaded: " A12 ", before it " B12
                 ", by start, whether anything became permitted is not "
                 "known"},
                {"policy result=rejected old=@b via=admin",
                 "policy rejected, in force stays " B12 ", by admin"},
                {"jump from=1593604800000000 to=1593604700000000",
                 "the clock jumped from 2020-07-01T12:00:00Z to 2020-07-01T11:58:20Z"},
                {"jump by=0 from=1593604800000000 to=1593604700000000",
                 "the mark was set back from 2020-07-01T12:00:00Z to "
                 "2020-07-01T11:58:20Z"},
                {"rumour", "unknown kind rumour"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT, words = BUFFER_INIT;
                Leaf leaf = LEAF_INIT;
                make_leaf(0, cases[i].spec, &bytes);
                cr_assert_eq(leaf_parse(bytes.data, bytes.n, LEAF_MAX, &leaf), 0);
                leaf_words_what(&leaf, &words);
                cr_expect_str_eq(buffer_text(&words), cases[i].words);
                leaf_deinit(&leaf);
        }
}

Test(leaf_words, who_set_the_mark_back_is_told)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT, words = BUFFER_INIT;
        Leaf leaf = LEAF_INIT;

        make_leaf(0, "jump by=0 from=2 to=1", &bytes);
        cr_assert_eq(leaf_parse(bytes.data, bytes.n, LEAF_MAX, &leaf), 0);
        leaf_words_who(&leaf, &words);
        cr_expect_str_eq(buffer_text(&words), "uid 0");
        leaf_deinit(&leaf);
}
