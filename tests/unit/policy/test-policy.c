/* Tests of policy/policy.h: what a policy in force answers about itself. */

#include "policy/policy.h"

#include <criterion/criterion.h>

#include "fixture.h"

#define ALLOW "[Allow]\nDescription=a\nClass=c\nPurpose=p\nGallery=g\nOperation=remove\n"

static Policy *load(void)
{
        return fixture_load(
                (FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"},
                                {"p.purpose", "[Purpose]\nDescription=p\n"},
                                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                                {"a.allow", ALLOW},
                                {"r.allow", ALLOW "Rate=2/h\n"},
                                {}});
}

Test(policy, it_lives_as_long_as_its_last_reference)
{
        Policy *policy = load();

        cr_expect_eq(policy_ref(policy), policy);
        cr_expect_null(policy_unref(policy));
        cr_expect_not_null(policy_gallery(policy, "g"));
        cr_expect_null(policy_unref(policy));
        cr_expect_null(policy_unref(NULL));
}

Test(policy, what_it_does_not_declare_is_not_there)
{
        Policy *policy = load();

        cr_expect_null(policy_gallery(policy, "a"));
        cr_expect_eq(policy_rate_window_usec(policy, "r"), UINT64_C(3600000000));
        cr_expect_eq(policy_rate_window_usec(policy, "a"), 0);
        cr_expect_eq(policy_rate_window_usec(policy, "g"), 0);
        cr_expect_eq(policy_longest_window_usec(policy), UINT64_C(3600000000));
        policy_unref(policy);
}
