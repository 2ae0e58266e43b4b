#pragma once
/*
 * What may stand in a policy file: types, their sections, their keys, the kind of each value. All of it is
 * one table; adding a key is a row there and its use in policy/compile.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/vocabulary.h"

typedef enum ObjectType {
        OBJECT_ALLOW,
        OBJECT_CLASS,
        OBJECT_GALLERY,
        OBJECT_INVARIANT,
        OBJECT_MORATORIUM,
        OBJECT_ORGANISATION,
        OBJECT_PURPOSE,
        OBJECT_RELEASE,
        OBJECT_STAND_DOWN,
        _OBJECT_MAX,
} ObjectType;

typedef enum KeyId {
        KEY_CLASS,
        KEY_CONTACT,
        KEY_DESCRIPTION,
        KEY_DIGEST,
        KEY_DIMENSION,
        KEY_DOCUMENTATION,
        KEY_EXCEPT,
        KEY_FROM,
        KEY_GALLERY,
        KEY_GROUP,
        KEY_KIND,
        KEY_MAXIMUM_CANDIDATES,
        KEY_MAXIMUM_TEMPLATES,
        KEY_MINIMUM_SIMILARITY,
        KEY_MODEL,
        KEY_MORATORIUM,
        KEY_NEVER,
        KEY_NOTICE,
        KEY_ON_BEHALF_OF,
        KEY_ON_EXPIRY,
        KEY_OPERATION,
        KEY_ORGANISATION,
        KEY_PARENT,
        KEY_PARTY,
        KEY_PROBE,
        KEY_PURPOSE,
        KEY_RATE,
        KEY_REASON,
        KEY_RECIPIENT,
        KEY_RELEASE,
        KEY_REQUIRE,
        KEY_REVIEW_BY,
        KEY_SECURITY_LABEL,
        KEY_SOUGHT,
        KEY_SPONSOR,
        KEY_UNIT,
        KEY_UNTIL,
        KEY_USER,
        KEY_WHILE,
        _KEY_MAX,
} KeyId;

typedef enum ValueKind {
        VALUE_TEXT,
        VALUE_LABEL,
        VALUE_MODEL,
        VALUE_DIGEST,
        VALUE_NUMBER, /* from `least` to `most` */
        VALUE_SIMILARITY,
        VALUE_TIME,
        VALUE_TIME_OR_NOTICE, /* or `further-notice` */
        VALUE_RATE,
        VALUE_CHOICE,    /* one word of `vocabulary` */
        VALUE_REFERENCE, /* the name of an object of one of `types` */
        /* lists */
        VALUE_WORDS,      /* words of `vocabulary` */
        VALUE_REFERENCES, /* names of objects of `types` */
        VALUE_ACCOUNTS,
        VALUE_UNITS,
} ValueKind;

typedef struct KeySpec {
        KeyId id;
        const char *name;
        ValueKind kind;
        bool required;
        bool may_be_any;
        const char *standard; /* what holds where nothing is assigned; NULL: nothing */
        const Vocabulary *vocabulary;
        uint32_t types; /* BIT(ObjectType) */
        int64_t least, most;
} KeySpec;

typedef struct SectionSpec {
        const char *name;
        const KeySpec *keys;
        size_t n_keys;
} SectionSpec;

typedef struct TypeSpec {
        const char *suffix; /* with its dot */
        const char *noun;
        SectionSpec section;
        SectionSpec peer; /* may stand any number of times; without a name where there is none */
} TypeSpec;

extern const TypeSpec type_specs[_OBJECT_MAX];

/** key_is_list() - Whether assigning again appends. */
bool key_is_list(const KeySpec *spec);

/** section_key() - The key of that name, or NULL. */
const KeySpec *section_key(const SectionSpec *section, const char *name);

/** type_from_suffix() - The type whose suffix (with its dot) this is, or -1. */
int type_from_suffix(const char *suffix);
