#pragma once
/* What a change of policy changes, beside the lines of policy_diff_write(): as JSON, and in a sentence. */

#include <json-c/json.h>

#include "base/buffer.h"
#include "policy/diff.h"

/** diff_json() - Sets "wider" and "changes" (kind, text, example, confirmed) in an object. */
void diff_json(const PolicyDiff *diff, json_object *object);

/** diff_sentence() - Appends how much changes, as a sentence. */
void diff_sentence(const PolicyDiff *diff, Buffer *buffer);
