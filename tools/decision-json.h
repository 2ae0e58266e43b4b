#pragma once
/*
 * A decision as one line of JSON (matchguard.policy(5)): what `policy decide` prints.
 */

#include "base/buffer.h"
#include "policy/decide.h"

/**
 * decision_json_write() - Appends the object and a newline.
 * @policy:     the policy that decided; its digest is part of the line
 *
 * Keys, in this order, each absent where there is nothing to say (`moratoria` never is): verdict, reason,
 * allow, organisation, moratoria, term, missing, notice, nearest, limits, policy.
 */
void decision_json_write(const Decision *decision, const Policy *policy, Buffer *buffer);
