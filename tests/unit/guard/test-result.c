/* What the worker may send back. */

#include <criterion/criterion.h>
#include <math.h>

#include "guard/result.h"
#include "wire/job.h"

/* One template of two dimensions; and two entries. */
static const uint8_t probe[] = "\1\1\0\0\0"
                               "\0\0\0"
                               "\1\0m\0"
                               "\10\0\0\0abcdefgh";
static const uint8_t entries[] = "\1\2\0\0\0"
                                 "\1\0a\0\1\0m\0\10\0\0\0abcdefgh"
                                 "\1\0b\0\1\0m\0\14\0\0\0abcdefghijkl";

static const ResultBounds scores = {.operation = "identify",
                                    .release = RELEASE_SCORES,
                                    .has_limit = true,
                                    .limit = 3,
                                    .has_floor = true,
                                    .floor_millionths = 600000,
                                    .consolidated = true,
                                    .model = "facenet-512",
                                    .dimension = 4,
                                    .job = probe,
                                    .n_job = sizeof(probe) - 1,
                                    .engine = "opencl/gpu",
                                    .fallback = "cpu/avx2"};

static ResultMessage result_of(Candidate *candidates, size_t n)
{
        return (ResultMessage){.result = "ok",
                               .why = "",
                               .engine = "cpu/avx2",
                               .matched = n > 0,
                               .candidates = candidates,
                               .n_candidates = n};
}

Test(result, what_the_leaf_permits_is_accepted)
{
        Candidate candidates[] = {{"a", true, 0.9}, {"b", true, 0.7}, {"c", true, 0.7}};
        ResultMessage result = result_of(candidates, 3);

        cr_expect_null(result_check(&result, &scores));
        result = result_of(NULL, 0);
        cr_expect_null(result_check(&result, &scores));
}

Test(result, candidates_that_the_leaf_does_not_permit_are_refused)
{
        struct {
                const char *what;
                size_t n;
                Candidate candidates[4];
        } cases[] = {
                {"too many", 4, {{"a", true, .9}, {"b", true, .8}, {"c", true, .7}, {"d", true, .7}}},
                {"below the floor", 1, {{"a", true, 0.59}}},
                {"out of order", 2, {{"a", true, 0.7}, {"b", true, 0.8}}},
                {"a tie out of order", 2, {{"b", true, 0.7}, {"a", true, 0.7}}},
                {"a subject twice", 2, {{"a", true, 0.8}, {"a", true, 0.7}}},
                {"no subject", 1, {{"a b", true, 0.8}}},
                {"an empty subject", 1, {{"", true, 0.8}}},
                {"no similarity", 1, {{"a", false, 0}}},
                {"more than one", 1, {{"a", true, 1.1}}},
                {"not a number", 1, {{"a", true, NAN}}},
                {"infinity", 1, {{"a", true, INFINITY}}},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultMessage result = result_of(cases[i].candidates, cases[i].n);
                cr_expect_not_null(result_check(&result, &scores), "%s", cases[i].what);
        }
}

Test(result, similarities_come_back_only_with_scores)
{
        ResultBounds bounds = scores;
        Candidate with[] = {{"a", true, 0.9}};
        Candidate without[] = {{"a", false, 0}};
        ResultMessage result = result_of(with, 1);

        bounds.release = RELEASE_CANDIDATES;
        cr_expect_not_null(result_check(&result, &bounds));
        result = result_of(without, 1);
        cr_expect_null(result_check(&result, &bounds));
        result.has_similarity = true;
        cr_expect_not_null(result_check(&result, &bounds));
}

Test(result, of_a_decision_only_whether_it_matched_comes_back)
{
        ResultBounds bounds = scores;
        Candidate candidates[] = {{"a", false, 0}};
        ResultMessage result = result_of(candidates, 1);

        bounds.release = RELEASE_DECISION;
        cr_expect_not_null(result_check(&result, &bounds));
        result = result_of(NULL, 0);
        result.matched = true;
        cr_expect_null(result_check(&result, &bounds));
}

Test(result, an_event_gallery_may_hold_a_subject_twice)
{
        ResultBounds bounds = scores;
        Candidate candidates[] = {{"a", true, 0.9}, {"a", true, 0.8}};
        ResultMessage result = result_of(candidates, 2);

        bounds.consolidated = false;
        cr_expect_null(result_check(&result, &bounds));
}

Test(result, a_verification_says_no_subjects_and_matches_above_the_floor_only)
{
        ResultBounds bounds = scores;
        Candidate candidates[] = {{"a", true, 0.9}};
        ResultMessage result = result_of(NULL, 0);

        bounds.operation = "verify";
        result.has_similarity = true;
        result.similarity = 0.7;
        result.matched = true;
        cr_expect_null(result_check(&result, &bounds));
        result.similarity = 0.5;
        cr_expect_not_null(result_check(&result, &bounds));
        result.matched = false;
        cr_expect_not_null(result_check(&result, &bounds), "a similarity below the floor is not released");
        result.has_similarity = false;
        cr_expect_null(result_check(&result, &bounds));
        result.matched = true;
        cr_expect_not_null(result_check(&result, &bounds), "a match without the similarity of the release");
        result = result_of(candidates, 1);
        cr_expect_not_null(result_check(&result, &bounds));
}

Test(result, a_search_of_a_gallery_has_no_similarity_beside_those_of_its_candidates)
{
        Candidate candidates[] = {{"a", true, 0.9}};
        ResultMessage result = result_of(candidates, 1);

        result.has_similarity = true;
        result.similarity = 0.9;
        cr_expect_not_null(result_check(&result, &scores));
}

Test(result, numbers_that_the_operation_does_not_have_are_refused)
{
        static const struct {
                const char *operation;
                uint64_t searched, epoch, count;
                bool fine;
        } cases[] = {
                {"identify", 5, 7, 0, true},        {"identify", 5, 7, 1, false},
                {"identify-stored", 5, 7, 0, true}, {"identify-stored", 5, 7, 1, false},
                {"verify", 5, 7, 0, true},          {"verify", 5, 7, 1, false},
                {"compare", 1, 0, 0, true},         {"compare", 1, 7, 0, false},
                {"compare", 1, 0, 1, false},        {"enrol", 0, 7, 2, true},
                {"enrol", 1, 7, 2, false},          {"enrol", 0, 7, 1, false},
                {"enrol", 0, 7, 3, false},          {"remove", 0, 7, 3, true},
                {"remove", 1, 7, 3, false},         {"list", 0, 7, 0, true},
                {"list", 1, 7, 0, false},           {"list", 0, 7, 1, false},
        };
        ResultBounds bounds = scores;

        bounds.job = entries;
        bounds.n_job = sizeof(entries) - 1;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultMessage result = result_of(NULL, 0);
                bounds.operation = cases[i].operation;
                result.searched = cases[i].searched;
                result.gallery_epoch = cases[i].epoch;
                result.count = cases[i].count;
                cr_expect_eq(result_check(&result, &bounds) == NULL, cases[i].fine, "%s %zu",
                             cases[i].operation, i);
        }
}

Test(result, a_bad_template_is_one_of_the_job)
{
        static const struct {
                const char *why;
                uint32_t dimension;
                bool fine;
        } cases[] = {
                {"not finite, or all zero", 2, true},    {"2 dimensions instead of 4", 4, true},
                {"3 dimensions instead of 4", 4, true},  {"4 dimensions instead of 4", 4, false},
                {"5 dimensions instead of 4", 4, false}, {"2 dimensions instead of 2", 2, false},
                {"3 dimensions instead of 2", 0, true},  {"2 dimensions instead of 3", 0, false},
                {"subject.17 at 0.93", 4, false},        {"", 4, false},
        };
        ResultBounds bounds = scores;

        bounds.job = entries;
        bounds.n_job = sizeof(entries) - 1;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultMessage result = result_of(NULL, 0);
                bounds.dimension = cases[i].dimension;
                result.result = "bad-template";
                result.why = cases[i].why;
                cr_expect_eq(result_check(&result, &bounds) == NULL, cases[i].fine, "%s", cases[i].why);
        }
}

Test(result, a_list_is_sorted_and_within_its_limit)
{
        ResultBounds bounds = {.operation = "list",
                               .release = RELEASE_CANDIDATES,
                               .has_limit = true,
                               .limit = 2,
                               .engine = "opencl/gpu",
                               .fallback = "cpu/avx2"};
        const char *fine[] = {"a", "b"}, *unsorted[] = {"b", "a"}, *twice[] = {"a", "a"},
                   *many[] = {"a", "b", "c"}, *bad[] = {"a\n"};
        ResultMessage result = result_of(NULL, 0);

        result.subjects = (StringList){2, fine};
        cr_expect_null(result_check(&result, &bounds));
        result.subjects = (StringList){2, unsorted};
        cr_expect_not_null(result_check(&result, &bounds));
        result.subjects = (StringList){2, twice};
        cr_expect_not_null(result_check(&result, &bounds));
        result.subjects = (StringList){3, many};
        cr_expect_not_null(result_check(&result, &bounds));
        result.subjects = (StringList){1, bad};
        cr_expect_not_null(result_check(&result, &bounds));
        bounds.operation = "remove";
        result.subjects = (StringList){2, fine};
        cr_expect_not_null(result_check(&result, &bounds), "remove lists nobody");
}

Test(result, words_that_are_not_the_workers_are_refused)
{
        static const struct {
                const char *word;
                const char *why;
                bool fine;
        } cases[] = {
                {"no-subject", "", true},
                {"model-mismatch", "facenet-512", true},
                {"bad-template", "not finite, or all zero", true},
                {"gallery-full", "", true},
                {"gallery-damaged", "", true},
                {"timeout", "", true},
                {"overloaded", "", true},
                {"worker-refused", "", true},
                {"worker-refused", "two\nlines", false},
                {"caller-gone", "", true},
                {"model-mismatch", "", false},
                {"model-mismatch", "subject.17", false},
                {"worker-gone", "", false},
                {"unknown", "", false},
                {"mirror-required", "", false},
                {"", "", false},
                {"OK", "", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultMessage result = result_of(NULL, 0);
                result.result = cases[i].word;
                result.why = cases[i].why;
                cr_expect_eq(result_check(&result, &scores) == NULL, cases[i].fine, "%s", cases[i].word);
        }
}

Test(result, a_failure_brings_no_match)
{
        Candidate candidates[] = {{"a", true, 0.9}};
        ResultMessage result = result_of(candidates, 1);

        result.result = "timeout";
        cr_expect_not_null(result_check(&result, &scores));
        result = result_of(NULL, 0);
        result.result = "timeout";
        result.matched = true;
        cr_expect_not_null(result_check(&result, &scores));
}

Test(result, what_no_leaf_can_hold_is_refused)
{
        ResultMessage result = result_of(NULL, 0);

        result.searched = UINT64_C(1) << 53;
        cr_expect_not_null(result_check(&result, &scores));
}

/* A search that was answered may have been on the device; whatever else is, was the processor's. */
Test(result, an_engine_is_one_of_the_hello_and_does_what_is_its_own)
{
        static const struct {
                const char *operation, *result, *engine;
                bool fine;
        } cases[] = {
                {"identify", "ok", "opencl/gpu", true},
                {"identify", "ok", "cpu/avx2", true},
                {"identify", "ok", "cpu/subject.17", false},
                {"identify", "ok", "opencl/gpu ", false},
                {"identify", "ok", "", false},
                {"identify-stored", "ok", "opencl/gpu", true},
                {"identify-stored", "ok", "cpu/avx2", true},
                {"identify", "timeout", "cpu/avx2", true},
                {"identify", "timeout", "opencl/gpu", false},
                {"identify", "worker-refused", "opencl/gpu", false},
                {"verify", "ok", "cpu/avx2", true},
                {"verify", "ok", "opencl/gpu", false},
                {"compare", "ok", "opencl/gpu", false},
                {"remove", "ok", "cpu/avx2", true},
                {"remove", "ok", "opencl/gpu", false},
                {"list", "ok", "opencl/gpu", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultBounds bounds = scores;
                ResultMessage result = result_of(NULL, 0);
                bounds.operation = cases[i].operation;
                result.result = cases[i].result;
                result.engine = cases[i].engine;
                cr_expect_eq(result_check(&result, &bounds) == NULL, cases[i].fine, "%s of %s by %s",
                             cases[i].result, cases[i].operation, cases[i].engine);
        }
}
