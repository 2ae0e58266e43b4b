/*
 * The operations. Each either fills the outcome and returns 0, or returns ANSWERED from a helper that has
 * filled it with a refusal.
 */

#include "worker/operation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/kernel.h"
#include "worker/search.h"

/* The outcome is complete; only inside this file, and above every named ending of what is called here. */
enum { ANSWERED = 100 };

typedef struct Work {
        const Operation *operation;
        const Task *task;
        Gallery *gallery; /* NULL: none is there yet */
        Outcome *outcome;
} Work;

void outcome_deinit(Outcome *outcome)
{
        free(outcome->message.candidates);
        free(outcome->message.subjects.items);
        *outcome = OUTCOME_INIT;
}

__attribute__((format(printf, 3, 4))) static int answer(const Work *work, const char *result,
                                                        const char *format, ...)
{
        va_list args;

        va_start(args, format);
        (void)vsnprintf(work->outcome->why, sizeof(work->outcome->why), format,
                        args); /* A long one is cut. */
        va_end(args);
        work->outcome->message.result = result;
        work->outcome->message.why = work->outcome->why;
        return ANSWERED;
}

static bool is_stopped(const Work *work)
{
        return work->operation->stop && atomic_load(work->operation->stop) != 0;
}

static JobEntry first_entry(const Task *task)
{
        JobReader reader = job_read(task->job, task->n_job);
        JobEntry entry = {};

        (void)job_next(&reader, &entry); /* job_check() has seen to it that there is one. */
        return entry;
}

/* --------------------------------------------------------------------------------------------------
 * templates */

/* Vectors that are padded for the kernels, with their squared norms. */
typedef struct ProbeSet {
        float *vectors;
        double *squares;
        size_t n;
} ProbeSet;

static void probe_set_deinit(ProbeSet *set)
{
        free(set->vectors);
        free(set->squares);
}

static int probe_set_init(ProbeSet *set, size_t n, size_t dimension)
{
        set->vectors = calloc(n, KERNEL_PADDED(dimension) * sizeof(float));
        set->squares = calloc(n, sizeof(double));
        set->n = n;
        return set->vectors && set->squares ? 0 : -ENOMEM;
}

/* Judges a template that a request brought, and reads it as number @i of the set. */
static int probe_read(const Work *work, const JobEntry *entry, uint32_t dimension, ProbeSet *set, size_t i)
{
        if (strcmp(entry->model, work->task->shape.model) != 0)
                return answer(work, "model-mismatch", "%s", work->task->shape.model);
        if (entry->n_vector != (size_t)dimension * sizeof(float))
                return answer(work, "bad-template", RESULT_WHY_DIMENSIONS_FMT,
                              entry->n_vector / sizeof(float), dimension);
        if (!kernel_read_vector(entry->vector, dimension, set->vectors + i * KERNEL_PADDED(dimension),
                                &set->squares[i]))
                return answer(work, "bad-template", RESULT_WHY_NOT_FINITE);
        return 0;
}

/* Copies a stored subject's templates. */
static int probe_set_stored(const Gallery *gallery, uint32_t subject, ProbeSet *set)
{
        GalleryRows rows = gallery_rows(gallery);
        size_t n = 0;

        for (size_t row = 0; row < rows.n; row++)
                n += rows.subjects[row] == subject;
        int r = probe_set_init(set, n, rows.stride);
        if (r < 0)
                return r;
        n = 0;
        for (size_t row = 0; row < rows.n; row++) {
                if (rows.subjects[row] != subject)
                        continue;
                memcpy(set->vectors + n * rows.stride, rows.vectors + row * rows.stride,
                       rows.stride * sizeof(float));
                set->squares[n++] = rows.squares[row];
        }
        return 0;
}

/* ---------------------------------------------------------------------------------------------------
 * searches */

static int release_hits(const Work *work, const Hit *hits, size_t n)
{
        ResultMessage *message = &work->outcome->message;

        message->matched = n > 0;
        if (work->task->release == TASK_RELEASE_DECISION || n == 0)
                return 0;
        message->candidates = calloc(n, sizeof(Candidate));
        if (!message->candidates)
                return -ENOMEM;
        message->n_candidates = n;
        for (size_t i = 0; i < n; i++) {
                message->candidates[i].subject = hits[i].subject;
                if (work->task->release == TASK_RELEASE_SCORES) {
                        message->candidates[i].has_similarity = true;
                        message->candidates[i].similarity = hits[i].similarity;
                }
        }
        return 0;
}

/* A similarity below the floor is not released: the permit was for similarities from the floor on. */
static void release_similarity(const Work *work, double similarity)
{
        ResultMessage *message = &work->outcome->message;

        message->matched = similarity >= work->task->floor;
        if (message->matched && work->task->release == TASK_RELEASE_SCORES) {
                message->has_similarity = true;
                message->similarity = similarity;
        }
}

/* Completes a search by what is common to all, and runs it. */
static int search(const Work *work, const ProbeSet *set, Search *search, Hit *ret_hits, size_t *ret_n)
{
        search->gallery = work->gallery;
        search->consolidated = work->task->shape.consolidated;
        search->floor = work->task->floor;
        search->probes = (Probes){set->vectors, set->squares, set->n};
        search->stop = work->operation->stop;
        int r = search_run(work->operation->engine, search, ret_hits, ret_n,
                           &work->outcome->message.searched);
        return r == ENGINE_E_STOPPED ? OPERATION_E_STOPPED : r;
}

static int search_candidates(const Work *work, const ProbeSet *set, uint32_t but)
{
        _cleanup_(freep) Hit *hits = calloc(work->task->limit, sizeof(Hit));
        Search parameters = {.only = SEARCH_NOBODY, .but = but, .k = work->task->limit};
        size_t n;

        if (!hits)
                return -ENOMEM;
        int r = search(work, set, &parameters, hits, &n);
        return r != 0 ? r : release_hits(work, hits, n);
}

static int identify(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = {};
        JobEntry entry = first_entry(work->task);

        int r = probe_set_init(&set, 1, work->task->shape.dimension);
        if (r == 0)
                r = probe_read(work, &entry, work->task->shape.dimension, &set, 0);
        if (r != 0 || !work->gallery)
                return r;
        return search_candidates(work, &set, SEARCH_NOBODY);
}

static int find_subject(const Work *work, const char *subject, uint32_t *ret_number)
{
        if (!work->gallery || !gallery_find(work->gallery, subject, ret_number))
                return answer(work, "no-subject", "%s", "");
        return 0;
}

static int identify_stored(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = {};
        JobEntry entry = first_entry(work->task);
        uint32_t number;

        int r = find_subject(work, entry.subject, &number);
        if (r == 0)
                r = probe_set_stored(work->gallery, number, &set);
        return r != 0 ? r : search_candidates(work, &set, number);
}

static int verify(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = {};
        JobEntry entry = first_entry(work->task);
        Search parameters = {.but = SEARCH_NOBODY, .k = 1};
        size_t n;
        Hit hit;

        int r = probe_set_init(&set, 1, work->task->shape.dimension);
        if (r == 0)
                r = probe_read(work, &entry, work->task->shape.dimension, &set, 0);
        if (r == 0)
                r = find_subject(work, entry.subject, &parameters.only);
        if (r == 0)
                r = search(work, &set, &parameters, &hit, &n);
        if (r == 0 && n > 0)
                release_similarity(work, hit.similarity);
        return r;
}

static int compare(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = {};
        JobReader reader = job_read(work->task->job, work->task->n_job);
        JobEntry entry = first_entry(work->task);
        uint32_t dimension = work->task->shape.dimension;
        double score;

        if (dimension == 0)
                dimension = (uint32_t)(entry.n_vector / sizeof(float));
        int r = probe_set_init(&set, 2, dimension);
        for (size_t i = 0; r == 0 && i < 2 && job_next(&reader, &entry); i++)
                r = probe_read(work, &entry, dimension, &set, i);
        if (r != 0)
                return r;
        size_t stride = KERNEL_PADDED(dimension);
        Scan scan = {.rows = set.vectors + stride,
                     .squares = set.squares + 1,
                     .n_rows = 1,
                     .stride = stride,
                     .probes = set.vectors,
                     .probe_squares = set.squares,
                     .n_probes = 1};
        r = engine_scan(work->operation->engine, &scan, &score);
        if (r != 0)
                return r;
        work->outcome->message.searched = 1;
        release_similarity(work, score);
        return 0;
}

/* ----------------------------------------------------------------------------------------------------
 * changes */

static int read_entries(const Work *work, GalleryEntry **ret_entries, uint32_t *ret_n)
{
        _cleanup_(probe_set_deinit) ProbeSet scratch = {};
        _cleanup_(freep) GalleryEntry *entries = NULL;
        JobReader reader = job_read(work->task->job, work->task->n_job);
        JobEntry entry;
        uint32_t n = 0;

        entries = calloc(MAX_OF(reader.n_left, UINT32_C(1)), sizeof(GalleryEntry));
        int r = entries ? probe_set_init(&scratch, 1, work->task->shape.dimension) : -ENOMEM;
        while (r == 0 && job_next(&reader, &entry)) {
                r = probe_read(work, &entry, work->task->shape.dimension, &scratch, 0);
                entries[n++] = (GalleryEntry){.subject = entry.subject, .vector = entry.vector};
        }
        if (r != 0)
                return r;
        *ret_entries = TAKE_PTR(entries);
        *ret_n = n;
        return 0;
}

static int no_space(const Work *work)
{
        return answer(work, "gallery-full", "no space is left on the disk of gallery %s",
                      work->task->gallery);
}

static int create(Work *work)
{
        int r = galleries_create(work->operation->galleries, work->task->gallery, &work->task->shape,
                                 &work->gallery);
        return r == GALLERY_E_NO_SPACE ? no_space(work) : r;
}

static int enrol(const Work *work)
{
        _cleanup_(freep) GalleryEntry *entries = NULL;
        Work mine = *work;
        uint32_t n;

        int r = read_entries(work, &entries, &n);
        if (r != 0)
                return r;
        uint64_t n_stored = work->gallery ? gallery_n_templates(work->gallery) : 0;
        if (n > work->task->maximum || n_stored > work->task->maximum - n)
                return answer(work, "gallery-full", "gallery %s may hold %ju templates", work->task->gallery,
                              (uintmax_t)work->task->maximum);
        if (is_stopped(work))
                return OPERATION_E_STOPPED;
        if (!mine.gallery)
                r = create(&mine);
        if (r == 0)
                r = gallery_add(mine.gallery, entries, n);
        if (r != 0)
                return r == GALLERY_E_NO_SPACE ? no_space(work) : r;
        work->outcome->message.count = n;
        work->outcome->message.gallery_epoch = gallery_epoch(mine.gallery);
        return 0;
}

static int remove_subject(const Work *work)
{
        JobEntry entry = first_entry(work->task);
        uint32_t number, n;

        int r = find_subject(work, entry.subject, &number);
        if (r != 0)
                return r;
        if (is_stopped(work))
                return OPERATION_E_STOPPED;
        r = gallery_remove(work->gallery, entry.subject, &n);
        if (r != 0)
                return r == GALLERY_E_NO_SPACE ? no_space(work) : r;
        work->outcome->message.count = n;
        work->outcome->message.gallery_epoch = gallery_epoch(work->gallery);
        return 0;
}

static int list(const Work *work)
{
        StringList *subjects = &work->outcome->message.subjects;
        JobEntry entry = first_entry(work->task);

        if (!work->gallery)
                return 0;
        subjects->items = calloc(work->task->limit, sizeof(char *));
        if (!subjects->items)
                return -ENOMEM;
        subjects->n = gallery_list(work->gallery, entry.subject, work->task->limit, subjects->items);
        return 0;
}

/* ---------------------------------------------------------------------------------------------------
 * dispatch */

static int (*const operations[_TASK_OPERATION_MAX])(const Work *work) = {
        [TASK_IDENTIFY] = identify, [TASK_IDENTIFY_STORED] = identify_stored,
        [TASK_VERIFY] = verify,     [TASK_COMPARE] = compare,
        [TASK_ENROL] = enrol,       [TASK_REMOVE] = remove_subject,
        [TASK_LIST] = list,
};

/* The gallery that the leaf names, as it was created; one that is not there is empty, at epoch 0. */
static int find_gallery(Work *work)
{
        if (!work->task->gallery)
                return 0;
        work->gallery = galleries_find(work->operation->galleries, work->task->gallery);
        if (!work->gallery)
                return 0;
        if (gallery_is_damaged(work->gallery))
                return answer(work, "gallery-damaged", "gallery %s is not on the disk as it was stored",
                              work->task->gallery);
        if (!gallery_has_shape(work->gallery, &work->task->shape))
                return answer(work, "worker-refused",
                              "gallery %s was created with another model, dimension or kind",
                              work->task->gallery);
        work->outcome->message.gallery_epoch = gallery_epoch(work->gallery);
        return 0;
}

int operation_run(const Operation *operation, Outcome *ret_outcome)
{
        _cleanup_(outcome_deinit) Outcome outcome = {.message = {.result = "ok", .why = ""}};
        Work work = {.operation = operation, .task = operation->task, .outcome = &outcome};

        int r = find_gallery(&work);
        if (r == 0)
                r = operations[work.task->operation](&work);
        if (r != 0 && r != ANSWERED)
                return r;
        *ret_outcome = outcome;
        if (r == ANSWERED)
                ret_outcome->message.why = ret_outcome->why;
        outcome = OUTCOME_INIT;
        return 0;
}
