#pragma once
/*
 * The closed vocabularies of the policy language. A word is its place in its vocabulary, a set of words a bit
 * mask.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct Vocabulary {
        const char *noun; /* what one word is called in messages */
        const char *const *words;
        size_t n;
} Vocabulary;

typedef enum Operation {
        OPERATION_IDENTIFY,
        OPERATION_IDENTIFY_STORED,
        OPERATION_VERIFY,
        OPERATION_COMPARE,
        OPERATION_ENROL,
        OPERATION_REMOVE,
        OPERATION_LIST,
        _OPERATION_MAX,
} Operation;

#define BIT(n) (UINT32_C(1) << (n))

/* Operations that search. */
#define OPERATIONS_SEARCH                                                                                    \
        (BIT(OPERATION_IDENTIFY) | BIT(OPERATION_IDENTIFY_STORED) | BIT(OPERATION_VERIFY) |                  \
         BIT(OPERATION_COMPARE))
/* Operations that a probe comes with. */
#define OPERATIONS_PROBE                                                                                     \
        (BIT(OPERATION_IDENTIFY) | BIT(OPERATION_VERIFY) | BIT(OPERATION_COMPARE) | BIT(OPERATION_ENROL))

/* What an allow may require, in byte order. */
typedef enum Requirement {
        REQUIREMENT_AUTHORISATION,
        REQUIREMENT_CASE,
        REQUIREMENT_OPERATOR,
        _REQUIREMENT_MAX,
} Requirement;

typedef enum Expiry {
        EXPIRY_HOLD,
        EXPIRY_LAPSE,
} Expiry;

extern const Vocabulary vocabulary_operations;
extern const Vocabulary vocabulary_roles;
extern const Vocabulary vocabulary_probes;
extern const Vocabulary vocabulary_requirements;
extern const Vocabulary vocabulary_gallery_kinds; /* in the order of GalleryKind */
extern const Vocabulary vocabulary_expiries;      /* in the order of Expiry */
extern const Vocabulary vocabulary_releases;      /* in the order of Release */
extern const Vocabulary vocabulary_verdicts;

/** vocabulary_find() - The place of a word, or -1. */
int vocabulary_find(const Vocabulary *vocabulary, const char *text);

/** vocabulary_all() - The mask of all words. */
uint32_t vocabulary_all(const Vocabulary *vocabulary);

/** vocabulary_list() - Appends the words of @mask with @separator between them. */
void vocabulary_list(const Vocabulary *vocabulary, uint32_t mask, const char *separator, Buffer *buffer);
