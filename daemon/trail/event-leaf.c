/*
 * Sentences about leaves. Pure.
 */

#include "trail/event-leaf.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"

static uint64_t say_number(const Leaf *leaf, const char *key)
{
        uint64_t number = 0;

        (void)leaf_number(leaf, key, &number); /* What is not there counts as none. */
        return number;
}

static const char *say_text(const Leaf *leaf, const char *key)
{
        const char *text = leaf_text(leaf, key);

        return text ? text : "";
}

/* A part of the sentence that is left out where the leaf does not have the key. */
static void say_part(const Leaf *leaf, const char *before, const char *key, Buffer *message)
{
        const char *text = leaf_text(leaf, key);

        if (text)
                buffer_append_format(message, "%s%s", before, text);
}

static void say_start(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message, "A run of matchguard %s began; the trail has %" PRIu64 " leaves%s.",
                             say_text(leaf, "program"), say_number(leaf, "size"),
                             say_number(leaf, "clean") ? "" : ", and the last run did not end with a stop");
}

static void say_stop(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message, "Stopped; the last leaf is %" PRIu64 ".", say_number(leaf, "index"));
}

static void say_gap(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message,
                             "%" PRIu64 " requests were turned away while the trail was not written: %s.",
                             say_number(leaf, "count"), say_text(leaf, "why"));
}

static void say_mirror(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message, "The mirror to %s lost %" PRIu64 " records; the trail has them.",
                             say_text(leaf, "to"), say_number(leaf, "lost"));
}

static void say_disclose(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message, "The details of leaf %" PRIu64 " were opened for uid %" PRIu64 ".",
                             say_number(leaf, "of"), say_number(leaf, "by"));
}

static void say_erase(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(message, "The details of %" PRIu64 " leaves were erased.",
                             say_number(leaf, "count"));
}

static void say_policy(const Leaf *leaf, Buffer *message)
{
        uint64_t wider;
        const char *more = !leaf_number(leaf, "wider", &wider) ? "whether it permits more is not known"
                           : wider                             ? "it permits what the one before did not"
                                   : "it permits nothing that the one before did not";

        buffer_append_format(message, "The policy %.12s was loaded: %s.", say_text(leaf, "new"), more);
}

static void say_jump(const Leaf *leaf, Buffer *message)
{
        int64_t step = (int64_t)say_number(leaf, "to") - (int64_t)say_number(leaf, "from");

        buffer_append_format(message,
                             "The wall clock stepped by %" PRId64 " ms; recorded as leaf %" PRIu64 ".",
                             step / 1000, say_number(leaf, "index"));
}

static void say_rebase(const Leaf *leaf, Buffer *message)
{
        buffer_append_format(
                message, "The mark is set back to the present time by uid %" PRIu64 ", as leaf %" PRIu64 ".",
                say_number(leaf, "by"), say_number(leaf, "index"));
}

static void say_request(const Leaf *leaf, Buffer *message)
{
        bool permit = leaf_is(leaf, "verdict", "permit");

        buffer_append_format(message, "%s %s", permit ? "Permitted" : "Denied", say_text(leaf, "operation"));
        say_part(leaf, " in ", "gallery", message);
        say_part(leaf, " for ", "purpose", message);
        say_part(leaf, " to ", "organisation", message);
        buffer_append_format(message, " (uid %" PRIu64, say_number(leaf, "uid"));
        say_part(leaf, ", ", "unit", message);
        buffer_append_text(message, ")");
        say_part(leaf, ": ", "reason", message);
        say_part(leaf, permit ? " under " : ", ", "rule", message);
        buffer_append_format(message, "; leaf %" PRIu64 ".", say_number(leaf, "index"));
}

/* The first row that fits says which event a leaf is. */
static const struct {
        const char *kind;
        const char *key;   /* NULL: every leaf of the kind */
        const char *value; /* NULL: whatever has the key */
        EventKind event;
        void (*say)(const Leaf *leaf, Buffer *message);
        bool often; /* not where people read along */
} event_leaves[] = {
        {"request", "verdict", "permit", EVENT_PERMITTED, say_request, true},
        {"request", "verdict", "deny", EVENT_DENIED, say_request, true},
        {"start", NULL, NULL, EVENT_STARTED, say_start, false},
        {"stop", NULL, NULL, EVENT_STOPPED, say_stop, false},
        {"policy", "result", "loaded", EVENT_POLICY_LOADED, say_policy, false},
        {"jump", "by", NULL, EVENT_CLOCK_REBASED, say_rebase, false},
        {"jump", NULL, NULL, EVENT_CLOCK_JUMPED, say_jump, false},
        {"gap", NULL, NULL, EVENT_GAP, say_gap, false},
        {"mirror", NULL, NULL, EVENT_MIRROR_LOST, say_mirror, false},
        {"disclose", NULL, NULL, EVENT_DISCLOSED, say_disclose, false},
        {"erase", NULL, NULL, EVENT_ERASED, say_erase, false},
};

bool event_leaf_is_one(const char *kind, EventPlace place)
{
        for (size_t i = 0; i < ARRAY_SIZE(event_leaves); i++)
                if (strcmp(event_leaves[i].kind, kind) == 0)
                        return place == EVENT_TO_JOURNAL || !event_leaves[i].often;
        return false;
}

static bool event_leaf_has(const Leaf *leaf, const char *key, const char *value)
{
        uint64_t number;

        return value ? leaf_is(leaf, key, value) : leaf_text(leaf, key) || leaf_number(leaf, key, &number);
}

bool event_of_leaf(const Leaf *leaf, EventKind *ret_kind, Buffer *message)
{
        for (size_t i = 0; i < ARRAY_SIZE(event_leaves); i++) {
                const char *key = event_leaves[i].key;
                if (!leaf_is(leaf, "kind", event_leaves[i].kind) ||
                    (key && !event_leaf_has(leaf, key, event_leaves[i].value)))
                        continue;
                *ret_kind = event_leaves[i].event;
                event_leaves[i].say(leaf, message);
                return true;
        }
        return false;
}
