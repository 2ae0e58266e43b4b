/*
 * The rules over leaves: one small function a rule, in a table. A rule only looks; what a leaf changes is
 * noted after all rules have seen it, in one place.
 */

#include "tools/leaf-rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"
#include "policy/decide.h"
#include "wire/leaf.h"

typedef enum Kind {
        KIND_OTHER, /* one of those that no rule looks at */
        KIND_START,
        KIND_POLICY,
        KIND_REQUEST,
        KIND_OUTCOME,
        KIND_JUMP,
        KIND_GAP,
        KIND_EPOCH,
        KIND_STOP,
} Kind;

static const struct {
        const char *name;
        Kind kind;
} kinds[] = {
        {"start", KIND_START},     {"policy", KIND_POLICY}, {"request", KIND_REQUEST},
        {"outcome", KIND_OUTCOME}, {"refused", KIND_OTHER}, {"disclose", KIND_OTHER},
        {"erase", KIND_OTHER},     {"mirror", KIND_OTHER},  {"jump", KIND_JUMP},
        {"gap", KIND_GAP},         {"epoch", KIND_EPOCH},   {"beat", KIND_OTHER},
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

struct Rules {
        RuleHandlers handlers;
        RuleCounts counts;
        uint64_t latest_usec; /* the largest log time so far; 0: none */
        uint64_t span_usec;   /* of the epoch at hand, as far as I11 counts it */
        uint64_t last_start;
        bool request_since_start;
        bool has_policy;
        char policy[DIGEST_HEX_SIZE];
        bool has_mark;
        uint64_t mark_usec;
        OpenPermit *permits; /* ascending */
        size_t n_permits, n_closed, capacity;
        char text[256];
};

int rules_new(Rules **ret_rules, const RuleHandlers *handlers)
{
        Rules *rules = calloc(1, sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        rules->handlers = *handlers;
        *ret_rules = rules;
        return 0;
}

Rules *rules_free(Rules *rules)
{
        if (rules)
                free(rules->permits);
        free(rules);
        return NULL;
}

/* ------------------------------------------------------------------------------------------- open permits */

static OpenPermit *permits_find(const Rules *rules, uint64_t index)
{
        size_t low = 0, high = rules->n_permits;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (rules->permits[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == rules->n_permits || rules->permits[low].index != index || rules->permits[low].closed)
                return NULL;
        return &rules->permits[low];
}

static int permits_add(Rules *rules, uint64_t index)
{
        if (rules->n_permits == rules->capacity) {
                size_t capacity = rules->capacity ? rules->capacity * 2 : 64;
                OpenPermit *permits = reallocarray(rules->permits, capacity, sizeof(*permits));
                if (!permits)
                        return -ENOMEM;
                rules->permits = permits;
                rules->capacity = capacity;
        }
        rules->permits[rules->n_permits++] = (OpenPermit){.index = index};
        return 0;
}

/* Sweeps once half of the places are closed, so that each permit is moved only a few times. */
static void permits_close(Rules *rules, OpenPermit *permit)
{
        size_t n = 0;

        permit->closed = true;
        if (++rules->n_closed * 2 < rules->n_permits)
                return;
        for (size_t i = 0; i < rules->n_permits; i++)
                if (!rules->permits[i].closed)
                        rules->permits[n++] = rules->permits[i];
        rules->n_permits = n;
        rules->n_closed = 0;
}

static size_t permits_count(const Rules *rules)
{
        return rules->n_permits - rules->n_closed;
}

/* ---------------------------------------------------------------------------------------------- the rules */

/* Each returns NULL, or what is wrong. */
static const char *say(Rules *rules, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *say(Rules *rules, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(rules->text, sizeof(rules->text), format, arguments);
        va_end(arguments);
        return rules->text;
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

static const char *check_common(Rules *rules, const Entry *entry)
{
        static const char *const numbers[] = {"boottime", "epoch", "index", "time", "wall"};
        uint64_t version = 0, number;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (!leaf_number(&entry->leaf, numbers[i], &number))
                        return say(rules, "it has no number '%s'", numbers[i]);
        if (!leaf_number(&entry->leaf, "v", &version) || version != 1)
                return "its version 'v' is not 1";
        if (!text_is_hex(leaf_text(&entry->leaf, "boot"), 32))
                return "its 'boot' is no boot id";
        if (!leaf_is(&entry->leaf, "clock", "synchronised") && !leaf_is(&entry->leaf, "clock", "behind") &&
            !leaf_is(&entry->leaf, "clock", "unsynchronised"))
                return "its 'clock' says nothing known";
        return NULL;
}

static const char *check_policy_form(const Entry *entry)
{
        bool loaded = leaf_is(&entry->leaf, "result", "loaded");
        uint64_t wider;

        if (!loaded && !leaf_is(&entry->leaf, "result", "rejected"))
                return "its result is neither loaded nor rejected";
        if (loaded && !text_is_hex(leaf_text(&entry->leaf, "new"), DIGEST_HEX_SIZE - 1))
                return "its 'new' is no digest";
        if (leaf_text(&entry->leaf, "wider") || (leaf_number(&entry->leaf, "wider", &wider) && wider > 1))
                return "its 'wider' is neither 0 nor 1";
        if (!loaded && leaf_number(&entry->leaf, "wider", &wider))
                return "it was rejected, and yet says 'wider'";
        return NULL;
}

static const char *check_form(Rules *rules, const Entry *entry)
{
        const char *fault = check_common(rules, entry);
        uint64_t number;

        if (fault)
                return fault;
        if (entry->kind == KIND_REQUEST && !entry->permit && !leaf_is(&entry->leaf, "verdict", "deny"))
                return "its verdict is neither permit nor deny";
        if (entry->kind == KIND_REQUEST && !text_is_hex(leaf_text(&entry->leaf, "request"), 32))
                return "its 'request' is no request id";
        if (entry->kind == KIND_OUTCOME && !leaf_text(&entry->leaf, "result"))
                return "it is an outcome without a result";
        if (entry->kind == KIND_POLICY)
                return check_policy_form(entry);
        if (entry->kind == KIND_EPOCH && !text_is_hex(leaf_text(&entry->leaf, "next"), 64))
                return "its 'next' is no public key";
        if (entry->kind == KIND_JUMP &&
            (!leaf_number(&entry->leaf, "from", &number) || !leaf_number(&entry->leaf, "to", &number)))
                return "it is a jump without 'from' and 'to'";
        return NULL;
}

static const char *check_index(Rules *rules, const Entry *entry)
{
        uint64_t index;
        if (leaf_number(&entry->leaf, "index", &index) && index != entry->at)
                return say(rules, "it says that it is leaf %" PRIu64, index);
        return NULL;
}

static const char *check_time(Rules *rules, const Entry *entry)
{
        uint64_t time;
        if (leaf_number(&entry->leaf, "time", &time) && time < rules->counts.last_usec)
                return say(rules, "its time is %" PRIu64 " us before that of the leaf before it",
                           rules->counts.last_usec - time);
        return NULL;
}

/* An outcome may name what is no open permit in two ways: a permit
 * that has its outcome, or no permit at all. */
static bool outcome_is_second(const Rules *rules, const Entry *entry)
{
        return entry->has_of && entry->of < entry->at && !permits_find(rules, entry->of) &&
               rules->handlers.is_permit && rules->handlers.is_permit(entry->of, rules->handlers.userdata);
}

static const char *check_one_outcome(Rules *rules, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME || !outcome_is_second(rules, entry))
                return NULL;
        return say(rules, "it is a second outcome of leaf %" PRIu64, entry->of);
}

static const char *check_outcome_of(Rules *rules, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME)
                return NULL;
        if (!entry->has_of)
                return "it is an outcome that names no leaf";
        if (permits_find(rules, entry->of) || outcome_is_second(rules, entry))
                return NULL;
        return say(rules, "it is the outcome of leaf %" PRIu64 ", which is no permit before it", entry->of);
}

static const char *check_unknown_first(Rules *rules, const Entry *entry)
{
        if (entry->kind != KIND_OUTCOME || !leaf_is(&entry->leaf, "result", "unknown") ||
            !rules->request_since_start)
                return NULL;
        return "an outcome of an earlier run comes after this run's first request";
}

static const char *check_stop(Rules *rules, const Entry *entry)
{
        uint64_t open = 0;

        if (entry->kind != KIND_STOP)
                return NULL;
        if (permits_count(rules) > 0)
                return say(rules, "the service stopped with %zu permits open", permits_count(rules));
        if (!leaf_number(&entry->leaf, "open", &open) || open != 0)
                return "its 'open' is not 0";
        return NULL;
}

static const char *check_policy(Rules *rules, const Entry *entry)
{
        if (entry->kind != KIND_REQUEST)
                return NULL;
        if (!rules->has_policy)
                return "it was decided before any policy was loaded";
        if (!leaf_is(&entry->leaf, "policy", rules->policy))
                return "its policy is not the one that was loaded last";
        return NULL;
}

static const char *check_epoch(Rules *rules, const Entry *entry)
{
        uint64_t epoch;
        if (leaf_number(&entry->leaf, "epoch", &epoch) && epoch != rules->counts.epochs)
                return say(rules, "its epoch is %" PRIu64 ", but %" PRIu64 " epochs have ended before it",
                           epoch, rules->counts.epochs);
        return NULL;
}

/* What a leaf adds to the span of its epoch: the log time since the leaf before it, unless it says itself that
 * no service was given meanwhile, or that the clock stepped. */
static uint64_t entry_span(const Rules *rules, const Entry *entry)
{
        bool step = entry->kind == KIND_JUMP && !leaf_number(&entry->leaf, "by", &(uint64_t){0});
        uint64_t time;

        if (rules->latest_usec == 0 || entry->kind == KIND_START || entry->kind == KIND_GAP || step ||
            !leaf_number(&entry->leaf, "time", &time) || time < rules->latest_usec)
                return 0;
        return time - rules->latest_usec;
}

static const char *check_span(Rules *rules, const Entry *entry)
{
        /* Told once for an epoch. */
        if (rules->span_usec > RULES_EPOCH_USEC ||
            rules->span_usec + entry_span(rules, entry) <= RULES_EPOCH_USEC)
                return NULL;
        return say(rules, "epoch %" PRIu64 " should have ended %" PRIu64 " s before it", rules->counts.epochs,
                   (rules->span_usec + entry_span(rules, entry) - RULES_EPOCH_USEC) / 1000000);
}

/* Whether a number of a leaf is the mark; where there is no mark, whether the leaf says none. */
static bool says_mark(const Rules *rules, const Leaf *leaf, const char *key)
{
        uint64_t usec;

        return leaf_number(leaf, key, &usec) ? rules->has_mark && usec == rules->mark_usec : !rules->has_mark;
}

static const char *check_mark(Rules *rules, const Entry *entry)
{
        const Leaf *leaf = &entry->leaf;
        uint64_t wall, to = 0, by;

        if (!leaf_number(leaf, "wall", &wall))
                return NULL;
        bool behind = facts_clock(false, wall, rules->has_mark, rules->mark_usec) == CLOCK_BEHIND;
        if (behind != leaf_is(leaf, "clock", facts_clock_name(CLOCK_BEHIND)))
                return behind ? "its clock is over 5 s before the mark, and it does not say so"
                              : "it says that its clock is behind, which it is not";
        if (entry->kind == KIND_REQUEST && !says_mark(rules, leaf, "mark"))
                return "its 'mark' is not that of the earlier leaves";
        if (entry->kind != KIND_JUMP || !leaf_number(leaf, "by", &by))
                return NULL;
        if (!rules->has_mark || !says_mark(rules, leaf, "from"))
                return "it sets a mark back that is not that of the earlier leaves";
        if (!leaf_number(leaf, "to", &to) || to != wall)
                return "it sets the mark to another time than its own";
        return NULL;
}

static const struct {
        const char *name;
        const char *(*check)(Rules *rules, const Entry *entry);
} leaf_rules[] = {
        {"form", check_form},     {"I1", check_index},         {"I2", check_time},  {"I3", check_one_outcome},
        {"I4", check_outcome_of}, {"I5", check_unknown_first}, {"I6", check_stop},  {"I7", check_policy},
        {"I8", check_epoch},      {"I10", check_mark},         {"I11", check_span},
};

/* ------------------------------------------------------------------------------------ what a leaf changes */

static int note_request(Rules *rules, const Entry *entry)
{
        rules->request_since_start = true;
        if (!entry->permit) {
                rules->counts.denials++;
                return 0;
        }
        rules->counts.permits++;
        return permits_add(rules, entry->at);
}

static void note_outcome(Rules *rules, const Entry *entry)
{
        OpenPermit *permit = entry->has_of ? permits_find(rules, entry->of) : NULL;

        rules->counts.outcomes++;
        if (permit)
                permits_close(rules, permit);
}

static int note_policy(Rules *rules, const Entry *entry)
{
        const char *new = leaf_text(&entry->leaf, "new");

        if (!leaf_is(&entry->leaf, "result", "loaded"))
                return 0;
        rules->counts.policies++;
        rules->has_policy = text_is_hex(new, DIGEST_HEX_SIZE - 1);
        if (!rules->has_policy)
                return 0;
        memcpy(rules->policy, new, DIGEST_HEX_SIZE);
        return rules->handlers.loaded ? rules->handlers.loaded(entry->at, new, rules->handlers.userdata) : 0;
}

static void note_start(Rules *rules, const Entry *entry)
{
        rules->counts.starts++;
        rules->last_start = entry->at;
        rules->request_since_start = false;
}

static void note_time(Rules *rules, const Entry *entry)
{
        uint64_t time;
        if (!leaf_number(&entry->leaf, "time", &time))
                return;
        if (entry->at == 0)
                rules->counts.first_usec = time;
        rules->counts.last_usec = time;
        rules->latest_usec = MAX_OF(rules->latest_usec, time);
}

static int note_epoch(Rules *rules, const Entry *entry)
{
        rules->counts.epochs++;
        rules->span_usec = 0;
        return rules->handlers.epoch ? rules->handlers.epoch(entry->at, leaf_text(&entry->leaf, "next"),
                                                             rules->handlers.userdata)
                                     : 0;
}

/* The largest synchronised wall time, since an administrator set it back. */
static void note_mark(Rules *rules, const Entry *entry)
{
        bool rebase = entry->kind == KIND_JUMP && leaf_number(&entry->leaf, "by", &(uint64_t){0});
        uint64_t wall;

        if (!leaf_number(&entry->leaf, "wall", &wall))
                return;
        if (rebase || (leaf_is(&entry->leaf, "clock", facts_clock_name(CLOCK_SYNCHRONISED)) &&
                       (!rules->has_mark || wall > rules->mark_usec))) {
                rules->has_mark = true;
                rules->mark_usec = wall;
        }
}

static int note(Rules *rules, const Entry *entry)
{
        rules->span_usec += entry_span(rules, entry);
        rules->counts.stopped = entry->kind == KIND_STOP;
        note_time(rules, entry);
        note_mark(rules, entry);
        switch (entry->kind) {
        case KIND_START:
                note_start(rules, entry);
                return 0;
        case KIND_POLICY:
                return note_policy(rules, entry);
        case KIND_REQUEST:
                return note_request(rules, entry);
        case KIND_OUTCOME:
                note_outcome(rules, entry);
                return 0;
        case KIND_EPOCH:
                return note_epoch(rules, entry);
        case KIND_GAP:
        case KIND_JUMP:
        case KIND_STOP:
        case KIND_OTHER:
                return 0;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------- the entrance */

static void report(Rules *rules, uint64_t index, const char *rule, const char *text)
{
        const RuleFault fault = {index, rule, text};
        rules->handlers.fault(&fault, rules->handlers.userdata);
}

static int entry_check(Rules *rules, const Entry *entry)
{
        for (size_t i = 0; i < ARRAY_SIZE(leaf_rules); i++) {
                const char *text = leaf_rules[i].check(rules, entry);
                if (text)
                        report(rules, entry->at, leaf_rules[i].name, text);
        }
        return note(rules, entry);
}

int rules_leaf(Rules *rules, const void *leaf, size_t n)
{
        Entry entry = {.at = rules->counts.leaves++};

        int r = leaf_parse(leaf, n, LEAF_MAX, &entry.leaf);
        if (r < 0)
                return r;
        if (r > 0) {
                report(rules, entry.at, "form", "it is not a leaf in canonical form");
                return 0;
        }
        if (leaf_kind(&entry.leaf, &entry.kind)) {
                entry.permit = entry.kind == KIND_REQUEST && leaf_is(&entry.leaf, "verdict", "permit");
                entry.has_of = leaf_number(&entry.leaf, "of", &entry.of);
        } else {
                report(rules, entry.at, "form", "its kind is unknown");
        }
        r = entry_check(rules, &entry);
        leaf_deinit(&entry.leaf);
        return r;
}

void rules_end(Rules *rules)
{
        for (size_t i = 0; i < rules->n_permits; i++)
                if (!rules->permits[i].closed && rules->permits[i].index < rules->last_start)
                        report(rules, rules->permits[i].index, "I3",
                               "it is a permit without an outcome, and the service has started since");
}

RuleCounts rules_counts(const Rules *rules)
{
        RuleCounts counts = rules->counts;
        counts.open = permits_count(rules);
        return counts;
}

bool leaf_is_permit(const void *leaf, size_t n)
{
        Leaf parsed = LEAF_INIT;
        if (leaf_parse(leaf, n, LEAF_MAX, &parsed) != 0)
                return false;
        bool permit = leaf_is(&parsed, "kind", "request") && leaf_is(&parsed, "verdict", "permit");
        leaf_deinit(&parsed);
        return permit;
}
