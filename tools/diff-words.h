#pragma once
/* What a change of policy changes, as lines, as JSON, and in a sentence. */

#include <json-c/json.h>

#include "base/buffer.h"
#include "policy/diff.h"

/** diff_write() - policy_diff_write() at this machine's time. */
void diff_write(const PolicyDiff *diff, Buffer *buffer);

/** diff_json() - Sets "wider" and "changes" (kind, text, example, confirmed) in an object. */
void diff_json(const PolicyDiff *diff, json_object *object);

/** diff_sentence() - Appends how much changes, as a sentence. */
void diff_sentence(const PolicyDiff *diff, Buffer *buffer);
