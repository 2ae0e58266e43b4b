/* Jobs, which come from a permit's receipt and nothing else. */

#include <criterion/criterion.h>
#include <string.h>

#include "guard/job.h"
/* Only the trail makes receipts; a test of what is made from them has to play it. */
#include "trail/receipt-make.h"
#include "wire/message.h"

static const char permit[] = "{\"index\":5,\"kind\":\"request\",\"verdict\":\"permit\"}";
static const uint8_t salt[32] = {1};
static const Path path = {.n = 2, .hashes = {{{1}}, {{2}}}};

static int make(const char *leaf, const Path *with, Buffer *buffer)
{
        ReceiptFacts facts = {.origin = "o",
                              .index = 5,
                              .tree_size = 8,
                              .leaf = (const uint8_t *)leaf,
                              .n_leaf = strlen(leaf),
                              .path = with};
        JobParts parts = {.salt = salt, .job = (const uint8_t *)"job", .n_job = 3, .deadline_usec = 77};

        Receipt *receipt = receipt_new(&facts);
        cr_assert_not_null(receipt);
        int r = job_from_receipt(receipt, &parts, buffer);
        receipt_free(receipt);
        return r;
}

Test(job, it_carries_leaf_path_and_the_very_bytes)
{
        Buffer buffer = BUFFER_INIT;
        JobMessage message;

        cr_assert_eq(make(permit, &path, &buffer), 0);
        cr_assert(job_message_decode(buffer.data, buffer.n, &message));
        cr_expect_eq(message.index, 5);
        cr_expect_eq(message.tree_size, 8);
        cr_expect_eq(message.n_path, 2);
        cr_expect_eq(message.path[1].bytes[0], 2);
        cr_expect_eq(message.deadline_usec, 77);
        cr_expect_arr_eq(message.salt, salt, sizeof(salt));
        cr_expect_eq(message.n_leaf, strlen(permit));
        cr_expect_arr_eq(message.leaf, permit, strlen(permit));
        cr_expect_eq(message.n_job, 3);
        buffer_deinit(&buffer);
}

Test(job, no_other_leaf_becomes_one)
{
        static const char *const leaves[] = {
                "{\"index\":5,\"kind\":\"request\",\"verdict\":\"deny\"}",
                "{\"index\":5,\"kind\":\"outcome\",\"verdict\":\"permit\"}",
                "{\"index\":5,\"verdict\":\"permit\"}",
                "{\"index\":5,\"kind\":\"request\"}",
                "{\"kind\":\"request\",\"verdict\":\"permit\",}",
                "{\"verdict\":\"permit\",\"kind\":\"request\"}",
                "permit",
        };
        Buffer buffer = BUFFER_INIT;

        for (size_t i = 0; i < sizeof(leaves) / sizeof(*leaves); i++)
                cr_expect_eq(make(leaves[i], &path, &buffer), JOB_E_NOT_A_PERMIT, "%s", leaves[i]);
        cr_expect_eq(buffer.n, 0);
}

Test(job, a_receipt_without_a_path_proves_nothing_to_the_worker)
{
        Buffer buffer = BUFFER_INIT;

        cr_expect_eq(make(permit, NULL, &buffer), JOB_E_NOT_A_PERMIT);
        cr_expect_eq(buffer.n, 0);
}
