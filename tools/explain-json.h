#pragma once
/* An explanation as one JSON object. */

#include <json-c/json.h>

#include "policy/explain.h"
#include "tools/facts-json.h"

/**
 * explain_json_new() - Return: the object, the caller's.
 * @json:       the facts, which become part of it
 * @policy:     that decided
 *
 * Steps that were not reached have no member.
 */
json_object *explain_json_new(const Explanation *explanation, const FactsJson *json, const Policy *policy);
