/*
 * A pass. What is found damaged on the way says nothing about anybody any more: all that were not answered before are told so.
 */

#include "worker/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/probes.h"

typedef struct Place {
        Operation *operation;
        ProbeSet set;
        size_t next_row; /* of its first probe that did not fit */
        Hit *hits;
} Place;

typedef struct Batch {
        const OperationTools *tools;
        Gallery *gallery; /* held; NULL: there is none */
        size_t most;      /* probes */
        size_t n;
        size_t n_probes;
        Search *searches; /* as search_run() wants them; places[] has the rest */
        Place *places;
} Batch;

/* Above the named endings of what is called here. */
enum { BATCH_NOT_BEGUN = OUTCOME_ANSWERED + 1, BATCH_DAMAGED, BATCH_STOPPED };

void operation_state_deinit(OperationState *state)
{
        free(state->hits);
        *state = OPERATION_STATE_INIT;
}

static void batch_free(Batch *batch)
{
        for (size_t i = 0; i < batch->n; i++) {
                probe_set_deinit(&batch->places[i].set);
                free(batch->places[i].hits);
        }
        free(batch->searches);
        free(batch->places);
        free(batch);
}
DEFINE_CLEANUP(Batch *, batch_free);

/* Room for @n searches. Return: NULL: out of memory. */
static Batch *batch_new(const OperationTools *tools, size_t n)
{
        _cleanup_(batch_freep) Batch *batch = calloc(1, sizeof(Batch));
        if (!batch)
                return NULL;
        batch->tools = tools;
        batch->most = engine_batch(tools->engine);
        batch->searches = calloc(n, sizeof(Search));
        batch->places = calloc(n, sizeof(Place));
        return batch->searches && batch->places ? TAKE_PTR(batch) : NULL;
}

/* --------------------------------------------------------------------------------------- what is searched for */

static int prepare_brought(const Batch *batch, Place *place)
{
        Operation *operation = place->operation;
        const Task *task = operation->task;
        JobEntry entry = task_entry(task);

        if (batch->n_probes == batch->most)
                return BATCH_NOT_BEGUN;
        int r = probe_set_init(&place->set, 1, task->shape.dimension);
        return r < 0 ? r : probe_set_read(&place->set, 0, task, &entry, &operation->outcome);
}

/* The row of its next probe. What it has found in another epoch counts no more, nor what it knows by other numbers of rows: a removal is there to be
 * searched before its compaction is. */
static size_t find_row(const Batch *batch, const Operation *operation, uint32_t subject)
{
        OperationState *state = operation->state;

        if (state->hits && state->epoch == gallery_epoch(batch->gallery) &&
            state->numbering == gallery_numbering(batch->gallery))
                return state->row;
        operation_state_deinit(state);
        return gallery_first_row(batch->gallery, subject);
}

static int prepare_stored(const Batch *batch, Place *place, uint32_t *ret_subject)
{
        Operation *operation = place->operation;
        JobEntry entry = task_entry(operation->task);

        if (!batch->gallery || !gallery_find(batch->gallery, entry.subject, ret_subject))
                return outcome_answer(&operation->outcome, "no-subject", "%s", "");
        size_t room = MIN_OF(batch->most / BATCH_SHARES, batch->most - batch->n_probes);
        if (room == 0)
                return BATCH_NOT_BEGUN;
        int r = probe_set_init(&place->set, room, operation->task->shape.dimension);
        if (r < 0)
                return r;
        r = probe_set_stored(&place->set, batch->gallery, find_row(batch, operation, *ret_subject),
                             &place->next_row);
        return r == PROBE_SET_E_DAMAGED ? BATCH_DAMAGED : r;
}

/* Makes a search of an operation. Return: 0, OUTCOME_ANSWERED, one of the above, or -errno. */
static int prepare(Batch *batch, Place *place, Search *search)
{
        Operation *operation = place->operation;
        const Task *task = operation->task;
        uint32_t but = SUBJECTS_NONE;

        if (operation->stop && atomic_load(operation->stop) != 0)
                return BATCH_STOPPED;
        int r = outcome_take_gallery(&operation->outcome, task, batch->gallery);
        if (r == 0)
                r = task->operation == TASK_IDENTIFY ? prepare_brought(batch, place)
                                                     : prepare_stored(batch, place, &but);
        if (r != 0)
                return r;
        place->hits = calloc(task->limit, sizeof(Hit));
        if (!place->hits)
                return -ENOMEM;
        *search = (Search){.probes = {place->set.vectors, place->set.squares, place->set.n},
                           .consolidated = task->shape.consolidated,
                           .but = but,
                           .floor = task->floor,
                           .k = task->limit,
                           .stop = operation->stop,
                           .ret_hits = place->hits};
        return 0;
}

/* Gives an operation its place in the pass, if it needs one. Return: 0, BATCH_NOT_BEGUN, BATCH_DAMAGED, or -errno. */
static int add(Batch *batch, Operation *operation)
{
        Place *place = &batch->places[batch->n];
        Search *search = &batch->searches[batch->n];

        *place = (Place){.operation = operation, .next_row = GALLERY_NO_ROW};
        int r = prepare(batch, place, search);
        if (r == 0 && batch->gallery) {
                batch->n++;
                batch->n_probes += search->probes.n;
                return 0;
        }
        /* Answered, also where there is no gallery: nothing was found in it. */
        probe_set_deinit(&place->set);
        free(place->hits);
        if (r == BATCH_STOPPED)
                operation->end = OPERATION_STOPPED;
        return r == OUTCOME_ANSWERED || r == BATCH_STOPPED ? 0 : r;
}

static int fill(Batch *batch, Operation *operations, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int r = add(batch, &operations[i]);
                if (r == BATCH_NOT_BEGUN) {
                        for (; i < n; i++)
                                operations[i].end = OPERATION_NOT_BEGUN;
                        return 0;
                }
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------ what was found */

static int by_rank(const void *a, const void *b)
{
        const Hit *left = a, *right = b;

        if (left->similarity != right->similarity)
                return left->similarity > right->similarity ? -1 : 1;
        int order = strcmp(left->subject, right->subject);
        if (order != 0)
                return order;
        return left->row < right->row ? -1 : left->row > right->row;
}

/* Whether a hit stands for the same as a better one: of a subject where there is one a subject, else of a template. */
static bool is_known(const Search *search, const Hit *hits, size_t n, const Hit *hit)
{
        for (size_t i = 0; i < n; i++)
                if (search->consolidated ? strcmp(hits[i].subject, hit->subject) == 0
                                         : hits[i].row == hit->row)
                        return true;
        return false;
}

/*
 * Adds what the earlier turns have found. The best of all probes are among the best of each part of them: who is before a hit in its part is
 * before it in the whole, by the same or a better similarity.
 */
static int merge(const Batch *batch, const Place *place, Search *search)
{
        const OperationState *state = place->operation->state;
        const Templates templates = gallery_templates(batch->gallery);
        size_t n = search->n_hits + state->n_hits;
        _cleanup_(freep) Hit *hits = calloc(MAX_OF(n, (size_t)1), sizeof(Hit));

        if (!hits)
                return -ENOMEM;
        memcpy(hits, search->ret_hits, search->n_hits * sizeof(Hit));
        for (size_t i = 0; i < state->n_hits; i++) {
                size_t row = state->hits[i].row;
                hits[search->n_hits + i] =
                        (Hit){.similarity = state->hits[i].similarity,
                              .subject = gallery_subject(batch->gallery, templates.subjects[row]),
                              .row = row};
        }
        qsort(hits, n, sizeof(Hit), by_rank);
        search->n_hits = 0;
        for (size_t i = 0; i < n && search->n_hits < search->k; i++)
                if (!is_known(search, search->ret_hits, search->n_hits, &hits[i]))
                        search->ret_hits[search->n_hits++] = hits[i];
        return 0;
}

/* Keeps what was found until the next turn. */
static int keep(const Batch *batch, const Place *place, const Search *search)
{
        OperationState *state = place->operation->state;

        EngineHit *hits = calloc(search->k, sizeof(EngineHit));
        if (!hits)
                return -ENOMEM;
        for (size_t i = 0; i < search->n_hits; i++)
                hits[i] = (EngineHit){search->ret_hits[i].similarity, search->ret_hits[i].row};
        operation_state_deinit(state);
        *state = (OperationState){.epoch = gallery_epoch(batch->gallery),
                                  .numbering = gallery_numbering(batch->gallery),
                                  .row = place->next_row,
                                  .hits = hits,
                                  .n_hits = search->n_hits};
        place->operation->end = OPERATION_TO_GO_ON;
        return 0;
}

static int finish(const Batch *batch, const Place *place, Search *search)
{
        Operation *operation = place->operation;
        int r = 0;

        if (search->result == ENGINE_E_STOPPED) {
                operation->end = OPERATION_STOPPED;
                return 0;
        }
        if (operation->state->n_hits > 0)
                r = merge(batch, place, search);
        if (r == 0 && place->next_row != GALLERY_NO_ROW)
                return keep(batch, place, search);
        operation->outcome.message.searched = search->searched;
        /* Of its last turn: where a device failed between two, the first of them were still its own. */
        operation->outcome.message.engine = search->engine;
        return r < 0 ? r
                     : outcome_release_hits(&operation->outcome, operation->task, search->ret_hits,
                                            search->n_hits);
}

/* ------------------------------------------------------------------------------------------------ altogether */

/* Everybody who was in it, or was to be: the next who asks would hear nothing else. */
static void tell_damage(Batch *batch, Operation *operations, size_t n)
{
        gallery_found_damaged(batch->gallery);
        for (size_t i = 0; i < n; i++) {
                outcome_deinit(&operations[i].outcome);
                outcome_init(&operations[i].outcome);
                operations[i].end = OPERATION_ANSWERED;
                (void)outcome_damaged(&operations[i].outcome, operations[i].task); /* That is its answer. */
        }
}

static int run_held(Batch *batch, Operation *operations, size_t n)
{
        int r = fill(batch, operations, n);

        if (r == 0 && batch->n > 0)
                r = search_run(batch->tools->engine, batch->gallery, batch->searches, batch->n);
        if (r == BATCH_DAMAGED || r == ENGINE_E_DAMAGED) {
                tell_damage(batch, operations, n);
                return 0;
        }
        for (size_t i = 0; r == 0 && i < batch->n; i++)
                r = finish(batch, &batch->places[i], &batch->searches[i]);
        return r;
}

int batch_run(const OperationTools *tools, Operation *operations, size_t n)
{
        _cleanup_(batch_freep) Batch *batch = batch_new(tools, n);
        if (!batch)
                return -ENOMEM;
        batch->gallery = galleries_find(tools->galleries, operations[0].task->gallery);
        if (!batch->gallery)
                return run_held(batch, operations, n);
        gallery_hold(batch->gallery);
        int r = run_held(batch, operations, n);
        gallery_release(batch->gallery);
        return r;
}
