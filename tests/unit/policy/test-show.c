/* Tests of policy_show() for one object, and of policy_show_files(). */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define CLASS(text) "[Class]\nDescription=" text "\n"

/* What two layers hold: the first is the stronger. */
static const FixtureFile files[] = {
        {"a.class", CLASS("strong"), 0},
        {"a.class", CLASS("weak"), 1},
        {"a.class.d/x.conf", "; nothing", 1},
        {"a.class.d/y.conf", NULL, 0},
        {"a.class.d/y.conf", CLASS("masked"), 1},
        {"a-b.class", CLASS("other"), 1},
        {"m.class", NULL, 0},
        {"m.class", CLASS("masked"), 1},
        {"m.class.d/x.conf", "[Class]\n", 1},
        {},
};

static void expect_files(const char *object, bool found, const char *expected)
{
        Policy *policy = fixture_load(files);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        cr_expect_eq(policy_show_files(policy, object, &text), found);
        cr_expect_str_eq(buffer_text(&text), expected);
        policy_unref(policy);
}

#define A_FILES                                                                                              \
        "# a.class\n" CLASS("strong") "\n# a.class: replaced by a.class\n"                                   \
                                      "\n# a.class.d/x.conf\n; nothing\n"                                    \
                                      "\n# a.class.d/y.conf: a link to /dev/null, which masks\n"             \
                                      "\n# a.class.d/y.conf: masked by a.class.d/y.conf\n"

Test(show, files_stand_verbatim_and_what_has_no_effect_is_told)
{
        expect_files(NULL, true,
                     "# a-b.class\n" CLASS("other") "\n" A_FILES
                                                    "\n# m.class: a link to /dev/null, which masks\n"
                                                    "\n# m.class: masked by m.class\n"
                                                    "\n# m.class.d/x.conf: masked by m.class\n");
}

Test(show, the_files_of_one_object)
{
        expect_files("a.class", true, A_FILES);
        expect_files("a", false, "");
        expect_files("a.class.d", false, "");
        expect_files("b.class", false, "");
}

Test(show, what_takes_no_effect_is_in_no_digest)
{
        Policy *all = fixture_load(files);
        Policy *effective = fixture_load((FixtureFile[]){{"a.class", CLASS("strong")},
                                                         {"a.class.d/x.conf", "; nothing"},
                                                         {"a-b.class", CLASS("other")},
                                                         {}});

        cr_expect(digest_equal(policy_digest(all), policy_digest(effective)));
        policy_unref(all);
        policy_unref(effective);
}

Test(show, one_object_alone)
{
        Policy *policy = fixture_load(files);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        cr_expect(policy_show(policy, "a.class", &text));
        cr_expect_null(strstr(buffer_text(&text), "other"));
        cr_expect_not_null(strstr(buffer_text(&text), "\n[Class]\nDescription=strong\n"));
        cr_expect_not(policy_show(policy, "a", &text));
        cr_expect_not(policy_show(policy, "m.class", &text));
        policy_unref(policy);
}
