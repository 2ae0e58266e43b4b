/*
 * The rules over leaves: one small function a rule, in a table. A rule only looks; what a leaf changes is noted
 * after all rules have seen it, in one place.
 */

#include "tools/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"
#include "wire/leaf.h"

typedef enum Kind {
        KIND_OTHER, /* one of those that no rule looks at */
        KIND_START,
        KIND_POLICY,
        KIND_REQUEST,
        KIND_OUTCOME,
        KIND_EPOCH,
        KIND_STOP,
} Kind;

static const struct {
        const char *name;
        Kind kind;
} kinds[] = {
        {"start", KIND_START},     {"policy", KIND_POLICY},   {"request", KIND_REQUEST},
        {"outcome", KIND_OUTCOME}, {"refused", KIND_OTHER},   {"disclose", KIND_OTHER},
        {"erase", KIND_OTHER},     {"mirror", KIND_OTHER},    {"jump", KIND_OTHER},
        {"gap", KIND_OTHER},       {"epoch", KIND_EPOCH},     {"beat", KIND_OTHER},
        {"stop", KIND_STOP},
};

/* A leaf with what every rule needs of it. */
typedef struct Entry {
        uint64_t at;
        Leaf leaf;
        Kind kind;
        bool permit;
        bool has_of;
        uint64_t of;
} Entry;

/* A permit, until its outcome has come and the place is swept. */
typedef struct OpenPermit {
        uint64_t index;
        bool closed;
} OpenPermit;

struct Verify {
        VerifyHandlers handlers;
        VerifyCounts counts;
        uint64_t n_epochs;
        uint64_t last_start;
        bool request_since_start;
        bool has_policy;
        char policy[DIGEST_HEX_SIZE];
        OpenPermit *permits; /* ascending */
        size_t n_permits, n_closed, capacity;
        char text[256];
};

int verify_new(Verify **ret_verify, const VerifyHandlers *handlers)
{
        Verify *verify = calloc(1, sizeof(*verify));
        if (!verify)
                return -ENOMEM;
        verify->handlers = *handlers;
        *ret_verify = verify;
        return 0;
}

Verify *verify_free(Verify *verify)
{
        if (verify)
                free(verify->permits);
        free(verify);
        return NULL;
}

/* ------------------------------------------------------------------------------------------ open permits */

static OpenPermit *permits_find(const Verify *verify, uint64_t index)
{
        size_t low = 0, high = verify->n_permits;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (verify->permits[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == verify->n_permits || verify->permits[low].index != index || verify->permits[low].closed)
                return NULL;
        return &verify->permits[low];
}

static int permits_add(Verify *verify, uint64_t index)
{
        if (verify->n_permits == verify->capacity) {
                size_t capacity = verify->capacity ? verify->capacity * 2 : 64;
                OpenPermit *permits = reallocarray(verify->permits, capacity, sizeof(*permits));
                if (!permits)
                        return -ENOMEM;
                verify->permits = permits;
                verify->capacity = capacity;
        }
        verify->permits[verify->n_permits++] = (OpenPermit){.index = index};
        return 0;
}

/* Sweeps once half of the places are closed, so that each permit is moved only a few times. */
static void permits_close(Verify *verify, OpenPermit *permit)
{
        size_t n = 0;

        permit->closed = true;
        if (++verify->n_closed * 2 < verify->n_permits)
                return;
        for (size_t i = 0; i < verify->n_permits; i++)
                if (!verify->permits[i].closed)
                        verify->permits[n++] = verify->permits[i];
        verify->n_permits = n;
        verify->n_closed = 0;
}

static size_t permits_count(const Verify *verify)
{
        return verify->n_permits - verify->n_closed;
}

/* --------------------------------------------------------------------------------------------- the rules */

/* Each returns NULL, or what is wrong. */
static const char *say(Verify *verify, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *say(Verify *verify, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(verify->text, sizeof(verify->text), format, arguments);
        va_end(arguments);
        return verify->text;
}

static bool leaf_kind(const Leaf *leaf, Kind *ret_kind)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (leaf_is(leaf, "kind", kinds[i].name)) {
                        *ret_kind = kinds[i].kind;
                        return true;
                }
        return false;
}

static bool text_is_hex(const char *text, size_t n)
{
        return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static const char *check_common(Verify *verify, const Entry *entry)
{
        static const char *const numbers[] = {"boottime", "epoch", "index", "time", "wall"};
        uint64_t version = 0, number;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (!leaf_number(&entry->leaf, numbers[i], &number))
                        return say(verify, "it has no number '%s'", numbers[i]);
        if (!leaf_number(&entry->leaf, "v", &version) || version != 1)
                return "its version 'v' is not 1";
        if (!text_is_hex(leaf_text(&entry->leaf, "boot"), 32))
                return "its 'boot' is no boot id";
        if (!leaf_is(&entry->leaf, "clock", "synchronised") && !leaf_is(&entry->leaf, "clock", "behind") &&
            !leaf_is(&entry->leaf, "clock", "unsynchronised"))
                return "its 'clock' says nothing known";
        return NULL;
}

static const char *check_form(Verify *verify, const Entry *entry)
{
        const char *fault = check_common(verify, entry);
        if (fault)
                return fault;
        if (entry->kind == KIND_REQUEST && !entry->permit && !leaf_is(&entry->leaf, "verdict", "deny"))
                return "its verdict is neither permit nor deny";
        if (entry->kind == KIND_REQUEST && !text_is_hex(leaf_text(&entry->leaf, "request"), 32))
                return "its 'request' is no request id";
        if (entry->kind == KIND_OUTCOME && !leaf_text(&entry->leaf, "result"))
                return "it is an outcome without a result";
        if (entry->kind == KIND_POLICY && !leaf_is(&entry->leaf, "result", "loaded") &&
            !leaf_is(&entry->leaf, "result", "rejected"))
                return "its result is neither loaded nor rejected";
        if (entry->kind == KIND_POLICY && leaf_is(&entry->leaf, "result", "loaded") &&
            !text_is_hex(leaf_text(&entry->leaf, "new"), DIGEST_HEX_SIZE - 1))
                return "its 'new' is no digest";
        return NULL;
}

static const char *check_index(Verify *verify, const Entry *entry)
{
        uint64_t index;
        if (leaf_number(&entry->leaf, "index", &index) && index != entry->at)
                return say(verify, "it says that it is leaf %" PRIu64, index);
        return NULL;
}

static const char *check_time(Verify *verify, const Entry *entry)
{
        uint64_t time;
        if (leaf_number(&entry->leaf, "time", &time) && time < verify->counts.last_usec)
                return say(verify, "its time is %" PRIu64 " us before that of the leaf before it",
                           verify->counts.last_usec - time);
        return NULL;
}

/* An outcome may name what is no open permit in two ways: a permit that has its outcome, or no permit at all. */
static bool outcome_is_second(const Verify *verify, const Entry *entry)
{
        return entry->has_of && entry->of < entry->at && !permits_find(verify, entry->of) &&
               verify->handlers.is_permit && verify->handlers.is_permit(entry->of, verify->handlers.userdata);
}

static const char *check_one_outcome(Verify *verify, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME || !outcome_is_second(verify, entry))
                return NULL;
        return say(verify, "it is a second outcome of leaf %" PRIu64, entry->of);
}

static const char *check_outcome_of(Verify *verify, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME)
                return NULL;
        if (!entry->has_of)
                return "it is an outcome that names no leaf";
        if (permits_find(verify, entry->of) || outcome_is_second(verify, entry))
                return NULL;
        return say(verify, "it is the outcome of leaf %" PRIu64 ", which is no permit before it", entry->of);
}

static const char *check_unknown_first(Verify *verify, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME || !leaf_is(&entry->leaf, "result", "unknown") ||
            !verify->request_since_start)
                return NULL;
        return "an outcome of an earlier run comes after this run's first request";
}

static const char *check_stop(Verify *verify, const Entry *entry)
{
        uint64_t open = 0;

        if (entry->kind != KIND_STOP)
                return NULL;
        if (permits_count(verify) > 0)
                return say(verify, "the service stopped with %zu permits open", permits_count(verify));
        if (!leaf_number(&entry->leaf, "open", &open) || open != 0)
                return "its 'open' is not 0";
        return NULL;
}

static const char *check_policy(Verify *verify, const Entry *entry)
{
        if (entry->kind != KIND_REQUEST)
                return NULL;
        if (!verify->has_policy)
                return "it was decided before any policy was loaded";
        if (!leaf_is(&entry->leaf, "policy", verify->policy))
                return "its policy is not the one that was loaded last";
        return NULL;
}

static const char *check_epoch(Verify *verify, const Entry *entry)
{
        uint64_t epoch;
        if (leaf_number(&entry->leaf, "epoch", &epoch) && epoch != verify->n_epochs)
                return say(verify, "its epoch is %" PRIu64 ", but %" PRIu64 " epochs have ended before it", epoch,
                           verify->n_epochs);
        return NULL;
}

static const struct {
        const char *name;
        const char *(*check)(Verify *verify, const Entry *entry);
} rules[] = {
        {"form", check_form},
        {"I1", check_index},
        {"I2", check_time},
        {"I3", check_one_outcome},
        {"I4", check_outcome_of},
        {"I5", check_unknown_first},
        {"I6", check_stop},
        {"I7", check_policy},
        {"I8", check_epoch},
};

/* --------------------------------------------------------------------------------- what a leaf changes */

static int note_request(Verify *verify, const Entry *entry)
{
        verify->request_since_start = true;
        if (!entry->permit) {
                verify->counts.denials++;
                return 0;
        }
        verify->counts.permits++;
        return permits_add(verify, entry->at);
}

static void note_outcome(Verify *verify, const Entry *entry)
{
        OpenPermit *permit = entry->has_of ? permits_find(verify, entry->of) : NULL;

        verify->counts.outcomes++;
        if (permit)
                permits_close(verify, permit);
}

static int note_policy(Verify *verify, const Entry *entry)
{
        const char *new = leaf_text(&entry->leaf, "new");

        if (!leaf_is(&entry->leaf, "result", "loaded"))
                return 0;
        verify->counts.policies++;
        verify->has_policy = text_is_hex(new, DIGEST_HEX_SIZE - 1);
        if (!verify->has_policy)
                return 0;
        memcpy(verify->policy, new, DIGEST_HEX_SIZE);
        return verify->handlers.loaded ? verify->handlers.loaded(entry->at, new, verify->handlers.userdata) : 0;
}

static void note_start(Verify *verify, const Entry *entry)
{
        verify->counts.starts++;
        verify->last_start = entry->at;
        verify->request_since_start = false;
}

static void note_time(Verify *verify, const Entry *entry)
{
        uint64_t time;
        if (!leaf_number(&entry->leaf, "time", &time))
                return;
        if (entry->at == 0)
                verify->counts.first_usec = time;
        verify->counts.last_usec = time;
}

static int note(Verify *verify, const Entry *entry)
{
        note_time(verify, entry);
        switch (entry->kind) {
        case KIND_START:
                note_start(verify, entry);
                return 0;
        case KIND_POLICY:
                return note_policy(verify, entry);
        case KIND_REQUEST:
                return note_request(verify, entry);
        case KIND_OUTCOME:
                note_outcome(verify, entry);
                return 0;
        case KIND_EPOCH:
                verify->n_epochs++;
                return 0;
        case KIND_STOP:
        case KIND_OTHER:
                return 0;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------- the entrance */

static void report(Verify *verify, uint64_t index, const char *rule, const char *text)
{
        const VerifyFault fault = {index, rule, text};
        verify->handlers.fault(&fault, verify->handlers.userdata);
}

static int entry_check(Verify *verify, const Entry *entry)
{
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                const char *text = rules[i].check(verify, entry);
                if (text)
                        report(verify, entry->at, rules[i].name, text);
        }
        return note(verify, entry);
}

int verify_leaf(Verify *verify, const void *leaf, size_t n)
{
        Entry entry = {.at = verify->counts.leaves++};

        int r = leaf_parse(leaf, n, LEAF_MAX, &entry.leaf);
        if (r < 0)
                return r;
        if (r > 0) {
                report(verify, entry.at, "form", "it is not a leaf in canonical form");
                return 0;
        }
        if (leaf_kind(&entry.leaf, &entry.kind)) {
                entry.permit = entry.kind == KIND_REQUEST && leaf_is(&entry.leaf, "verdict", "permit");
                entry.has_of = leaf_number(&entry.leaf, "of", &entry.of);
        } else {
                report(verify, entry.at, "form", "its kind is unknown");
        }
        r = entry_check(verify, &entry);
        leaf_deinit(&entry.leaf);
        return r;
}

void verify_end(Verify *verify)
{
        for (size_t i = 0; i < verify->n_permits; i++)
                if (!verify->permits[i].closed && verify->permits[i].index < verify->last_start)
                        report(verify, verify->permits[i].index, "I3",
                               "it is a permit without an outcome, and the service has started since");
}

VerifyCounts verify_counts(const Verify *verify)
{
        VerifyCounts counts = verify->counts;
        counts.open = permits_count(verify);
        return counts;
}

bool verify_leaf_is_permit(const void *leaf, size_t n)
{
        Leaf parsed = LEAF_INIT;
        if (leaf_parse(leaf, n, LEAF_MAX, &parsed) != 0)
                return false;
        bool permit = leaf_is(&parsed, "kind", "request") && leaf_is(&parsed, "verdict", "permit");
        leaf_deinit(&parsed);
        return permit;
}
