/* Tests of policy/accounts.h. */

#include "policy/accounts.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

#define PASSWD                                                                                               \
        "root:x:0:0::/:/bin/"                                                                                \
        "sh\nlong:x:70000:1\nbad:x:-1:0\nnone:x:4294967295:0\nlong:x:5:5\nshort\nlast:x:7:7"
#define GROUP "root:x:0:\nroots:x:12:root\n"
#define IDS   "group searchers 990\nuser thorn 980\nuses thorn 1\nuser other 2\n"

static int find(const Accounts *accounts, AccountKind kind, const char *name)
{
        uint32_t id = 0;
        int r = accounts_find(accounts, kind, name, &id);

        return r == 0 ? (int)id : -r;
}

static const Accounts files = {.users = {"passwd", PASSWD, sizeof(PASSWD) - 1, 0},
                               .groups = {"group", GROUP, sizeof(GROUP) - 1, 0}};

Test(accounts, names_are_found_and_the_first_entry_counts)
{
        cr_expect_eq(find(&files, ACCOUNT_USER, "root"), 0);
        cr_expect_eq(find(&files, ACCOUNT_USER, "long"), 70000);
        cr_expect_eq(find(&files, ACCOUNT_USER, "last"), 7);
        cr_expect_eq(find(&files, ACCOUNT_GROUP, "roots"), 12);
}

Test(accounts, what_is_not_there_is_unknown)
{
        static const char *const names[] = {"", "ro", "roots", "bad", "none", "short", "root:x", "x"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                cr_expect_eq(find(&files, ACCOUNT_USER, names[i]), -ACCOUNTS_E_UNKNOWN, "%s", names[i]);
}

Test(accounts, a_file_that_was_not_read_says_nothing)
{
        const Accounts accounts = {.users = {"passwd", "", 0, -13}, .groups = files.groups};

        cr_expect_eq(find(&accounts, ACCOUNT_USER, "root"), -ACCOUNTS_E_UNREADABLE);
        cr_expect_eq(find(&accounts, ACCOUNT_GROUP, "root"), 0);
}

Test(accounts, ids_stand_in_for_both_files)
{
        const Accounts accounts = {
                .users = files.users, .groups = files.groups, .ids = {".ids", IDS, sizeof(IDS) - 1, 0}};

        cr_expect_eq(find(&accounts, ACCOUNT_USER, "thorn"), 980);
        cr_expect_eq(find(&accounts, ACCOUNT_USER, "other"), 2);
        cr_expect_eq(find(&accounts, ACCOUNT_GROUP, "searchers"), 990);
        cr_expect_eq(find(&accounts, ACCOUNT_GROUP, "thorn"), -ACCOUNTS_E_UNKNOWN);
        cr_expect_eq(find(&accounts, ACCOUNT_USER, "root"), -ACCOUNTS_E_UNKNOWN);
}

Test(accounts, numbers_are_numbers_in_one_spelling)
{
        static const char *const bad[] = {"", "01", "+1", "1 ", "4294967295", "99999999999", "0x1"};
        uint32_t id = 0;

        cr_expect(account_is_number("4294967294", &id) && id == 4294967294);
        cr_expect(account_is_number("0", &id) && id == 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_expect_not(account_is_number(bad[i], &id), "%s", bad[i]);
}
