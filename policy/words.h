#pragma once
/*
 * Pieces of facts and rules in words, for those who say why something was decided. Private to the layer.
 */

#include "base/buffer.h"
#include "policy/model.h"

/** words_time() - An instant, as files write it. */
void words_time(int64_t usec, Buffer *text);

/** words_separate() - Appends @separator, unless the text is still @start bytes long. */
void words_separate(const char *separator, size_t start, Buffer *text);

/** words_list() - The entries of a list. */
void words_list(const Value *value, Buffer *text);

/** words_vocabulary() - The words of a mask; @none where it is empty. */
void words_vocabulary(const Vocabulary *vocabulary, uint32_t mask, const char *none, Buffer *text);

/** words_set() - The names of a set of classes or purposes but for @except, in byte order. */
void words_set(const Terms *terms, const uint64_t *set, size_t except, Buffer *text);

/** words_term() - A class or purpose, and what it is part of, from the narrow to the broad. */
void words_term(const Terms *terms, size_t place, Buffer *text);

/** words_may_be() - The classes of a set that somebody may be of, in byte order. */
void words_may_be(const Policy *policy, Party party, const uint64_t *classes, Buffer *text);

/** words_party() - An organisation with its classes, or a class with what it is part of. */
void words_party(const Policy *policy, Party party, Buffer *text);
