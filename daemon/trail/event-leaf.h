#pragma once
/*
 * Which leaves are events, and what the journal says of them: a sentence and the leaf's own fields, nothing else
 * (promise 8).
 */

#include <stdbool.h>

#include "base/buffer.h"
#include "trail/event.h"
#include "wire/leaf.h"

/** event_leaf_is_one() - Whether leaves of a kind are events where events go to @place. */
bool event_leaf_is_one(const char *kind, EventPlace place);

/**
 * event_of_leaf() - Which event a leaf is, and its sentence.
 * @ret_kind:   set where it is one
 * @message:    the sentence is appended
 *
 * Return: whether it is one.
 */
bool event_of_leaf(const Leaf *leaf, EventKind *ret_kind, Buffer *message);
