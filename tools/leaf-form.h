#pragma once
/*
 * The form of a leaf: which keys its kind must have, and of what sort (matchguard-trail(7), the table). Pure;
 * looks at one leaf alone. Of a request only what every rule relies on: the rest is tools/request-leaf.h's.
 */

#include "tools/leaf-entry.h"

/** leaf_form_fault() - What is wrong with a leaf, in words that live for ever; NULL: nothing is. */
const char *leaf_form_fault(const LeafEntry *entry);
