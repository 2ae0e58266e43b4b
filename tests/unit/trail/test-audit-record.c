/* The text of audit records, and the way back. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "trail/audit-record.h"
#include "wire/leaf.h"

/* A leaf with these members beside the ones that are needed to be one. */
static Buffer leaf_of(const Leaf *leaf)
{
        Buffer bytes = BUFFER_INIT;
        cr_assert_eq(leaf_encode(leaf, LEAF_MAX, &bytes), 0);
        return bytes;
}

static Leaf permit(void)
{
        Leaf leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_text(&leaf, "verdict", "permit");
        leaf_set_text(&leaf, "operation", "identify");
        leaf_set_text(&leaf, "organisation", "thorn");
        leaf_set_number(&leaf, "uid", 1000);
        leaf_set_number(&leaf, "pid", 4242);
        leaf_set_text(&leaf, "unit", "thorn.service");
        leaf_set_text(&leaf, "purpose", "missing-child-reunion");
        leaf_set_text(&leaf, "gallery", "faces");
        leaf_set_text(&leaf, "request", "00112233445566778899aabbccddeeff");
        leaf_set_number(&leaf, "index", 991);
        leaf_set_text(&leaf, "rule", "ngo-rescue");
        leaf_set_text(&leaf, "policy", "3fa9");
        return leaf;
}

static AuditRecord record_of(const Leaf *leaf, uint64_t repeated)
{
        _cleanup_(buffer_deinit) Buffer bytes = leaf_of(leaf);
        AuditRecord record = AUDIT_RECORD_INIT;
        cr_assert_eq(audit_record_of_leaf(bytes.data, bytes.n, repeated, &record), 0);
        return record;
}

static void expect_text(AuditRecord *record, const char *text)
{
        cr_expect_str_eq(buffer_text(&record->text), text);
        audit_record_deinit(record);
}

Test(audit_record, a_permit_has_every_field)
{
        Leaf leaf = permit();
        AuditRecord record = record_of(&leaf, 1);

        cr_expect_eq(record.type, 1134);
        cr_expect(record.success);
        expect_text(&record,
                    "op=identify acct=\"thorn\" sauid=1000 spid=4242 unit=\"thorn.service\" "
                    "purpose=missing-child-reunion gallery=faces uuid=00112233445566778899aabbccddeeff "
                    "seqno=991 reason=? rule=ngo-rescue policy=3fa9 repeated=1");
}

Test(audit_record, a_denial_has_the_same_fields_in_the_same_order)
{
        Leaf leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_text(&leaf, "verdict", "deny");
        leaf_set_text(&leaf, "operation", "compare");
        leaf_set_number(&leaf, "uid", 65534);
        leaf_set_text(&leaf, "purpose", "missing-child-reunion");
        leaf_set_text(&leaf, "request", "00112233445566778899aabbccddeeff");
        leaf_set_number(&leaf, "index", 7);
        leaf_set_text(&leaf, "reason", "unknown-peer");
        leaf_set_text(&leaf, "policy", "3fa9");
        AuditRecord record = record_of(&leaf, 17);

        cr_expect_eq(record.type, 1134);
        cr_expect_not(record.success);
        expect_text(&record,
                    "op=compare acct=? sauid=65534 spid=? unit=? purpose=missing-child-reunion gallery=? "
                    "uuid=00112233445566778899aabbccddeeff seqno=7 reason=unknown-peer rule=? policy=3fa9 "
                    "repeated=17");
}

Test(audit_record, a_policy_that_was_loaded_and_one_that_was_rejected)
{
        Leaf leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "policy");
        leaf_set_number(&leaf, "index", 1);
        leaf_set_text(&leaf, "new", "ab12");
        leaf_set_text(&leaf, "result", "loaded");
        AuditRecord record = record_of(&leaf, 1);
        cr_expect_eq(record.type, 2310);
        cr_expect(record.success);
        /* ausearch takes a `?` for the uid of root. */
        expect_text(&record, "op=load-policy old-policy=? policy=ab12 seqno=1 sauid=4294967295");

        leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "policy");
        leaf_set_number(&leaf, "index", 9);
        leaf_set_text(&leaf, "old", "ab12");
        leaf_set_text(&leaf, "result", "rejected");
        leaf_set_number(&leaf, "by", 0);
        record = record_of(&leaf, 1);
        cr_expect_not(record.success);
        expect_text(&record, "op=load-policy old-policy=ab12 policy=? seqno=9 sauid=0");
}

Test(audit_record, no_byte_of_an_outsider_makes_a_field)
{
        static const struct {
                const char *value;
                const char *quoted; /* as acct= */
                const char *plain;  /* as purpose= */
        } cases[] = {
                {"thorn", "\"thorn\"", "thorn"},
                {"a b res=success", "6120622072", "6120622072"},
                {"x' res=success", "782720726573", "782720726573"},
                {"it's", "69742773", "69742773"},
                {"'", "27", "27"},
                {"{}", "\"{}\"", "\"{}\""},
                {"=", "\"=\"", "\"=\""},
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Leaf leaf = LEAF_INIT;
                char wanted[256];
                leaf_set_text(&leaf, "kind", "request");
                leaf_set_text(&leaf, "verdict", "deny");
                leaf_set_text(&leaf, "organisation", cases[i].value);
                leaf_set_text(&leaf, "purpose", cases[i].value);
                AuditRecord record = record_of(&leaf, 1);
                (void)snprintf(wanted, sizeof(wanted), "acct=%s", cases[i].quoted);
                cr_expect_not_null(strcasestr(buffer_text(&record.text), wanted), "%s",
                                   buffer_text(&record.text));
                (void)snprintf(wanted, sizeof(wanted), "purpose=%s", cases[i].plain);
                cr_expect_not_null(strcasestr(buffer_text(&record.text), wanted), "%s",
                                   buffer_text(&record.text));
                cr_expect_null(strstr(buffer_text(&record.text), "res="));
                cr_expect_null(strchr(buffer_text(&record.text), '\''));
                audit_record_deinit(&record);
        }
}

Test(audit_record, a_value_that_is_too_long_is_left_out_and_the_whole_stays_small)
{
        Leaf leaf = LEAF_INIT;
        char unit[AUDIT_RECORD_MAX], value[361];

        memset(unit, 'x', sizeof(unit) - 1);
        unit[sizeof(unit) - 1] = '\0';
        memset(value, ' ', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_text(&leaf, "unit", unit);
        leaf_set_text(&leaf, "policy", unit);
        static const char *const keys[] = {"operation", "organisation", "purpose", "gallery"};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                leaf_set_text(&leaf, keys[i], value);
        Buffer bytes = leaf_of(&leaf);
        AuditRecord record = AUDIT_RECORD_INIT;
        cr_assert_eq(audit_record_of_leaf(bytes.data, bytes.n, 1, &record), 0);
        cr_expect_not_null(strstr(buffer_text(&record.text), " unit=? "));
        cr_expect_not_null(strstr(buffer_text(&record.text), " policy=? "));
        cr_expect(record.text.n < AUDIT_RECORD_MAX - 256);
        audit_record_deinit(&record);

        leaf_set_text(&leaf, "rule", value);
        buffer_deinit(&bytes);
        bytes = leaf_of(&leaf);
        cr_expect_eq(audit_record_of_leaf(bytes.data, bytes.n, 1, &record), -EMSGSIZE);
        audit_record_deinit(&record);
        buffer_deinit(&bytes);
}

Test(audit_record, other_leaves_have_none_and_bytes_that_are_no_leaf_are_an_error)
{
        Leaf leaf = LEAF_INIT;
        AuditRecord record = AUDIT_RECORD_INIT;

        leaf_set_text(&leaf, "kind", "beat");
        Buffer bytes = leaf_of(&leaf);
        cr_expect_eq(audit_record_of_leaf(bytes.data, bytes.n, 1, &record), AUDIT_RECORD_E_NONE);
        cr_expect_eq(audit_record_of_leaf(bytes.data, bytes.n - 1, 1, &record), -EBADMSG);
        buffer_deinit(&bytes);
        audit_record_deinit(&record);
}

static const char note[] = "example.org/log\n3\n"
                           "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n\n"
                           "\xe2\x80\x94 example.org/log c2lnbmF0dXJl\n";

Test(audit_record, a_checkpoint_stands_whole_in_its_record)
{
        AuditRecord record = AUDIT_RECORD_INIT;
        char hex[2 * sizeof(note)];
        char wanted[1024];

        for (size_t i = 0; i < sizeof(note) - 1; i++)
                (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)note[i]);
        cr_assert_eq(audit_record_of_checkpoint(note, sizeof(note) - 1, &record), 0);
        cr_expect_eq(record.type, 1111);
        cr_expect(record.success);
        (void)snprintf(wanted, sizeof(wanted),
                       "op=checkpoint origin=\"example.org/log\" seqno=3 "
                       "root=0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 note=%s",
                       hex);
        expect_text(&record, wanted);

        record = AUDIT_RECORD_INIT;
        cr_expect_eq(audit_record_of_checkpoint("nonsense", 8, &record), -EBADMSG);
        audit_record_deinit(&record);
}

Test(audit_record, a_fault_is_an_integrity_anomaly)
{
        AuditRecord record = AUDIT_RECORD_INIT;

        cr_assert_eq(audit_record_of_fault("behind", &record), 0);
        cr_expect_eq(record.type, 2109);
        cr_expect_not(record.success);
        expect_text(&record, "op=check-trail reason=behind");
}

Test(audit_record, only_the_denial_of_an_unknown_peer_is_one)
{
        uint32_t uid = 0;
        Leaf leaf = permit();
        Buffer bytes = leaf_of(&leaf);
        cr_expect_not(audit_record_unknown_peer(bytes.data, bytes.n, &uid));
        buffer_deinit(&bytes);

        leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_number(&leaf, "uid", 65534);
        leaf_set_text(&leaf, "reason", "unknown-peer");
        bytes = leaf_of(&leaf);
        cr_expect(audit_record_unknown_peer(bytes.data, bytes.n, &uid));
        cr_expect_eq(uid, 65534);
        cr_expect_not(audit_record_unknown_peer(bytes.data, bytes.n - 1, &uid));
        buffer_deinit(&bytes);

        leaf = LEAF_INIT;
        leaf_set_text(&leaf, "kind", "policy");
        leaf_set_number(&leaf, "uid", 65534);
        leaf_set_text(&leaf, "reason", "unknown-peer");
        bytes = leaf_of(&leaf);
        cr_expect_not(audit_record_unknown_peer(bytes.data, bytes.n, &uid));
        buffer_deinit(&bytes);
}

/* --------------------------------------------------------------------------------------------- the way back */

#define BEFORE "audit(1795844465.013:611): pid=6331 uid=991 auid=4294967295 ses=4294967295 "
#define FIELDS                                                                                               \
        "op=identify acct=\"thorn\" sauid=1000 spid=4242 unit=? purpose=x gallery=faces "                    \
        "uuid=00112233445566778899aabbccddeeff seqno=991 reason=? rule=r policy=3fa9 repeated=1 "
#define AFTER "exe=\"/usr/libexec/matchguard/matchguardd\" hostname=? addr=? terminal=? res=success'"

Test(audit_record, what_the_kernel_says_of_a_permit_is_read)
{
        static const char text[] = BEFORE "msg='" FIELDS AFTER;
        AuditEcho echo = {};

        cr_assert(audit_record_echo(1134, text, strlen(text), &echo));
        cr_expect_eq(echo.serial, 611);
        cr_expect_eq(echo.index, 991);
        static const uint8_t request[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                            0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
        cr_expect_arr_eq(echo.request, request, sizeof(request));
        cr_expect_not(audit_record_echo(1100, text, strlen(text), &echo), "of another type");
}

Test(audit_record, nothing_else_is_taken_for_a_permit)
{
        static const char *const texts[] = {
                "",
                "audit(",
                " res=success'",
                BEFORE "msg='" FIELDS,                          /* cut */
                "x" BEFORE "msg='" FIELDS AFTER,                /* not the kernel's beginning */
                BEFORE FIELDS AFTER,                            /* no text of user space */
                "audit(1795844465.013:x): msg='" FIELDS AFTER,  /* no serial */
                "audit(1795844465.013:06): msg='" FIELDS AFTER, /* not canonical */
                "audit(1795844465.013:6) msg='" FIELDS AFTER,   /* not ended */
                BEFORE
                "msg='op=PAM:accounting acct=\"root\" exe=\"/bin/su\" res=success'", /* somebody else's */
                BEFORE "msg='op=a uuid=0011 seqno=1 " AFTER,
                BEFORE "msg='op=a uuid=00112233445566778899aabbccddeefF seqno=1 " AFTER,
                BEFORE "msg='op=a uuid=00112233445566778899aabbccddeeff seqno= " AFTER,
                BEFORE "msg='op=a uuid=00112233445566778899aabbccddeeff seqno=1x " AFTER,
                BEFORE "msg='op=a uuid=00112233445566778899aabbccddeeff seqno=01 " AFTER,
                BEFORE "msg='op=a uuid=00112233445566778899aabbccddeeff seqno=99999999999999999999 " AFTER,
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                AuditEcho echo = {};
                cr_expect_not(audit_record_echo(1134, texts[i], strlen(texts[i]), &echo), "%s", texts[i]);
        }
        static const char denied[] =
                BEFORE "msg='" FIELDS "exe=\"/x\" hostname=? addr=? terminal=? res=failed'";
        AuditEcho echo = {};
        cr_expect_not(audit_record_echo(1134, denied, strlen(denied), &echo), "a denial");
}

Test(audit_record, every_cut_of_a_record_is_refused)
{
        static const char text[] = BEFORE "msg='" FIELDS AFTER;
        AuditEcho echo = {};

        for (size_t n = 0; n < strlen(text); n++) {
                /* A copy of just that length, so that a sanitizer sees who reads on. */
                char *cut = malloc(n > 0 ? n : 1);
                cr_assert_not_null(cut);
                memcpy(cut, text, n);
                cr_expect_not(audit_record_echo(1134, cut, n, &echo), "%zu bytes", n);
                free(cut);
        }
}

Test(audit_record, what_is_written_is_read_back)
{
        Leaf leaf = permit();
        AuditRecord record = record_of(&leaf, 1);
        Buffer text = BUFFER_INIT;
        AuditEcho echo = {};

        buffer_append_format(&text, BEFORE "msg='%s " AFTER, buffer_text(&record.text));
        cr_assert(audit_record_echo((unsigned)record.type, buffer_text(&text), text.n, &echo));
        cr_expect_eq(echo.index, 991);
        buffer_deinit(&text);
        audit_record_deinit(&record);
}
