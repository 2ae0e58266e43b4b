#pragma once
/*
 * A policy in force: immutable, compiled from a directory of small files (matchguard.policy(5)). Pure but for
 * policy/load.c, which reads the files. The same library decides in the guard, explains in the tool and is
 * proved in tests.
 *
 * Layout of the layer: layers (directories) -> sources (what takes effect) -> object (its files read as
 * unitfile, its keys typed by the tables of keys and vocabulary) -> compile (names resolved, cross checks,
 * tables) -> decide (question, match, nearest) -> explain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/digest.h"

typedef struct Policy Policy;
struct Facts; /* policy/decide.h */

/* Where a policy comes from. */
typedef struct PolicySource {
        /* Strongest first. One that does not exist is skipped, but not all of them. */
        const char *const *dirs;
        size_t n_dirs;
        /* Refuse what is not `owner`'s, or what group or others may write. */
        bool check_owner;
        uid_t owner;
        /* Where names in User= and Group= are looked up; NULL: /etc/passwd and /etc/group. */
        const char *passwd_path;
        const char *group_path;
        /* Opens these for whoever may not do so by itself; NULL: they are opened by their names. Return: a
         * descriptor or -errno. */
        int (*open_accounts)(const char *path, void *userdata);
        void *userdata;
        /* The `.ids` of a policy that was loaded elsewhere, in place of both; NULL: none. */
        const char *ids_path;
        /* Load it even if it breaks an invariant of its own: for whoever looks into that. */
        bool unproved;
} PolicySource;

/* The directories of an installed system, strongest first. */
extern const char *const policy_default_dirs[3];

/* What is wrong with a policy: one line a fault, "file:line:column: what was found; what was expected". All
 * faults that can be found in one pass are reported, in the order of files. */
typedef struct PolicyFaults {
        size_t n;
        char **lines;
        bool unproved; /* the files are sound; it is its own invariants that the policy breaks */
} PolicyFaults;

void policy_faults_deinit(PolicyFaults *faults);

enum {
        POLICY_E_INVALID = 1, /* the faults say why; nothing was loaded */
};

/**
 * policy_load() - Reads, checks and compiles a whole policy and proves its invariants, or loads nothing.
 * @ret_policy: the policy, with one reference
 * @source:     borrowed
 * @ret_faults: set on POLICY_E_INVALID, to be given to policy_faults_deinit()
 *
 * Return: 0, POLICY_E_INVALID, or -errno (no memory; a file that cannot be read is a fault with its name).
 */
int policy_load(Policy **ret_policy, const PolicySource *source, PolicyFaults *ret_faults);

/** policy_none() - A policy of no files: it knows nobody and permits nothing. Return: 0 or -errno. */
int policy_none(Policy **ret_policy);

/** policy_ref() - Another reference; thread-safe, as is policy_unref(). */
Policy *policy_ref(Policy *policy);
/** policy_unref() - Drops one; takes NULL, returns NULL. */
Policy *policy_unref(Policy *policy);

/** policy_digest() - The digest of matchguard.policy(5), borrowed. */
const Digest *policy_digest(const Policy *policy);

/** policy_invariants_digest() - SHA-256 over the raw object digests of the invariants, in byte order. */
const Digest *policy_invariants_digest(const Policy *policy);

/* One text that went into the digest: "NAME.TYPE", "NAME.TYPE.d/x.conf", and last ".ids" if there is one. */
typedef struct PolicyText {
        const char *path;
        const uint8_t *bytes;
        size_t n;
} PolicyText;

/** policy_texts() - All texts in the order of the digest, for the archive; borrowed. */
const PolicyText *policy_texts(const Policy *policy, size_t *ret_n);

/* A file of the policy's directories, whether it takes effect or not. */
typedef struct PolicyFile {
        const char *path;  /* relative to its directory, as of a text */
        const char *shown; /* with it: how faults name it */
        bool masks;        /* it is a link to /dev/null */
        const char
                *by;  /* what keeps it from taking effect, as it is shown: a stronger file of its name, or the
                              mask of its object; NULL: nothing does */
        bool by_mask; /* that is a mask */
        const uint8_t *bytes;
        size_t n;
} PolicyFile;

/** policy_path_is_of() - Whether a path is that of "NAME.TYPE", or of one of its drop-ins. */
bool policy_path_is_of(const char *path, const char *object);

/** policy_files() - All of them by path, of one path the strongest first; borrowed. */
const PolicyFile *policy_files(const Policy *policy, size_t *ret_n);

typedef enum GalleryKind {
        GALLERY_CONSOLIDATED, /* one candidate a subject */
        GALLERY_EVENT,        /* one a template */
} GalleryKind;

typedef struct PolicyGallery {
        const char *name;
        const char *model;
        uint32_t dimension;
        GalleryKind kind;
        uint64_t maximum_templates; /* 0: none set */
} PolicyGallery;

/** policy_gallery() - The gallery of that name, or NULL where the policy declares none. */
const PolicyGallery *policy_gallery(const Policy *policy, const char *name);

/* A caller as the kernel tells it; groups hold primary and supplementary ones, in any order. */
typedef struct Peer {
        uid_t uid;
        const gid_t *groups;
        size_t n_groups;
        const char *unit;  /* NULL: none */
        const char *label; /* NULL: none */
} Peer;

/** policy_mentions_group() - Whether some [Peer] names this group: those go into a leaf. */
bool policy_mentions_group(const Policy *policy, gid_t gid);

/** policy_groups() - All of these, ascending, none twice; borrowed, @ret_n of them. */
const uint32_t *policy_groups(const Policy *policy, size_t *ret_n);

/** policy_knows() - Whether some [Peer] names the caller's user, or one of its groups. */
bool policy_knows(const Policy *policy, const Peer *peer);

/**
 * policy_whoami() - What the policy takes a caller for: the organisation of step 2 of matchguard.policy(5).
 * @ret_classes: the organisation's classes with all their ancestors, in byte order; borrowed, @ret_n of them
 *
 * Return: the organisation's name, or NULL where the decision would end in step 2.
 */
const char *policy_whoami(const Policy *policy, const struct Facts *facts, const char *const **ret_classes,
                          size_t *ret_n);

/* The highest N that a `Rate` can have: so many permits of an organisation under an allow have to be
 * remembered. */
enum { POLICY_RATE_MAX = 1000000 };

/** policy_rate_window_usec() - The `Rate` window of an allow by name; 0 where there is none. */
uint64_t policy_rate_window_usec(const Policy *policy, const char *allow);

/** policy_longest_window_usec() - The longest `Rate` window of all allows; 0 where none has a rate. */
uint64_t policy_longest_window_usec(const Policy *policy);

/**
 * policy_is_operation(), policy_is_search(), policy_has_probe() - Whether it is an operation at all; one that
 * searches; one with which a probe comes.
 */
bool policy_is_operation(const char *text);
bool policy_is_search(const char *text);
bool policy_has_probe(const char *text);

/**
 * policy_show() - Appends the policy for people: objects by type and name, with file and digest.
 * @object:     only the one of this "NAME.TYPE"; NULL: all
 *
 * Return: whether there is that object.
 */
bool policy_show(const Policy *policy, const char *object, Buffer *buffer);

/**
 * policy_show_files() - Appends the files as they stand, each under a comment with its name; those that take
 * no effect only by a comment that says what replaces or masks them.
 * @object:     only those of this "NAME.TYPE"; NULL: all
 *
 * Return: whether there is a file of that object.
 */
bool policy_show_files(const Policy *policy, const char *object, Buffer *buffer);

/**
 * policy_standing() - Appends a line for each moratorium and stand-down that stands: its name, since when,
 * until when and on what its end depends, what it refuses to whom, who is excepted.
 * @now:        time, clock and mark; nothing else of it is looked at
 */
void policy_standing(const Policy *policy, const struct Facts *now, Buffer *buffer);

/**
 * policy_standing_brief() - The same in a few words: "police-use (until somebody releases it)"; five at most.
 */
void policy_standing_brief(const Policy *policy, const struct Facts *now, Buffer *buffer);
