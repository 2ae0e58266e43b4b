#pragma once
/*
 * The rules of tools/status-findings.c, one for each part of the service, in the files that are named after what they
 * are about. Each looks at facts and adds what it finds; a fact that is not there, because the service is older or
 * tells less, is no finding.
 */

#include "tools/finding.h"
#include "tools/status-facts.h"

/* What happened longer ago is history, and stands in the journal. */
enum {
        STATUS_EVENT_SECONDS = 24 * 3600,
        STATUS_LOAD_SECONDS = 10 * 60,
        STATUS_STARTING_SECONDS = 10, /* so long the worker may take to come */
};

/** status_either() - The text for a service of systemd, or the one where `matchguard run` runs it. */
const char *status_either(const StatusFacts *facts, const char *installed, const char *private);

/** status_or_else() - The text, or another where there is none. */
const char *status_or_else(const char *text, const char *otherwise);

/** status_tells() - Whether an object, which may be NULL, has such a member. */
bool status_tells(json_object *object, const char *key);

/** status_is_listed() - Whether a list, which may be NULL, has such a text. */
bool status_is_listed(json_object *list, const char *word);

/** status_event() - What the status tells of an event that was lately: `count`, `last`, `said`; else NULL. */
json_object *status_event(const StatusFacts *facts, const char *name);

/* status-rules-worker.c */
void status_find_no_worker(const StatusFacts *facts, FindingList *list);
void status_find_worker_refuses(const StatusFacts *facts, FindingList *list);
void status_find_device(const StatusFacts *facts, FindingList *list);
void status_find_galleries(const StatusFacts *facts, FindingList *list);

/* status-rules-policy.c: policy, configuration, clock */
void status_find_disk(const StatusFacts *facts, FindingList *list);
void status_find_config(const StatusFacts *facts, FindingList *list);
void status_find_warnings(const StatusFacts *facts, FindingList *list);
void status_find_clock(const StatusFacts *facts, FindingList *list);
void status_find_stand_downs(const StatusFacts *facts, FindingList *list);

/* status-rules-trail.c: the trail and what follows it */
void status_find_trail(const StatusFacts *facts, FindingList *list);
void status_find_export(const StatusFacts *facts, FindingList *list);
void status_find_mirrors(const StatusFacts *facts, FindingList *list);
void status_find_epoch(const StatusFacts *facts, FindingList *list);
void status_find_key(const StatusFacts *facts, FindingList *list);

/* status-rules-run.c: how this run has gone */
void status_find_stopping(const StatusFacts *facts, FindingList *list);
void status_find_load(const StatusFacts *facts, FindingList *list);
void status_find_breaches(const StatusFacts *facts, FindingList *list);
void status_find_start(const StatusFacts *facts, FindingList *list);
void status_find_confinement(const StatusFacts *facts, FindingList *list);
void status_find_accounts(const StatusFacts *facts, FindingList *list);
void status_find_log_level(const StatusFacts *facts, FindingList *list);
