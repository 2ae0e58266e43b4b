/* What the journal's end of the mirror writes; here it goes to stderr, which is a pipe. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "trail/event.h"
#include "trail/mirror-journal.h"
#include "trail/repeats.h"

static int send_denial(void *journal, unsigned uid)
{
        char leaf[256];

        int n = snprintf(
                leaf, sizeof(leaf),
                "{\"index\":%u,\"kind\":\"request\",\"operation\":\"identify\",\"reason\":\"unknown-peer\","
                "\"uid\":%u,\"verdict\":\"deny\"}",
                uid, uid);
        const MirrorItem item = {.kind = MIRROR_LEAF, .leaf_kind = "request", .bytes = leaf, .n = (size_t)n};
        return mirror_journal.send(journal, &item);
}

/* What stderr is told by the last rest of all. */
static const char *rest(void *journal, int *ret_n)
{
        static char text[4096];
        uint64_t next_usec;
        int fds[2];

        cr_assert_eq(pipe(fds), 0);
        int before = dup(STDERR_FILENO);
        cr_assert_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
        *ret_n = mirror_journal.rest(journal, 0, true, &next_usec);
        cr_assert_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
        fd_close(before);
        fd_close(fds[1]);
        ssize_t n = read(fds[0], text, sizeof(text) - 1);
        fd_close(fds[0]);
        cr_assert_geq(n, 0);
        text[n] = '\0';
        return text;
}

Test(mirror_journal, what_is_folded_names_the_last_caller_also_where_callers_share_a_row)
{
        void *journal = mirror_journal_new();
        int n;

        unsetenv("JOURNAL_STREAM");
        event_init("test");
        for (unsigned uid = 0; uid < REPEATS_ROWS_MAX; uid++)
                cr_assert_eq(send_denial(journal, uid), 1, "the first of %u goes out", uid);
        cr_assert_eq(send_denial(journal, 5), 0);
        cr_assert_eq(send_denial(journal, 1000), 0);
        cr_assert_eq(send_denial(journal, 1001), 0);
        const char *told = rest(journal, &n);
        cr_expect_eq(n, 2);
        cr_expect_not_null(strstr(told,
                                  "Denied 1 more requests of peers whom the policy does not know, the last "
                                  "one of uid 5;"),
                           "%s", told);
        cr_expect_not_null(strstr(told,
                                  "Denied 2 more requests of peers whom the policy does not know, the last "
                                  "one of uid 1001;"),
                           "%s", told);
        mirror_journal.free(journal);
}
