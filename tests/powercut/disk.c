/* Playing a tape. */

#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

void disk_init(Disk *disk, const Tape *tape, const Lie *lie)
{
        *disk = (Disk){.tape = tape,
                       .lie = lie,
                       .durable = calloc(tape->n_nodes, sizeof(Image)),
                       .now = calloc(tape->n_nodes, sizeof(Image)),
                       .pending = calloc(tape->n_nodes, sizeof(Pending))};
        MUST(disk->durable && disk->now && disk->pending);
}

void disk_deinit(Disk *disk)
{
        for (unsigned i = 0; i < disk->tape->n_nodes; i++) {
                image_deinit(&disk->durable[i]);
                image_deinit(&disk->now[i]);
                free(disk->pending[i].ops);
        }
        free(disk->durable);
        free(disk->now);
        free(disk->pending);
        *disk = (Disk){};
}

static void pending_add(Pending *pending, size_t op)
{
        pending->ops = reallocarray(pending->ops, pending->n + 1, sizeof(*pending->ops));
        MUST(pending->ops);
        pending->ops[pending->n++] = op;
}

static void disk_sync(Disk *disk, unsigned node)
{
        Pending *pending = &disk->pending[node];
        const Lie *lie = disk->lie && disk->lie->sync == disk->at ? disk->lie : NULL;

        if (lie) {
                for (size_t i = 0; i < pending->n; i++)
                        if (!lie->whole && pending->ops[i] != lie->lost)
                                image_apply(&disk->durable[node], &disk->tape->ops[pending->ops[i]],
                                            disk->tape->ops[pending->ops[i]].n);
                image_copy(&disk->now[node], &disk->durable[node]);
        } else if (pending->n > 0)
                image_copy(&disk->durable[node], &disk->now[node]);
        pending->n = 0;
}

void disk_step(Disk *disk)
{
        const Op *op = &disk->tape->ops[disk->at];

        if (op_changes(op)) {
                image_apply(&disk->now[op->node], op, op->n);
                pending_add(&disk->pending[op->node], disk->at);
        }
        if (op->kind == OP_SYNC)
                disk_sync(disk, op->node);
        for (unsigned i = 0; op->kind == OP_SYNC_ALL && i < disk->tape->n_nodes; i++)
                disk_sync(disk, i);
        if (op->kind == OP_TOLD)
                disk->told = op->offset;
        disk->at++;
}

void disk_play(Disk *disk, size_t at)
{
        while (disk->at < at)
                disk_step(disk);
}

/* What disk_states() works on. */
typedef struct Cut {
        Disk *disk;
        State state;
        unsigned *open; /* nodes with changes that no sync covers */
        size_t n_open;
        StateHandler handler;
        void *userdata;
        size_t n_states;
} Cut;

static void cut_tell(Cut *cut)
{
        cut->n_states++;
        cut->handler(&cut->state, cut->userdata);
}

/* Of every open node all, or nothing. */
static void cut_set(Cut *cut, bool all)
{
        for (size_t i = 0; i < cut->n_open; i++)
                cut->state.images[cut->open[i]] =
                        all ? &cut->disk->now[cut->open[i]] : &cut->disk->durable[cut->open[i]];
}

__attribute__((format(printf, 2, 3))) static void cut_describe(Cut *cut, const char *format, ...)
{
        va_list arguments;
        int n = snprintf(cut->state.what, sizeof(cut->state.what), "cut after op %zu: ", cut->disk->at - 1);

        va_start(arguments, format);
        (void)vsnprintf(cut->state.what + n, sizeof(cut->state.what) - (size_t)n, format, arguments);
        va_end(arguments);
}

/* Every combination of all and nothing, where these are few; else the extremes, and one node against the
 * others. */
static void cut_combine(Cut *cut)
{
        enum { COMBINED = 4 };
        if (cut->n_open <= COMBINED) {
                for (unsigned which = 0; which < 1U << cut->n_open; which++) {
                        cut_describe(cut, "of %zu unsynced nodes these whole: %#x", cut->n_open, which);
                        for (size_t i = 0; i < cut->n_open; i++)
                                cut->state.images[cut->open[i]] = which >> i & 1
                                                                          ? &cut->disk->now[cut->open[i]]
                                                                          : &cut->disk->durable[cut->open[i]];
                        cut_tell(cut);
                }
                return;
        }
        for (int all = 0; all < 2; all++) {
                cut_set(cut, all);
                cut_describe(cut, "of %zu unsynced nodes %s", cut->n_open, all ? "all" : "none");
                cut_tell(cut);
                for (size_t i = 0; i < cut->n_open; i++) {
                        unsigned node = cut->open[i];
                        cut_set(cut, all);
                        cut->state.images[node] = all ? &cut->disk->durable[node] : &cut->disk->now[node];
                        cut_describe(cut, "of %zu unsynced nodes %s but node %u", cut->n_open,
                                     all ? "all" : "none", node);
                        cut_tell(cut);
                }
        }
}

/* One op of a node missing, or (kept > 0) torn; the others of that node as they are. */
static void cut_spoil(Cut *cut, unsigned node, size_t spoilt, size_t kept)
{
        const Pending *pending = &cut->disk->pending[node];
        const Tape *tape = cut->disk->tape;
        Image image = {};

        image_copy(&image, &cut->disk->durable[node]);
        for (size_t i = 0; i < pending->n; i++) {
                const Op *op = &tape->ops[pending->ops[i]];
                if (pending->ops[i] != spoilt)
                        image_apply(&image, op, op->n);
                else if (kept > 0)
                        image_apply(&image, op, kept);
        }
        for (int all = 0; all < (cut->n_open > 1 ? 2 : 1); all++) {
                cut_set(cut, all);
                cut->state.images[node] = &image;
                cut_describe(cut, "op %zu of node %u %s %zu bytes, other nodes %s", spoilt, node,
                             kept > 0 ? "torn after" : "missing,", kept, all ? "whole" : "as synced");
                cut_tell(cut);
        }
        image_deinit(&image);
}

/* A write torn wherever a sector of its file ends. */
static void cut_tear(Cut *cut, size_t number)
{
        const Op *op = &cut->disk->tape->ops[number];

        if (op->kind != OP_WRITE)
                return;
        for (size_t kept = DISK_SECTOR - op->offset % DISK_SECTOR; kept < op->n; kept += DISK_SECTOR)
                cut_spoil(cut, op->node, number, kept);
}

/* Whether the interval of a node ends here: what comes next is its sync. */
static bool cut_ends_interval(const Cut *cut, unsigned node)
{
        const Tape *tape = cut->disk->tape;
        if (cut->disk->at == tape->n_ops)
                return true;
        const Op *next = &tape->ops[cut->disk->at];
        return next->kind == OP_SYNC_ALL || (next->kind == OP_SYNC && next->node == node);
}

static void cut_spoil_each(Cut *cut, unsigned node)
{
        const Pending *pending = &cut->disk->pending[node];

        for (size_t i = 0; i < pending->n; i++) {
                cut_spoil(cut, node, pending->ops[i], 0);
                cut_tear(cut, pending->ops[i]);
        }
}

static void cut_init(Cut *cut, Disk *disk)
{
        unsigned n_nodes = disk->tape->n_nodes;

        cut->disk = disk;
        cut->state.tape = disk->tape;
        cut->state.told = disk->told;
        MUST(cut->state.images = calloc(n_nodes, sizeof(Image *)));
        MUST(cut->open = calloc(n_nodes, sizeof(unsigned)));
        for (unsigned node = 0; node < n_nodes; node++) {
                cut->state.images[node] = &disk->now[node];
                if (disk->pending[node].n > 0)
                        cut->open[cut->n_open++] = node;
        }
}

static void cut_deinit(Cut *cut)
{
        free(cut->state.images);
        free(cut->open);
}

size_t disk_states(Disk *disk, DiskDepth depth, StateHandler handler, void *userdata)
{
        Cut cut = {.handler = handler, .userdata = userdata};

        MUST(disk->at > 0);
        cut_init(&cut, disk);
        cut_combine(&cut);
        if (op_changes(&disk->tape->ops[disk->at - 1]))
                cut_tear(&cut, disk->at - 1);
        for (size_t i = 0; depth != DISK_WHOLE && i < cut.n_open; i++)
                if (depth == DISK_ALL || cut_ends_interval(&cut, cut.open[i]))
                        cut_spoil_each(&cut, cut.open[i]);
        cut_deinit(&cut);
        return cut.n_states;
}

void disk_state_now(Disk *disk, StateHandler handler, void *userdata)
{
        Cut cut = {.handler = handler, .userdata = userdata};

        cut_init(&cut, disk);
        cut_describe(&cut, "everything that was done");
        cut_tell(&cut);
        cut_deinit(&cut);
}

void disk_state_synced(Disk *disk, StateHandler handler, void *userdata)
{
        Cut cut = {.handler = handler, .userdata = userdata};

        cut_init(&cut, disk);
        cut_set(&cut, false);
        cut_describe(&cut, "what was synced");
        cut_tell(&cut);
        cut_deinit(&cut);
}
