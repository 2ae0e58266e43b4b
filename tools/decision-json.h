#pragma once
/*
 * A decision as one line of JSON (matchguard.policy(5)): what `policy decide` prints.
 */

#include <json-c/json.h>

#include "base/buffer.h"
#include "policy/decide.h"

/**
 * decision_json_new() - Return: the object, the caller's.
 * @policy:     the policy that decided; its digest is part of it
 *
 * Keys, in this order, each absent where there is nothing to say (`moratoria` never is): verdict, reason,
 * allow, organisation, moratoria, term, missing, notice, nearest, limits, policy.
 */
json_object *decision_json_new(const Decision *decision, const Policy *policy);

/** decision_json_write() - Appends the object, and a newline. */
void decision_json_write(const Decision *decision, const Policy *policy, Buffer *buffer);
