/*
 * The parent's loop: SPAWN in, fork(2), CHILD_GONE out. Owns the table of children, by process; must not own
 * a client's descriptor.
 *
 * It has no right to signal its children, and they are deaf to whoever stops the whole group: each has the
 * reading end of one pipe, and all are told to stop by closing its writing end. So none is told twice, nor
 * missed for being made just then.
 */

#include "frontend/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/manager.h"
#include "base/watchdog.h"
#include "frontend/child.h"
#include "wire/channel.h"
#include "wire/message.h"

enum {
        PARENT_CHILDREN_MAX = 1024,
        PARENT_NOT_BORN = 255 << 8, /* the wait status of a child that could not be made: exit status 255 */
};

typedef struct Parent Parent;

typedef struct Offspring {
        LIST_ENTRY(Offspring) list;
        uint64_t id; /* the guard's */
        Parent *parent;
        sd_event_source *exit;
} Offspring;

struct Parent {
        sd_event *event;
        Channel *channel;
        int manager_fd;
        int stop_fds[2];
        bool stopping;
        sd_event_source *patience;
        sd_event_source *term;
        sd_event_source *interrupt;
        Watchdog watchdog;
        size_t n_children;
        LIST_HEAD(OffspringList, Offspring) children;
};

static Offspring *offspring_free(Offspring *offspring)
{
        if (!offspring)
                return NULL;
        LIST_REMOVE(offspring, list);
        offspring->parent->n_children--;
        sd_event_source_disable_unref(offspring->exit);
        free(offspring);
        return NULL;
}

static int parent_send_gone(Parent *parent, uint64_t id, uint32_t status)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        child_gone_encode(&(ChildGoneMessage){id, status}, &body);
        return channel_send(parent->channel, MESSAGE_CHILD_GONE, &body, NULL, 0);
}

/* The wait status that waitpid(2) would have given. */
static uint32_t offspring_status(const siginfo_t *info)
{
        uint32_t status = (uint32_t)info->si_status;

        if (info->si_code == CLD_EXITED)
                return (status & 0xff) << 8;
        return (status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static int parent_end_if_drained(Parent *parent)
{
        return parent->stopping && parent->n_children == 0 ? sd_event_exit(parent->event, 0) : 0;
}

static int offspring_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        Offspring *offspring = userdata;
        Parent *parent = offspring->parent;
        uint64_t id = offspring->id;

        offspring_free(offspring);
        int r = parent_send_gone(parent, id, offspring_status(info));
        return r < 0 ? r : parent_end_if_drained(parent);
}

static int parent_watch(Parent *parent, uint64_t id, pid_t pid)
{
        Offspring *offspring = calloc(1, sizeof(*offspring));
        if (!offspring)
                return -ENOMEM;
        offspring->id = id;
        offspring->parent = parent;
        LIST_INSERT_HEAD(&parent->children, offspring, list);
        parent->n_children++;
        int r = sd_event_add_child(parent->event, &offspring->exit, pid, WEXITED, offspring_on_exit,
                                   offspring);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(offspring->exit, true);
        if (r < 0)
                offspring_free(offspring);
        return r < 0 ? r : 0;
}

static int parent_on_spawn(Parent *parent, Packet *packet)
{
        SpawnMessage spawn = {};

        if (packet->n_fds != 1 || !spawn_decode(packet->body, packet->n_body, &spawn))
                return -EPROTO;
        if (parent->stopping)
                return parent_send_gone(parent, spawn.child, PARENT_NOT_BORN);
        pid_t self = getpid();
        pid_t pid = parent->n_children < PARENT_CHILDREN_MAX ? fork() : -1;
        if (pid == 0)
                _exit(child_run((ChildFds){TAKE_FD(packet->fds[0]), parent->stop_fds[0]}, &spawn, self));
        if (pid < 0) {
                diag(DIAG_WARNING, "no child for uid %u", spawn.uid);
                return parent_send_gone(parent, spawn.child, PARENT_NOT_BORN);
        }
        return parent_watch(parent, spawn.child, pid);
}

/* Children begin with it, too. */
static int parent_on_log_level(const Packet *packet)
{
        LogLevelMessage message = {};

        if (packet->n_fds > 0 || !log_level_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        diag_set_level((DiagLevel)message.level);
        return 0;
}

static int parent_on_packet(Channel *channel, Packet *packet, void *userdata)
{
        if (packet->type == MESSAGE_SPAWN)
                return parent_on_spawn(userdata, packet);
        return packet->type == MESSAGE_LOG_LEVEL ? parent_on_log_level(packet) : -EPROTO;
}

static int parent_on_closed(Channel *channel, int reason, void *userdata)
{
        Parent *parent = userdata;

        if (reason == PACKET_E_CLOSED)
                return sd_event_exit(parent->event, 0);
        return reason < 0 ? reason : -EPROTO;
}

static const ChannelHandlers parent_handlers = {parent_on_packet, parent_on_closed};

/* ---------------------------------------------------------------------------------------------- stopping */

/* Those that are left die with this process. */
static int parent_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        Parent *parent = userdata;

        diag(DIAG_WARNING, "%zu children have not ended in time, and are ended", parent->n_children);
        return sd_event_exit(parent->event, 0);
}

static int parent_send_stopping(Parent *parent)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        return channel_send(parent->channel, MESSAGE_STOPPING, &body, NULL, 0);
}

static int parent_on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Parent *parent = userdata;

        if (parent->stopping)
                return 0;
        parent->stopping = true;
        /* A manager that has gone needs no telling. */
        (void)manager_tell(parent->manager_fd, "STOPPING=1", false);
        parent->stop_fds[1] = fd_close(parent->stop_fds[1]);
        int r = parent_send_stopping(parent);
        if (r >= 0)
                r = sd_event_add_time_relative(parent->event, &parent->patience, CLOCK_MONOTONIC,
                                               PARENT_DRAIN_USEC, 0, parent_on_patience, parent);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(parent->patience, true);
        return r < 0 ? r : parent_end_if_drained(parent);
}

static int parent_watch_signals(Parent *parent)
{
        int r = sd_event_add_signal(parent->event, &parent->term, SIGTERM, parent_on_stop, parent);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(parent->term, true);
        if (r >= 0)
                r = sd_event_add_signal(parent->event, &parent->interrupt, SIGINT, parent_on_stop, parent);
        return r < 0 ? r : sd_event_source_set_exit_on_failure(parent->interrupt, true);
}

/* --------------------------------------------------------------------------------------- life and death */

static void parent_deinit(Parent *parent)
{
        while (!LIST_EMPTY(&parent->children))
                offspring_free(LIST_FIRST(&parent->children));
        parent->channel = channel_free(parent->channel);
        parent->stop_fds[1] = fd_close(parent->stop_fds[1]);
        parent->patience = sd_event_source_disable_unref(parent->patience);
        parent->term = sd_event_source_disable_unref(parent->term);
        parent->interrupt = sd_event_source_disable_unref(parent->interrupt);
        watchdog_deinit(&parent->watchdog);
        parent->event = sd_event_unref(parent->event);
}

int parent_serve(const ParentFds *fds)
{
        _cleanup_(parent_deinit) Parent parent = {.manager_fd = fds->manager,
                                                  .stop_fds = {fds->stop[0], fds->stop[1]},
                                                  .watchdog.fd = fds->manager};

        LIST_INIT(&parent.children);
        int r = sd_event_new(&parent.event);
        if (r < 0) {
                (void)fd_close(fds->channel); /* always -1 */
                return r;
        }
        r = channel_new(&parent.channel, parent.event, fds->channel, &parent_handlers, &parent);
        if (r >= 0)
                r = parent_watch_signals(&parent);
        if (r >= 0)
                r = watchdog_init(&parent.watchdog, parent.event);
        if (r < 0)
                return r;
        /* A manager that has gone needs no telling. */
        (void)manager_tell(fds->manager, "READY=1", true);
        return sd_event_loop(parent.event);
}
