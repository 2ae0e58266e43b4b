/*
 * Text of audit records. Owns nothing. Run in the thread of the mirror, and, for the way back, in that of
 * the reader. Names of the policy's grammar are written as they are; every other value is encoded by
 * libaudit, which hex-encodes what could be taken for another field. It leaves the apostrophe alone, in which
 * the kernel wraps the text: values with one are hex-encoded here.
 */

#include "trail/audit-record.h"

#include <errno.h>
#include <libaudit.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "log/note.h"
#include "wire/leaf.h"

enum {
        /* What libaudit appends: exe= with a path that may be encoded, and the fields without a value. */
        AUDIT_RECORD_TAIL = 768,
        AUDIT_RECORD_VALUE_MAX = 512,
};

static const char record_unset_uid[] = "4294967295";

void audit_record_deinit(AuditRecord *record)
{
        buffer_deinit(&record->text);
}

/* ---------------------------------------------------------------------------------------------- the fields */

static void field_name(Buffer *text, const char *name)
{
        buffer_append_format(text, "%s%s=", text->n > 0 ? " " : "", name);
}

static bool value_is_plain(const char *value)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@+-";

        return *value && strspn(value, plain) == strlen(value) && strlen(value) <= AUDIT_RECORD_VALUE_MAX;
}

/* A name or a number that can be written as it is; anything else is encoded, and nothing is `?`. */
static void field_encoded(Buffer *text, const char *name, const char *value)
{
        _cleanup_(freep) char *encoded = NULL;

        if (!value || !*value || strlen(value) > AUDIT_RECORD_VALUE_MAX) {
                field_name(text, name);
                buffer_append_text(text, "?");
                return;
        }
        size_t n = strlen(value);
        if (!strchr(value, '\'')) {
                encoded = audit_encode_nv_string(name, value, (unsigned)n);
                if (text->n > 0)
                        buffer_append_text(text, " ");
        } else {
                encoded = malloc(2 * n + 1);
                if (encoded)
                        audit_encode_value(encoded, value, (unsigned)n);
                field_name(text, name);
        }
        if (encoded)
                buffer_append_text(text, encoded);
        else
                text->failed = true;
}

static void field_plain(Buffer *text, const char *name, const char *value)
{
        if (!value || !value_is_plain(value)) {
                field_encoded(text, name, value);
                return;
        }
        field_name(text, name);
        buffer_append_text(text, value);
}

/* A number of a leaf, or what stands for none. */
static void field_number(Buffer *text, const char *name, const Leaf *leaf, const char *key)
{
        uint64_t number;

        field_name(text, name);
        if (leaf_number(leaf, key, &number))
                buffer_append_format(text, "%llu", (unsigned long long)number);
        else
                buffer_append_text(text, "?");
}

static void field_uid(Buffer *text, const Leaf *leaf, const char *key)
{
        uint64_t uid;

        if (leaf_number(leaf, key, &uid))
                field_number(text, "sauid", leaf, key);
        else
                field_plain(text, "sauid", record_unset_uid);
}

static void field_hex(Buffer *text, const char *name, const void *data, size_t n)
{
        field_name(text, name);
        char *hex = buffer_extend(text, 2 * n + 1);
        if (hex) {
                text_hex(data, n, hex);
                text->n--; /* the NUL, which stands behind the text anyway */
        }
}

/* --------------------------------------------------------------------------------------------- the records */

static int record_finish(AuditRecord *record)
{
        if (record->text.failed)
                return -ENOMEM;
        return record->text.n > AUDIT_RECORD_MAX - AUDIT_RECORD_TAIL ? -EMSGSIZE : 0;
}

static void record_decision(const Leaf *leaf, uint64_t repeated, AuditRecord *record)
{
        Buffer *text = &record->text;

        record->type = AUDIT_MAC_CHECK;
        record->success = leaf_is(leaf, "verdict", "permit");
        field_plain(text, "op", leaf_text(leaf, "operation"));
        field_encoded(text, "acct", leaf_text(leaf, "organisation"));
        field_uid(text, leaf, "uid");
        field_number(text, "spid", leaf, "pid");
        field_encoded(text, "unit", leaf_text(leaf, "unit"));
        field_plain(text, "purpose", leaf_text(leaf, "purpose"));
        field_plain(text, "gallery", leaf_text(leaf, "gallery"));
        field_plain(text, "uuid", leaf_text(leaf, "request"));
        field_number(text, "seqno", leaf, "index");
        field_plain(text, "reason", leaf_text(leaf, "reason"));
        field_plain(text, "rule", leaf_text(leaf, "rule"));
        field_plain(text, "policy", leaf_text(leaf, "policy"));
        buffer_append_format(text, " repeated=%llu", (unsigned long long)repeated);
}

static void record_policy(const Leaf *leaf, AuditRecord *record)
{
        Buffer *text = &record->text;

        record->type = AUDIT_USER_MAC_POLICY_LOAD;
        record->success = leaf_is(leaf, "result", "loaded");
        field_plain(text, "op", "load-policy");
        field_plain(text, "old-policy", leaf_text(leaf, "old"));
        field_plain(text, "policy", leaf_text(leaf, "new"));
        field_number(text, "seqno", leaf, "index");
        field_uid(text, leaf, "by");
}

int audit_record_of_leaf(const void *leaf, size_t n, uint64_t repeated, AuditRecord *record)
{
        _cleanup_(leaf_deinit) Leaf parsed = LEAF_INIT;

        int r = leaf_parse(leaf, n, LEAF_MAX, &parsed);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        if (leaf_is(&parsed, "kind", "request"))
                record_decision(&parsed, repeated, record);
        else if (leaf_is(&parsed, "kind", "policy"))
                record_policy(&parsed, record);
        else
                return AUDIT_RECORD_E_NONE;
        return record_finish(record);
}

int audit_record_of_checkpoint(const char *note, size_t n, AuditRecord *record)
{
        Buffer *text = &record->text;
        char origin[NOTE_NAME_MAX + 1];
        TreeHead head;

        if (note_peek(note, n, origin, &head) != 0)
                return -EBADMSG;
        record->type = AUDIT_USYS_CONFIG;
        record->success = true;
        field_plain(text, "op", "checkpoint");
        field_encoded(text, "origin", origin);
        buffer_append_format(text, " seqno=%llu", (unsigned long long)head.size);
        field_hex(text, "root", &head.root, sizeof(head.root));
        field_hex(text, "note", note, n);
        return record_finish(record);
}

int audit_record_of_fault(const char *what, AuditRecord *record)
{
        record->type = AUDIT_ANOM_RBAC_INTEGRITY_FAIL;
        record->success = false;
        field_plain(&record->text, "op", "check-trail");
        field_plain(&record->text, "reason", what);
        return record_finish(record);
}

bool audit_record_unknown_peer(const void *leaf, size_t n, uint32_t *ret_uid)
{
        static const char reason[] = "\"reason\":\"unknown-peer\"";
        _cleanup_(leaf_deinit) Leaf parsed = LEAF_INIT;
        uint64_t uid;

        /* Most leaves are not: they are not taken apart for it. */
        if (!memmem(leaf, n, reason, strlen(reason)))
                return false;
        if (leaf_parse(leaf, n, LEAF_MAX, &parsed) != 0 || !leaf_is(&parsed, "kind", "request") ||
            !leaf_is(&parsed, "reason", "unknown-peer") || !leaf_number(&parsed, "uid", &uid))
                return false;
        *ret_uid = (uint32_t)uid;
        return true;
}

/* -------------------------------------------------------------------------------------------- the way back */

/* What is left of a text. */
typedef struct Rest {
        const char *at, *end;
} Rest;

/* Steps over a text that must stand here. */
static bool rest_skip(Rest *rest, const char *text)
{
        size_t n = strlen(text);

        if ((size_t)(rest->end - rest->at) < n || memcmp(rest->at, text, n) != 0)
                return false;
        rest->at += n;
        return true;
}

/* Steps behind the first place where a text stands. */
static bool rest_find(Rest *rest, const char *text)
{
        const char *found = memmem(rest->at, (size_t)(rest->end - rest->at), text, strlen(text));

        if (!found)
                return false;
        rest->at = found + strlen(text);
        return true;
}

static bool rest_number(Rest *rest, uint64_t *ret_number)
{
        size_t n = 0;

        while (rest->at + n < rest->end && rest->at[n] >= '0' && rest->at[n] <= '9')
                n++;
        if (!text_to_u64(rest->at, n, ret_number))
                return false;
        rest->at += n;
        return true;
}

static bool rest_request(Rest *rest, uint8_t *ret_request)
{
        enum { N = sizeof(((AuditEcho *)0)->request) };

        if (rest->end - rest->at < 2 * N || !text_from_hex(rest->at, 2 * (size_t)N, ret_request, N))
                return false;
        rest->at += 2 * (size_t)N;
        return true;
}

bool audit_record_echo(unsigned type, const char *text, size_t n, AuditEcho *ret_echo)
{
        static const char end[] = " res=success'";
        Rest rest = {.at = text, .end = text + n};
        AuditEcho echo = {};

        if (type != AUDIT_MAC_CHECK || n < strlen(end) ||
            memcmp(rest.end - strlen(end), end, strlen(end)) != 0)
                return false;
        /* `audit(1600000000.123:4567): pid=...`; what the kernel says of the sender stands before the text. */
        if (!rest_skip(&rest, "audit(") || !rest_find(&rest, ":") || !rest_number(&rest, &echo.serial) ||
            !rest_skip(&rest, "): ") || !rest_find(&rest, " msg='op="))
                return false;
        if (!rest_find(&rest, " uuid=") || !rest_request(&rest, echo.request) ||
            !rest_skip(&rest, " seqno=") || !rest_number(&rest, &echo.index) || !rest_skip(&rest, " "))
                return false;
        *ret_echo = echo;
        return true;
}
