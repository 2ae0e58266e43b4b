#pragma once
/*
 * One request as options: the facts of matchguard.policy(5), under the names that the match commands have for
 * what they state.
 */

#include "tools/facts-json.h"
#include "tools/options.h"

typedef struct FactsOptions {
        const char *uid;
        OptionList groups;
        const char *unit;
        const char *label;
        const char *operation;
        const char *gallery;
        const char *purpose;
        const char *sought;
        OptionList on_behalf_of;
        OptionList recipients;
        const char *probe;
        const char *case_reference;
        const char *authorisation;
        const char *operator;
        const char *limit;
        const char *floor;
        const char *time;
        const char *clock;
        const char *mark;
} FactsOptions;

#define FACTS_OPTIONS_INIT ((FactsOptions){})

/** facts_options() - Adds the options. */
void facts_options(OptionSet *set, FactsOptions *options);

/** facts_options_given() - Whether any of them was given. */
bool facts_options_given(const FactsOptions *options);

/**
 * facts_options_read() - The facts that they come to; who is not named is nobody, the time is now, and the clock
 * synchronised, unless they say otherwise.
 * @options:    borrowed only for the call
 * @command:    for what is wrong with them, which is said on stderr
 * @ret_json:   to be given to facts_json_deinit()
 *
 * Return: EXIT_DONE, EXIT_USAGE or EXIT_REFUSED.
 */
int facts_options_read(const FactsOptions *options, const Command *command, FactsJson *ret_json);
