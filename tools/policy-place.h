#pragma once
/*
 * Where the policy is that a command looks at or changes, and what runs of it. A running service tells which
 * folders it reads, so that nothing is guessed; where it cannot be asked, only the installed folders are
 * taken for granted.
 */

#include <stdbool.h>

#include "policy/decide.h"
#include "policy/policy.h"
#include "tools/options.h"
#include "tools/service.h"

typedef struct PolicyPlace {
        OptionList given;   /* --policy-dir */
        const char *export; /* --export */
        bool alone;         /* --no-reload: the service is not asked */
        /* from policy_place_ask() or policy_place_find() on */
        bool reached;             /* the service told the rest */
        PolicySource source;      /* the folders on disk */
        const char *running;      /* digest of the policy that runs, 64 hex digits; NULL: not known */
        char *export_dir;         /* the export that holds its text */
        Facts now;                /* time, clock and mark: as the service has them, else this machine's */
        struct json_object *told; /* its status, which the others point into */
        OptionList dirs;
} PolicyPlace;

#define POLICY_PLACE_INIT ((PolicyPlace){})

void policy_place_deinit(PolicyPlace *place);

/** policy_place_options() - Adds --policy-dir, and --export. */
void policy_place_options(OptionSet *set, PolicyPlace *place);

/**
 * policy_place_ask() - Asks the service which policy runs, and finds the export that has its text.
 * @service:    where it is
 *
 * Return: EXIT_DONE, or the exit status that belongs to why it could not be asked, which was said.
 */
int policy_place_ask(PolicyPlace *place, Service *service);

/**
 * policy_place_find() - Asks the service unless it has been asked, and finds the folders.
 * @service:    where it is
 *
 * Return: EXIT_DONE; or another exit status, where it cannot be known which folders are meant: the reason was
 * said.
 */
int policy_place_find(PolicyPlace *place, Service *service);

/** policy_place_is_the_services() - Whether the folders are those that the service told; false if it told
 * none. */
bool policy_place_is_the_services(const PolicyPlace *place);
