#pragma once
/*
 * Of the words that would be right, the one that a mistyped word was probably meant to be: for faults, which
 * people read.
 */

#include <stddef.h>

#include "base/buffer.h"

typedef struct Suggestion {
        const char *word; /* as it was written */
        const char *best; /* NULL: nothing offered so far is near */
        size_t distance;  /* of `best` */
} Suggestion;

/** suggest_for() - Nothing suggested yet for @word, which is borrowed. */
Suggestion suggest_for(const char *word);

/** suggest_offer() - Considers a word that would be right; of several that are as near the first is kept. */
void suggest_offer(Suggestion *suggestion, const char *right);

/** suggest_append() - Appends "; did you mean '...'?", or nothing where nothing is near. */
void suggest_append(const Suggestion *suggestion, Buffer *text);
