/*
 * The frame of lints: runs each of the table, lets comments accept what they name, and sorts.
 */

#include "policy/lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/linter.h"

/* The name of warnings about comments that accept: they are themselves not to be accepted. */
#define LINT_ACCEPT "accept"

static const struct {
        const char *name;
        void (*run)(Linter *linter);
} lints[] = {
        {"results-to-police", lint_results_to_police},
        {"scores-without-rate", lint_scores_without_rate},
        {"unit-of-root", lint_unit_of_root},
        {"shared-account", lint_shared_account},
        {"unit-without-callers", lint_unit_without_callers},
        {"account-of-nobody", lint_account_of_nobody},
        {"review-overdue", lint_review_overdue},
        {"about-to-expire", lint_about_to_expire},
        {"dead-allow", lint_dead_allow},
        {"covers-nobody", lint_covers_nobody},
        {"exception-without-effect", lint_exception_without_effect},
};

typedef struct Found {
        LintWarning warning;
        const Object *object;
        size_t order; /* in which it was found: keeps the sort stable */
} Found;

void lint_report_deinit(LintReport *report)
{
        arena_deinit(&report->arena);
        *report = LINT_REPORT_INIT;
}

static bool linter_grow(Linter *linter)
{
        size_t capacity = linter->capacity ? 2 * linter->capacity : 16;

        if (linter->n_found < linter->capacity)
                return true;
        Found *found = reallocarray(linter->found, capacity, sizeof(Found));
        if (!found)
                return false;
        linter->found = found;
        linter->capacity = capacity;
        return true;
}

void linter_warn(Linter *linter, const Object *object, Place place, const char *format, ...)
{
        _cleanup_(freep) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        char *kept = text ? arena_copy(&linter->report->arena, text, strlen(text)) : NULL;
        if (!kept || !linter_grow(linter)) {
                linter->failed = true;
                return;
        }
        linter->found[linter->n_found] = (Found){{linter->lint, place, kept, NULL}, object, linter->n_found};
        linter->n_found++;
}

static bool is_lint(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(lints); i++)
                if (strcmp(lints[i].name, name) == 0)
                        return true;
        return false;
}

/* Lets the first @n_found warnings be accepted by one comment, which has to be of some use. */
static void linter_accept(Linter *linter, const LintAccept *accept, size_t n_found)
{
        bool used = false;

        for (size_t i = 0; i < n_found; i++) {
                Found *found = &linter->found[i];
                if (found->object != accept->object || strcmp(found->warning.lint, accept->lint) != 0)
                        continue;
                found->warning.because = accept->because;
                used = true;
        }
        if (!used)
                linter_warn(linter, accept->object, accept->place,
                            "comment that accepts '%s', of which there is no warning here; expected it to be "
                            "taken out",
                            accept->lint);
}

static int found_compare(const void *a, const void *b)
{
        const Found *x = a, *y = b;
        const Place *p = &x->warning.place, *q = &y->warning.place;
        int order = strcmp(p->file, q->file);

        if (order != 0)
                return order;
        if (p->line != q->line)
                return p->line < q->line ? -1 : 1;
        if (p->column != q->column)
                return p->column < q->column ? -1 : 1;
        return x->order < y->order ? -1 : 1;
}

static void linter_report(Linter *linter)
{
        LintReport *report = linter->report;

        report->items = arena_new(&report->arena, linter->n_found, sizeof(LintWarning));
        if (!report->items) {
                linter->failed = true;
                return;
        }
        if (linter->n_found > 1)
                qsort(linter->found, linter->n_found, sizeof(Found), found_compare);
        for (size_t i = 0; i < linter->n_found; i++) {
                report->items[report->n++] = linter->found[i].warning;
                report->n_standing += !linter->found[i].warning.because;
        }
}

int policy_lint(const Policy *policy, int64_t now_usec, LintReport *ret_report)
{
        _cleanup_(lint_report_deinit) LintReport report = LINT_REPORT_INIT;
        Linter linter = {.policy = policy, .now = now_usec, .report = &report};

        for (size_t i = 0; i < ARRAY_SIZE(lints); i++) {
                linter.lint = lints[i].name;
                lints[i].run(&linter);
        }
        linter.lint = LINT_ACCEPT;
        const LintAccept *accept = lint_accepts(&linter, is_lint);
        for (const size_t n_found = linter.n_found; accept; accept = accept->next)
                linter_accept(&linter, accept, n_found);
        linter_report(&linter);
        free(linter.found);
        if (linter.failed)
                return -ENOMEM;
        *ret_report = report;
        report = LINT_REPORT_INIT;
        return 0;
}
