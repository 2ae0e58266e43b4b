#pragma once
/*
 * Records of the kernel's audit: their text from what is durable in the trail, and the way back from what the
 * kernel says it has recorded. Pure; one event is one record.
 *
 * Fields are name=value with single spaces, always the same ones in the same order, `?` for what is unknown;
 * libaudit appends exe=, hostname=, addr=, terminal= and, last, res=.
 *
 *   AUDIT_MAC_CHECK                 a decision; res=success for a permit
 *       op= acct= sauid= spid= unit= purpose= gallery= uuid= seqno= reason= rule= policy= repeated=
 *   AUDIT_USER_MAC_POLICY_LOAD      a policy that was loaded, or (res=failed) rejected
 *       op=load-policy old-policy= policy= seqno= sauid=
 *   AUDIT_USYS_CONFIG               a checkpoint of the log
 *       op=checkpoint origin= seqno= root= note=
 *   AUDIT_ANOM_RBAC_INTEGRITY_FAIL  the trail is not what it should be; always res=failed
 *       op=check-trail reason=
 *
 * op: the operation asked for; acct: the organisation; sauid, spid, unit: the caller; uuid: the request's id; seqno:
 * the leaf's index, or the checkpoint's size; repeated: how many denials the record stands for (trail/repeats.h);
 * note: the signed checkpoint, its bytes in hex. A uid that is unknown is 4294967295, which ausearch calls
 * unset; it would take a `?` for root.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
        AUDIT_RECORD_MAX = 4096
}; /* of the text, with what libaudit appends; less than what the kernel takes */

typedef struct AuditRecord {
        int type; /* as in <libaudit.h> */
        bool success;
        Buffer text;
} AuditRecord;

#define AUDIT_RECORD_INIT ((AuditRecord){.text = BUFFER_INIT})

/** audit_record_deinit() - Frees the text; safe on AUDIT_RECORD_INIT and twice. */
void audit_record_deinit(AuditRecord *record);

enum {
        AUDIT_RECORD_E_NONE = 1, /* such a leaf has no record */
};

/**
 * audit_record_of_leaf() - The record of a `request` or a `policy` leaf.
 * @leaf:       its canonical bytes
 * @repeated:   for how many denials it stands; 1 unless they were folded
 * @record:     AUDIT_RECORD_INIT, to be given to audit_record_deinit() in any case
 *
 * Return: 0, AUDIT_RECORD_E_NONE, -EBADMSG for what is no leaf, -EMSGSIZE, -ENOMEM.
 */
int audit_record_of_leaf(const void *leaf, size_t n, uint64_t repeated, AuditRecord *record);

/** audit_record_of_checkpoint() - The record of a signed note. Return: 0, -EBADMSG, -EMSGSIZE, -ENOMEM. */
int audit_record_of_checkpoint(const char *note, size_t n, AuditRecord *record);

/** audit_record_of_fault() - The record of what is wrong with the trail, a word. Return: as above. */
int audit_record_of_fault(const char *what, AuditRecord *record);

/**
 * audit_record_unknown_peer() - Whether a leaf is the denial of a caller that the policy does not know.
 * @ret_uid:    the caller
 */
bool audit_record_unknown_peer(const void *leaf, size_t n, uint32_t *ret_uid);

/* A permit that the kernel has recorded. */
typedef struct AuditEcho {
        uint64_t serial;     /* the kernel's, of the event */
        uint64_t index;      /* of the leaf */
        uint8_t request[16]; /* its id */
} AuditEcho;

/**
 * audit_record_echo() - Takes a permit's record out of what the kernel says.
 * @type:       of the message
 * @text:       @n bytes, as the audit multicast has them: `audit(TIME:SERIAL): pid=... msg='op=... res=success'`
 *
 * Return: whether it is the record of a permit.
 */
bool audit_record_echo(unsigned type, const char *text, size_t n, AuditEcho *ret_echo);
