#pragma once
/*
 * Whether one rule concerns a question: stand-downs, moratoria, allows, each by its conditions in matchguard.policy(5). Prohibitions look at what may be, permissions at what was said.
 */

#include "policy/question.h"

/** stand_down_matches() - Step 4, for one. */
bool stand_down_matches(const StandDown *stand_down, const Question *question);

/** moratorium_in_force() - Whether it has begun at @time and not ended at the @loosening time. */
bool moratorium_in_force(const Moratorium *moratorium, int64_t time, int64_t loosening);

/** moratorium_covers() - Step 5, for one. */
bool moratorium_covers(const Moratorium *moratorium, const Question *question);

/** allow_unmet() - Step 6, for one. Return: BIT(Unmet) for each condition that is not met; 0: it fits. */
uint32_t allow_unmet(const Allow *allow, const Question *question);
