#pragma once
/* Leaves for tests, from a short text. */

#include <stdint.h>

#include "base/buffer.h"

/**
 * make_leaf() - Appends a leaf's canonical bytes.
 * @spec:       its kind, then "key=value" words that add to or replace what every leaf has; a value of digits
 *              is a number; "@a" stands for 64 times the letter, a digest; "key=" leaves the key out; in
 *              values a '+' stands for a space
 *
 * What a spec does not say is as it should be: index, a time that grows, a request id made from the index,
 * a mark that is the time of the leaf before.
 */
void make_leaf(uint64_t index, const char *spec, Buffer *buffer);
