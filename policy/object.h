#pragma once
/*
 * One object: its file and drop-ins read together, each key checked and typed by the table of policy/keys.h.
 * What its names refer to is not looked at here.
 */

#include "base/digest.h"
#include "policy/arena.h"
#include "policy/faults.h"
#include "policy/keys.h"
#include "policy/sources.h"
#include "policy/unitfile.h"

/* The value of a key that was assigned, or has a standard one. */
typedef struct Value {
        const KeySpec *spec;
        Place place;           /* of the value; of the section, where it is the standard one */
        const char *text;      /* what was assigned, unless it is a list */
        const UnitWord *words; /* of a list */
        size_t n_words;
        bool any;       /* the list is the word `any` */
        bool faulty;    /* which has been reported: nothing below means anything */
        bool standard;  /* nobody assigned it: the table did */
        uint32_t mask;  /* VALUE_WORDS; all words for `any` */
        int64_t number; /* numbers, millionths, microseconds since 1970, places in a vocabulary, rates */
        uint64_t window_usec; /* VALUE_RATE */
        Digest digest;        /* VALUE_DIGEST */
} Value;

typedef struct Section {
        struct Section *next; /* of the [Peer]s of one object */
        Place place;
        const Value *values[_KEY_MAX];  /* NULL: neither assigned nor standard */
        const Place *emptied[_KEY_MAX]; /* the assignment that took the value away; NULL: there was none */
} Section;

typedef struct Object {
        ObjectType type;
        const char *name;
        Place place; /* its file */
        Section main;
        Section *peers;
        Digest digest;
} Object;

/** section_missing() - Where it shows that a key has no value: where it was taken away, or else @otherwise. */
Place section_missing(const Section *section, KeyId key, Place otherwise);

/**
 * object_read() - Reads an object. Faults leave out what they concern and go on.
 * @ret_object: lives in @arena, as do the texts that @source refers to
 *
 * Return: 0, or -ENOMEM.
 */
int object_read(Object *ret_object, Arena *arena, const SourceObject *source, Faults *faults);
