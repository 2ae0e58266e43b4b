/*
 * The trail as the guard's loop sees it. Owns the thread, the queue to it and what comes back from it.
 *
 * Loop and thread share the queue, the tasks to be done and the list of reports, all under one lock; an
 * eventfd wakes the loop. The committer is the thread's alone from trail_start() on.
 *
 * After a batch failed, the thread takes nothing until the loop has learnt of it: `failed` is set by the
 * thread and cleared by the loop, together with emptying the queue (invariant 4 of the header).
 */

#include "trail/trail.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "trail/archive.h"
#include "trail/committer.h"
#include "trail/fatal.h"
#include "trail/opening.h"
#include "trail/task.h"

enum {
        TRAIL_REST_USEC = 100000, /* idle for so long, the thread tidies the database */
        TRAIL_TASKS_MAX = 1024,   /* look-ups that may wait */
};

/* Entries in order. */
typedef struct EntryList {
        TrailEntry *first;
        TrailEntry *epoch; /* the first that ends an epoch, or NULL */
        TrailEntry **end;  /* where the next one is linked; NULL stands for the address of `first` */
} EntryList;

typedef enum ReportKind {
        REPORT_COMMITTED,
        REPORT_FAILED,
        REPORT_DONE,
} ReportKind;

/* What the thread has to tell the loop. */
typedef struct Report Report;
struct Report {
        ReportKind kind;
        Commit *commit;
        unsigned shows_generation; /* that the commit's proof was made for */
        TrailEntry *entries;
        char advice[ROOM_TEXT_SIZE]; /* with REPORT_FAILED */
        Task *task;
        Report *next;
};

struct Trail {
        Opening opening;

        /* The loop's. */
        sd_event_source *source;
        TrailHandlers handlers;
        void *userdata;
        uint64_t next_index;
        size_t n_pending;
        size_t n_tasks;
        TreeHead head;
        TrailState state;
        uint8_t next_epoch_key[NOTE_PUBLIC_KEY_SIZE];
        TrailHeld held;
        Buffer note;

        /* Shared, under the lock. */
        pthread_mutex_t lock;
        pthread_cond_t wake;
        EntryList queue;
        Task *tasks, **tasks_end;
        Report *reports, **reports_end;
        bool stopping;
        bool failed;
        bool shows;
        uint64_t shows_from;
        unsigned shows_generation; /* counts calls of trail_show_from(); only the loop changes it */

        pthread_t thread;
        bool started;
        int event_fd;
};

static void entries_append(EntryList *list, TrailEntry *first)
{
        TrailEntry **end = list->first ? list->end : &list->first;

        *end = first;
        while (*end) {
                if (!list->epoch && (*end)->role == TRAIL_EPOCH)
                        list->epoch = *end;
                end = &(*end)->next;
        }
        list->end = end;
}

static TrailEntry *entries_take(EntryList *list)
{
        TrailEntry *first = list->first;
        *list = (EntryList){};
        return first;
}

/* Takes what may be one commit: nothing behind an entry that ends an epoch. */
static TrailEntry *entries_take_batch(EntryList *list)
{
        TrailEntry *last = list->epoch, *rest = last ? last->next : NULL;
        TrailEntry *first = entries_take(list);

        if (last)
                last->next = NULL;
        entries_append(list, rest);
        return first;
}

static void entries_free(TrailEntry *first)
{
        while (first) {
                TrailEntry *next = first->next;
                trail_entry_free(first);
                first = next;
        }
}

TrailEntry *trail_entry_new(void)
{
        return calloc(1, sizeof(TrailEntry));
}

TrailEntry *trail_entry_free(TrailEntry *entry)
{
        if (entry) {
                free(entry->leaf);
                free(entry->detail);
                free(entry->erases);
                receipt_free(entry->receipt);
                free(entry);
        }
        return NULL;
}

void trail_found_deinit(TrailFound *found)
{
        free(found->open);
        found->open = NULL;
        found->n_open = 0;
}

static Report *report_free(Report *report)
{
        if (report) {
                commit_free(report->commit);
                entries_free(report->entries);
                task_free(report->task);
                free(report);
        }
        return NULL;
}

DEFINE_CLEANUP(Report *, report_free);

static Trail *trail_new(void)
{
        Trail *trail = calloc(1, sizeof(*trail));
        pthread_condattr_t attributes;

        if (!trail)
                return NULL;
        trail->opening = OPENING_INIT;
        trail->tasks_end = &trail->tasks;
        trail->reports_end = &trail->reports;
        trail->event_fd = -1;
        (void)pthread_condattr_init(&attributes); /* With glibc none of these fails. */
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&trail->wake, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        (void)pthread_mutex_init(&trail->lock, NULL);
        return trail;
}

DEFINE_CLEANUP(Trail *, trail_free);

int trail_open(Trail **ret_trail, const TrailConfig *config, TrailFound *ret_found, char **ret_why)
{
        _cleanup_(trail_freep) Trail *trail = trail_new();
        if (!trail)
                return -ENOMEM;
        trail->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (trail->event_fd < 0)
                return -errno;
        int r = opening_run(&trail->opening, config, ret_found, ret_why);
        if (r != 0)
                return r;
        trail->head = trail->opening.head;
        trail->state = trail->opening.state;
        memcpy(trail->next_epoch_key, trail->opening.next_epoch_key, NOTE_PUBLIC_KEY_SIZE);
        trail->next_index = trail->head.size;
        trail->note = trail->opening.note;
        trail->opening.note = BUFFER_INIT;
        r = committer_held(trail->opening.committer, &trail->held);
        if (r < 0)
                return r;
        *ret_trail = TAKE_PTR(trail);
        return 0;
}

static void trail_stop_thread(Trail *trail)
{
        pthread_mutex_lock(&trail->lock);
        trail->stopping = true;
        pthread_cond_signal(&trail->wake);
        pthread_mutex_unlock(&trail->lock);
        if (trail->started)
                (void)pthread_join(trail->thread, NULL); /* It was started and is joined once. */
}

Trail *trail_free(Trail *trail)
{
        if (!trail)
                return NULL;
        trail_stop_thread(trail);
        sd_event_source_disable_unref(trail->source);
        fd_close(trail->event_fd);
        opening_deinit(&trail->opening);
        entries_free(entries_take(&trail->queue));
        while (trail->tasks) {
                Task *next = trail->tasks->next;
                task_free(trail->tasks);
                trail->tasks = next;
        }
        while (trail->reports) {
                Report *next = trail->reports->next;
                report_free(trail->reports);
                trail->reports = next;
        }
        buffer_deinit(&trail->note);
        pthread_cond_destroy(&trail->wake);
        pthread_mutex_destroy(&trail->lock);
        free(trail);
        return NULL;
}

void trail_advice(const Trail *trail, int r, char ret_text[static ROOM_TEXT_SIZE])
{
        room_tell(trail->opening.folders.trail_fd, trail->opening.trail_path, r, ret_text);
}

const char *trail_origin(const Trail *trail)
{
        return trail->opening.origin;
}

const NoteVerifier *trail_verifier(const Trail *trail)
{
        return &trail->opening.verifier;
}

const char *trail_note(const Trail *trail)
{
        return buffer_text(&trail->note);
}

TreeHead trail_head(const Trail *trail)
{
        return trail->head;
}

const uint8_t *trail_next_epoch_key(const Trail *trail)
{
        return trail->next_epoch_key;
}

TrailHeld trail_held(const Trail *trail)
{
        return trail->held;
}

char *trail_export_fault(const Trail *trail)
{
        return export_fault(trail->opening.export);
}

uint64_t trail_exported_size(const Trail *trail)
{
        return export_size(trail->opening.export);
}

int trail_scan_back(Trail *trail, const TrailScan *scan)
{
        assert(!trail->started);
        return committer_scan_back(trail->opening.committer, scan);
}

/* From here on: the thread. */

static void trail_report(Trail *trail, Report report)
{
        Report *copy = malloc(sizeof(*copy));
        if (!copy)
                fatal_storage("a report", trail->opening.trail_path, -ENOMEM);
        *copy = report;
        copy->next = NULL;
        pthread_mutex_lock(&trail->lock);
        *trail->reports_end = copy;
        trail->reports_end = &copy->next;
        if (report.kind == REPORT_FAILED)
                trail->failed = true;
        pthread_mutex_unlock(&trail->lock);
        /* Where the counter is full, the loop has been woken long since. One that cannot be woken would keep
         * everybody waiting. */
        if (eventfd_write(trail->event_fd, 1) < 0 && errno != EAGAIN)
                fatal_storage("waking the loop", trail->opening.trail_path, -errno);
}

/* What the thread takes off the shared lists at a time. */
typedef struct Work {
        TrailEntry *entries;
        Task *task; /* one */
        bool shows;
        uint64_t shows_from;
        unsigned shows_generation;
} Work;

static bool trail_has_work(const Trail *trail)
{
        return (trail->queue.first && !trail->failed) || trail->tasks;
}

static void trail_take_work(Trail *trail, Work *ret_work)
{
        *ret_work = (Work){.entries = trail->failed ? NULL : entries_take_batch(&trail->queue),
                           .task = trail->tasks,
                           .shows = trail->shows,
                           .shows_from = trail->shows_from,
                           .shows_generation = trail->shows_generation};
        if (trail->tasks)
                trail->tasks = trail->tasks->next;
        if (!trail->tasks)
                trail->tasks_end = &trail->tasks;
}

static struct timespec trail_rest_at(void)
{
        struct timespec at;

        (void)clock_gettime(CLOCK_MONOTONIC, &at); /* This clock always exists. */
        at.tv_nsec += TRAIL_REST_USEC * 1000L;
        at.tv_sec += at.tv_nsec / 1000000000L;
        at.tv_nsec %= 1000000000L;
        return at;
}

/* Waits for work; where `may_rest`, only for a while, and then gives none. Return: whether to go on. */
static bool trail_wait(Trail *trail, bool may_rest, Work *ret_work)
{
        const struct timespec rest_at = trail_rest_at();
        int r = 0;

        pthread_mutex_lock(&trail->lock);
        while (!trail->stopping && !trail_has_work(trail) && r != ETIMEDOUT)
                r = may_rest ? pthread_cond_timedwait(&trail->wake, &trail->lock, &rest_at)
                             : pthread_cond_wait(&trail->wake, &trail->lock);
        trail_take_work(trail, ret_work);
        bool go_on = !trail->stopping;
        pthread_mutex_unlock(&trail->lock);
        return go_on;
}

/* The next proof begins where this one ends, unless the loop has said otherwise meanwhile. */
static void trail_advance_shown(Trail *trail, const Work *work, const Commit *commit)
{
        pthread_mutex_lock(&trail->lock);
        if (commit->has_consistency && trail->shows_generation == work->shows_generation)
                trail->shows_from = commit->head.size;
        pthread_mutex_unlock(&trail->lock);
}

/* Cuts a list of entries before one of them. Return: whether anything is left in front. */
static bool trail_cut(TrailEntry *first, TrailEntry *before)
{
        for (TrailEntry *entry = first; entry != before; entry = entry->next)
                if (entry->next == before) {
                        entry->next = NULL;
                        return true;
                }
        return false;
}

static void trail_report_failed(Trail *trail, TrailEntry *first)
{
        Report report = {.kind = REPORT_FAILED, .entries = first};

        committer_advice(trail->opening.committer, report.advice);
        trail_report(trail, report);
}

static void trail_commit(Trail *trail, const Work *work)
{
        TrailEntry *first = work->entries;
        TrailEntry *refused = committer_refuses(trail->opening.committer, first);

        if (!refused || trail_cut(first, refused)) {
                const Batch batch = {.first = first, .shows = work->shows, .shows_from = work->shows_from};
                Commit *commit = NULL;
                int r = committer_commit(trail->opening.committer, &batch, &commit);
                if (r < 0)
                        fatal_storage("a commit", trail->opening.trail_path, r);
                if (r == COMMITTER_E_FULL) {
                        EntryList all = {};
                        entries_append(&all, first);
                        entries_append(&all, refused);
                        trail_report_failed(trail, all.first);
                        return;
                }
                trail_advance_shown(trail, work, commit);
                trail_report(trail, (Report){.kind = REPORT_COMMITTED,
                                             .commit = commit,
                                             .shows_generation = work->shows_generation,
                                             .entries = first});
        }
        if (refused)
                trail_report_failed(trail, refused);
}

static void trail_do(Trail *trail, Task *task)
{
        int r = task->run(task, trail->opening.committer);
        if (r < 0)
                fatal_storage("a look-up", trail->opening.trail_path, r);
        trail_report(trail, (Report){.kind = REPORT_DONE, .task = task});
}

static void trail_rest(Trail *trail)
{
        int r = committer_rest(trail->opening.committer);
        if (r < 0)
                fatal_storage("moving the write-ahead log", trail->opening.trail_path, r);
}

static void trail_let_go(Work *work)
{
        entries_free(work->entries);
        task_free(work->task);
}

static void *trail_run(void *userdata)
{
        Trail *trail = userdata;
        bool may_rest = true;
        Work work = {};

        (void)pthread_setname_np(pthread_self(), "trail"); /* For ps and top; the name fits. */
        while (trail_wait(trail, may_rest, &work)) {
                may_rest = work.entries || work.task;
                if (!may_rest)
                        trail_rest(trail);
                if (work.entries)
                        trail_commit(trail, &work);
                if (work.task)
                        trail_do(trail, work.task);
        }
        trail_let_go(&work);
        return NULL;
}

/* From here on: the loop. */

static int trail_tell_committed(Trail *trail, Report *report)
{
        Commit *commit = report->commit;
        /* A proof for the session before, even one from the same size, is none that the next one follows. */
        bool shows = commit->has_consistency && report->shows_generation == trail->shows_generation;
        const TrailCommit told = {.head = commit->head,
                                  .note = buffer_text(&commit->note),
                                  .has_consistency = shows,
                                  .old_size = commit->old_size,
                                  .consistency = &commit->consistency};

        for (const TrailEntry *entry = report->entries; entry; entry = entry->next)
                trail->n_pending--;
        trail->head = commit->head;
        trail->state = commit->state;
        memcpy(trail->next_epoch_key, commit->next_epoch_key, NOTE_PUBLIC_KEY_SIZE);
        trail->held = commit->held;
        buffer_clear(&trail->note);
        buffer_append(&trail->note, commit->note.data, commit->note.n);
        if (trail->note.failed)
                return -ENOMEM;
        return trail->handlers.committed(&told, report->entries, trail->userdata);
}

/* Everything behind the failure goes back with it: it was made on top of what does not exist. */
static int trail_tell_failed(Trail *trail, Report *report)
{
        EntryList all = {};

        entries_append(&all, report->entries);
        pthread_mutex_lock(&trail->lock);
        entries_append(&all, entries_take(&trail->queue));
        trail->failed = false;
        pthread_mutex_unlock(&trail->lock);
        report->entries = all.first;
        trail->n_pending = 0;
        trail->next_index = trail->head.size;
        const TrailFault fault = {.why = "there is no room for the trail", .advice = report->advice};
        return trail->handlers.failed(report->entries, trail->head.size, &trail->state, &fault,
                                      trail->userdata);
}

static int trail_tell_done(Trail *trail, Report *report)
{
        trail->n_tasks--;
        return report->task->tell(report->task);
}

static Report *trail_take_report(Trail *trail)
{
        pthread_mutex_lock(&trail->lock);
        Report *report = trail->reports;
        if (report)
                trail->reports = report->next;
        if (!trail->reports)
                trail->reports_end = &trail->reports;
        pthread_mutex_unlock(&trail->lock);
        return report;
}

static int trail_on_reports(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        static int (*const tell[])(Trail *, Report *) = {
                [REPORT_COMMITTED] = trail_tell_committed,
                [REPORT_FAILED] = trail_tell_failed,
                [REPORT_DONE] = trail_tell_done,
        };
        Trail *trail = userdata;
        eventfd_t count;

        /* Read before the list, so that whatever comes later wakes the loop again. */
        (void)eventfd_read(fd, &count);
        for (;;) {
                _cleanup_(report_freep) Report *report = trail_take_report(trail);
                if (!report)
                        return 0;
                int r = tell[report->kind](trail, report);
                if (r < 0)
                        return r;
        }
}

int trail_start(Trail *trail, sd_event *event, const TrailHandlers *handlers, void *userdata)
{
        trail->handlers = *handlers;
        trail->userdata = userdata;
        int r = sd_event_add_io(event, &trail->source, trail->event_fd, EPOLLIN, trail_on_reports, trail);
        if (r < 0)
                return r;
        r = sd_event_source_set_exit_on_failure(trail->source, true);
        if (r < 0)
                return r;
        r = export_start(trail->opening.export);
        if (r < 0)
                return r;
        r = pthread_create(&trail->thread, NULL, trail_run, trail);
        trail->started = r == 0;
        return -r;
}

int trail_append(Trail *trail, TrailEntry *entry)
{
        assert(entry->index == trail->next_index);
        assert(entry->n_leaf > 0 && entry->n_leaf <= UINT16_MAX);

        if (trail->n_pending >= TRAIL_PENDING_MAX || export_lags(trail->opening.export))
                return -EOVERFLOW;
        trail->n_pending++;
        trail->next_index++;
        entry->next = NULL;
        pthread_mutex_lock(&trail->lock);
        bool idle = !trail->queue.first;
        entries_append(&trail->queue, entry);
        if (idle)
                pthread_cond_signal(&trail->wake);
        pthread_mutex_unlock(&trail->lock);
        return 0;
}

void trail_show_from(Trail *trail, uint64_t size)
{
        pthread_mutex_lock(&trail->lock);
        trail->shows = true;
        trail->shows_from = size;
        trail->shows_generation++;
        pthread_mutex_unlock(&trail->lock);
}

int trail_submit(Trail *trail, Task *task)
{
        if (trail->n_tasks >= TRAIL_TASKS_MAX) {
                task_free(task);
                return -EOVERFLOW;
        }
        trail->n_tasks++;
        task->next = NULL;
        pthread_mutex_lock(&trail->lock);
        *trail->tasks_end = task;
        trail->tasks_end = &task->next;
        pthread_cond_signal(&trail->wake);
        pthread_mutex_unlock(&trail->lock);
        return 0;
}

int trail_archive_policy(Trail *trail, const Digest *digest, const TrailPolicyText *texts, size_t n_texts)
{
        return archive_policy(trail->opening.folders.export_fd, digest, texts, n_texts);
}
