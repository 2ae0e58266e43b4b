/*
 * The operations. Each either fills the outcome and returns 0, or returns OUTCOME_ANSWERED from a helper that has filled it with a
 * refusal.
 */

#include "worker/operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/batch.h"
#include "worker/exact.h"
#include "worker/probes.h"

/* Told to stop before anything was changed; above every named ending of what is called here. */
enum { STOPPED = OUTCOME_ANSWERED + 1 };

typedef struct Work {
        const OperationTools *tools;
        const Operation *operation;
        const Task *task;
        Gallery *gallery; /* NULL: none is there yet */
        Outcome *outcome;
} Work;

static bool is_stopped(const Work *work)
{
        return work->operation->stop && atomic_load(work->operation->stop) != 0;
}

static int no_subject(const Work *work)
{
        return outcome_answer(work->outcome, "no-subject", "%s", "");
}

/* ------------------------------------------------------------------------------------- what takes no pass */

static int verify(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = PROBE_SET_INIT;
        JobEntry entry = task_entry(work->task);
        double similarity;
        uint32_t subject;

        int r = probe_set_init(&set, 1, work->task->shape.dimension);
        if (r == 0)
                r = probe_set_read(&set, 0, work->task, &entry, work->outcome);
        if (r != 0)
                return r;
        if (!work->gallery || !gallery_find(work->gallery, entry.subject, &subject))
                return no_subject(work);
        r = search_subject(work->gallery, subject, &(Probes){set.vectors, set.squares, 1}, &similarity,
                           &work->outcome->message.searched);
        if (r == ENGINE_E_DAMAGED) {
                gallery_found_damaged(work->gallery);
                return outcome_damaged(work->outcome, work->task);
        }
        if (r == 0)
                outcome_release_similarity(work->outcome, work->task, similarity);
        return r;
}

/* Of the two templates in a set. */
static int similarity_of(const ProbeSet *set, double *ret_similarity)
{
        _cleanup_(exact_probes_deinit) ExactProbes probes = {.squares = set->squares,
                                                             .n = 1,
                                                             .dimension = set->dimension,
                                                             .dot = kernel_pick("auto")->dot};

        int r = exact_probes_init(&probes, set->vectors);
        if (r == 0)
                *ret_similarity = exact_similarity(&probes, set->vectors + KERNEL_PADDED(set->dimension),
                                                   set->squares[1]);
        return r;
}

static int compare(const Work *work)
{
        _cleanup_(probe_set_deinit) ProbeSet set = PROBE_SET_INIT;
        JobReader reader = job_read(work->task->job, work->task->n_job);
        JobEntry entry = task_entry(work->task);
        size_t dimension = work->task->shape.dimension;
        double similarity;

        if (dimension == 0)
                dimension = entry.n_vector / sizeof(float);
        int r = probe_set_init(&set, 2, dimension);
        for (size_t i = 0; r == 0 && i < 2 && job_next(&reader, &entry); i++)
                r = probe_set_read(&set, i, work->task, &entry, work->outcome);
        if (r == 0)
                r = similarity_of(&set, &similarity);
        if (r != 0)
                return r;
        work->outcome->message.searched = 1;
        outcome_release_similarity(work->outcome, work->task, similarity);
        return 0;
}

static int list(const Work *work)
{
        _cleanup_(freep) const char **names = calloc(work->task->limit, sizeof(char *));
        JobEntry entry = task_entry(work->task);

        if (!work->gallery)
                return 0;
        if (!names)
                return -ENOMEM;
        size_t n = gallery_list(work->gallery, entry.subject, work->task->limit, names);
        return outcome_release_subjects(work->outcome, names, n);
}

/* ----------------------------------------------------------------------------------------------------
 * changes */

static int read_entries(const Work *work, GalleryEntry **ret_entries, uint32_t *ret_n)
{
        _cleanup_(probe_set_deinit) ProbeSet scratch = PROBE_SET_INIT;
        _cleanup_(freep) GalleryEntry *entries = NULL;
        JobReader reader = job_read(work->task->job, work->task->n_job);
        JobEntry entry;
        uint32_t n = 0;

        entries = calloc(MAX_OF(reader.n_left, UINT32_C(1)), sizeof(GalleryEntry));
        int r = entries ? probe_set_init(&scratch, 1, work->task->shape.dimension) : -ENOMEM;
        while (r == 0 && job_next(&reader, &entry)) {
                r = probe_set_read(&scratch, 0, work->task, &entry, work->outcome);
                entries[n++] = (GalleryEntry){.subject = entry.subject, .vector = entry.vector};
        }
        if (r != 0)
                return r;
        *ret_entries = TAKE_PTR(entries);
        *ret_n = n;
        return 0;
}

/* What a change that was tried ends with. */
static int changed(const Work *work, const Gallery *gallery, int r, uint32_t n)
{
        switch (r) {
        case 0:
                work->outcome->message.count = n;
                work->outcome->message.gallery_epoch = gallery_epoch(gallery);
                return 0;
        case GALLERY_E_NO_SPACE:
                return outcome_no_space(work->outcome, work->task);
        case GALLERY_E_NO_SUBJECT:
                return no_subject(work);
        case GALLERY_E_DAMAGED:
                return outcome_damaged(work->outcome, work->task);
        default:
                return r;
        }
}

static int enrol(const Work *work)
{
        _cleanup_(freep) GalleryEntry *entries = NULL;
        Gallery *gallery = work->gallery;
        uint32_t n;

        int r = read_entries(work, &entries, &n);
        if (r != 0)
                return r;
        uint64_t n_stored = gallery ? gallery_n_templates(gallery) : 0;
        if (n > work->task->maximum || n_stored > work->task->maximum - n)
                return outcome_answer(work->outcome, "gallery-full", "gallery %s may hold %ju templates",
                                      work->task->gallery, (uintmax_t)work->task->maximum);
        if (is_stopped(work))
                return STOPPED;
        if (!gallery)
                r = galleries_create(work->tools->galleries, work->task->gallery, &work->task->shape,
                                     &gallery);
        if (r == 0)
                r = gallery_add(gallery, entries, n);
        return changed(work, gallery, r, n);
}

static int remove_subject(const Work *work)
{
        JobEntry entry = task_entry(work->task);
        uint32_t n = 0;

        if (!work->gallery)
                return no_subject(work);
        if (is_stopped(work))
                return STOPPED;
        int r = gallery_remove(work->gallery, entry.subject, &n);
        /* Searches that began before the removal have ended, because it waited for them; those since have seen nothing of what was removed. Whichever pass the
         * engine is at, none brings that to a device again. */
        if (r == 0) {
                Templates templates = gallery_templates(work->gallery);
                engine_sync(work->tools->engine, &templates);
        }
        return changed(work, work->gallery, r, n);
}

/* ---------------------------------------------------------------------------------------------------
 * dispatch */

static const struct {
        int (*run)(const Work *work); /* NULL: it takes a pass */
        bool reads;                   /* with the gallery held; else it changes it, and nobody else does */
} operations[_TASK_OPERATION_MAX] = {
        [TASK_IDENTIFY] = {NULL, true}, [TASK_IDENTIFY_STORED] = {NULL, true},
        [TASK_VERIFY] = {verify, true}, [TASK_COMPARE] = {compare, true},
        [TASK_ENROL] = {enrol, false},  [TASK_REMOVE] = {remove_subject, false},
        [TASK_LIST] = {list, true},
};

static int run_one(const OperationTools *tools, Operation *operation)
{
        const Task *task = operation->task;
        Work work = {.tools = tools, .operation = operation, .task = task, .outcome = &operation->outcome};

        if (is_stopped(&work)) {
                operation->end = OPERATION_STOPPED;
                return 0;
        }
        if (task->gallery)
                work.gallery = galleries_find(tools->galleries, task->gallery);
        bool holds = work.gallery && operations[task->operation].reads;
        if (holds)
                gallery_hold(work.gallery);
        int r = outcome_take_gallery(work.outcome, task, work.gallery);
        if (r == 0)
                r = operations[task->operation].run(&work);
        if (holds)
                gallery_release(work.gallery);
        if (r == STOPPED)
                operation->end = OPERATION_STOPPED;
        return r == STOPPED || r == OUTCOME_ANSWERED ? 0 : r;
}

int operation_run(const OperationTools *tools, Operation *run, size_t n)
{
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                run[i].end = OPERATION_ANSWERED;
                outcome_init(&run[i].outcome);
        }
        if (!operations[run[0].task->operation].run)
                return batch_run(tools, run, n);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = run_one(tools, &run[i]);
        return r;
}
