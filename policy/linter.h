#pragma once
/*
 * What the files of policy/lint.h share. A new lint is a function here and a row in the table of
 * policy/lint.c.
 */

#include "policy/lint.h"
#include "policy/model.h"

typedef struct Linter {
        const Policy *policy;
        int64_t now;
        LintReport *report;
        const char *lint;    /* the one that runs */
        struct Found *found; /* warnings with what they are about */
        size_t n_found;
        size_t capacity;
        bool failed; /* memory ran out: what was found is not all */
} Linter;

/** linter_warn() - Adds a warning of the lint that runs, about @object; failure sticks. */
void linter_warn(Linter *linter, const Object *object, Place place, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* The lints, each over the whole policy. */
void lint_results_to_police(Linter *linter);
void lint_scores_without_rate(Linter *linter);
void lint_unit_of_root(Linter *linter);
void lint_shared_account(Linter *linter);
void lint_unit_without_callers(Linter *linter);
void lint_account_of_nobody(Linter *linter);
void lint_review_overdue(Linter *linter);
void lint_about_to_expire(Linter *linter);
void lint_dead_allow(Linter *linter);
void lint_covers_nobody(Linter *linter);
void lint_exception_without_effect(Linter *linter);

/* A comment that accepts the warnings of one lint about one object. */
typedef struct LintAccept {
        struct LintAccept *next;
        const Object *object;
        Place place;
        const char *lint;
        const char *because;
} LintAccept;

/**
 * lint_accepts() - All of them, in the order of files; one that is not well-formed gets a warning instead.
 * @is_lint:    whether there is a lint of that name
 *
 * Return: the first, in the report's arena; NULL: none. Failure sticks in @linter.
 */
LintAccept *lint_accepts(Linter *linter, bool (*is_lint)(const char *name));
