#pragma once
/*
 * A change of the policy that runs, made so that it cannot go wrong unnoticed: what it does is shown, a
 * person says yes, the files are written, the service takes them or they are put back. Used by the commands
 * that release moratoria and stand the service down.
 */

#include "policy/object.h"
#include "policy/policy.h"
#include "tools/options.h"
#include "tools/policy-edit.h"
#include "tools/policy-place.h"
#include "tools/service.h"

enum { CHANGE_EDITS_MAX = 16 };

typedef struct Change {
        const Command *command;
        Service service;
        PolicyPlace place;
        bool yes; /* --yes */
        /* from change_open() on */
        Policy *disk;        /* the policy as it stands on disk; NULL: it does not load */
        PolicyFaults faults; /* why not */
        PolicyEdit edits[CHANGE_EDITS_MAX];
        size_t n_edits;
        /* from change_make() on */
        Policy *next; /* the policy with the edits */
} Change;

#define CHANGE_INIT(row) ((Change){.command = (row), .service = SERVICE_INIT, .place = POLICY_PLACE_INIT})

void change_deinit(Change *change);

/** change_options() - Adds those that every such command has. */
void change_options(OptionSet *set, Change *change);

/**
 * change_check_line() - Whether a text may stand behind a key in a policy file: one line, without control
 * characters. What else it has to be shows when the policy is loaded.
 * @option:     that it was given with
 *
 * Return: EXIT_DONE, or EXIT_USAGE, which was said.
 */
int change_check_line(const Change *change, const char *option, const char *text);

/**
 * change_open() - Finds the policy, and loads it as it stands on disk; its faults are not said yet.
 *
 * Return: EXIT_DONE, or the exit status with which the command has to end, which was said.
 */
int change_open(Change *change);

/** change_need_disk() - Says the faults of a policy that does not load. Return: EXIT_DONE or EXIT_REFUSED. */
int change_need_disk(const Change *change);

/**
 * change_add() - One more file that is to hold a text (consumed), or with NULL to be no more.
 * @type:       whose suffix the file has
 *
 * Return: EXIT_DONE, or EXIT_REFUSED, which was said.
 */
int change_add(Change *change, ObjectType type, const char *name, Buffer *text);

/**
 * change_add_unread() - Where the policy does not load: a file that is to be no more. What it says may be
 * what keeps the policy from loading.
 *
 * Return: as change_add(); EXIT_REFUSED, with the policy's faults said, where there is no such file.
 */
int change_add_unread(Change *change, ObjectType type, const char *name);

/**
 * change_object() - The object of that type and name in the policy on disk; NULL where there is none, which
 * was said together with those that there are.
 */
const Object *change_object(const Change *change, ObjectType type, const char *name);

/** change_head() - Appends the comment that begins a file: who wrote it, when, and what takes it back. */
void change_head(const Change *change, const char *undo, Buffer *text);

/* What is told of a change. */
typedef struct ChangeWords {
        const char *question;   /* "Release the moratorium police-use?" */
        const char *moratorium; /* whose standing is told afterwards; NULL: of none */
        bool urgent;            /* with --yes it is shown what changes when it is done: that may take long */
} ChangeWords;

/**
 * change_make() - Shows the change, asks, makes it, has the service load it.
 *
 * Return: EXIT_DONE; EXIT_REFUSED with everything as it was before; EXIT_UNREACHABLE with the files changed,
 * where the service was not there to load them.
 */
int change_make(Change *change, const ChangeWords *words);
