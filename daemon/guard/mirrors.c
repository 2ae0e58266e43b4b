/*
 * Mirrors, from the loop. Owns the mirror and the count of what was told of its losses. Run by the guard's
 * loop; never blocks, but at the very end.
 */

#include "guard/mirrors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/timer.h"
#include "trail/event.h"
#include "trail/fatal.h"
#include "trail/kernel-audit.h"
#include "trail/mirror-journal.h"

#define MIRRORS_PAUSE_USEC      (60 * CLOCK_USEC_PER_SEC)
#define MIRRORS_DAMAGE_USEC     CLOCK_USEC_PER_SEC
#define MIRRORS_CHECKPOINT_USEC (3600 * CLOCK_USEC_PER_SEC)

/* ------------------------------------------------------------------------------------------ what was lost */

/* A `mirror` leaf on its way: what it tells is told anew if it is not written. */
typedef struct LossEntry {
        Waiter waiter;
        MirrorLoss *loss;
        uint64_t n_lost;
} LossEntry;

static int loss_committed(Waiter *waiter, TrailEntry *entry)
{
        free(CONTAINER_OF(waiter, LossEntry, waiter));
        return 0;
}

static int loss_failed(Waiter *waiter)
{
        _cleanup_(freep) LossEntry *entry = CONTAINER_OF(waiter, LossEntry, waiter);

        entry->loss->n_told -= entry->n_lost;
        return timer_arm(entry->loss->pause, MIRRORS_PAUSE_USEC);
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
        LossEntry *entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        *entry = (LossEntry){.waiter = {.committed = loss_committed, .failed = loss_failed},
                             .loss = loss,
                             .n_lost = n_lost};
        draft_begin(&draft, &recorder->ledger, &now, "mirror");
        leaf_mirror(&mirror, &draft);
        r = recorder_append(recorder, &draft, &entry->waiter);
        if (r == 0) {
                loss->n_told += n_lost;
                return 0;
        }
        free(entry);
        /* What cannot be told now is told with the next one. */
        return r < 0 ? r : 0;
}

/* Tells of what was lost since. Return: 0 or -errno. */
static int loss_tell(MirrorLoss *loss)
{
        Mirrors *mirrors = &loss->guard->mirrors;
        const MirrorCounts counts = mirror_counts(mirrors->mirror, loss->to);

        if (counts.lost == loss->n_told || loss->guard->stopped)
                return 0;
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

/* The last word of a guard that ends because of it: it waits for the kernel to have it. */
static void mirrors_damage(void *userdata)
{
        Mirrors *mirrors = userdata;

        mirrors_fault(mirrors, "damaged");
        mirror_settle(mirrors->mirror, MIRROR_KERNEL_AUDIT, MIRRORS_DAMAGE_USEC);
}

/* ----------------------------------------------------------------------------------------- life and death */

static void mirrors_tell_event(EventKind kind, const Buffer *record, void *userdata)
{
        const MirrorItem item = {.kind = kind == EVENT_STEP ? MIRROR_STEP : MIRROR_EVENT,
                                 .bytes = record->data,
                                 .n = record->n};

        mirror_tell(userdata, &item);
}

/* From here on what there is to say goes by its thread. */
static int mirrors_add_journal(Mirrors *mirrors)
{
        void *journal = mirror_journal_new();
        if (!journal)
                return -ENOMEM;
        int r = mirror_add(mirrors->mirror, MIRROR_JOURNAL, &mirror_journal, journal);
        if (r < 0)
                mirror_journal.free(journal);
        else
                event_set_teller(mirrors_tell_event, mirrors->mirror);
        return r;
}

/* The kernel's audit, as far as it is wanted and can be written to. Return: 0 or -errno. */
static int mirrors_add_kernel_audit(Mirrors *mirrors)
{
        ConfigMirror wanted = mirrors->guard->config.kernel_audit;
        KernelAudit *audit = NULL;

        if (wanted == CONFIG_MIRROR_NO)
                return 0;
        int r = kernel_audit_new(
                &audit, wanted == CONFIG_MIRROR_CHECKPOINTS ? KERNEL_AUDIT_CHECKPOINTS : KERNEL_AUDIT_ALL,
                &mirrors->why_off);
        if (r == KERNEL_AUDIT_E_UNFIT) {
                event_tell(wanted == CONFIG_MIRROR_REQUIRED ? EVENT_AUDIT_REQUIRED : EVENT_AUDIT_OFF,
                           EVENT_FIELDS({"why", mirrors->why_off}),
                           "Nothing is mirrored to the kernel's audit%s: %s.",
                           wanted == CONFIG_MIRROR_REQUIRED ? ", so no permit goes out" : "",
                           mirrors->why_off);
                return 0;
        }
        if (r < 0)
                return r;
        r = mirror_add(mirrors->mirror, MIRROR_KERNEL_AUDIT, &kernel_audit_destination, audit);
        if (r < 0)
                kernel_audit_free(audit);
        return r;
}

static const char mirrors_echo_ended[] =
        "what the kernel's audit records cannot be read back any more; restart matchguard.service";
static const char mirrors_no_echo[] =
        "the kernel did not say within two seconds that it recorded a permit; 'auditctl -s' must say "
        "enabled 1 or 2 (otherwise 'auditctl -e 1'), and no rule in 'auditctl -l' may exclude MAC_CHECK";

static void mirrors_tell_required(const char *why)
{
        event_tell(EVENT_AUDIT_REQUIRED, EVENT_FIELDS({"why", why}), "Permits do not go out: %s.", why);
}

/* The thread that reads has ended. Where its records are not required they are only missing in outcomes, and the
 * status says so. */
static void mirrors_check_echo(Mirrors *mirrors)
{
        if (mirrors->echo_ended || kernel_echo_counts(mirrors->echo).error == 0)
                return;
        mirrors->echo_ended = true;
        if (mirrors->guard->config.kernel_audit == CONFIG_MIRROR_REQUIRED)
                mirrors_tell_required(mirrors_echo_ended);
}

static int mirrors_on_echo(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Mirrors *mirrors = userdata;
        eventfd_t count;
        AuditEcho echo;

        /* Read before the echoes, so that whatever comes later wakes the loop again. */
        (void)eventfd_read(fd, &count);
        while (kernel_echo_take(mirrors->echo, &echo)) {
                int r = requests_hear(&mirrors->guard->requests, &echo);
                if (r < 0)
                        return r;
        }
        mirrors_check_echo(mirrors);
        return 0;
}

int mirrors_open(const Config *config, int handed_fd)
{
        ConfigMirror wanted = config->kernel_audit;

        return handed_fd < 0 && (wanted == CONFIG_MIRROR_YES || wanted == CONFIG_MIRROR_REQUIRED)
                       ? kernel_echo_open()
                       : handed_fd;
}

/* Listens to what the kernel records, where there is a descriptor for it. */
static int mirrors_listen(Mirrors *mirrors, int handed_fd)
{
        ConfigMirror wanted = mirrors->guard->config.kernel_audit;
        _cleanup_(fd_closep) int fd = handed_fd;

        if (wanted != CONFIG_MIRROR_YES && wanted != CONFIG_MIRROR_REQUIRED)
                return 0;
        if (fd < 0 && wanted == CONFIG_MIRROR_REQUIRED)
                event_tell(EVENT_AUDIT_REQUIRED, EVENT_FIELDS({"why", strerror(-fd)}),
                           "What the kernel's audit records cannot be read back, so no permit goes out: %s. "
                           "Start matchguard-audit-read.socket, or the guard as root.",
                           strerror(-fd));
        if (fd < 0) {
                mirrors->deaf = -fd;
                return 0;
        }
        int r = kernel_echo_new(&mirrors->echo, fd);
        if (r < 0)
                return r;
        (void)TAKE_FD(fd);
        r = sd_event_add_io(mirrors->guard->event, &mirrors->echo_source, kernel_echo_event_fd(mirrors->echo),
                            EPOLLIN, mirrors_on_echo, mirrors);
        return r < 0 ? r : sd_event_source_set_exit_on_failure(mirrors->echo_source, true);
}

bool mirrors_hear(const Mirrors *mirrors)
{
        return mirrors->echo && kernel_echo_counts(mirrors->echo).error == 0 &&
               mirror_counts(mirrors->mirror, MIRROR_KERNEL_AUDIT).on;
}

void mirrors_heard(Mirrors *mirrors)
{
        mirrors->unheard = false;
}

void mirrors_unheard(Mirrors *mirrors, uint64_t now_usec)
{
        bool told_lately = mirrors->unheard_usec > 0 && now_usec - mirrors->unheard_usec < MIRRORS_PAUSE_USEC;

        mirrors->unheard = true;
        if (told_lately || mirrors->echo_ended)
                return;
        mirrors->unheard_usec = now_usec;
        mirrors_tell_required(mirrors_no_echo);
}

const char *mirrors_audit_fault(const Mirrors *mirrors)
{
        if (mirrors->why_off)
                return mirrors->why_off;
        if (mirrors->echo_ended)
                return mirrors_echo_ended;
        return mirrors->unheard ? mirrors_no_echo : NULL;
}

int mirrors_init(Mirrors *mirrors, Guard *guard, int audit_fd)
{
        _cleanup_(fd_closep) int fd = audit_fd;

        *mirrors = (Mirrors){.guard = guard};
        int r = mirror_new(&mirrors->mirror);
        if (r < 0)
                return r;
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++) {
                MirrorLoss *loss = &mirrors->losses[to];
                *loss = (MirrorLoss){.guard = guard, .to = to};
                r = timer_new(guard->event, &loss->pause, loss_on_pause_over, loss);
                if (r < 0)
                        return r;
        }
        fatal_set_teller(mirrors_damage, mirrors);
        r = mirrors_add_journal(mirrors);
        if (r < 0)
                return r;
        r = sd_event_add_io(guard->event, &mirrors->source, mirror_event_fd(mirrors->mirror), EPOLLIN,
                            mirrors_on_loss, mirrors);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(mirrors->source, true);
        if (r >= 0)
                r = mirrors_add_kernel_audit(mirrors);
        return r < 0 ? r : mirrors_listen(mirrors, TAKE_FD(fd));
}

void mirrors_deinit(Mirrors *mirrors)
{
        if (!mirrors->guard)
                return;
        event_set_teller(NULL, NULL);
        fatal_set_teller(NULL, NULL);
        mirrors->source = sd_event_source_disable_unref(mirrors->source);
        for (MirrorTo to = 0; to < _MIRROR_TO_MAX; to++)
                mirrors->losses[to].pause = sd_event_source_disable_unref(mirrors->losses[to].pause);
        mirrors->echo_source = sd_event_source_disable_unref(mirrors->echo_source);
        mirrors->echo = kernel_echo_free(mirrors->echo);
        mirrors->mirror = mirror_free(mirrors->mirror);
        mirrors->guard = NULL;
}
