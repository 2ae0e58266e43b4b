/*
 * Batches become durable. Order within one: leaves into tree and transaction; tiles; root; signatures; COMMIT;
 * where it ended an epoch, that epoch's key is destroyed; only then receipts, the export's copy and the commit
 * that the loop will see. Runs in the trail's thread.
 */

#include "trail/committer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "log/proof.h"
#include "trail/ballast.h"
#include "trail/receipt-make.h"
#include "wire/leaf.h"

struct Committer {
        Store *store;
        Nodes *nodes;
        NoteSigner *signer;
        EpochKey *epoch_key;
        Export *export;
        int trail_fd;
        const char *trail_path;
        StoreHead head;
        bool no_room;         /* since the last COMMITTER_E_FULL */
        uint64_t oldest_usec; /* `time` of the oldest leaf whose detail is held; 0: not known, or none */

        /* Of the batch at hand; kept so that memory is reused. */
        Digest hashes[NODES_TRUNCATE_MAX];
        PublisherLeaf leaves[NODES_TRUNCATE_MAX];
        size_t n_leaves;
};

int committer_new(Committer **ret_committer, const CommitterParts *parts)
{
        Committer *committer = calloc(1, sizeof(*committer));
        if (!committer)
                return -ENOMEM;
        committer->store = parts->store;
        committer->nodes = parts->nodes;
        committer->signer = parts->signer;
        committer->epoch_key = parts->epoch_key;
        committer->export = parts->export;
        committer->trail_fd = parts->trail_fd;
        committer->trail_path = parts->trail_path;
        committer->head = parts->head;
        *ret_committer = committer;
        return 0;
}

Committer *committer_free(Committer *committer)
{
        if (!committer)
                return NULL;
        nodes_free(committer->nodes);
        store_close(committer->store);
        note_signer_free(committer->signer);
        epoch_key_free(committer->epoch_key);
        store_head_deinit(&committer->head);
        free(committer);
        return NULL;
}

Commit *commit_free(Commit *commit)
{
        if (commit) {
                buffer_deinit(&commit->note);
                free(commit);
        }
        return NULL;
}

/* Leaves into the tree and the transaction; into `commit` what the last one says, and what is held after it. */
static int committer_append(Committer *committer, const Batch *batch, Commit *commit)
{
        committer->n_leaves = 0;
        for (const TrailEntry *entry = batch->first; entry; entry = entry->next) {
                size_t i = committer->n_leaves++;
                Digest *hash = &committer->hashes[i];
                tree_leaf_hash(entry->leaf, entry->n_leaf, hash);
                committer->leaves[i] =
                        (PublisherLeaf){.bytes = entry->leaf, .n = entry->n_leaf, .hash = hash};
                nodes_append(committer->nodes, hash);
                commit->state = entry->state;
                commit->held.n += entry->has_detail ? 1 : 0;
                commit->held.n -= entry->n_erases;
                int r = store_append(committer->store, entry);
                if (r != 0)
                        return r;
        }
        return 0;
}

static bool committer_ends_epoch(const Committer *committer, const Commit *commit)
{
        return commit->state.epoch != committer->head.state.epoch;
}

/* Tiles, head and COMMIT. `commit` gets size, root and note, which nobody may see before this returns 0. */
static int committer_seal(Committer *committer, Commit *commit)
{
        const StoreTile *tiles = NULL;
        size_t n_tiles = 0;

        commit->head.size = nodes_size(committer->nodes);
        nodes_root(committer->nodes, &commit->head.root);
        note_sign(committer->signer, &commit->head, &commit->note);
        note_cosign(epoch_key_signer(committer->epoch_key), &commit->note);
        if (commit->note.failed)
                return -ENOMEM;
        int r = nodes_tiles(committer->nodes, committer->head.size, &tiles, &n_tiles);
        if (r < 0)
                return r;
        const StoreHead head = {.size = commit->head.size,
                                .state = commit->state,
                                .n_details = commit->held.n,
                                .origin = committer->head.origin,
                                .epoch0 = committer->head.epoch0,
                                .note = (char *)commit->note.data};
        const StoreBatch sealed = {.head = &head,
                                   .tiles = tiles,
                                   .n_tiles = n_tiles,
                                   .ends_epoch = committer_ends_epoch(committer, commit)};
        return store_commit(committer->store, &sealed);
}

/* What comes right behind a COMMIT that has returned: nobody may sign any more for an epoch that it ended. */
static int committer_turn(Committer *committer, Commit *commit)
{
        int r = committer_ends_epoch(committer, commit) ? epoch_key_turn(committer->epoch_key) : 0;

        memcpy(commit->next_epoch_key, epoch_key_next(committer->epoch_key), NOTE_PUBLIC_KEY_SIZE);
        return r;
}

static int committer_receipt(Committer *committer, const Commit *commit, TrailEntry *entry)
{
        const NodeSource source = nodes_source(committer->nodes);
        Path path;

        if (entry->wants_path) {
                int r = tree_inclusion(&source, commit->head.size, entry->index, &path);
                if (r < 0)
                        return r;
        }
        const ReceiptFacts facts = {.origin = committer->head.origin,
                                    .index = entry->index,
                                    .tree_size = commit->head.size,
                                    .leaf = entry->leaf,
                                    .n_leaf = entry->n_leaf,
                                    .path = entry->wants_path ? &path : NULL};
        entry->receipt = receipt_new(&facts);
        return entry->receipt ? 0 : -ENOMEM;
}

/* Of the first row that is held, and of no other. */
static int committer_on_oldest(const StoreRow *row, void *userdata)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        int r = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf);
        if (r < 0)
                return r;
        /* Only for the status: what cannot be told is left out there. */
        if (r == 0)
                (void)leaf_number(&leaf, "time", userdata);
        return 1;
}

int committer_held(Committer *committer, TrailHeld *ret_held)
{
        const StoreQuery query = {STORE_DETAIL_LEAVES, .first = 0, .last = INT64_MAX};

        if (committer->head.n_details > 0 && committer->oldest_usec == 0) {
                int r = store_read(committer->store, &query, committer_on_oldest, &committer->oldest_usec);
                if (r < 0)
                        return r;
        }
        *ret_held = (TrailHeld){.n = committer->head.n_details, .oldest_usec = committer->oldest_usec};
        return 0;
}

/* The oldest changes only where something was erased. */
static int committer_tell_held(Committer *committer, const Batch *batch, Commit *commit)
{
        for (const TrailEntry *entry = batch->first; entry; entry = entry->next)
                if (entry->n_erases > 0)
                        committer->oldest_usec = 0;
        return committer_held(committer, &commit->held);
}

/* All that follows from a COMMIT that has returned. */
static int committer_reveal(Committer *committer, const Batch *batch, Commit *commit)
{
        const NodeSource source = nodes_source(committer->nodes);
        bool has_permit = false;
        int r = 0;

        for (TrailEntry *entry = batch->first; entry && r == 0; entry = entry->next) {
                has_permit = has_permit || entry->role == TRAIL_PERMIT;
                r = committer_receipt(committer, commit, entry);
        }
        if (r == 0 && has_permit && batch->shows && batch->shows_from <= commit->head.size) {
                commit->has_consistency = true;
                commit->old_size = batch->shows_from;
                r = tree_consistency(&source, commit->old_size, commit->head.size, &commit->consistency);
        }
        const ExportCommit exported = {.leaves = committer->leaves,
                                       .n_leaves = committer->n_leaves,
                                       .note = buffer_text(&commit->note),
                                       .ends_epoch = committer_ends_epoch(committer, commit)};
        if (r == 0)
                r = export_feed(committer->export, &exported);
        if (r < 0)
                return r;
        char *note = strdup(buffer_text(&commit->note));
        if (!note)
                return -ENOMEM;
        free(committer->head.note);
        committer->head.note = note;
        committer->head.size = commit->head.size;
        committer->head.state = commit->state;
        committer->head.n_details = commit->held.n;
        return committer_tell_held(committer, batch, commit);
}

/* The store has rolled back; the tree follows, and the ballast makes room for what must be written. */
static int committer_roll_back(Committer *committer)
{
        if (!committer->no_room) {
                committer->no_room = true;
                export_pause(committer->export, true);
                ballast_drop(committer->trail_fd);
        }
        int r = nodes_truncate(committer->nodes, committer->head.size);
        return r < 0 ? r : COMMITTER_E_FULL;
}

int committer_commit(Committer *committer, const Batch *batch, Commit **ret_commit)
{
        _cleanup_(commit_freep) Commit *commit = calloc(1, sizeof(*commit));
        if (!commit)
                return -ENOMEM;
        commit->held.n = committer->head.n_details;
        int r = committer_append(committer, batch, commit);
        if (r == 0)
                r = committer_seal(committer, commit);
        if (r == STORE_E_FULL)
                return committer_roll_back(committer);
        if (r == 0)
                r = committer_turn(committer, commit);
        if (r == 0)
                r = committer_reveal(committer, batch, commit);
        if (r != 0)
                return error_fold(r);
        *ret_commit = TAKE_PTR(commit);
        return 0;
}

/* Whether there is room again, beside a new ballast. */
static bool committer_has_room(Committer *committer)
{
        if (committer->no_room && ballast_restore(committer->trail_fd) > 0) {
                committer->no_room = false;
                export_pause(committer->export, false);
        }
        return !committer->no_room;
}

TrailEntry *committer_refuses(Committer *committer, TrailEntry *first)
{
        TrailEntry *behind = first;

        if (committer_has_room(committer))
                return NULL;
        for (TrailEntry *entry = first; entry; entry = entry->next)
                if (entry->role == TRAIL_OUTCOME || entry->pressing)
                        behind = entry->next;
                else if (entry->role == TRAIL_PERMIT || entry->role == TRAIL_DENY)
                        break;
        return behind;
}

void committer_advice(const Committer *committer, char ret_text[static ROOM_TEXT_SIZE])
{
        room_tell(committer->trail_fd, committer->trail_path, store_full_errno(committer->store), ret_text);
}

int committer_rest(Committer *committer)
{
        /* A ballast that cannot be set aside now will be when there is room: nothing else depends on it. */
        if (!committer_has_room(committer))
                return 0;
        int r = committer_scrub(committer);
        return r == COMMITTER_E_FULL ? 0 : r;
}

int committer_scrub(Committer *committer)
{
        int r = store_commit(committer->store, NULL);
        return r == STORE_E_FULL ? COMMITTER_E_FULL : error_fold(r);
}

int committer_read(Committer *committer, const StoreQuery *query, StoreRowHandler handler, void *userdata)
{
        return store_read(committer->store, query, handler, userdata);
}

void finding_deinit(Finding *finding)
{
        buffer_deinit(&finding->decision);
        buffer_deinit(&finding->decision_proof);
        buffer_deinit(&finding->outcome);
        buffer_deinit(&finding->outcome_proof);
        *finding = (Finding){};
}

static int committer_on_number(const StoreRow *row, void *userdata)
{
        *(uint64_t *)userdata = row->number;
        return 0;
}

static int committer_on_bytes(const StoreRow *row, void *userdata)
{
        Buffer *bytes = userdata;
        buffer_append(bytes, row->bytes, row->n);
        return bytes->failed ? -ENOMEM : 0;
}

int committer_prove(Committer *committer, uint64_t index, Buffer *leaf, Buffer *proof)
{
        const StoreQuery query = {STORE_LEAVES, .first = index, .last = index};
        const NodeSource source = nodes_source(committer->nodes);
        Path path;

        int r = store_read(committer->store, &query, committer_on_bytes, leaf);
        if (r == 0)
                r = tree_inclusion(&source, committer->head.size, index, &path);
        if (r != 0)
                return error_fold(r);
        proof_write(index, &path, committer->head.note, proof);
        return proof->failed ? -ENOMEM : 0;
}

/* Whether a leaf is the decision of a request. */
static bool committer_decides(const Buffer *bytes, const uint8_t request[static REQUEST_ID_SIZE])
{
        char text[2 * REQUEST_ID_SIZE + 1];
        Leaf leaf = LEAF_INIT;

        text_hex(request, REQUEST_ID_SIZE, text);
        bool decides = leaf_parse(bytes->data, bytes->n, LEAF_MAX, &leaf) == 0 &&
                       leaf_is(&leaf, "kind", "request") && leaf_is(&leaf, "request", text);
        leaf_deinit(&leaf);
        return decides;
}

/* Whether a leaf is the outcome of a decision. One that is not was named by a row that was changed. */
static bool committer_is_outcome(const Buffer *bytes, uint64_t decision)
{
        Leaf leaf = LEAF_INIT;
        uint64_t of = 0;

        bool is = leaf_parse(bytes->data, bytes->n, LEAF_MAX, &leaf) == 0 &&
                  leaf_is(&leaf, "kind", "outcome") && leaf_number(&leaf, "of", &of) && of == decision;
        leaf_deinit(&leaf);
        return is;
}

int committer_find(Committer *committer, const uint8_t request[static REQUEST_ID_SIZE], Finding *ret_finding)
{
        _cleanup_(finding_deinit) Finding finding = {};
        uint64_t decision = request_id_index(request), outcome = 0;

        *ret_finding = (Finding){};
        if (decision >= committer->head.size)
                return 0;
        int r = committer_prove(committer, decision, &finding.decision, &finding.decision_proof);
        if (r < 0)
                return r;
        if (!committer_decides(&finding.decision, request))
                return 0;
        finding.found = true;
        const StoreQuery query = {STORE_OUTCOME, .first = decision};
        r = store_read(committer->store, &query, committer_on_number, &outcome);
        finding.has_outcome = r == 0;
        if (r == 0)
                r = committer_prove(committer, outcome, &finding.outcome, &finding.outcome_proof);
        if (r == 0 && finding.has_outcome && !committer_is_outcome(&finding.outcome, decision))
                r = -EBADMSG;
        if (r < 0)
                return r;
        *ret_finding = finding;
        finding = (Finding){};
        return 0;
}

static int committer_on_leaf(const StoreRow *row, void *userdata)
{
        const TrailScan *scan = userdata;
        return scan->leaf(row->number, row->bytes, row->n, scan->userdata) ? 0 : 1;
}

int committer_scan_back(Committer *committer, const TrailScan *scan)
{
        const StoreQuery query = {STORE_LEAVES_BACK, .first = 0, .last = committer->head.size - 1};

        if (committer->head.size == 0)
                return 0;
        int r = store_read(committer->store, &query, committer_on_leaf, (void *)scan);
        return error_fold(r);
}
