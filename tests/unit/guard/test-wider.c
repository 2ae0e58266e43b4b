/* Whether a policy permits more than the one before it: at hand, in the archive, or none at all. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "fixture.h"
#include "guard/wider.h"

#define ALLOW "[Allow]\nDescription=a\nOrganisation=o\nOperation=remove\nPurpose=p\nGallery=g\n"
#define TERMS                                                                                                \
        {"c.class", "[Class]\nDescription=c\n"}, {"p.purpose", "[Purpose]\nDescription=p\n"},                \
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},                          \
        {                                                                                                    \
                "o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=7\nGroup=root\n"     \
        }

static const FixtureFile narrow[] = {TERMS, {}};
static const FixtureFile broad[] = {TERMS, {"a.allow", ALLOW}, {}};
static char state_dir[64];

static void set_up(void)
{
        snprintf(state_dir, sizeof(state_dir), "/tmp/matchguard-wider-test.XXXXXX");
        cr_assert_not_null(mkdtemp(state_dir));
}

static void tear_down(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -r %s", state_dir);
        cr_assert_eq(system(command), 0);
}

TestSuite(wider, .init = set_up, .fini = tear_down);

/* As the trail's archive writes it. */
static void archive(const Policy *policy, const Digest *under)
{
        char hex[DIGEST_HEX_SIZE], path[256];
        size_t n;
        const PolicyText *texts = policy_texts(policy, &n);

        digest_hex(under, hex);
        snprintf(path, sizeof(path), "%s/export", state_dir);
        mkdir(path, 0755);
        snprintf(path, sizeof(path), "%s/export/policy", state_dir);
        mkdir(path, 0755);
        snprintf(path, sizeof(path), "%s/export/policy/%s", state_dir, hex);
        cr_assert_eq(mkdir(path, 0755), 0);
        for (size_t i = 0; i < n; i++) {
                snprintf(path, sizeof(path), "%s/export/policy/%s/%s", state_dir, hex, texts[i].path);
                FILE *stream = fopen(path, "we");
                cr_assert_not_null(stream);
                cr_assert_eq(fwrite(texts[i].bytes, 1, texts[i].n, stream), texts[i].n);
                fclose(stream);
        }
}

Test(wider, without_a_policy_before_it_all_that_is_permitted_is_new)
{
        Policy *something = fixture_policy(broad), *nothing = fixture_policy(narrow);
        Wider wider = WIDER_INIT;

        cr_assert_eq(wider_than(NULL, something, &wider), 0);
        cr_expect(wider.known && wider.wider);
        cr_assert_eq(wider_than(NULL, nothing, &wider), 0);
        cr_expect(wider.known && !wider.wider);
        policy_unref(something);
        policy_unref(nothing);
}

Test(wider, what_is_permitted_now_and_was_not_before_is_wider)
{
        Policy *old = fixture_policy(narrow), *new = fixture_policy(broad);
        Wider wider = WIDER_INIT;

        cr_assert_eq(wider_than(old, new, &wider), 0);
        cr_expect(wider.known && wider.wider);
        cr_assert_eq(wider_than(new, old, &wider), 0);
        cr_expect(wider.known && !wider.wider);
        cr_assert_eq(wider_than(new, new, &wider), 0);
        cr_expect(wider.known && !wider.wider);
        policy_unref(old);
        policy_unref(new);
}

/* The organisation's group has a name, so that the archive needs its .ids. */
Test(wider, the_policy_of_the_last_run_is_read_from_the_archive)
{
        Policy *old = fixture_policy(narrow), *new = fixture_policy(broad);
        Wider wider = WIDER_INIT;

        archive(old, policy_digest(old));
        archive(new, policy_digest(new));
        cr_assert_eq(wider_than_archived(state_dir, policy_digest(old), new, &wider), 0);
        cr_expect(wider.known && wider.wider, "%s", wider.why);
        cr_assert_eq(wider_than_archived(state_dir, policy_digest(new), old, &wider), 0);
        cr_expect(wider.known && !wider.wider, "%s", wider.why);
        policy_unref(old);
        policy_unref(new);
}

Test(wider, where_the_text_is_gone_or_another_one_it_is_not_known)
{
        Policy *old = fixture_policy(narrow), *new = fixture_policy(broad);
        Digest other = {.bytes = {1, 2, 3}};
        Wider wider = WIDER_INIT;

        cr_assert_eq(wider_than_archived(state_dir, policy_digest(old), new, &wider), 0);
        cr_expect_not(wider.known);
        cr_expect_not_null(strstr(wider.why, "does not load"), "%s", wider.why);
        wider_deinit(&wider);

        archive(old, &other);
        cr_assert_eq(wider_than_archived(state_dir, &other, new, &wider), 0);
        cr_expect_not(wider.known);
        cr_expect_not_null(strstr(wider.why, "not the one that was in force"), "%s", wider.why);
        wider_deinit(&wider);
        policy_unref(old);
        policy_unref(new);
}
