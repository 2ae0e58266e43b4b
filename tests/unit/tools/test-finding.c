/* Findings as a list, as JSON and in words. */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/finding.h"
#include "tools/json.h"

static void fill(FindingList *list)
{
        finding_say(list, FINDING_NOTICE, "a %d", 1);
        finding_advise(list, "do %s", "a");
        finding_say(list, FINDING_ERROR, "b");
        finding_advise(list, "first;");
        finding_advise(list, " then");
        finding_say(list, FINDING_WARNING, "c");
        finding_say(list, FINDING_ERROR, "d");
}

Test(finding, the_worst_comes_first_and_the_rest_stays_in_order)
{
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
        static const char *const order[] = {"b", "d", "c", "a 1"};

        fill(&list);
        finding_sort(&list);
        cr_assert_eq(list.n, ARRAY_SIZE(order));
        for (size_t i = 0; i < list.n; i++)
                cr_expect_str_eq(buffer_text(&list.items[i].what), order[i]);
        cr_expect_eq(finding_count(&list, FINDING_ERROR), 2);
        cr_expect_eq(finding_count(&list, FINDING_WARNING), 1);
        cr_expect_eq(finding_count(&list, FINDING_NOTICE), 1);
}

Test(finding, a_program_gets_severity_what_and_remedy)
{
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;

        fill(&list);
        _cleanup_(json_putp) json_object *array = finding_json(&list);
        cr_expect_str_eq(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN),
                         "[{\"severity\":\"notice\",\"what\":\"a 1\",\"remedy\":\"do a\"},"
                         "{\"severity\":\"error\",\"what\":\"b\",\"remedy\":\"first; then\"},"
                         "{\"severity\":\"warning\",\"what\":\"c\",\"remedy\":\"\"},"
                         "{\"severity\":\"error\",\"what\":\"d\",\"remedy\":\"\"}]");
}

Test(finding, people_get_what_and_below_it_what_to_do, .init = cr_redirect_stdout)
{
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;

        finding_say(&list, FINDING_ERROR, "It is broken.");
        finding_advise(&list, "Mend it.");
        finding_print(&list);
        fflush(stdout);
        cr_assert_stdout_eq_str("  ERROR         It is broken.\n    what to do  Mend it.\n");
}
