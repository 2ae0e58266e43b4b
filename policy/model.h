#pragma once
/*
 * The compiled policy: what policy/compile.c makes of the files and the decision looks at. Every name is a
 * place in the table of its type, which is sorted by name in byte order, so that the lowest place is the
 * first name. Immutable once built. Private to the layer.
 */

#include <stdatomic.h>

#include "base/macro.h"
#include "policy/arena.h"
#include "policy/bits.h"
#include "policy/decide.h"
#include "policy/index.h"
#include "policy/object.h"
#include "policy/policy.h"
#include "policy/time.h"

/* A class or a purpose. Both sets hold the term itself. */
typedef struct Term {
        const char *name;
        int parent; /* -1: none */
        uint64_t *ancestors;
        uint64_t *descendants;
} Term;

typedef struct Terms {
        Term *items;
        size_t n;
        size_t n_words;
} Terms;

/* Somebody named in a list: an organisation or a class, by its place. */
typedef struct Party {
        bool is_class;
        size_t place;
} Party;

/* Entries of a list that may be the word `any`. */
typedef struct Set {
        bool any;
        uint64_t *bits;
} Set;

/* Organisations and classes by name. */
typedef struct PartySet {
        uint64_t *organisations;
        uint64_t *classes;
} PartySet;

/* From inclusive, until exclusive. */
typedef struct Span {
        int64_t from;  /* TIME_NEVER: always was */
        int64_t until; /* TIME_FOREVER: no end */
} Span;

/** span_meet() - What both hold; it ends where it begins, or before, where there is nothing. */
static inline Span span_meet(Span a, Span b)
{
        return (Span){MAX_OF(a.from, b.from), MIN_OF(a.until, b.until)};
}

/* One [Peer]: every kind given must hold, within it any entry may. */
typedef struct PeerRule {
        uint32_t *users;
        size_t n_users;
        uint32_t *groups;
        size_t n_groups;
        const UnitWord *units;
        size_t n_units;
        const char *label;
} PeerRule;

typedef struct Organisation {
        const char *name;
        uint64_t *classes; /* with all their ancestors */
        const char **class_names;
        size_t n_class_names;
        Span span;
        PeerRule *peers;
        size_t n_peers;
} Organisation;

typedef struct Moratorium {
        const char *name;
        const char *description;
        const char *notice;
        uint64_t *classes;
        uint32_t operations;
        Set purposes;
        Set galleries;
        Span span; /* until is TIME_FOREVER: further notice */
        Expiry expiry;
        bool released;
        uint64_t *except; /* over allows */
} Moratorium;

typedef struct StandDown {
        const char *name;
        const char *reason;
        Set organisations;
        uint32_t operations;
        Set purposes;
        Set galleries;
} StandDown;

typedef struct Allow {
        const char *name;
        PartySet askers;
        uint32_t operations;
        Set purposes;
        Set galleries;
        uint32_t roles;
        PartySet on_behalf_of;
        PartySet recipients;
        uint32_t probes;
        uint32_t requirements;
        Span span;
        int32_t floor_millionths;
        uint32_t limit;
        Release release;
        uint64_t rate; /* 0: none */
        uint64_t window_usec;
} Allow;

/* What no request may be that is permitted. */
typedef struct Invariant {
        const char *name;
        const char *description;
        bool any_party;
        PartySet parties;
        uint32_t operations;
        uint32_t roles;
        Set purposes;
        Set galleries;
        Span span;
} Invariant;

typedef struct ObjectTable {
        Object *items;
        size_t n;
} ObjectTable;

struct Policy {
        atomic_uint n_references;
        Arena arena;
        Digest digest;
        Digest invariants_digest;
        PolicyText *texts;
        size_t n_texts;
        PolicyFile *files;
        size_t n_files;
        ObjectTable objects[_OBJECT_MAX];
        Terms classes;
        Terms purposes;
        /* As long as the object table of their type. */
        PolicyGallery *galleries;
        Organisation *organisations;
        Moratorium *moratoria;
        StandDown *stand_downs;
        Allow *allows;
        Invariant *invariants;
        Index index;
        uint32_t *groups; /* that some [Peer] names: sorted, none twice */
        size_t n_groups;
        uint64_t longest_window_usec;
};

/** policy_find() - The place of the object of that type and name, or -1. */
int policy_find(const Policy *policy, ObjectType type, const char *name);
