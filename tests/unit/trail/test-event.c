/* Events as they are written, and the leaves that are events. Runs as under systemd: JOURNAL_STREAM names stderr. */

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"
#include "trail/event-leaf.h"
#include "trail/event-memory.h"
#include "trail/event.h"

static void under_systemd(void)
{
        char stream[64];
        struct stat st;

        cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        event_init("test");
        cr_assert_eq(event_place(), EVENT_TO_JOURNAL);
}

static void at_a_terminal(void)
{
        unsetenv("JOURNAL_STREAM");
        event_init("test");
        cr_assert_eq(event_place(), EVENT_TO_STDERR);
}

static const char *encode(EventKind kind, const LeafField *fields, size_t n, const char *message)
{
        static Buffer record;

        buffer_clear(&record);
        event_encode(kind, fields, n, message, &record);
        return buffer_text(&record);
}

Test(event, in_the_journal_it_has_id_priority_and_fields)
{
        const LeafField fields[] = {{"gallery-epoch", .number = 0}, {"rule", "upkeep"}, {"unit", ""}};
        char expected[256];

        under_systemd();
        snprintf(expected, sizeof(expected),
                 "MESSAGE=It is "
                 "so.\nMESSAGE_ID=%s\nPRIORITY=3\nSYSLOG_IDENTIFIER=test\nMATCHGUARD_GALLERY_EPOCH=0\n"
                 "MATCHGUARD_RULE=upkeep\n",
                 event_id(EVENT_TRAIL_BROKEN));
        cr_expect_str_eq(encode(EVENT_TRAIL_BROKEN, fields, ARRAY_SIZE(fields), "It is so."), expected);
}

Test(event, commitments_and_the_form_of_the_leaf_are_left_out)
{
        const LeafField fields[] = {
                {"boot", "x"}, {"detail", "x"}, {"job", "x"}, {"kind", "x"}, {"v", .number = 1}};

        under_systemd();
        cr_expect_null(strstr(encode(EVENT_PERMITTED, fields, ARRAY_SIZE(fields), "m"), "MATCHGUARD_"));
}

Test(event, on_stderr_it_is_a_line)
{
        at_a_terminal();
        cr_expect_str_eq(encode(EVENT_TRAIL_BROKEN, EVENT_FIELDS({"why", "x"}), 1, "It is so."),
                         "test: It is so.\n");
}

static void take(EventKind kind, const Buffer *record, void *userdata)
{
        buffer_append(userdata, record->data, record->n);
        errno = EIO;
}

Test(event, a_teller_gets_it_and_errno_stays)
{
        _cleanup_(buffer_deinit) Buffer told = BUFFER_INIT;

        at_a_terminal();
        event_set_teller(take, &told);
        errno = ENOENT;
        event_tell(EVENT_SERVING, EVENT_NO_FIELDS, "%d of %d", 1, 2);
        cr_expect_eq(errno, ENOENT);
        event_set_teller(NULL, NULL);
        cr_expect_str_eq(buffer_text(&told), "test: 1 of 2\n");
}

static const struct {
        const char *leaf;
        EventKind event; /* _EVENT_MAX: none */
        const char *says;
} leaves[] = {
        {"{\"clean\":0,\"kind\":\"start\",\"open\":0,\"program\":\"0.1.0\",\"size\":7}", EVENT_STARTED,
         "A run of matchguard 0.1.0 began; the trail has 7 leaves, and the last run did not end with a "
         "stop."},
        {"{\"index\":9,\"kind\":\"stop\",\"open\":0}", EVENT_STOPPED, "Stopped; the last leaf is 9."},
        {"{\"count\":3,\"index\":5,\"kind\":\"gap\",\"why\":\"no room\"}", EVENT_GAP,
         "3 requests were turned away while the trail was not written: no room."},
        {"{\"kind\":\"mirror\",\"lost\":3,\"to\":\"kernel-audit\"}", EVENT_MIRROR_LOST,
         "The mirror to kernel-audit lost 3 records; the trail has them."},
        {"{\"by\":0,\"kind\":\"disclose\",\"of\":4}", EVENT_DISCLOSED,
         "The details of leaf 4 were opened for uid 0."},
        {"{\"by\":0,\"count\":2,\"kind\":\"erase\"}", EVENT_ERASED, "The details of 2 leaves were erased."},
        {"{\"kind\":\"policy\",\"new\":\"0123456789abcdef\",\"result\":\"loaded\",\"wider\":1}",
         EVENT_POLICY_LOADED, "The policy 0123456789ab was loaded: it permits what the one before did not."},
        {"{\"kind\":\"policy\",\"result\":\"rejected\"}", _EVENT_MAX, ""},
        {"{\"from\":5000000,\"index\":8,\"kind\":\"jump\",\"to\":2000000}", EVENT_CLOCK_JUMPED,
         "The wall clock stepped by -3000 ms; recorded as leaf 8."},
        {"{\"by\":0,\"from\":5000000,\"index\":8,\"kind\":\"jump\",\"to\":2000000}", EVENT_CLOCK_REBASED,
         "The mark is set back to the present time by uid 0, as leaf 8."},
        {"{\"gallery\":\"faces\",\"index\":2,\"kind\":\"request\",\"operation\":\"enrol\",\"organisation\":"
         "\"keeper\","
         "\"purpose\":\"upkeep\",\"rule\":\"fill\",\"uid\":9,\"unit\":\"k.service\",\"verdict\":\"permit\"}",
         EVENT_PERMITTED,
         "Permitted enrol in faces for upkeep to keeper (uid 9, k.service) under fill; leaf 2."},
        {"{\"index\":2,\"kind\":\"request\",\"operation\":\"compare\",\"reason\":\"moratorium\",\"rule\":"
         "\"police-use\","
         "\"uid\":9,\"verdict\":\"deny\"}",
         EVENT_DENIED, "Denied compare (uid 9): moratorium, police-use; leaf 2."},
        {"{\"kind\":\"beat\"}", _EVENT_MAX, ""},
        {"{\"kind\":\"outcome\",\"of\":1,\"result\":\"ok\"}", _EVENT_MAX, ""},
};

Test(event, leaves_that_are_events_have_their_sentences)
{
        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
                _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
                EventKind kind = _EVENT_MAX;

                cr_assert_eq(leaf_parse(leaves[i].leaf, strlen(leaves[i].leaf), LEAF_MAX, &leaf), 0, "%s",
                             leaves[i].leaf);
                cr_expect_eq(event_of_leaf(&leaf, &kind, &message), leaves[i].event != _EVENT_MAX);
                cr_expect_eq(kind, leaves[i].event, "%s", leaves[i].leaf);
                cr_expect_str_eq(buffer_text(&message), leaves[i].says);
                cr_expect(kind == _EVENT_MAX ||
                          event_leaf_is_one(leaf_text(&leaf, "kind"), EVENT_TO_JOURNAL));
        }
}

Test(event, where_people_read_along_decisions_are_left_out)
{
        cr_expect(event_leaf_is_one("request", EVENT_TO_JOURNAL));
        cr_expect(!event_leaf_is_one("request", EVENT_TO_STDERR));
        cr_expect(event_leaf_is_one("jump", EVENT_TO_STDERR));
        cr_expect(!event_leaf_is_one("beat", EVENT_TO_JOURNAL));
}

Test(event, what_is_below_the_level_is_not_written_and_is_known_all_the_same)
{
        _cleanup_(buffer_deinit) Buffer told = BUFFER_INIT;
        EventMemory memory;

        at_a_terminal();
        event_set_teller(take, &told);
        diag_set_level(DIAG_WARNING);
        event_tell(EVENT_POLICY_LOADED, EVENT_NO_FIELDS, "A notice.");
        event_tell(EVENT_MIRROR_LOST, EVENT_NO_FIELDS, "A warning.");
        event_tell(EVENT_STORAGE_FAILED, EVENT_NO_FIELDS, "Worse.");
        diag_set_level(DIAG_ERROR);
        event_tell(EVENT_MIRROR_LOST, EVENT_NO_FIELDS, "A second warning.");
        event_tell(EVENT_STORAGE_FAILED, EVENT_NO_FIELDS, "Worse still.");
        diag_set_level(DIAG_INFO);
        event_tell(EVENT_STEP, EVENT_NO_FIELDS, "A step.");
        diag_set_level(DIAG_DEBUG);
        event_tell(EVENT_STEP, EVENT_NO_FIELDS, "Another step.");
        event_set_teller(NULL, NULL);
        cr_expect_str_eq(buffer_text(&told), "test: A warning.\ntest: Worse.\ntest: Worse still.\n"
                                             "test: Another step.\n");
        cr_assert(event_memory_get(EVENT_MIRROR_LOST, &memory));
        cr_expect_eq(memory.n, 2);
        cr_expect_str_eq(memory.said, "A second warning.");
        cr_expect_not(event_memory_get(EVENT_STEP, &memory), "of requests nothing is remembered");
}
