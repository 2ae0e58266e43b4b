#pragma once
/* What would have been decided, for people and as JSON. */

#include <json-c/json.h>

#include "tools/what-if.h"

/** what_if_print() - Writes the rows to stdout, in their order. */
void what_if_print(const WhatIf *what_if);

/** what_if_json() - Sets the figures and the rows in @object. */
void what_if_json(const WhatIf *what_if, json_object *object);
