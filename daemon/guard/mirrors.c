/*
 * Mirrors, from the loop. Owns the mirror and the count of what was told of its losses. Run by the guard's
 * loop; never blocks, but at the very end.
 */

#include "guard/mirrors.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/timer.h"

#define MIRRORS_PAUSE_USEC      (60 * CLOCK_USEC_PER_SEC)
#define MIRRORS_CHECKPOINT_USEC (3600 * CLOCK_USEC_PER_SEC)

/* ------------------------------------------------------------------------------------------ what was lost */

static int loss_committed(Waiter *waiter, TrailEntry *entry)
{
        CONTAINER_OF(waiter, MirrorLoss, waiter)->n_telling = 0;
        return 0;
}

static int loss_failed(Waiter *waiter)
{
        MirrorLoss *loss = CONTAINER_OF(waiter, MirrorLoss, waiter);

        loss->n_told -= loss->n_telling;
        loss->n_telling = 0;
        return timer_arm(loss->pause, MIRRORS_PAUSE_USEC);
}

static int loss_record(MirrorLoss *loss, uint64_t n_lost)
{
        Recorder *recorder = &loss->guard->recorder;
        LeafMirror mirror = {.to = mirror_name(loss->to), .lost = n_lost};
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        draft_begin(&draft, &recorder->ledger, &now, "mirror");
        leaf_mirror(&mirror, &draft);
        r = recorder_append(recorder, &draft, &loss->waiter);
        if (r != 0)
                /* What cannot be told now is told with the next one. */
                return r < 0 ? r : 0;
        loss->n_telling = n_lost;
        loss->n_told += n_lost;
        return 0;
}

/* Tells of what was lost since, unless a leaf about it is under way already. Return: 0 or -errno. */
static int loss_tell(MirrorLoss *loss)
{
        Mirrors *mirrors = &loss->guard->mirrors;
        const MirrorCounts counts = mirror_counts(mirrors->mirror, loss->to);

        if (counts.lost == loss->n_told || loss->n_telling > 0 || loss->guard->stopped)
                return 0;
        diag(DIAG_WARNING, "The mirror to %s lost %llu records: %s.", mirror_name(loss->to),
             (unsigned long long)(counts.lost - loss->n_told), strerror(counts.error));
        int r = loss_record(loss, counts.lost - loss->n_told);
        return r < 0 ? r : timer_arm(loss->pause, MIRRORS_PAUSE_USEC);
}

static int loss_on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        return loss_tell(userdata);
}

static int mirrors_on_loss(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Mirrors *mirrors = userdata;
        eventfd_t count;

        (void)eventfd_read(fd, &count); /* Only that it was written matters. */
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++) {
                MirrorLoss *loss = &mirrors->losses[to];
                int r = timer_is_armed(loss->pause) ? 0 : loss_tell(loss);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mirrors_flush(Mirrors *mirrors)
{
        int r = 0;

        for (MirrorTo to = 0; to < _MIRROR_TO_MAX && r == 0; to++)
                r = loss_tell(&mirrors->losses[to]);
        return r;
}

/* --------------------------------------------------------------------------------------- what they are told */

static void mirrors_tell_checkpoint(Mirrors *mirrors, const TrailCommit *commit)
{
        const MirrorItem item = {.kind = MIRROR_CHECKPOINT, .bytes = commit->note, .n = strlen(commit->note)};

        mirror_tell(mirrors->mirror, &item);
}

/* After the first commit of a run, after those that end an epoch or the run, and once an hour. */
static bool mirrors_wants_checkpoint(Mirrors *mirrors, const ClockReading *now, bool is_end)
{
        if (mirrors->has_checkpoint && !is_end &&
            now->boottime_usec - mirrors->checkpoint_usec < MIRRORS_CHECKPOINT_USEC)
                return false;
        mirrors->has_checkpoint = true;
        mirrors->checkpoint_usec = now->boottime_usec;
        return true;
}

int mirrors_commit(Mirrors *mirrors, const TrailCommit *commit, const TrailEntry *first)
{
        bool is_end = false;
        ClockReading now;

        for (const TrailEntry *entry = first; entry; entry = entry->next) {
                const MirrorItem item = {.kind = MIRROR_LEAF,
                                         .leaf_kind = entry->kind,
                                         .bytes = entry->leaf,
                                         .n = entry->n_leaf};
                mirror_tell(mirrors->mirror, &item);
                is_end = is_end || strcmp(entry->kind, "epoch") == 0 || strcmp(entry->kind, "stop") == 0;
        }
        int r = clock_read(&now);
        if (r < 0)
                return r;
        if (mirrors_wants_checkpoint(mirrors, &now, is_end))
                mirrors_tell_checkpoint(mirrors, commit);
        return 0;
}

void mirrors_fault(Mirrors *mirrors, const char *what)
{
        const MirrorItem item = {.kind = MIRROR_FAULT, .bytes = what, .n = strlen(what)};

        mirror_tell(mirrors->mirror, &item);
}

/* ----------------------------------------------------------------------------------------- life and death */

int mirrors_init(Mirrors *mirrors, Guard *guard)
{
        *mirrors = (Mirrors){.guard = guard};
        int r = mirror_new(&mirrors->mirror);
        if (r < 0)
                return r;
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++) {
                MirrorLoss *loss = &mirrors->losses[to];
                *loss = (MirrorLoss){.guard = guard,
                                     .to = to,
                                     .waiter = {.committed = loss_committed, .failed = loss_failed}};
                r = timer_new(guard->event, &loss->pause, loss_on_pause_over, loss);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_io(guard->event, &mirrors->source, mirror_event_fd(mirrors->mirror), EPOLLIN,
                            mirrors_on_loss, mirrors);
        return r < 0 ? r : sd_event_source_set_exit_on_failure(mirrors->source, true);
}

void mirrors_deinit(Mirrors *mirrors)
{
        if (!mirrors->guard)
                return;
        mirrors->source = sd_event_source_disable_unref(mirrors->source);
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++)
                mirrors->losses[to].pause = sd_event_source_disable_unref(mirrors->losses[to].pause);
        mirrors->mirror = mirror_free(mirrors->mirror);
        mirrors->guard = NULL;
}
