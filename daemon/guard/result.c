/*
 * The guard's check of the worker's answers. Owns nothing. Run by the guard's loop on each RESULT.
 */

#include "guard/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "wire/job.h"
#include "wire/leaf.h"

/* What a double may lose against the leaf's millionths. */
static const double result_slack = 1e-9;

typedef struct ResultCase {
        const ResultMessage *result;
        const ResultBounds *bounds;
} ResultCase;

static bool result_is_known(const char *word)
{
        /* What only the guard can say (worker-gone, unknown ...) is not the worker's to say. */
        static const char *const words[] = {
                "ok",      "no-subject", "model-mismatch", "bad-template", "gallery-full", "gallery-damaged",
                "timeout", "overloaded", "worker-refused", "caller-gone",
        };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(words[i], word) == 0)
                        return true;
        return false;
}

static bool result_is_plain(const char *text)
{
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
                        return false;
        return true;
}

static bool result_is(const ResultBounds *bounds, const char *operation)
{
        return strcmp(bounds->operation, operation) == 0;
}

static bool result_ranks(const ResultBounds *bounds)
{
        return result_is(bounds, "identify") || result_is(bounds, "identify-stored");
}

static bool result_above_floor(const ResultBounds *bounds, double similarity)
{
        double floor = bounds->has_floor ? (double)bounds->floor_millionths / TEXT_SIMILARITY_ONE : -1.0;

        return similarity >= floor - result_slack;
}

static bool result_is_similarity(double similarity)
{
        return isfinite(similarity) && similarity >= -1.0 - result_slack && similarity <= 1.0 + result_slack;
}

/* Only a search of a gallery that was answered may have been on a device. */
static bool result_has_engine(const ResultCase *c)
{
        const ResultMessage *result = c->result;

        return strcmp(result->engine, c->bounds->fallback) == 0 ||
               (strcmp(result->engine, c->bounds->engine) == 0 && strcmp(result->result, "ok") == 0 &&
                result_ranks(c->bounds));
}

static const char *result_check_form(const ResultCase *c)
{
        const ResultMessage *result = c->result;
        const uint64_t numbers[] = {result->searched, result->gallery_epoch, result->count,
                                    result->microseconds};

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (numbers[i] > LEAF_NUMBER_MAX)
                        return "a number that no leaf can hold";
        if (!result_has_engine(c))
                return "an engine that its hello does not name for this";
        if (strlen(result->why) > MESSAGE_TEXT_MAX || !result_is_plain(result->why))
                return "a reason that cannot be told";
        return NULL;
}

/* The numbers that an answer has; what it does not have says nothing. */
static const char *result_check_numbers(const ResultCase *c)
{
        static const struct {
                const char *operation;
                bool searched, epoch, count;
        } rows[] = {
                {"identify", true, true, false}, {"identify-stored", true, true, false},
                {"verify", true, true, false},   {"compare", true, false, false},
                {"enrol", false, true, true},    {"remove", false, true, true},
                {"list", false, true, false},
        };
        const ResultMessage *result = c->result;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (result_is(c->bounds, rows[i].operation) &&
                    ((!rows[i].searched && result->searched > 0) ||
                     (!rows[i].epoch && result->gallery_epoch > 0) || (!rows[i].count && result->count > 0)))
                        return "a number that the operation does not have";
        if (result_is(c->bounds, "enrol") &&
            result->count != job_read(c->bounds->job, c->bounds->n_job).n_left)
                return "not as many templates as were to be stored";
        return NULL;
}

static int result_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *result_check_distinct(const ResultMessage *result)
{
        const char *subjects[MESSAGE_CANDIDATES_MAX] = {};

        for (size_t i = 0; i < result->n_candidates; i++)
                subjects[i] = result->candidates[i].subject;
        qsort(subjects, result->n_candidates, sizeof(*subjects), result_compare);
        for (size_t i = 1; i < result->n_candidates; i++)
                if (strcmp(subjects[i - 1], subjects[i]) == 0)
                        return "a subject twice in a consolidated gallery";
        return NULL;
}

static const char *result_check_candidate(const ResultCase *c, size_t i)
{
        const Candidate *candidate = &c->result->candidates[i];

        if (!text_is_subject(candidate->subject, strlen(candidate->subject)))
                return "a candidate that is no subject";
        if (candidate->has_similarity != (c->bounds->release == RELEASE_SCORES))
                return "similarities where the release has none, or the reverse";
        if (!candidate->has_similarity)
                return NULL;
        if (!result_is_similarity(candidate->similarity))
                return "a similarity that is none";
        if (!result_above_floor(c->bounds, candidate->similarity))
                return "a candidate below the floor";
        if (i == 0)
                return NULL;
        const Candidate *before = &c->result->candidates[i - 1];
        if (candidate->similarity > before->similarity)
                return "candidates out of order";
        if (candidate->similarity == before->similarity && strcmp(before->subject, candidate->subject) > 0)
                return "a tie out of order";
        return NULL;
}

static const char *result_check_candidates(const ResultCase *c)
{
        const ResultMessage *result = c->result;
        const ResultBounds *bounds = c->bounds;

        if (!result_ranks(bounds))
                return result->n_candidates > 0 ? "candidates of an operation that has none" : NULL;
        if (bounds->release == RELEASE_DECISION)
                return result->n_candidates > 0 ? "candidates where only the decision is released" : NULL;
        if (result->n_candidates > bounds->limit || result->n_candidates > MESSAGE_CANDIDATES_MAX)
                return "more candidates than the limit";
        if (result->matched != (result->n_candidates > 0))
                return "a match without candidates, or the reverse";
        for (size_t i = 0; i < result->n_candidates; i++) {
                const char *wrong = result_check_candidate(c, i);
                if (wrong)
                        return wrong;
        }
        return bounds->consolidated ? result_check_distinct(result) : NULL;
}

static const char *result_check_subjects(const ResultCase *c)
{
        const StringList *subjects = &c->result->subjects;

        if (!result_is(c->bounds, "list"))
                return subjects->n > 0 ? "a list of subjects that was not asked for" : NULL;
        if (subjects->n > c->bounds->limit)
                return "more subjects than the limit";
        for (size_t i = 0; i < subjects->n; i++) {
                if (!text_is_subject(subjects->items[i], strlen(subjects->items[i])))
                        return "a listed subject that is none";
                if (i > 0 && strcmp(subjects->items[i - 1], subjects->items[i]) >= 0)
                        return "listed subjects out of order";
        }
        return NULL;
}

/* One of a pair of templates: where it matched, and the release has it. */
static const char *result_check_similarity(const ResultCase *c)
{
        const ResultMessage *result = c->result;
        bool of_pair = result_is(c->bounds, "verify") || result_is(c->bounds, "compare");

        if (result->has_similarity != (of_pair && result->matched && c->bounds->release == RELEASE_SCORES))
                return "a similarity where none is released, or the reverse";
        if (!result->has_similarity)
                return NULL;
        if (!result_is_similarity(result->similarity))
                return "a similarity that is none";
        return result_above_floor(c->bounds, result->similarity) ? NULL : "a match below the floor";
}

/* Whether a template of the job can be bad in this way. */
static bool result_tells_template(const char *why, const ResultBounds *bounds)
{
        JobReader reader = job_read(bounds->job, bounds->n_job);
        size_t dimension = bounds->dimension;
        JobEntry entry;
        char text[64];

        if (strcmp(why, RESULT_WHY_NOT_FINITE) == 0)
                return true;
        while (job_next(&reader, &entry)) {
                size_t n = entry.n_vector / sizeof(float);
                if (dimension == 0)
                        dimension = n;
                (void)snprintf(text, sizeof(text), RESULT_WHY_DIMENSIONS_FMT, n,
                               (unsigned)dimension); /* It fits. */
                if (n != dimension && strcmp(why, text) == 0)
                        return true;
        }
        return false;
}

static const char *result_check_failure(const ResultCase *c)
{
        const ResultMessage *result = c->result;

        if (result->n_candidates > 0 || result->subjects.n > 0 || result->has_similarity || result->matched)
                return "a match in a result that failed";
        if (strcmp(result->result, "model-mismatch") == 0 &&
            (!c->bounds->model || strcmp(result->why, c->bounds->model) != 0))
                return "a model mismatch that does not name the model of the leaf";
        if (strcmp(result->result, "bad-template") == 0 && !result_tells_template(result->why, c->bounds))
                return "a bad template in a way that none of the job's is";
        return NULL;
}

const char *result_check(const ResultMessage *result, const ResultBounds *bounds)
{
        ResultCase c = {.result = result, .bounds = bounds};

        if (!result_is_known(result->result))
                return "a result that the worker cannot give";
        const char *wrong = result_check_form(&c);
        if (wrong)
                return wrong;
        if (strcmp(result->result, "ok") != 0)
                return result_check_failure(&c);
        if (result->matched && !policy_is_search(bounds->operation))
                return "a match of an operation that is no search";
        wrong = result_check_numbers(&c);
        if (!wrong)
                wrong = result_check_candidates(&c);
        if (!wrong)
                wrong = result_check_subjects(&c);
        return wrong ? wrong : result_check_similarity(&c);
}
