#pragma once
/*
 * Guard: the whole of matchguardd, as its parts see it. Owns everything; each part (a header of its own)
 * works on the piece that is named after it.
 *
 *   listener -> client -> child -> call -> request -> recorder -> trail
 *                                            |  ^
 *                                            v  |
 *                                          worker
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "guard/allowance.h"
#include "guard/config.h"
#include "guard/disclose.h"
#include "guard/erase.h"
#include "guard/etc-reader.h"
#include "guard/frontend.h"
#include "guard/inquiry.h"
#include "guard/listener.h"
#include "guard/log-level.h"
#include "guard/mirrors.h"
#include "guard/notifier.h"
#include "guard/options.h"
#include "guard/quota.h"
#include "guard/rebase.h"
#include "guard/recorder.h"
#include "guard/refused.h"
#include "guard/reload.h"
#include "guard/request.h"
#include "guard/standby.h"
#include "guard/warnings.h"
#include "guard/worker.h"
#include "policy/policy.h"
#include "trail/trail.h"

/* Priorities on the loop: the end of a peer is seen before a new one is accepted in its place. */
enum {
        GUARD_PRIORITY_TRAIL = -20,
        GUARD_PRIORITY_PEERS = 0,
        GUARD_PRIORITY_LISTENERS = 20,
};

typedef struct Guard {
        sd_event *event;
        const Options *options;
        Config config;

        Policy *policy;         /* of the next decision */
        Policy *policy_durable; /* of the last policy leaf that is durable */
        Trail *trail;
        Recorder recorder;

        Quota quota;
        Allowances allowances;
        Refused refused;
        sd_event_source *refused_timer;

        Listeners listeners;
        Frontend frontend;
        Worker worker;
        Requests requests;
        Reload reload;
        Rebase rebase;
        Lookups lookups;
        Disclosures disclosures;
        Eraser eraser;
        Standby standby;
        Warnings warnings;
        Mirrors mirrors;
        LogLevel log_level;
        char *config_fault; /* of matchguard.conf when it was last read; NULL: none */
        bool config_unread; /* that is only that it is out of reach: a restart reads it */

        Waiter starting;          /* for the leaves that precede service */
        size_t n_starting;        /* of those, how many are not durable yet */
        uint64_t n_starting_told; /* requests refused before, which one of them tells */
        Waiter stop;              /* for the `stop` leaf */
        bool started;
        bool stopping;    /* no new request; those that are open come to their end */
        bool stopped;     /* the `stop` leaf is on its way */
        bool out_of_time; /* stopping, and those that are still open are not waited for */
        sd_event_source *stop_timer;
        sd_event_source *signals[3];

        EtcReader etc_reader;
        uid_t frontend_uid; /* whom they run as: FRONTEND_NO_ACCOUNT: there is no such account */
        uid_t worker_uid;

        bool serving;  /* as was last said to the service manager */
        char *summary; /* likewise; NULL: nothing yet */
        Notifier notifier;
        uint64_t started_usec; /* boot time */

        /* for the status */
        bool found_clean;    /* the last run ended with a stop, or there was none */
        size_t n_found_open; /* requests that it had left open */
        bool key_is_credential;
        uint64_t n_overloaded;    /* requests and connections that were turned away for being too many */
        uint64_t overloaded_usec; /* wall time of the last of them */
} Guard;

/**
 * guard_new() - Loads policy, opens the trail, records what was found. It serves once its loop runs and those
 * leaves are durable.
 * @options:    borrowed for as long as the guard lives
 * @ret_status: on failure, what to exit with; the reason was said
 *
 * Return: 0 or -errno.
 */
int guard_new(Guard **ret_guard, const Options *options, int *ret_status);

/** guard_free() - Lets go of everything; takes NULL, returns NULL. */
Guard *guard_free(Guard *guard);

/** guard_run() - Runs the loop until it is stopped. Return: an exit status, or -errno. */
int guard_run(Guard *guard);

/** guard_refuse() - Counts what never became a request; a leaf says so within a second. */
void guard_refuse(Guard *guard, QuotaUser user, RefusedWhy why);

/** guard_overloaded() - Counts what was turned away because there was too much to do. */
void guard_overloaded(Guard *guard);

/** guard_peers_changed() - A frontend or a worker came or went: opens or shuts the doors, and says so. */
void guard_peers_changed(Guard *guard);

/**
 * guard_time_passed() - Time went on, or the clock changed: warns of what has become due, and says how things
 * stand. Return: 0 or -errno.
 */
int guard_time_passed(Guard *guard);

/**
 * guard_request_ended() - A request, or a reload, came to its end: a stop may have waited for that.
 * Return: 0 or -errno.
 */
int guard_request_ended(Guard *guard);

/* What the guard does around each commit. */
extern const RecorderHandlers guard_recorder_handlers;

/** guard_policy_source() - Where this guard's policy comes from. */
PolicySource guard_policy_source(Guard *guard);

/** guard_archive_policy() - Puts a policy's text into the export; any thread, blocks. Return: 0 or -errno. */
int guard_archive_policy(Trail *trail, const Policy *policy);
