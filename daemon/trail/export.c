/*
 * The export's thread. Owns the publisher once started, and what waits for it. The trail's thread feeds;
 * whoever frees the export publishes the rest, after the thread has ended.
 *
 * No room is no failure: everything waits in memory and is tried again a second later, until the trail
 * refuses because too much waits. Any other failure ends the process.
 */

#include "trail/export.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "log/tile.h"
#include "trail/event.h"
#include "trail/fatal.h"
#include "trail/room.h"

/* Leaves on their way: entries as in a bundle, hashes beside them, the checkpoints that ended epochs (each with
 * a NUL behind it), and the checkpoint over the last. */
typedef struct Feed {
        Buffer entries;
        Buffer hashes;
        Buffer epochs;
        Buffer note;
} Feed;

struct Export {
        Publisher *publisher; /* the thread's while it runs */
        Feed taken;           /* likewise */
        const char *path;
        bool no_room; /* likewise: said so already */
        pthread_t thread;
        bool started;

        pthread_mutex_t lock;
        pthread_cond_t wake;
        Feed fed;   /* under the lock, as all of these */
        size_t lag; /* bytes of leaves that were fed and are not published */
        bool stopping;
        bool paused;
        char fault[ROOM_TEXT_SIZE]; /* why nothing is published; empty: nothing is wrong */

        _Atomic uint64_t published;
};

static void feed_clear(Feed *feed)
{
        buffer_clear(&feed->entries);
        buffer_clear(&feed->hashes);
        buffer_clear(&feed->epochs);
        buffer_clear(&feed->note);
}

static void feed_deinit(Feed *feed)
{
        buffer_deinit(&feed->entries);
        buffer_deinit(&feed->hashes);
        buffer_deinit(&feed->epochs);
        buffer_deinit(&feed->note);
}

int export_new(Export **ret_export, Publisher *publisher, const char *path)
{
        Export *export = calloc(1, sizeof(*export));
        if (!export)
                return -ENOMEM;
        pthread_condattr_t attributes;
        (void)pthread_condattr_init(&attributes); /* With glibc none of these fails. */
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&export->wake, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        (void)pthread_mutex_init(&export->lock, NULL);
        export->publisher = publisher;
        export->path = path;
        atomic_store(&export->published, publisher_size(publisher));
        *ret_export = export;
        return 0;
}

int export_feed(Export *export, const ExportCommit *commit)
{
        Feed *fed = &export->fed;

        pthread_mutex_lock(&export->lock);
        bool idle = fed->note.n == 0;
        for (size_t i = 0; i < commit->n_leaves; i++) {
                const PublisherLeaf *leaf = &commit->leaves[i];
                tile_entries_put(&fed->entries, leaf->bytes, leaf->n);
                buffer_append(&fed->hashes, leaf->hash->bytes, DIGEST_SIZE);
                export->lag += leaf->n;
        }
        if (commit->ends_epoch)
                buffer_append(&fed->epochs, commit->note, strlen(commit->note) + 1);
        buffer_clear(&fed->note);
        buffer_append_text(&fed->note, commit->note);
        bool failed = fed->entries.failed || fed->hashes.failed || fed->epochs.failed || fed->note.failed;
        if (idle)
                pthread_cond_signal(&export->wake);
        pthread_mutex_unlock(&export->lock);
        return failed ? -ENOMEM : 0;
}

bool export_lags(Export *export)
{
        pthread_mutex_lock(&export->lock);
        bool lags = export->lag > EXPORT_LAG_MAX;
        pthread_mutex_unlock(&export->lock);
        return lags;
}

uint64_t export_size(const Export *export)
{
        return atomic_load(&export->published);
}

char *export_fault(Export *export)
{
        pthread_mutex_lock(&export->lock);
        char *fault = *export->fault ? strdup(export->fault) : NULL;
        pthread_mutex_unlock(&export->lock);
        return fault;
}

void export_pause(Export *export, bool pause)
{
        pthread_mutex_lock(&export->lock);
        export->paused = pause;
        pthread_cond_signal(&export->wake);
        pthread_mutex_unlock(&export->lock);
}

/* Gives the publisher all that was taken. */
static int export_add(Export *export)
{
        const uint8_t *entries = export->taken.entries.data;
        size_t n_entries = export->taken.entries.n;
        const char *epochs = buffer_text(&export->taken.epochs);
        const char *epochs_end = epochs + export->taken.epochs.n;
        const Digest *hash = (const Digest *)export->taken.hashes.data;
        PublisherLeaf leaf;

        while (tile_entries_next(&entries, &n_entries, &leaf.bytes, &leaf.n)) {
                leaf.hash = hash++;
                int r = publisher_add(export->publisher, &leaf);
                if (r < 0)
                        return r;
        }
        for (; epochs < epochs_end; epochs += strlen(epochs) + 1) {
                int r = publisher_end_epoch(export->publisher, epochs);
                if (r < 0)
                        return r;
        }
        buffer_clear(&export->taken.entries);
        buffer_clear(&export->taken.hashes);
        buffer_clear(&export->taken.epochs);
        return 0;
}

/* Takes what was fed; `ret_lag` counts all that is going to be published. */
static void export_take(Export *export, size_t *ret_lag)
{
        pthread_mutex_lock(&export->lock);
        /* Where nothing was fed, the checkpoint that found no room stands for its next trial. */
        if (export->fed.note.n > 0) {
                Feed empty = export->taken;
                export->taken = export->fed;
                feed_clear(&empty);
                export->fed = empty;
        }
        *ret_lag = export->lag;
        pthread_mutex_unlock(&export->lock);
}

static void export_tell_room(Export *export, int r)
{
        char fault[ROOM_TEXT_SIZE] = "";
        bool no_room = r < 0;

        if (no_room)
                room_tell(publisher_folder(export->publisher), export->path, r, fault);
        pthread_mutex_lock(&export->lock);
        memcpy(export->fault, fault, sizeof(fault));
        pthread_mutex_unlock(&export->lock);
        if (no_room && !export->no_room)
                event_tell(EVENT_EXPORT_BEHIND, EVENT_FIELDS({"why", fault}),
                           "The published log falls behind until it can be written: %s.", fault);
        if (!no_room && export->no_room)
                event_tell(EVENT_EXPORT_CAUGHT_UP, EVENT_NO_FIELDS, "The published log has caught up.");
        export->no_room = no_room;
}

/* Publishes all there is. */
static void export_work(Export *export)
{
        size_t lag = 0;

        export_take(export, &lag);
        int r = export_add(export);
        if (r == 0)
                r = publisher_publish(export->publisher, buffer_text(&export->taken.note));
        if (r < 0 && !fatal_spares(r))
                fatal_storage("writing the export", export->path, r);
        export_tell_room(export, r);
        if (r < 0)
                return;
        buffer_clear(&export->taken.note);
        atomic_store(&export->published, publisher_size(export->publisher));
        pthread_mutex_lock(&export->lock);
        export->lag -= lag;
        pthread_mutex_unlock(&export->lock);
}

static bool export_has_work(const Export *export)
{
        return export->fed.note.n > 0 || export->taken.note.n > 0;
}

/* Waits for work, until `not_before` at the least. Return: whether to go on. */
static bool export_wait(Export *export, const struct timespec *not_before)
{
        pthread_mutex_lock(&export->lock);
        int r = 0;
        while (!export->stopping && r != ETIMEDOUT)
                r = pthread_cond_timedwait(&export->wake, &export->lock, not_before);
        while (!export->stopping && (export->paused || !export_has_work(export)))
                pthread_cond_wait(&export->wake, &export->lock);
        bool go_on = !export->stopping;
        pthread_mutex_unlock(&export->lock);
        return go_on;
}

static void *export_run(void *userdata)
{
        Export *export = userdata;
        struct timespec next = {};

        (void)pthread_setname_np(pthread_self(), "export"); /* For ps and top; the name fits. */
        while (export_wait(export, &next)) {
                (void)clock_gettime(CLOCK_MONOTONIC, &next); /* This clock always exists. */
                next.tv_sec++;
                export_work(export);
        }
        return NULL;
}

int export_start(Export *export)
{
        int r = pthread_create(&export->thread, NULL, export_run, export);
        export->started = r == 0;
        return -r;
}

Export *export_free(Export *export)
{
        if (!export)
                return NULL;
        pthread_mutex_lock(&export->lock);
        export->stopping = true;
        pthread_cond_signal(&export->wake);
        pthread_mutex_unlock(&export->lock);
        if (export->started)
                (void)pthread_join(export->thread, NULL); /* It was started and is joined once. */
        if (export_has_work(export))
                export_work(export);
        feed_deinit(&export->fed);
        feed_deinit(&export->taken);
        pthread_cond_destroy(&export->wake);
        pthread_mutex_destroy(&export->lock);
        publisher_free(export->publisher);
        free(export);
        return NULL;
}
