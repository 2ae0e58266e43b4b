/* A policy out of the archive: with the accounts' numbers of then, and only if its digest is the one asked
 * for. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-folder.h"
#include "tools/policy-archive.h"

static char digest[DIGEST_HEX_SIZE];

#define ORGANISATION "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=somebody-of-another-machine\n"

static const char *in_archive(const char *name)
{
        static char path[256];
        snprintf(path, sizeof(path), "export/policy/%s/%s", digest, name);
        return path;
}

/* Loads it once from files, to know its digest, then archives it as the guard does. */
static void make_archive(void)
{
        Policy *policy = NULL;
        PolicyFaults faults = {};
        size_t n = 0;

        folder_make();
        folder_write("policy/c.class", "[Class]\nDescription=c\n");
        folder_write("policy/o.organisation", ORGANISATION);
        folder_write("passwd", "somebody-of-another-machine:x:4711:4711::/:/bin/false\n");
        const char *const dirs[] = {folder_path("policy")};
        const PolicySource source = {
                .dirs = dirs, .n_dirs = 1, .passwd_path = folder_path("passwd"), .group_path = "/dev/null"};
        cr_assert_eq(policy_load(&policy, &source, &faults), 0);
        digest_hex(policy_digest(policy), digest);
        const PolicyText *texts = policy_texts(policy, &n);
        for (size_t i = 0; i < n; i++)
                folder_write(in_archive(texts[i].path), (const char *)texts[i].bytes);
        policy_unref(policy);
}

TestSuite(policy_archive, .init = make_archive, .fini = folder_remove);

static void expect_fault(const char *asked, const char *said)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        Policy *policy = NULL;
        cr_expect_eq(policy_archive_load(folder_path("export"), asked, &policy, &fault),
                     POLICY_ARCHIVE_E_FAULT);
        cr_expect(strstr(buffer_text(&fault), said), "%s", buffer_text(&fault));
        cr_expect_null(policy);
}

Test(policy_archive, it_comes_back_with_the_numbers_of_then)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        const Peer somebody = {.uid = 4711};
        Policy *policy = NULL;

        cr_assert_eq(policy_archive_load(folder_path("export"), digest, &policy, &fault), 0, "%s",
                     buffer_text(&fault));
        cr_expect(policy_knows(policy, &somebody));
        policy_unref(policy);
}

Test(policy_archive, a_text_that_was_changed_is_not_believed)
{
        folder_write(in_archive("c.class"), "[Class]\nDescription=changed\n");
        expect_fault(digest, "another policy");
}

Test(policy_archive, numbers_that_were_changed_are_not_believed)
{
        folder_write(in_archive(".ids"), "user somebody-of-another-machine 4712\n");
        expect_fault(digest, "another policy");
}

Test(policy_archive, numbers_are_never_looked_up_on_this_machine)
{
        folder_write(in_archive("o.organisation"),
                     "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=root\n");
        unlink(folder_path(in_archive(".ids")));
        expect_fault(digest, "o.organisation:5:6");
}

Test(policy_archive, what_is_not_there_is_named)
{
        expect_fault("0000000000000000000000000000000000000000000000000000000000000000", "No such file");
        expect_fault("../../policy", "no digest");
}
