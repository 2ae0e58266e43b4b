/*
 * Details that are held: which ones are meant, their opening, and that erased ones are gone from every file.
 * Owns a step of each until the loop has heard of it. The work is done in the trail's thread, a step between
 * two commits; what is selected is erased by a leaf of its own (TrailEntry.erases), in its transaction.
 *
 * A decision and its outcome stand together: whoever opens or erases one means the request.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/macro.h"
#include "base/text.h"
#include "trail/task.h"
#include "wire/leaf.h"

enum {
        DETAILS_STEP_ROWS = 512,
        DETAILS_STEP_BYTES = 1024 * 1024, /* of details looked into, by subject */
        DETAILS_SUBJECT_SIZE = TEXT_BASE64_SIZE(64),
};

/* ---------------------------------------------------------------------------------------- the log's leaves */

/* One leaf as far as it matters here. */
typedef struct DetailsLeaf {
        bool commits;                          /* to a detail */
        char request[2 * REQUEST_ID_SIZE + 1]; /* of a decision; else "" */
        bool has_of;                           /* an outcome */
        uint64_t of;
        uint64_t time_usec;
} DetailsLeaf;

static int details_on_leaf(const StoreRow *row, void *userdata)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        DetailsLeaf *found = userdata;

        int r = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        const char *request = leaf_is(&leaf, "kind", "request") ? leaf_text(&leaf, "request") : NULL;
        *found = (DetailsLeaf){.commits = leaf_text(&leaf, "detail")};
        (void)snprintf(found->request, sizeof(found->request), "%s", request ? request : "");
        found->has_of = leaf_is(&leaf, "kind", "outcome") && leaf_number(&leaf, "of", &found->of);
        return leaf_number(&leaf, "time", &found->time_usec) ? 0 : -EBADMSG;
}

static int details_on_number(const StoreRow *row, void *userdata)
{
        *(uint64_t *)userdata = row->number;
        return 0;
}

/* Where a request's decision stands. Return: 0, STORE_E_NONE, or -errno. */
static int details_decision(Committer *committer, const uint8_t request[static REQUEST_ID_SIZE],
                            uint64_t *ret_index)
{
        uint64_t index = request_id_index(request);
        const StoreQuery query = {STORE_LEAVES, .first = index, .last = index};
        char text[2 * REQUEST_ID_SIZE + 1];
        DetailsLeaf leaf = {};

        text_hex(request, REQUEST_ID_SIZE, text);
        int r = committer_read(committer, &query, details_on_leaf, &leaf);
        if (r == 0 && strcmp(leaf.request, text) != 0)
                return STORE_E_NONE;
        *ret_index = index;
        return r;
}

/* What belongs together: a decision and its outcome, or a leaf of another kind alone. */
typedef struct DetailsPair {
        uint64_t leaves[MESSAGE_DETAILS_MAX]; /* the decision first; of them, those that commit to a detail */
        size_t n;
        uint64_t of; /* what stands for both */
} DetailsPair;

static int details_pair_add(Committer *committer, uint64_t index, DetailsPair *pair)
{
        const StoreQuery query = {STORE_LEAVES, .first = index, .last = index};
        DetailsLeaf leaf = {};

        int r = committer_read(committer, &query, details_on_leaf, &leaf);
        if (r == 0 && leaf.commits)
                pair->leaves[pair->n++] = index;
        return r;
}

/* Return: 0, STORE_E_NONE where there is no such leaf, or -errno. */
static int details_pair(Committer *committer, uint64_t index, DetailsPair *ret_pair)
{
        StoreQuery query = {STORE_LEAVES, .first = index, .last = index};
        DetailsPair pair = {};
        DetailsLeaf leaf = {};
        uint64_t outcome = 0;

        int r = committer_read(committer, &query, details_on_leaf, &leaf);
        if (r != 0)
                return r;
        pair.of = leaf.has_of ? leaf.of : index;
        r = details_pair_add(committer, pair.of, &pair);
        if (r != 0)
                return error_fold(r);
        query = (StoreQuery){STORE_OUTCOME, .first = pair.of};
        r = committer_read(committer, &query, details_on_number, &outcome);
        if (r == 0)
                r = error_fold(details_pair_add(committer, outcome, &pair));
        if (r < 0)
                return r;
        *ret_pair = pair;
        return 0;
}

/* ------------------------------------------------------------------------------------------------ selecting */

typedef struct Selecting {
        Task task;
        TrailSelection selection;
        char subject[DETAILS_SUBJECT_SIZE]; /* base64url, as details have it; "" for none */
        TrailSelectedHandler handler;
        void *userdata;
        uint64_t leaves[TRAIL_SELECTED_MAX];
        TrailSelected selected;

        /* Of this step. */
        uint64_t matches[DETAILS_STEP_ROWS];
        size_t n_matches;
        size_t n_rows, n_bytes;
} Selecting;

/* Whether a detail names the subject; one that cannot be read names nobody. */
static int details_name(const StoreRow *row, const char *subject, bool *ret_names)
{
        _cleanup_(leaf_deinit) Leaf detail = LEAF_INIT;
        size_t n_subject = strlen(subject), n;

        int r = leaf_parse(row->bytes, row->n, DETAIL_MAX, &detail);
        const char *subjects = r == 0 ? leaf_text(&detail, "subjects") : NULL;
        *ret_names = false;
        for (const char *word = subjects; word && *word; word += n + (word[n] == ' ')) {
                n = strcspn(word, " ");
                if (n == n_subject && memcmp(word, subject, n) == 0)
                        *ret_names = true;
        }
        return r < 0 ? r : 0;
}

/* Goes to the next row; a step ends after so many. */
static int selecting_passed(Selecting *selecting, const StoreRow *row)
{
        selecting->selected.next = row->number + 1;
        selecting->n_bytes += row->n;
        selecting->n_rows++;
        bool ends = selecting->n_rows == DETAILS_STEP_ROWS || selecting->n_bytes >= DETAILS_STEP_BYTES;
        selecting->selected.done = !ends;
        return ends ? 1 : 0;
}

static int selecting_on_detail(const StoreRow *row, void *userdata)
{
        Selecting *selecting = userdata;
        bool names = false;

        int r = details_name(row, selecting->subject, &names);
        if (r < 0)
                return r;
        if (names)
                selecting->matches[selecting->n_matches++] = row->number;
        /* Both of a request fit as long as there is room for another two. */
        r = selecting_passed(selecting, row);
        if (selecting->n_matches < TRAIL_SELECTED_MAX / MESSAGE_DETAILS_MAX)
                return r;
        selecting->selected.done = false;
        return 1;
}

static int selecting_on_old(const StoreRow *row, void *userdata)
{
        Selecting *selecting = userdata;
        DetailsLeaf leaf;

        int r = details_on_leaf(row, &leaf);
        if (r < 0)
                return r;
        /* `time` never decreases: all that follow are younger. */
        if (leaf.time_usec >= selecting->selection.before_usec)
                return 1;
        selecting->leaves[selecting->selected.n_leaves++] = row->number;
        return selecting_passed(selecting, row);
}

/* Adds those of a pair that are held. */
static int selecting_add(Selecting *selecting, Committer *committer, const DetailsPair *pair)
{
        TrailSelected *selected = &selecting->selected;

        for (size_t i = 0; i < pair->n; i++) {
                const StoreQuery query = {STORE_DETAILS, .first = pair->leaves[i], .last = pair->leaves[i]};
                uint64_t index;
                int r = committer_read(committer, &query, details_on_number, &index);
                if (r < 0)
                        return r;
                if (r == 0)
                        selecting->leaves[selected->n_leaves++] = index;
        }
        return 0;
}

typedef struct DetailsNaming {
        const char *subject;
        bool names;
} DetailsNaming;

static int details_on_naming(const StoreRow *row, void *userdata)
{
        DetailsNaming *naming = userdata;

        return details_name(row, naming->subject, &naming->names);
}

/* An outcome whose decision names the subject too came with that already. */
static int selecting_match(Selecting *selecting, Committer *committer, uint64_t index)
{
        DetailsPair pair;

        int r = details_pair(committer, index, &pair);
        if (r != 0)
                return error_fold(r);
        if (pair.of != index) {
                const StoreQuery query = {STORE_DETAILS, .first = pair.of, .last = pair.of};
                DetailsNaming naming = {.subject = selecting->subject};
                r = committer_read(committer, &query, details_on_naming, &naming);
                if (r < 0 || naming.names)
                        return r < 0 ? r : 0;
        }
        return selecting_add(selecting, committer, &pair);
}

/* Rows from where the last step ended. */
static int selecting_scan(Selecting *selecting, Committer *committer)
{
        const TrailSelection *selection = &selecting->selection;
        bool by_age = selection->of == DETAILS_BY_AGE;
        const StoreQuery query = {by_age ? STORE_DETAIL_LEAVES : STORE_DETAILS, .first = selection->first,
                                  .last = selection->end - 1};

        selecting->selected.done = true;
        if (selection->first >= selection->end)
                return 0;
        int r = committer_read(committer, &query, by_age ? selecting_on_old : selecting_on_detail, selecting);
        for (size_t i = 0; i < selecting->n_matches && r == 0; i++)
                r = selecting_match(selecting, committer, selecting->matches[i]);
        return r < 0 ? r : 0;
}

static int selecting_run(Task *task, Committer *committer)
{
        Selecting *selecting = CONTAINER_OF(task, Selecting, task);
        TrailSelected *selected = &selecting->selected;
        uint64_t index = selecting->selection.index;
        DetailsPair pair;
        int r = 0;

        if (selecting->selection.of == DETAILS_OF_SUBJECT || selecting->selection.of == DETAILS_BY_AGE)
                return selecting_scan(selecting, committer);
        selected->done = true;
        if (selecting->selection.of == DETAILS_OF_REQUEST)
                r = details_decision(committer, selecting->selection.request, &index);
        if (r == 0)
                r = details_pair(committer, index, &pair);
        if (r != 0)
                return r < 0 ? r : 0;
        selected->found = true;
        selected->of = pair.of;
        selected->n_commitments = pair.n;
        return selecting_add(selecting, committer, &pair);
}

static int selecting_tell(Task *task)
{
        Selecting *selecting = CONTAINER_OF(task, Selecting, task);

        selecting->selected.leaves = selecting->leaves;
        return selecting->handler(&selecting->selected, selecting->userdata);
}

static void selecting_release(Task *task)
{
        Selecting *selecting = CONTAINER_OF(task, Selecting, task);

        explicit_bzero(selecting->subject, sizeof(selecting->subject));
        free(selecting);
}

int trail_select(Trail *trail, const TrailSelection *selection, TrailSelectedHandler selected, void *userdata)
{
        Selecting *selecting = calloc(1, sizeof(*selecting));
        if (!selecting)
                return -ENOMEM;
        selecting->task = (Task){.run = selecting_run, .tell = selecting_tell, .release = selecting_release};
        selecting->selection = *selection;
        selecting->handler = selected;
        selecting->userdata = userdata;
        if (selection->of == DETAILS_OF_SUBJECT)
                (void)text_base64url(selection->subject, strlen(selection->subject), selecting->subject);
        return trail_submit(trail, &selecting->task);
}

/* -------------------------------------------------------------------------------------------------- opening */

/* One detail with its leaf. */
typedef struct OpenedDetail {
        Buffer leaf, proof, bytes;
        bool held;
        uint8_t salt[COMMITMENT_SALT_SIZE];
} OpenedDetail;

typedef struct DetailsOpening {
        Task task;
        uint64_t index;
        TrailOpenedHandler handler;
        void *userdata;
        size_t n;
        OpenedDetail opened[MESSAGE_DETAILS_MAX];
        DetailField fields[MESSAGE_DETAILS_MAX];
} DetailsOpening;

static int details_on_opening(const StoreRow *row, void *userdata)
{
        OpenedDetail *opened = userdata;

        opened->held = true;
        memcpy(opened->salt, row->salt, sizeof(opened->salt));
        buffer_append(&opened->bytes, row->bytes, row->n);
        return opened->bytes.failed ? -ENOMEM : 0;
}

static int details_open(Committer *committer, uint64_t index, OpenedDetail *opened)
{
        const StoreQuery query = {STORE_DETAILS, .first = index, .last = index};

        int r = committer_prove(committer, index, &opened->leaf, &opened->proof);
        if (r == 0)
                r = committer_read(committer, &query, details_on_opening, opened);
        return r < 0 ? r : 0;
}

static int opening_run_step(Task *task, Committer *committer)
{
        DetailsOpening *opening = CONTAINER_OF(task, DetailsOpening, task);
        DetailsPair pair;

        int r = details_pair(committer, opening->index, &pair);
        if (r != 0)
                return error_fold(r);
        for (; opening->n < pair.n && r == 0; opening->n++) {
                OpenedDetail *opened = &opening->opened[opening->n];
                r = details_open(committer, pair.leaves[opening->n], opened);
                if (r == 0)
                        opening->fields[opening->n] =
                                (DetailField){.index = pair.leaves[opening->n],
                                              .leaf = buffer_text(&opened->leaf),
                                              .proof = buffer_text(&opened->proof),
                                              .salt = opened->held ? opened->salt : NULL,
                                              .bytes = opened->held ? opened->bytes.data : NULL,
                                              .n_bytes = opened->bytes.n};
        }
        return r;
}

static int opening_tell(Task *task)
{
        DetailsOpening *opening = CONTAINER_OF(task, DetailsOpening, task);

        return opening->handler(opening->fields, opening->n, opening->userdata);
}

static void opening_release(Task *task)
{
        DetailsOpening *opening = CONTAINER_OF(task, DetailsOpening, task);

        for (size_t i = 0; i < ARRAY_SIZE(opening->opened); i++) {
                OpenedDetail *opened = &opening->opened[i];
                buffer_deinit(&opened->leaf);
                buffer_deinit(&opened->proof);
                buffer_deinit(&opened->bytes);
        }
        free(opening);
}

int trail_open_details(Trail *trail, uint64_t index, TrailOpenedHandler opened, void *userdata)
{
        DetailsOpening *opening = calloc(1, sizeof(*opening));
        if (!opening)
                return -ENOMEM;
        *opening = (DetailsOpening){
                .task = {.run = opening_run_step, .tell = opening_tell, .release = opening_release},
                .index = index,
                .handler = opened,
                .userdata = userdata};
        return trail_submit(trail, &opening->task);
}

/* ------------------------------------------------------------------------------------------------ scrubbing */

typedef struct Scrubbing {
        Task task;
        TrailScrubbedHandler handler;
        void *userdata;
        bool scrubbed;
} Scrubbing;

static int scrubbing_run(Task *task, Committer *committer)
{
        Scrubbing *scrubbing = CONTAINER_OF(task, Scrubbing, task);

        int r = committer_scrub(committer);
        scrubbing->scrubbed = r == 0;
        return r < 0 ? r : 0;
}

static int scrubbing_tell(Task *task)
{
        Scrubbing *scrubbing = CONTAINER_OF(task, Scrubbing, task);

        return scrubbing->handler(scrubbing->scrubbed, scrubbing->userdata);
}

static void scrubbing_release(Task *task)
{
        free(CONTAINER_OF(task, Scrubbing, task));
}

int trail_scrub(Trail *trail, TrailScrubbedHandler scrubbed, void *userdata)
{
        Scrubbing *scrubbing = calloc(1, sizeof(*scrubbing));
        if (!scrubbing)
                return -ENOMEM;
        *scrubbing = (Scrubbing){
                .task = {.run = scrubbing_run, .tell = scrubbing_tell, .release = scrubbing_release},
                .handler = scrubbed,
                .userdata = userdata};
        return trail_submit(trail, &scrubbing->task);
}
