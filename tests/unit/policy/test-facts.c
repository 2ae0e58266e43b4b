/* Tests of facts_check() and of the names in policy/decide.h. */

#include "policy/decide.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

static Facts good(void)
{
        return (Facts){.operation = "identify", .gallery = "g", .purpose = "p"};
}

Test(facts, what_may_be_absent_may)
{
        Facts facts = good();

        cr_expect_null(facts_check(&facts));
}

Test(facts, each_fact_outside_its_grammar_is_named)
{
        static const struct {
                size_t offset; /* of a string in Facts */
                const char *text, *name;
        } rows[] = {
                {offsetof(Facts, operation), NULL, "operation"},
                {offsetof(Facts, operation), "", "operation"},
                {offsetof(Facts, operation), "search", "operation"},
                {offsetof(Facts, operation), "any", "operation"},
                {offsetof(Facts, gallery), NULL, "gallery"},
                {offsetof(Facts, gallery), "", "gallery"},
                {offsetof(Facts, gallery), "G", "gallery"},
                {offsetof(Facts, gallery), "a/b", "gallery"},
                {offsetof(Facts, purpose), NULL, "purpose"},
                {offsetof(Facts, purpose), "-p", "purpose"},
                {offsetof(Facts, purpose), "p p", "purpose"},
                {offsetof(Facts, sought), "", "sought"},
                {offsetof(Facts, sought), "thief", "sought"},
                {offsetof(Facts, sought), "unknown", NULL},
                {offsetof(Facts, probe), "", "probe"},
                {offsetof(Facts, probe), "photo", "probe"},
                {offsetof(Facts, probe), "unknown", NULL},
                {offsetof(Facts, operation), "compare", "gallery"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = good();
                memcpy((uint8_t *)&facts + rows[i].offset, &rows[i].text, sizeof(const void *));
                const char *name = facts_check(&facts);
                if (rows[i].name)
                        cr_expect(name && strcmp(name, rows[i].name) == 0, "row %zu", i);
                else
                        cr_expect_null(name, "row %zu", i);
        }
}

Test(facts, comparing_comes_without_a_gallery)
{
        Facts facts = good();

        facts.operation = "compare";
        facts.gallery = NULL;
        cr_expect_null(facts_check(&facts));
}

Test(facts, a_probe_is_looked_at_only_where_one_comes)
{
        static const char *const operations[] = {"identify-stored", "remove", "list"};

        for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
                Facts facts = good();
                facts.operation = operations[i];
                facts.probe = "nonsense";
                cr_expect_null(facts_check(&facts), "%s", operations[i]);
        }
}

Test(facts, lists_hold_at_most_sixteen_names)
{
        const char *names[FACTS_LIST_MAX + 1];
        Facts facts = good();

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                names[i] = "same";
        facts.on_behalf_of = facts.recipients = names;
        facts.n_on_behalf_of = facts.n_recipients = FACTS_LIST_MAX;
        cr_expect_null(facts_check(&facts));
        facts.n_recipients++;
        cr_expect_str_eq(facts_check(&facts), "recipients");
        facts.n_on_behalf_of++;
        cr_expect_str_eq(facts_check(&facts), "on_behalf_of");
        names[3] = "Not a name";
        facts.n_on_behalf_of = 4;
        cr_expect_str_eq(facts_check(&facts), "on_behalf_of");
        names[3] = NULL;
        cr_expect_str_eq(facts_check(&facts), "on_behalf_of");
}

Test(facts, limits_and_floors_have_bounds)
{
        Facts facts = good();

        facts.has_limit = true;
        cr_expect_str_eq(facts_check(&facts), "limit");
        facts.limit = 1;
        cr_expect_null(facts_check(&facts));
        facts.has_floor = true;
        facts.floor_millionths = 1000000;
        cr_expect_null(facts_check(&facts));
        facts.floor_millionths++;
        cr_expect_str_eq(facts_check(&facts), "minimum_similarity");
        facts.floor_millionths = -1000000;
        cr_expect_null(facts_check(&facts));
        facts.floor_millionths--;
        cr_expect_str_eq(facts_check(&facts), "minimum_similarity");
}

Test(facts, everything_has_a_name)
{
        for (int i = 0; i < _REASON_MAX; i++)
                cr_expect_eq(reason_name((Reason)i)[0] == 0, i == REASON_NONE);
        for (int i = 0; i < _UNMET_MAX; i++)
                cr_expect_not_null(unmet_name((Unmet)i));
        cr_expect_str_eq(facts_clock_name(CLOCK_UNSYNCHRONISED), "unsynchronised");
        cr_expect_str_eq(facts_clock_name(CLOCK_SYNCHRONISED), "synchronised");
        cr_expect_str_eq(facts_clock_name(CLOCK_BEHIND), "behind");
        cr_expect_str_eq(release_name(RELEASE_DECISION), "decision");
        cr_expect_str_eq(release_name(RELEASE_CANDIDATES), "candidates");
        cr_expect_str_eq(release_name(RELEASE_SCORES), "scores");
        cr_expect_str_eq(unmet_name(UNMET_ON_BEHALF_OF), "OnBehalfOf");
}

Test(facts, operations_that_search_are_the_first_four)
{
        cr_expect(policy_is_search("identify") && policy_is_search("identify-stored") &&
                  policy_is_search("verify") && policy_is_search("compare"));
        cr_expect_not(policy_is_search("enrol") || policy_is_search("remove") || policy_is_search("list") ||
                      policy_is_search("any"));
        cr_expect(policy_is_operation("list"));
        cr_expect_not(policy_is_operation("any"));
}
