#pragma once
/*
 * What stands in each kind of leaf (matchguard-trail(7), the table): from a typed struct to the fields of a
 * draft. Pure. The keys that every leaf has are set before, by draft_begin().
 *
 *   leaf-request.c   request
 *   leaf-outcome.c   outcome
 *   leaf-other.c     start, policy, refused, disclose, erase, mirror, jump, gap, epoch, stop
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "guard/attest.h"
#include "guard/draft.h"
#include "guard/refused.h"
#include "log/tree.h"
#include "policy/decide.h"
#include "wire/message.h"

/* Room for a subject's base64url and a NUL. */
enum { LEAVES_SUBJECT_SIZE = 89 };

/* Similarities stand in leaves as (similarity + 1) * 1,000,000. */
static inline uint64_t leaves_floor(int32_t millionths)
{
        return (uint64_t)(millionths + 1000000);
}

typedef struct LeafRequest {
        const uint8_t *request; /* MESSAGE_REQUEST_SIZE bytes */
        const Attestation *attestation;
        const Facts *facts;
        const Policy *policy;
        const Decision *decision;
        const char *worker; /* the session at hand, or NULL */
        const uint8_t *job; /* bytes that job_check() has accepted */
        size_t n_job;
        const uint8_t *job_salt; /* COMMITMENT_SALT_SIZE bytes */
} LeafRequest;

/**
 * leaf_request() - A request and what was decided about it, with its detail. Borrows everything until the
 * draft is finished.
 *
 * Return: 0, LEAF_E_TOO_LONG where the detail would be, or -errno.
 */
int leaf_request(const LeafRequest *request, Draft *draft);

typedef struct LeafOutcome {
        uint64_t of;
        const char *result;    /* a word of the table */
        const char *operation; /* NULL: not known any more, as at a later start */
        bool has_audit;
        uint64_t audit;              /* the kernel's serial of its record of the decision */
        const ResultMessage *answer; /* NULL where the worker never said */
} LeafOutcome;

/** leaf_outcome() - How a permit ended, with its detail. Return: as above. */
int leaf_outcome(const LeafOutcome *outcome, Draft *draft);

typedef struct LeafStart {
        const char *program;
        TreeHead head;
        uint64_t n_open;
        bool clean;
        const Digest *previous; /* NULL unless this is a new log that follows another */
} LeafStart;

void leaf_start(const LeafStart *start, Draft *draft);

typedef struct LeafPolicy {
        const Digest *old;        /* NULL: none was in force */
        const Digest *new;        /* NULL: it did not load */
        const Digest *invariants; /* likewise */
        bool loaded;
        bool has_wider;  /* of one that loaded: it is known whether */
        bool wider;      /* something became permitted */
        const char *via; /* "start", "admin", "signal" */
        bool has_by;
        uid_t by;
        bool has_loginuid;
        uint32_t loginuid;
        const char *why; /* of one that was rejected: its faults, for the detail */
} LeafPolicy;

/** leaf_policy() - A policy loaded or rejected. Return: 0, LEAF_E_TOO_LONG, or -errno. */
int leaf_policy(const LeafPolicy *policy, Draft *draft);

typedef struct LeafMirror {
        const char *to;
        uint64_t lost;
} LeafMirror;

void leaf_mirror(const LeafMirror *mirror, Draft *draft);
void leaf_refused(const RefusedRow *row, Draft *draft);
void leaf_jump(const LedgerJump *jump, Draft *draft);

/** leaf_rebase() - A `jump` by an administrator: from the mark to the wall time of this very leaf. */
void leaf_rebase(const LedgerJump *jump, uid_t by, Draft *draft);

typedef struct LeafDisclose {
        const Attestation *attestation; /* of whoever asked */
        uint64_t of;                    /* whose details are opened */
        const char *reason;
} LeafDisclose;

/**
 * leaf_disclose() - Details are opened for somebody. The reason, and which login and unit that was, are
 * personal as well, and stand in a detail of its own. Return: 0, LEAF_E_TOO_LONG, or -errno.
 */
int leaf_disclose(const LeafDisclose *disclose, Draft *draft);

typedef struct LeafErase {
        bool has_by; /* else the guard itself, by age */
        uid_t by;
        bool has_of; /* they are of one request, or of one leaf */
        uint64_t of;
        const uint64_t *leaves; /* whose details go */
        size_t n_leaves;
} LeafErase;

/** leaf_erase() - Details are erased, with this leaf. */
void leaf_erase(const LeafErase *erase, Draft *draft);

typedef struct LeafGap {
        uint64_t count; /* how many were refused */
        const char *why;
        uint64_t since_usec;
} LeafGap;

void leaf_gap(const LeafGap *gap, Draft *draft);

/** leaf_epoch() - The last leaf of an epoch. @next: trail_next_epoch_key(). */
void leaf_epoch(const uint8_t *next, Draft *draft);
void leaf_stop(uint64_t n_open, Draft *draft);
