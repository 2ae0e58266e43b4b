/* Tests of policy/vocabulary.h, and of what policy/policy.h says of operations. */

#include "policy/vocabulary.h"

#include <criterion/criterion.h>

#include "base/macro.h"
#include "policy/policy.h"

Test(vocabulary, a_word_is_its_place_and_a_set_a_mask)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        int enrol = vocabulary_find(&vocabulary_operations, "enrol");

        cr_expect_eq(enrol, OPERATION_ENROL);
        cr_expect_eq(vocabulary_find(&vocabulary_operations, "Enrol"), -1);
        cr_expect_eq(vocabulary_all(&vocabulary_expiries), BIT(EXPIRY_HOLD) | BIT(EXPIRY_LAPSE));
        vocabulary_list(&vocabulary_operations, 0, ", ", &text);
        cr_expect_str_eq(buffer_text(&text), "");
        vocabulary_list(&vocabulary_operations, BIT(enrol) | BIT(OPERATION_VERIFY), ", ", &text);
        cr_expect_str_eq(buffer_text(&text), "verify, enrol");
}

Test(vocabulary, operations_are_told_apart)
{
        cr_expect(policy_is_operation("list") && policy_is_operation("verify"));
        cr_expect(!policy_is_operation("search") && !policy_is_operation(""));
        cr_expect(policy_is_search("identify-stored") && policy_is_search("compare"));
        cr_expect(!policy_is_search("enrol") && !policy_is_search("search"));
        cr_expect(policy_has_probe("enrol") && policy_has_probe("identify"));
        cr_expect(!policy_has_probe("identify-stored") && !policy_has_probe("search"));
}
