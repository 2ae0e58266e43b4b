#pragma once
/*
 * What a sound policy says that may not be what was meant. Warnings for those who write policies: they decide
 * nothing, and a load asks for none.
 *
 * A warning is accepted by a comment in a file of the object that it is about, its own or a drop-in:
 *
 *     # check: accept LINT because REASON
 */

#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"
#include "policy/faults.h"
#include "policy/policy.h"

typedef struct LintWarning {
        const char *lint; /* which one warns */
        Place place;
        const char *text;
        const char *because; /* the reason for which it is accepted; NULL: it stands */
} LintWarning;

/* Warnings, by file in byte order, line and column. Texts are its own or the policy's. */
typedef struct LintReport {
        Arena arena;
        LintWarning *items;
        size_t n;
        size_t n_standing;
} LintReport;

#define LINT_REPORT_INIT ((LintReport){})

/** lint_report_deinit() - Frees all; safe on LINT_REPORT_INIT and twice. */
void lint_report_deinit(LintReport *report);

/**
 * policy_lint() - Runs every lint.
 * @policy:     borrowed for as long as the report
 * @now_usec:   the time that reviews and expiries are held against
 * @ret_report: to be given to lint_report_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int policy_lint(const Policy *policy, int64_t now_usec, LintReport *ret_report);
