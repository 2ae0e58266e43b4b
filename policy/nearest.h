#pragma once
/*
 * For people who were refused: which allow came nearest, and what it wanted. Explanation only; decides
 * nothing.
 */

#include "policy/question.h"

/** nearest_find() - Fills `nearest` and `unmet` of a denial, where the policy has an allow at all. */
void nearest_find(const Question *question, Decision *decision);
