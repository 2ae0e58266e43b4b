/* Loading a policy as it would be: nothing is changed by it, and faults name what will be. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-folder.h"
#include "policy/standing.h"
#include "tools/policy-trial.h"

static void make_policy(void)
{
        folder_make();
        folder_write("strong/c.class", "[Class]\nDescription=c\n");
        folder_write("strong/on.stand-down", "[StandDown]\nReason=a fault\n");
        folder_write("weak/also.stand-down", "[StandDown]\nReason=another\n");
}

TestSuite(policy_trial, .init = make_policy, .fini = folder_remove);

static PolicySource layers(void)
{
        static const char *dirs[2];
        dirs[0] = folder_path("strong");
        dirs[1] = folder_path("weak");
        return (PolicySource){.dirs = dirs, .n_dirs = 2, .check_owner = true, .owner = geteuid()};
}

static PolicyEdit edit_new(const char *name, const char *text)
{
        PolicyEdit edit = {.name = strdup(name)};
        buffer_append_text(&edit.text, text);
        return edit;
}

Test(policy_trial, what_is_written_and_removed_takes_effect_in_it)
{
        PolicyEdit edits[] = {edit_new("new.stand-down", "[StandDown]\nReason=new\n"),
                              edit_new("on.stand-down", ""), edit_new("also.stand-down", "")};
        PolicySource source = layers();
        PolicyFaults faults = {};
        Policy *policy = NULL;
        size_t n = 0;

        cr_assert_eq(policy_trial_load(&source, edits, ARRAY_SIZE(edits), &policy, &faults), 0);
        const Object *objects = policy_objects(policy, OBJECT_STAND_DOWN, &n);
        cr_assert_eq(n, 1);
        cr_expect_str_eq(objects[0].name, "new");
        policy_unref(policy);
        cr_expect_eq(folder_count("strong"), 2, "nothing is written");
        cr_expect_eq(folder_count("weak"), 1);
        for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
                policy_edit_deinit(&edits[i]);
}

Test(policy_trial, a_fault_names_the_file_where_it_would_stand)
{
        PolicyEdit edit = edit_new("bad.stand-down", "[StandDown]\nReason=r\nOrganisation=nobody\n");
        PolicySource source = layers();
        PolicyFaults faults = {};
        Policy *policy = NULL;

        cr_assert_eq(policy_trial_load(&source, &edit, 1, &policy, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 1);
        cr_expect_eq(strncmp(faults.lines[0], folder_path("strong/bad.stand-down:3:14: "),
                             strlen(folder_path("strong/bad.stand-down:3:14: "))),
                     0, "%s", faults.lines[0]);
        policy_faults_deinit(&faults);
        policy_edit_deinit(&edit);
}
