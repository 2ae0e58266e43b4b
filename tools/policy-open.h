#pragma once
/* Loads the policy that a command works on: --policy-dir, or the installed one. */

#include <stdbool.h>

#include "policy/policy.h"
#include "tools/options.h"

typedef struct PolicyOpen {
        OptionList dirs;
        bool as_the_service; /* refuse what the service would refuse for its owner or mode (installed policy
                                only) */
        char ids[4096];      /* of an archived policy, the .ids that it was loaded with; "" for none */
        bool unproved;       /* also a policy that breaks an invariant of its own */
} PolicyOpen;

#define POLICY_OPEN_INIT ((PolicyOpen){})

/** policy_open_options() - Adds --policy-dir. */
void policy_open_options(OptionSet *set, PolicyOpen *open);

/**
 * policy_open_unproved_option() - Adds --unproved, for commands that look into a policy which does not load.
 */
void policy_open_unproved_option(OptionSet *set, PolicyOpen *open);

/**
 * policy_open_layer() - Puts a folder above those that were given; for whom its own .ids are, if it has any.
 */
void policy_open_layer(PolicyOpen *open, const char *dir);

/**
 * policy_open() - Loads it; faults are said on stderr, a line each.
 * @ret_policy: to be given to policy_unref()
 *
 * Return: EXIT_DONE or EXIT_REFUSED.
 */
int policy_open(const PolicyOpen *open, Policy **ret_policy);

/** policy_open_source() - The same from anywhere. */
int policy_open_source(const PolicySource *source, Policy **ret_policy);

/**
 * policy_open_report() - Says why a policy did not load, on stderr, a line a fault.
 * @where:      its first folder
 * @ending:     what policy_load() returned
 */
void policy_open_report(const char *where, int ending, const PolicyFaults *faults);

/** policy_open_describe() - Where that is, for messages: the first folder. */
const char *policy_open_describe(const PolicyOpen *open);

/**
 * policy_dirs_check() - Whether each of @dirs, which somebody named, is a folder; says of each that is not.
 * A folder that is missing would be an empty one, and a policy without a moratorium nobody's intention.
 */
bool policy_dirs_check(const OptionList *dirs);
