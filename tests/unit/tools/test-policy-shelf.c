/* The shelf: each policy is loaded when it is wanted, few stand there at a time, and a fault is told once. */

#include "tools/policy-shelf.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/macro.h"
#include "make-archive.h"
#include "make-folder.h"

enum { N_POLICIES = POLICY_SHELF_LOADED + 5 };

static char digests[N_POLICIES][DIGEST_HEX_SIZE];

static void make_policies(void)
{
        folder_make();
        for (unsigned i = 0; i < N_POLICIES; i++) {
                char text[64];
                snprintf(text, sizeof(text), "[Class]\nDescription=%u\n", i);
                const ArchiveFile more[] = {{"extra.class", text}, {}};
                policy_unref(make_archive(make_archive_files, more, digests[i]));
        }
}

TestSuite(policy_shelf, .init = make_policies, .fini = folder_remove);

static void expect_policy(PolicyShelf *shelf, unsigned i)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        const Policy *policy = NULL;
        char found[DIGEST_HEX_SIZE];

        cr_assert_eq(policy_shelf_get(shelf, digests[i], &policy, &fault), 0, "%s", buffer_text(&fault));
        digest_hex(policy_digest(policy), found);
        cr_expect_str_eq(found, digests[i]);
}

Test(policy_shelf, each_digest_gives_its_policy_in_any_order_and_few_stay_loaded)
{
        char dir[256];
        snprintf(dir, sizeof(dir), "%s", folder_path("export"));
        PolicyShelf shelf = POLICY_SHELF_INIT(dir);

        for (unsigned i = 0; i < 3 * N_POLICIES; i++) {
                expect_policy(&shelf, i * 5 % N_POLICIES);
                cr_expect_leq(shelf.n_loaded, POLICY_SHELF_LOADED);
        }
        cr_expect_eq(shelf.n, N_POLICIES);
        policy_shelf_deinit(&shelf);
}

Test(policy_shelf, what_is_loaded_is_not_read_again)
{
        char dir[256];
        snprintf(dir, sizeof(dir), "%s", folder_path("export"));
        PolicyShelf shelf = POLICY_SHELF_INIT(dir);

        expect_policy(&shelf, 0);
        expect_policy(&shelf, 1);
        folder_write(make_archive_path(digests[0], "ngo.class"), "[Class]\nDescription=changed\n");
        expect_policy(&shelf, 0);
        policy_shelf_deinit(&shelf);
}

Test(policy_shelf, a_fault_is_told_once)
{
        char dir[256];
        snprintf(dir, sizeof(dir), "%s", folder_path("export"));
        PolicyShelf shelf = POLICY_SHELF_INIT(dir);
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        const Policy *policy = NULL;

        folder_write(make_archive_path(digests[0], "ngo.class"), "[Class]\nDescription=changed\n");
        cr_expect_eq(policy_shelf_get(&shelf, digests[0], &policy, &fault), POLICY_SHELF_E_FAULT);
        cr_expect_not_null(strstr(buffer_text(&fault), "another policy"));
        expect_policy(&shelf, 1);
        cr_expect_eq(policy_shelf_get(&shelf, digests[0], &policy, &fault), POLICY_SHELF_E_AGAIN);
        cr_expect_null(policy);
        policy_shelf_deinit(&shelf);
}
