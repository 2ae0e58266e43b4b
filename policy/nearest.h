#pragma once
/*
 * For people who were refused: which allow came nearest, and what it wanted. Explanation only, but for the
 * allow that wants nothing more than a statement: it makes the reason.
 */

#include "policy/question.h"

#define NEAREST_NONE SIZE_MAX

/**
 * nearest_find() - Fills `nearest` and `unmet` of a denial, where the policy has an allow at all.
 *
 * Return: the place of the first allow that fits in all but `Require`, or NEAREST_NONE.
 */
size_t nearest_find(const Question *question, Decision *decision);
