/*
 * One level for all. It is sent when it changes, and to whoever comes while it is not what everybody begins with; a
 * child of the frontend begins with what its parent has. Run by the guard's loop.
 */

#include "guard/log-level.h"

#include "base/macro.h"
#include "guard/guard.h"
#include "guard/status.h"
#include "trail/event.h"

static int log_level_send(Channel *channel)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        if (!channel)
                return 0;
        log_level_encode(&(LogLevelMessage){.level = (uint8_t)diag_level()}, &body);
        return channel_send(channel, MESSAGE_LOG_LEVEL, &body, NULL, 0);
}

int log_level_greet(Channel *channel)
{
        return diag_level() == DIAG_INFO ? 0 : log_level_send(channel);
}

static int log_level_spread(Guard *guard)
{
        Child *child;

        int r = log_level_send(guard->frontend.channel);
        TAILQ_FOREACH (child, &guard->frontend.children, link)
                if (r >= 0)
                        r = log_level_send(child->channel);
        return r < 0 || !guard->worker.ready ? r : log_level_send(guard->worker.channel);
}

static void log_level_tell(DiagLevel level, const char *via)
{
        event_tell(EVENT_LOG_LEVEL, EVENT_FIELDS({"level", diag_level_name(level)}, {"via", via}),
                   "From now on the journal is told of what is of the level %s and above.",
                   diag_level_name(level));
}

/* Puts in force what file and administrator say. That less is said from now on is said before. */
static int log_level_apply(Guard *guard, const char *via)
{
        const LogLevel *log_level = &guard->log_level;
        DiagLevel level = log_level->is_set ? log_level->set : log_level->configured, old = diag_level();

        if (level == old)
                return 0;
        if (level < old)
                log_level_tell(level, via);
        diag_set_level(level);
        if (level > old)
                log_level_tell(level, via);
        return log_level_spread(guard);
}

int log_level_configure(Guard *guard, DiagLevel configured)
{
        guard->log_level.configured = configured;
        return log_level_apply(guard, "matchguard.conf");
}

int log_level_by_admin(Client *client, uint64_t serial, uint8_t level)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Guard *guard = client->guard;
        Call call = {};

        guard->log_level.is_set = level != 0;
        guard->log_level.set = (DiagLevel)level;
        int r = log_level_apply(guard, "admin");
        if (r < 0)
                return r;
        call_begin(&call, client, serial);
        status_answer(guard, call.to, &answer);
        r = call_end(&call, &answer);
        return r < 0 ? r : 0;
}
