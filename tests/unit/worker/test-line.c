/*
 * The line: whose turn is next, and with whom.
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "worker/line.h"

static Line line;

static void set_up(void)
{
        line_init(&line);
}

static void tear_down(void)
{
        line_deinit(&line);
}

TestSuite(line, .init = set_up, .fini = tear_down, .timeout = 600);

/* Adds a job by a word: the organisation's letter ("-" for none, of the user with the number), a number, and a gallery's letter. */
static void add(const char *word)
{
        static char texts[128][2];
        Job *job = job_new();

        cr_assert(job && strlen(word) == 3);
        for (size_t i = 0; i < 3; i += 2)
                texts[(size_t)word[i]][0] = word[i];
        job->organisation = word[0] == '-' ? NULL : texts[(size_t)word[0]];
        job->uid = job->organisation ? 0 : (uint64_t)(word[1] - '0');
        job->index = (uint64_t)(word[1] - '0');
        job->deadline_usec = 100 + job->index;
        job->task.gallery = word[2] == '0' ? NULL : texts[(size_t)word[2]];
        cr_assert_eq(line_add(&line, job), 0);
}

static void add_all(const char *const *words)
{
        for (; *words; words++)
                add(*words);
}

static void expect_jobs(Job *const *jobs, size_t n, const char *words)
{
        char got[512] = "";

        for (size_t i = 0; i < n; i++) {
                size_t end = strlen(got);
                (void)snprintf(got + end, sizeof(got) - end, "%s%s%u%s", i > 0 ? " " : "",
                               jobs[i]->organisation ? jobs[i]->organisation : "-", (unsigned)jobs[i]->index,
                               jobs[i]->task.gallery ? jobs[i]->task.gallery : "0");
        }
        cr_expect_str_eq(got, words);
}

static void expect_turn(size_t max, const char *words)
{
        Job *jobs[16];

        size_t n = line_take(&line, jobs, max);
        expect_jobs(jobs, n, words);
        for (size_t i = 0; i < n; i++)
                job_free(jobs[i]);
}

Test(line, gives_first_what_came_first)
{
        cr_expect(line_is_empty(&line));
        expect_turn(16, "");
        add_all((const char *[]){"a1x", "a2x", "a3x", NULL});
        cr_expect_not(line_is_empty(&line));
        expect_turn(2, "a1x a2x");
        expect_turn(2, "a3x");
        cr_expect(line_is_empty(&line));
}

Test(line, organisations_take_turns_however_many_jobs_they_have)
{
        add_all((const char *[]){"a1x", "a2x", "a3x", "a4x", "b5x", "b6x", "c7x", NULL});
        expect_turn(1, "a1x");
        expect_turn(1, "b5x");
        add("d8x");
        expect_turn(1, "c7x");
        expect_turn(5, "a2x b6x d8x a3x a4x");
}

Test(line, users_without_an_organisation_have_a_turn_each)
{
        add_all((const char *[]){"-1x", "-1x", "-1x", "-2x", "a3x", NULL});
        expect_turn(3, "-1x -2x a3x");
        expect_turn(3, "-1x -1x");
}

Test(line, a_turn_is_of_one_gallery)
{
        add_all((const char *[]){"a1x", "a2y", "a3x", "b4y", "b5x", "c6y", NULL});
        expect_turn(16, "a1x b5x a3x");
        expect_turn(16, "c6y b4y a2y");
}

Test(line, who_had_no_job_for_the_gallery_is_next)
{
        add_all((const char *[]){"a1x", "a2x", "b3y", "c4x", "a5x", NULL});
        expect_turn(2, "a1x c4x");
        expect_turn(2, "b3y");
        expect_turn(2, "a2x a5x");
}

Test(line, jobs_without_a_gallery_are_together)
{
        add_all((const char *[]){"a10", "a2x", "b30", NULL});
        expect_turn(16, "a10 b30");
        expect_turn(16, "a2x");
}

Test(line, what_was_not_begun_stands_where_it_stood)
{
        Job *jobs[16];

        add_all((const char *[]){"a1x", "a2x", "b3x", "b4x", "c5x", "d6y", NULL});
        cr_assert_eq(line_take(&line, jobs, 16), (size_t)5);
        expect_jobs(jobs, 5, "a1x b3x c5x a2x b4x");
        job_free(jobs[0]);
        for (size_t i = 1; i < 5; i++)
                jobs[i]->turn = JOB_NOT_BEGUN;
        cr_assert_eq(line_put_back(&line, jobs + 1, 4), 0);
        expect_turn(16, "b3x c5x a2x b4x");
        expect_turn(16, "d6y");
}

Test(line, what_is_to_go_on_comes_before_its_own_and_behind_the_others)
{
        Job *jobs[16];

        add_all((const char *[]){"a1x", "a2x", "b3x", "c4x", NULL});
        cr_assert_eq(line_take(&line, jobs, 1), (size_t)1);
        jobs[0]->turn = JOB_TO_GO_ON;
        cr_assert_eq(line_put_back(&line, jobs, 1), 0);
        expect_turn(16, "b3x c4x a1x a2x");

        add_all((const char *[]){"a1x", "b3x", NULL});
        cr_assert_eq(line_take(&line, jobs, 2), (size_t)2);
        jobs[0]->turn = JOB_TO_GO_ON;
        jobs[1]->turn = JOB_NOT_BEGUN;
        cr_assert_eq(line_put_back(&line, jobs, 2), 0);
        expect_turn(16, "b3x a1x");
}

Test(line, single_jobs_are_taken_out_by_number_and_by_deadline)
{
        add_all((const char *[]){"a1x", "a2x", "b3x", NULL});
        cr_expect_eq(line_deadline(&line), (uint64_t)101);
        cr_expect_null(line_take_index(&line, 7));
        Job *job = line_take_index(&line, 1);
        expect_jobs(&job, 1, "a1x");
        job_free(job);
        cr_expect_eq(line_deadline(&line), (uint64_t)102);
        cr_expect_null(line_take_expired(&line, 101));
        job = line_take_expired(&line, 102);
        expect_jobs(&job, 1, "a2x");
        job_free(job);
        expect_turn(16, "b3x");
        cr_expect_eq(line_deadline(&line), UINT64_MAX);
}

/* Whoever comes with one job now and then has it served in the next turn but one, whatever the others have. */
Test(line, nobody_waits_for_a_flood)
{
        for (int i = 0; i < 900; i++)
                add(i % 3 == 0 ? "a1y" : "a1x");
        for (int i = 0; i < 50; i++) {
                Job *jobs[8];
                bool served = false;
                add("b2z");
                for (int turn = 0; turn < 2; turn++)
                        for (size_t j = line_take(&line, jobs, 8); j > 0; j--) {
                                served |= *jobs[j - 1]->organisation == 'b';
                                job_free(jobs[j - 1]);
                        }
                cr_assert(served, "round %d", i);
        }
}
