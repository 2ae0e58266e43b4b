#pragma once
/*
 * What the match commands share: the statement of who asks for whom and why, the gallery, the probe and the
 * bounds; as options on one side and as the parameters of org.matchguard.Match on the other.
 */

#include <json-c/json.h>

#include "base/buffer.h"
#include "tools/options.h"
#include "tools/service.h"
#include "tools/templates.h"

/* Which of them a command takes. */
typedef enum MatchWants {
        MATCH_GALLERY = 1 << 0,  /* --gallery, which must be given */
        MATCH_TEMPLATE = 1 << 1, /* --model, which must be given, --kind, --dimension */
        MATCH_LIMIT = 1 << 2,
        MATCH_FLOOR = 1 << 3,
} MatchWants;

typedef struct Match {
        Service service;
        /* the statement */
        const char *purpose;
        const char *sought;
        OptionList on_behalf_of;
        OptionList recipients;
        const char *case_reference;
        const char *authorisation;
        const char *operator;
        /* the rest */
        const char *gallery;
        const char *model;
        const char *kind;
        OptionNumber dimension;
        OptionNumber limit;
        OptionSimilarity floor;
} Match;

#define MATCH_INIT ((Match){})

void match_deinit(Match *match);

/** match_options() - Adds the options of @wants (MatchWants), those of the statement and those of the
 * service. */
void match_options(OptionSet *set, Match *match, unsigned wants);

/** match_check() - Whether all that must be given is. Return: EXIT_DONE, or EXIT_USAGE after saying what is
 * not. */
int match_check(const Match *match, const Command *command, unsigned wants);

/** match_parameters() - The parameters that follow from the options alone; the caller's. */
json_object *match_parameters(const Match *match, unsigned wants);

/** match_template() - A Template of the interface from the bytes of one; the caller's. */
json_object *match_template(const Match *match, const Buffer *bytes);

/**
 * match_load() - Loads the template of a file that holds exactly one.
 *
 * Return: EXIT_DONE with *@ret_template the caller's, or EXIT_REFUSED after saying what is wrong.
 */
int match_load(const Match *match, const char *path, json_object **ret_template);

/** match_print_found() - Prints a reply of Identify or IdentifyStored for people. */
void match_print_found(json_object *reply);

/** match_print_verdict() - Prints a reply of Verify or Compare for people. */
void match_print_verdict(json_object *reply);

/** match_print_rule() - Prints under which allow it was done, and where that is recorded. */
void match_print_rule(json_object *reply);
