#pragma once
/*
 * The trail as the guard's loop sees it: entries go in, in order; each comes back durable with a receipt, or
 * failed. A thread behind it commits (one transaction and one signed checkpoint for all that has gathered
 * while the last commit was under way), a second one writes the export. The loop never waits for either.
 *
 * The loop makes leaves and gives them index, time and epoch; the trail checks nothing but that indices
 * follow on.
 *
 * Invariants
 *   1. A callback says "committed" only after COMMIT has returned OK.
 *   2. Exactly one connection to the database, in the trail's thread (in trail_open(): in the caller's).
 *   3. A checkpoint leaves this process only after its commit.
 *   4. After a failure nothing is committed until the loop has seen it; it begins again at the last good
 *      size.
 *   5. A sync that failed is never retried: the process ends (TRAIL_EXIT_STORAGE).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "log/note.h"
#include "log/tree.h"
#include "trail/receipt.h"
#include "trail/request-id.h"
#include "trail/room.h"
#include "wire/commitment.h"
#include "wire/message.h"

/* Exit statuses of a guard that must not serve (sysexits are taken by systemd's own use of 64 and above). */
enum {
        TRAIL_EXIT_BEHIND = 10,  /* the database is older than, or differs from, what was exported */
        TRAIL_EXIT_STORAGE = 11, /* a write or sync failed in a way that must not be retried */
};

typedef struct Trail Trail;

typedef struct TrailConfig {
        /* Holds trail/ (0700), export/ (0750) and public/ (0755); all are made where missing. */
        const char *state_dir;
        /* Origin=, or NULL: as it was, for a new log made from the machine id. */
        const char *origin;
        /* A credential with the 32 bytes of the seed, or NULL: trail/log.key, made at first start. */
        const char *log_key_path;
        bool new_log; /* begin another log, the old one put aside */
        bool known;   /* a log was seen there: none is begun where it is not */
} TrailConfig;

/* What the loop needs to go on where the log ends; kept in the head, rebuilt by nothing else. */
typedef struct TrailState {
        uint64_t time_usec; /* of the last leaf; 0 when there is none */
        bool has_mark;
        uint64_t mark_usec; /* `mark` of matchguard.policy(5), after the last leaf */
        bool has_policy;
        Digest policy;        /* `new` of the last policy leaf that was loaded */
        uint64_t epoch;       /* that the next leaf is in */
        uint64_t epoch_first; /* index of the epoch's first leaf */
        uint64_t epoch_usec;  /* log time of that leaf; means nothing before it is made */
} TrailState;

/* What trail_open() found: for the `start` leaf. */
typedef struct TrailFound {
        TreeHead head;
        TrailState state;
        bool clean; /* the log is empty or its last leaf is `stop` */
        size_t n_open;
        uint64_t *open;    /* permits without an outcome, ascending; freed by trail_found_deinit() */
        bool has_previous; /* this is a new log that follows another */
        Digest previous;   /* SHA-256 of the checkpoint it follows */
} TrailFound;

void trail_found_deinit(TrailFound *found);

enum {
        /* Database and export do not belong together: exit with TRAIL_EXIT_BEHIND. */
        TRAIL_E_BEHIND = 1,
        /* Wrong origin, another guard holds it, no room to begin: see the text. */
        TRAIL_E_REFUSED = 2,
        /* There is a log, but it cannot be written for the time being: to be tried again. */
        TRAIL_E_NO_ROOM = 3,
        TRAIL_E_READ_ONLY = 4,
        TRAIL_E_GONE = 5,
        /* The database, its checkpoint or the key is not what it was: see the text. */
        TRAIL_E_DAMAGED = 6,
};

/**
 * trail_open() - Opens or begins a log and compares it with what was exported.
 * @ret_trail:  the trail
 * @config:     borrowed
 * @ret_found:  to be given to trail_found_deinit()
 * @ret_why:    on a positive ending, what is wrong and what to do, for free()
 *
 * A database that is smaller than the exported checkpoint, differs from it at that size, or is missing where
 * an export exists, or the reverse, is refused, and nothing repairs it. Return: 0, TRAIL_E_*, or -errno.
 */
int trail_open(Trail **ret_trail, const TrailConfig *config, TrailFound *ret_found, char **ret_why);

/**
 * trail_free() - Commits nothing more, publishes what is committed, stops the threads, closes. Blocks for
 * that.
 *
 * Entries that wait are freed without a callback. Takes NULL, returns NULL.
 */
Trail *trail_free(Trail *trail);

/** trail_advice() - What a -errno of writing to the trail's folders calls for; as room_tell(). May block. */
void trail_advice(const Trail *trail, int r, char ret_text[static ROOM_TEXT_SIZE]);

/** trail_origin(), trail_verifier() - The log's name; its public key. Borrowed. */
const char *trail_origin(const Trail *trail);
const NoteVerifier *trail_verifier(const Trail *trail);

/**
 * trail_scan_back() - Reads leaves from the newest back, before trail_start() only.
 * @leaf:       called for each; returns true to go on, false to stop
 *
 * For what is rebuilt at start: rates. Return: 0 or -errno.
 */
typedef struct TrailScan {
        bool (*leaf)(uint64_t index, const uint8_t *leaf, size_t n, void *userdata);
        void *userdata;
} TrailScan;

int trail_scan_back(Trail *trail, const TrailScan *scan);

typedef enum TrailRole {
        TRAIL_PLAIN,
        TRAIL_DENY,    /* a request that ends with its decision */
        TRAIL_PERMIT,  /* opens: the log now owes an outcome */
        TRAIL_OUTCOME, /* closes `of` */
        TRAIL_EPOCH,   /* ends an epoch: the commit ends with it, and the next one is signed by another key */
} TrailRole;

/* One leaf on its way. Made by trail_entry_new(), owned by the trail from trail_append() to the callback. */
typedef struct TrailEntry TrailEntry;
struct TrailEntry {
        uint64_t index;
        const char *kind; /* of the leaf; lives for ever */
        uint8_t *leaf;    /* the entry's, from malloc() */
        size_t n_leaf;
        TrailState state; /* after this leaf */

        TrailRole role;
        uint64_t of;     /* TRAIL_OUTCOME */
        bool wants_path; /* the receipt is to carry the audit path: permits */
        bool pressing;   /* there will be no later: it may use the room that is kept for that */

        bool has_detail;
        uint8_t salt[COMMITMENT_SALT_SIZE];
        uint8_t *detail; /* the entry's, from malloc() */
        size_t n_detail;

        uint64_t *erases; /* leaves whose held details go with this one; the entry's, from malloc() */
        size_t n_erases;

        Receipt *receipt; /* set when committed; TAKE_PTR() to keep it */
        void *userdata;
        TrailEntry *next; /* the trail's */
};

TrailEntry *trail_entry_new(void);
TrailEntry *trail_entry_free(TrailEntry *entry);

/* One commit, as the loop learns of it. */
typedef struct TrailCommit {
        TreeHead head;
        const char *note;     /* the signed checkpoint; borrowed until the callback returns */
        bool has_consistency; /* the batch held a permit, and trail_show_from() was called */
        uint64_t old_size;
        const Path *consistency;
} TrailCommit;

/* Why leaves were not written. */
typedef struct TrailFault {
        const char *why;    /* in short, for a leaf and for anybody who asks */
        const char *advice; /* where, how much is left, what to do: for the administrator */
} TrailFault;

typedef struct TrailHandlers {
        /* Entries `first` .. are durable, in order; they are freed after the call. 0 or -errno. */
        int (*committed)(const TrailCommit *commit, TrailEntry *first, void *userdata);
        /* Nothing from `first` on was written, there was no room:
         * go back to `state` and `size`. 0 or -errno. */
        int (*failed)(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                      void *userdata);
} TrailHandlers;

/**
 * trail_start() - Starts the threads; what was given to trail_append() before is committed as one.
 * @event:      callbacks come from this loop
 *
 * Return: 0 or -errno.
 */
int trail_start(Trail *trail, sd_event *event, const TrailHandlers *handlers, void *userdata);

/**
 * trail_append() - Hands one entry over to be committed. Its index must be the one after the last.
 *
 * Never blocks. Return: 0, or -EOVERFLOW when TRAIL_PENDING_MAX entries wait for their callback already, or
 * too much waits for the export (the entry stays the caller's).
 */
int trail_append(Trail *trail, TrailEntry *entry);

enum { TRAIL_PENDING_MAX = 4096 };

/**
 * trail_show_from() - From the next commit on, those with a permit carry a consistency proof, the first from
 * @size.
 *
 * Each further proof begins where the one before ended, so that they can be shown to a worker one after the
 * other, whatever was under way. To be called once for a worker's session, with the size that its hello
 * names; a commit that was under way at that moment is told of without a proof: no permit in it names the new
 * session.
 */
void trail_show_from(Trail *trail, uint64_t size);

/** trail_note() - The last committed signed checkpoint; borrowed until the next callback. */
const char *trail_note(const Trail *trail);

/** trail_head() - Its size and root. */
TreeHead trail_head(const Trail *trail);

/**
 * trail_next_epoch_key() - The public key of the epoch behind the one of the last commit that was told of: for
 * the leaf that ends this one.
 *
 * Return: 32 bytes; borrowed until the next callback. While such a leaf is on its way nobody can know the key
 * of the epoch after that, so no second one may be handed over.
 */
const uint8_t *trail_next_epoch_key(const Trail *trail);

/** trail_export_fault() - Why the export does not follow, for free(); NULL: it does. Any thread. */
char *trail_export_fault(const Trail *trail);

/** trail_exported_size() - The size that the export has reached; any thread. */
uint64_t trail_exported_size(const Trail *trail);

/* What is known of one request. Strings and bytes are borrowed until the callback returns. */
typedef struct TrailRecord {
        const uint8_t *decision;
        size_t n_decision;
        const char *decision_proof; /* C2SP tlog-proof */
        const uint8_t *outcome;     /* NULL while there is none */
        size_t n_outcome;
        const char *outcome_proof;
} TrailRecord;

/**
 * trail_find() - Looks a request up, in the trail's thread.
 * @request:    its id, as request_id_make() gave it
 * @found:      called from the loop once, with NULL where there is no such request; 0 or -errno. Not called
 *              when the trail is freed before
 *
 * Sees what is committed. Return: 0, -EOVERFLOW when too many look-ups wait, another -errno.
 */
typedef int (*TrailFoundHandler)(const TrailRecord *record, void *userdata);
int trail_find(Trail *trail, const uint8_t request[static REQUEST_ID_SIZE], TrailFoundHandler found,
               void *userdata);

/* ------------------------------------------------------------------------------------------------ details */

/* Some of the details that are held, to be gone through in steps. */
typedef struct TrailSelection {
        DetailsOf of;
        uint8_t request[REQUEST_ID_SIZE]; /* DETAILS_OF_REQUEST */
        uint64_t index;                   /* DETAILS_OF_LEAF */
        const char *subject;              /* DETAILS_OF_SUBJECT; borrowed until the callback */
        uint64_t before_usec;             /* DETAILS_BY_AGE: of leaves whose `time` is earlier */
        uint64_t first; /* of the last two: where this step begins, and what is not looked at any more */
        uint64_t end;
} TrailSelection;

/* Details of one step, at most so many. */
enum { TRAIL_SELECTED_MAX = 512 };

typedef struct TrailSelected {
        bool found;             /* of a request or leaf: it is in the log */
        uint64_t of;            /* of those: the leaf that stands for it, of a request its decision */
        size_t n_commitments;   /* of those: how many details there are or were */
        const uint64_t *leaves; /* whose details are held; borrowed until the callback returns */
        size_t n_leaves;
        bool done; /* nothing is left, else go on at `next` */
        uint64_t next;
} TrailSelected;

/**
 * trail_select() - Looks for details, in the trail's thread, in between commits.
 * @selection:  copied
 * @selected:   called from the loop once, as for trail_find(). 0 or -errno
 *
 * A step looks at no more than it can in a few milliseconds. By subject, what is selected are the details of
 * each request, of decision and outcome, one of which names the subject. Return: 0, -EOVERFLOW when too many
 * look-ups wait, another -errno.
 */
typedef int (*TrailSelectedHandler)(const TrailSelected *selected, void *userdata);
int trail_select(Trail *trail, const TrailSelection *selection, TrailSelectedHandler selected,
                 void *userdata);

/**
 * trail_open_details() - Reads the details of a leaf, and of a decision those of its outcome too.
 * @index:      as trail_select() gave it in `of`
 * @opened:     called from the loop once, as for trail_find(). 0 or -errno
 *
 * Return: as above.
 */
typedef int (*TrailOpenedHandler)(const DetailField *details, size_t n, void *userdata);
int trail_open_details(Trail *trail, uint64_t index, TrailOpenedHandler opened, void *userdata);

/**
 * trail_scrub() - Sees to it that no file of the database holds what was erased before.
 * @scrubbed:   called from the loop once, as for trail_find(): whether that is so; if not, there was no room,
 *              and it is tried again whenever the trail rests. 0 or -errno
 *
 * Return: as above.
 */
typedef int (*TrailScrubbedHandler)(bool scrubbed, void *userdata);
int trail_scrub(Trail *trail, TrailScrubbedHandler scrubbed, void *userdata);

/* What is held, as of the last commit that the loop was told of. */
typedef struct TrailHeld {
        uint64_t n;
        uint64_t oldest_usec; /* `time` of the oldest leaf whose detail is held; 0: none */
} TrailHeld;

TrailHeld trail_held(const Trail *trail);

/* One file of a policy. */
typedef struct TrailPolicyText {
        const char *path; /* relative, as in the policy digest */
        const uint8_t *bytes;
        size_t n;
} TrailPolicyText;

/**
 * trail_archive_policy() - Writes a policy's text to export/policy/<digest>/ and syncs it; any thread,
 * blocks.
 *
 * One that stands there already is left alone. Return: 0 or -errno.
 */
int trail_archive_policy(Trail *trail, const Digest *digest, const TrailPolicyText *texts, size_t n_texts);
