#pragma once
/*
 * Stand-downs: tells of those that took effect with a policy, and of those that went with the one before.
 */

#include "policy/policy.h"

/**
 * stand_downs_tell() - Tells of what is new, and of what is gone.
 * @old:        the policy before; NULL at the start, when all count as new
 */
void stand_downs_tell(const Policy *old, const Policy *new);
