/* Requests out of leaves: every fact arrives, and what no request can say is told by its key. */

#include "tools/request-leaf.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "make-leaf.h"

#define WHOLE                                                                                                \
        "request verdict=deny reason=not-allowed uid=980 identity=pidfd operation=identify gallery=faces "   \
        "purpose=find policy=@a"

typedef struct Case {
        const char *name;
        const char *spec;
        const char *fault; /* a part of it */
} Case;

static const Case bad[] = {
        {"a key of another kind of leaf", WHOLE " result=ok", "'result'"},
        {"a key before all others", WHOLE " a=1", "'a'"},
        {"a key behind all others", WHOLE " zeal=1", "'zeal'"},
        {"no user", WHOLE " uid=", "no 'uid'"},
        {"no operation", WHOLE " operation=", "no 'operation'"},
        {"no purpose", WHOLE " purpose=", "no 'purpose'"},
        {"no identity", WHOLE " identity=", "no 'identity'"},
        {"no wall", WHOLE " wall=", "no 'wall'"},
        {"no policy", WHOLE " policy=", "no 'policy'"},
        {"a user in words", WHOLE " uid=root", "'uid' is no number"},
        {"a purpose in numbers", WHOLE " purpose=7", "'purpose' is no text"},
        {"the user that means nobody", WHOLE " uid=4294967295", "'uid' is no user's number"},
        {"an identity of its own making", WHOLE " identity=hearsay", "'identity'"},
        {"groups in words", WHOLE " groups=staff", "'groups'"},
        {"groups out of order", WHOLE " groups=20+100", "'groups' is not sorted"},
        {"a group twice", WHOLE " groups=20+20", "'groups' is not sorted"},
        {"two spaces in a list", WHOLE " behalf=a++b", "'behalf' is not sorted"},
        {"a list that ends in a space", WHOLE " recipients=a+", "'recipients' is not sorted"},
        {"recipients out of order", WHOLE " recipients=b+a", "'recipients' is not sorted"},
        {"over sixteen recipients", WHOLE " recipients=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q",
         "'recipients' has over 16"},
        {"something given that is no text of a request", WHOLE " given=money", "'given'"},
        {"a floor above every similarity", WHOLE " asked-floor=2000001", "'asked-floor'"},
        {"no limit at all", WHOLE " asked-limit=0", "its limit"},
        {"an operation that there is not", WHOLE " operation=guess", "its operation"},
        {"a search without a gallery", WHOLE " gallery=", "its gallery"},
        {"a comparison with a gallery", WHOLE " operation=compare", "its gallery"},
        {"a role that there is not", WHOLE " sought=friend", "its sought"},
        {"a name against the grammar", WHOLE " behalf=A", "its on_behalf_of"},
        {"a probe with an operation that has none", WHOLE " operation=list probe=sketch", "'probe'"},
};

Test(request_leaf, what_no_request_can_say_is_told_by_its_key)
{
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                static RequestLeaf request;
                Buffer bytes = BUFFER_INIT;
                Leaf leaf = LEAF_INIT;
                make_leaf(3, bad[i].spec, &bytes);
                cr_assert_eq(leaf_parse(bytes.data, bytes.n, LEAF_MAX, &leaf), 0);
                const char *fault = request_leaf_read(&leaf, &request);
                cr_expect(fault && strstr(fault, bad[i].fault), "%s: '%s'", bad[i].name,
                          fault ? fault : "nothing");
                leaf_deinit(&leaf);
                buffer_deinit(&bytes);
        }
}

Test(request_leaf, every_fact_arrives)
{
        static RequestLeaf request;
        Buffer bytes = BUFFER_INIT;
        Leaf leaf = LEAF_INIT;
        const Facts *facts = &request.facts;

        make_leaf(3,
                  WHOLE
                  " groups=100+20 unit=a.service label=l sought=missing probe=sketch behalf=a+b recipients=c "
                  "given=case+operator asked-floor=1600000 asked-limit=7 pid=4 loginuid=5 detail=x",
                  &bytes);
        cr_assert_eq(leaf_parse(bytes.data, bytes.n, LEAF_MAX, &leaf), 0);
        const char *fault = request_leaf_read(&leaf, &request);
        cr_assert_null(fault, "%s", fault);
        cr_expect_eq(facts->peer.uid, 980);
        cr_assert_eq(facts->peer.n_groups, 2);
        cr_expect_eq(facts->peer.groups[0], 100);
        cr_expect_eq(facts->peer.groups[1], 20);
        cr_expect_str_eq(facts->peer.unit, "a.service");
        cr_expect_str_eq(facts->peer.label, "l");
        cr_expect_str_eq(facts->operation, "identify");
        cr_expect_str_eq(facts->gallery, "faces");
        cr_expect_str_eq(facts->purpose, "find");
        cr_expect_str_eq(facts->sought, "missing");
        cr_expect_str_eq(facts->probe, "sketch");
        cr_assert_eq(facts->n_on_behalf_of, 2);
        cr_expect_str_eq(facts->on_behalf_of[1], "b");
        cr_assert_eq(facts->n_recipients, 1);
        cr_expect_str_eq(facts->recipients[0], "c");
        cr_expect_not_null(facts->case_reference);
        cr_expect_not_null(facts->operator);
        cr_expect_null(facts->authorisation);
        cr_expect(facts->has_floor && facts->floor_millionths == 600000);
        cr_expect(facts->has_limit && facts->limit == 7);
        cr_expect_eq(facts->time_usec, request_leaf_number(&request, REQUEST_WALL));
        leaf_deinit(&leaf);
        buffer_deinit(&bytes);
}

Test(request_leaf, every_key_has_a_name_and_they_are_sorted)
{
        for (RequestKey key = 1; key < _REQUEST_KEY_MAX; key++)
                cr_expect_lt(strcmp(request_key_name(key - 1), request_key_name(key)), 0, "%s",
                             request_key_name(key));
}
