/*
 * The queues and threads behind the mirrors. Knows nothing of what is sent, nor how.
 *
 * A queue is shared by the teller and its thread under one lock. At the end it is the teller's to free once
 * the thread has ended; where the thread does not end in time it is `abandoned`, and the thread's.
 */

#include "trail/mirror.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

/* An item on its way, with its bytes behind it. */
typedef struct Message Message;
struct Message {
        Message *next;
        MirrorKind kind;
        const char *leaf_kind;
        size_t n;
        char bytes[];
};

typedef struct Queue {
        const MirrorDestination *destination;
        void *self;
        pthread_t thread;

        /* Under the lock. */
        pthread_mutex_t lock;
        pthread_cond_t wake;  /* for the thread: there is something, or it is to stop */
        pthread_cond_t ended; /* for whoever waits: it has ended, or has nothing more to send */
        Message *first, **end;
        size_t n, n_bytes; /* that wait, the one under way included */
        bool stopping, abandoned, has_ended;
        int event_fd; /* the mirror's; -1 once abandoned */
        MirrorCounts counts;

        /* The thread's. */
        uint64_t rest_usec; /* when the destination wants to be called again */
} Queue;

struct Mirror {
        Queue *queues[_MIRROR_TO_MAX];
        int event_fd;
};

const char *mirror_name(MirrorTo to)
{
        static const char *const names[_MIRROR_TO_MAX] = {
                [MIRROR_KERNEL_AUDIT] = "kernel-audit",
                [MIRROR_JOURNAL] = "journal",
        };
        return names[to];
}

static uint64_t mirror_now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* This clock always exists. */
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct timespec mirror_timespec(uint64_t usec)
{
        return (struct timespec){.tv_sec = (time_t)(usec / 1000000),
                                 .tv_nsec = (long)(usec % 1000000) * 1000};
}

/* ----------------------------------------------------------------------------------------------- the queue */

static Queue *queue_new(const MirrorDestination *destination, int event_fd)
{
        Queue *queue = calloc(1, sizeof(*queue));
        pthread_condattr_t attributes;

        if (!queue)
                return NULL;
        queue->destination = destination;
        queue->event_fd = event_fd;
        queue->end = &queue->first;
        queue->rest_usec = UINT64_MAX;
        queue->counts.on = true;
        (void)pthread_condattr_init(&attributes); /* With glibc none of these fails. */
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&queue->wake, &attributes);
        (void)pthread_cond_init(&queue->ended, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        (void)pthread_mutex_init(&queue->lock, NULL);
        return queue;
}

static void messages_free(Message *first)
{
        while (first) {
                Message *next = first->next;
                free(first);
                first = next;
        }
}

/* The queue alone: without its destination's state, which a queue that never started does not own. */
static void queue_free(Queue *queue)
{
        messages_free(queue->first);
        pthread_cond_destroy(&queue->wake);
        pthread_cond_destroy(&queue->ended);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

/* Under the lock. */
static void queue_count_lost(Queue *queue, int error)
{
        queue->counts.lost++;
        queue->counts.error = error;
        if (queue->event_fd >= 0)
                /* It only fails when the counter is full: then the loop has been woken long since. */
                (void)eventfd_write(queue->event_fd, 1);
}

/* Under the lock: whether another item has room. */
static bool queue_has_room(const Queue *queue, const MirrorItem *item)
{
        bool request = item->kind == MIRROR_LEAF && strcmp(item->leaf_kind, "request") == 0;

        if (item->kind == MIRROR_STEP)
                return queue->n < MIRROR_ITEMS_MAX / 2 && queue->n_bytes < MIRROR_BYTES_MAX / 2;
        size_t n_max = MIRROR_ITEMS_MAX - (request ? MIRROR_ITEMS_KEPT : 0);
        size_t n_bytes_max = MIRROR_BYTES_MAX - (request ? MIRROR_BYTES_KEPT : 0);

        return queue->n < n_max && queue->n_bytes + item->n <= n_bytes_max;
}

/* Takes a message over; one that does not fit is lost. */
static void queue_put(Queue *queue, Message *message, const MirrorItem *item)
{
        pthread_mutex_lock(&queue->lock);
        if (!message || !queue_has_room(queue, item)) {
                if (item->kind != MIRROR_STEP)
                        queue_count_lost(queue, message ? ENOBUFS : ENOMEM);
                free(message);
        } else {
                *queue->end = message;
                queue->end = &message->next;
                queue->n++;
                queue->n_bytes += item->n;
                pthread_cond_signal(&queue->wake);
        }
        pthread_mutex_unlock(&queue->lock);
}

/* ---------------------------------------------------------------------------------------------- the thread */

/* Waits for messages, or until the destination wants to be called. Return: whether to go on. */
static bool queue_take(Queue *queue, Message **ret_first)
{
        const struct timespec rest_at = mirror_timespec(queue->rest_usec);
        int r = 0;

        pthread_mutex_lock(&queue->lock);
        while (!queue->first && !queue->stopping && r != ETIMEDOUT)
                r = queue->rest_usec < UINT64_MAX
                            ? pthread_cond_timedwait(&queue->wake, &queue->lock, &rest_at)
                            : pthread_cond_wait(&queue->wake, &queue->lock);
        bool go_on = !queue->abandoned && (queue->first || !queue->stopping);
        *ret_first = queue->first;
        queue->first = NULL;
        queue->end = &queue->first;
        pthread_mutex_unlock(&queue->lock);
        return go_on;
}

/* Counts what became of a message (NULL: of what was kept back). Return: whether to go on. */
static bool queue_account(Queue *queue, const Message *message, int r)
{
        pthread_mutex_lock(&queue->lock);
        if (message) {
                queue->n--;
                queue->n_bytes -= message->n;
        }
        if (r < 0)
                queue_count_lost(queue, -r);
        else
                queue->counts.sent += (unsigned)r;
        if (queue->n == 0)
                pthread_cond_broadcast(&queue->ended);
        bool go_on = !queue->abandoned;
        pthread_mutex_unlock(&queue->lock);
        return go_on;
}

static bool queue_rest(Queue *queue, bool last)
{
        const MirrorDestination *destination = queue->destination;

        queue->rest_usec = UINT64_MAX;
        if (!destination->rest)
                return true;
        int r = destination->rest(queue->self, mirror_now_usec(), last, &queue->rest_usec);
        return queue_account(queue, NULL, r);
}

static bool queue_send(Queue *queue, const Message *message)
{
        const MirrorItem item = {.kind = message->kind,
                                 .leaf_kind = message->leaf_kind,
                                 .bytes = message->bytes,
                                 .n = message->n};

        int r = queue->destination->send(queue->self, &item);
        return queue_account(queue, message, r) && queue_rest(queue, false);
}

/* The last steps of a thread: either somebody waits for it, or everything is its own. */
static void queue_end(Queue *queue)
{
        queue->destination->free(queue->self);
        pthread_mutex_lock(&queue->lock);
        bool own = queue->abandoned;
        queue->has_ended = true;
        pthread_cond_broadcast(&queue->ended);
        pthread_mutex_unlock(&queue->lock);
        if (own)
                queue_free(queue);
}

static void *queue_run(void *userdata)
{
        Queue *queue = userdata;
        Message *messages = NULL;
        bool go_on = true;

        (void)pthread_setname_np(pthread_self(), "mirror"); /* For ps and top; the name fits. */
        while (go_on && queue_take(queue, &messages)) {
                if (!messages)
                        go_on = queue_rest(queue, false);
                while (messages && go_on) {
                        Message *message = messages;
                        messages = message->next;
                        go_on = queue_send(queue, message);
                        free(message);
                }
                messages_free(messages);
                messages = NULL;
        }
        if (go_on)
                (void)queue_rest(queue, true); /* It ends in either case. */
        queue_end(queue);
        return NULL;
}

/* Waits for the thread until a time; one that takes longer gets the queue for its own. */
static void queue_stop(Queue *queue, uint64_t until_usec)
{
        const struct timespec until = mirror_timespec(until_usec);
        int r = 0;

        pthread_mutex_lock(&queue->lock);
        while (!queue->has_ended && r != ETIMEDOUT)
                r = pthread_cond_timedwait(&queue->ended, &queue->lock, &until);
        bool ended = queue->has_ended;
        queue->abandoned = !ended;
        queue->event_fd = -1;
        pthread_t thread = queue->thread;
        pthread_mutex_unlock(&queue->lock);
        if (!ended) {
                (void)pthread_detach(thread); /* It was made joinable, and is ours. */
                return;
        }
        (void)pthread_join(thread, NULL);
        queue_free(queue);
}

/* --------------------------------------------------------------------------------------------- the mirror */

int mirror_new(Mirror **ret_mirror)
{
        Mirror *mirror = calloc(1, sizeof(*mirror));
        if (!mirror)
                return -ENOMEM;
        mirror->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (mirror->event_fd < 0) {
                int r = -errno;
                free(mirror);
                return r;
        }
        *ret_mirror = mirror;
        return 0;
}

int mirror_add(Mirror *mirror, MirrorTo to, const MirrorDestination *destination, void *self)
{
        Queue *queue = queue_new(destination, mirror->event_fd);
        if (!queue)
                return -ENOMEM;
        queue->self = self;
        int r = pthread_create(&queue->thread, NULL, queue_run, queue);
        if (r != 0) {
                queue_free(queue);
                return -r;
        }
        mirror->queues[to] = queue;
        return 0;
}

void mirror_tell(Mirror *mirror, const MirrorItem *item)
{
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++) {
                Queue *queue = mirror->queues[to];
                if (!queue || !queue->destination->wants(queue->self, item))
                        continue;
                Message *message = malloc(sizeof(*message) + item->n + 1);
                if (message) {
                        *message = (Message){.kind = item->kind, .leaf_kind = item->leaf_kind, .n = item->n};
                        memcpy(message->bytes, item->bytes, item->n);
                        message->bytes[item->n] = '\0';
                }
                queue_put(queue, message, item);
        }
}

int mirror_event_fd(const Mirror *mirror)
{
        return mirror->event_fd;
}

MirrorCounts mirror_counts(const Mirror *mirror, MirrorTo to)
{
        Queue *queue = mirror->queues[to];
        if (!queue)
                return (MirrorCounts){};
        pthread_mutex_lock(&queue->lock);
        MirrorCounts counts = queue->counts;
        counts.n_waiting = queue->n;
        pthread_mutex_unlock(&queue->lock);
        return counts;
}

void mirror_settle(const Mirror *mirror, MirrorTo to, uint64_t usec)
{
        const struct timespec until = mirror_timespec(mirror_now_usec() + usec);
        Queue *queue = mirror->queues[to];
        int r = 0;

        if (!queue)
                return;
        pthread_mutex_lock(&queue->lock);
        while (queue->n > 0 && r != ETIMEDOUT)
                r = pthread_cond_timedwait(&queue->ended, &queue->lock, &until);
        pthread_mutex_unlock(&queue->lock);
}

Mirror *mirror_free(Mirror *mirror)
{
        const uint64_t until_usec = mirror_now_usec() + MIRROR_STOP_USEC;

        if (!mirror)
                return NULL;
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++) {
                Queue *queue = mirror->queues[to];
                if (!queue)
                        continue;
                pthread_mutex_lock(&queue->lock);
                queue->stopping = true;
                pthread_cond_signal(&queue->wake);
                pthread_mutex_unlock(&queue->lock);
        }
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++)
                if (mirror->queues[to])
                        queue_stop(mirror->queues[to], until_usec);
        fd_close(mirror->event_fd);
        free(mirror);
        return NULL;
}
