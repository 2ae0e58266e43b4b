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

#include "base/macro.h"
#include "policy/decide.h"
#include "tools/leaf-form.h"
#include "tools/open-permits.h"

struct Rules {
        RuleHandlers handlers;
        RuleCounts counts;
        LogState state; /* before the leaf that is looked at */
        uint64_t n_epochs;
        uint64_t last_start;
        bool request_since_start;
        OpenPermits permits;
        int error; /* what `remake` failed with */
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
                open_permits_deinit(&rules->permits);
        free(rules);
        return NULL;
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

static const char *check_form(Rules *rules, const LeafEntry *entry)
{
        (void)rules; /* every leaf has its form by itself */
        return leaf_form_fault(entry);
}

static const char *check_index(Rules *rules, const LeafEntry *entry)
{
        uint64_t index;
        if (leaf_entry_number(entry, LEAF_KEY_INDEX, &index) && index != entry->at)
                return say(rules, "it says that it is leaf %" PRIu64, index);
        return NULL;
}

static const char *check_time(Rules *rules, const LeafEntry *entry)
{
        uint64_t time;
        if (leaf_entry_number(entry, LEAF_KEY_TIME, &time) && time < rules->state.time_usec)
                return say(rules, "its time is %" PRIu64 " us before that of the leaf before it",
                           rules->state.time_usec - time);
        return NULL;
}

/* An outcome may name what is no open permit in two ways: a permit
 * that has its outcome, or no permit at all. */
static bool outcome_is_second(const Rules *rules, const LeafEntry *entry)
{
        return entry->has_of && entry->of < entry->at && !open_permits_has(&rules->permits, entry->of) &&
               rules->handlers.is_permit && rules->handlers.is_permit(entry->of, rules->handlers.userdata);
}

static const char *check_one_outcome(Rules *rules, const LeafEntry *entry)
{
        if (entry->kind != LEAF_OUTCOME || !outcome_is_second(rules, entry))
                return NULL;
        return say(rules, "it is a second outcome of leaf %" PRIu64, entry->of);
}

static const char *check_outcome_of(Rules *rules, const LeafEntry *entry)
{
        if (entry->kind != LEAF_OUTCOME)
                return NULL;
        if (!entry->has_of)
                return "it is an outcome that names no leaf";
        if (open_permits_has(&rules->permits, entry->of) || outcome_is_second(rules, entry))
                return NULL;
        return say(rules, "it is the outcome of leaf %" PRIu64 ", which is no permit before it", entry->of);
}

static const char *check_unknown_first(Rules *rules, const LeafEntry *entry)
{
        if (entry->kind != LEAF_OUTCOME || !leaf_is(&entry->leaf, "result", "unknown") ||
            !rules->request_since_start)
                return NULL;
        return "an outcome of an earlier run comes after this run's first request";
}

static const char *check_stop(Rules *rules, const LeafEntry *entry)
{
        uint64_t open = 0;

        if (entry->kind != LEAF_STOP)
                return NULL;
        if (open_permits_count(&rules->permits) > 0)
                return say(rules, "the service stopped with %zu permits open",
                           open_permits_count(&rules->permits));
        if (!leaf_number(&entry->leaf, "open", &open) || open != 0)
                return "its 'open' is not 0";
        return NULL;
}

static const char *check_policy(Rules *rules, const LeafEntry *entry)
{
        if (entry->kind != LEAF_REQUEST)
                return NULL;
        if (!rules->state.has_policy)
                return "it was decided before any policy was loaded";
        if (!leaf_entry_is(entry, LEAF_KEY_POLICY, rules->state.policy))
                return "its policy is not the one that was loaded last";
        return NULL;
}

static const char *check_decision(Rules *rules, const LeafEntry *entry)
{
        const char *fault = NULL;

        if (entry->kind == LEAF_REQUEST && rules->handlers.remake)
                rules->error = rules->handlers.remake(&rules->state, entry, &fault, rules->handlers.userdata);
        return fault;
}

static const char *check_epoch(Rules *rules, const LeafEntry *entry)
{
        uint64_t epoch;
        if (leaf_entry_number(entry, LEAF_KEY_EPOCH, &epoch) && epoch != rules->n_epochs)
                return say(rules, "its epoch is %" PRIu64 ", but %" PRIu64 " epochs have ended before it",
                           epoch, rules->n_epochs);
        return NULL;
}

/* Whether a number of a leaf is the mark; where there is no mark, whether the leaf says none. */
static bool says_mark(const LogState *state, const Leaf *leaf, const char *key)
{
        uint64_t usec;

        return leaf_number(leaf, key, &usec) ? state->has_mark && usec == state->mark_usec : !state->has_mark;
}

static const char *check_mark(Rules *rules, const LeafEntry *entry)
{
        const LogState *state = &rules->state;
        const Leaf *leaf = &entry->leaf;
        uint64_t wall, to = 0, by;

        if (!leaf_entry_number(entry, LEAF_KEY_WALL, &wall))
                return NULL;
        bool behind = facts_clock(false, wall, state->has_mark, state->mark_usec) == CLOCK_BEHIND;
        if (behind != leaf_entry_is(entry, LEAF_KEY_CLOCK, facts_clock_name(CLOCK_BEHIND)))
                return behind ? "its clock is over 5 s before the mark, and it does not say so"
                              : "it says that its clock is behind, which it is not";
        if (entry->kind == LEAF_REQUEST && !says_mark(state, leaf, "mark"))
                return "its 'mark' is not that of the earlier leaves";
        if (entry->kind != LEAF_JUMP || !leaf_number(leaf, "by", &by))
                return NULL;
        if (!state->has_mark || !says_mark(state, leaf, "from"))
                return "it sets a mark back that is not that of the earlier leaves";
        if (!leaf_number(leaf, "to", &to) || to != wall)
                return "it sets the mark to another time than its own";
        return NULL;
}

static const struct {
        const char *name;
        const char *(*check)(Rules *rules, const LeafEntry *entry);
} leaf_rules[] = {
        {"form", check_form},     {"I1", check_index},         {"I2", check_time},  {"I3", check_one_outcome},
        {"I4", check_outcome_of}, {"I5", check_unknown_first}, {"I6", check_stop},  {"I7", check_policy},
        {"I8", check_epoch},      {"I9", check_decision},      {"I10", check_mark},
};

/* ------------------------------------------------------------------------------------ what a leaf changes */

static int note_request(Rules *rules, const LeafEntry *entry)
{
        rules->request_since_start = true;
        if (!entry->permit) {
                rules->counts.denials++;
                return 0;
        }
        rules->counts.permits++;
        return open_permits_add(&rules->permits, entry->at);
}

static void note_outcome(Rules *rules, const LeafEntry *entry)
{
        rules->counts.outcomes++;
        if (entry->has_of)
                open_permits_close(&rules->permits, entry->of);
}

static int note_policy(Rules *rules, const LeafEntry *entry)
{
        const char *loaded = log_state_loaded(entry);

        if (leaf_is(&entry->leaf, "result", "loaded"))
                rules->counts.policies++;
        if (!loaded || !rules->handlers.loaded)
                return 0;
        return rules->handlers.loaded(entry->at, loaded, rules->handlers.userdata);
}

static void note_start(Rules *rules, const LeafEntry *entry)
{
        rules->counts.starts++;
        rules->last_start = entry->at;
        rules->request_since_start = false;
}

static void note_state(Rules *rules, const LeafEntry *entry)
{
        log_state_take(&rules->state, entry);
        if (entry->at == 0)
                rules->counts.first_usec = rules->state.time_usec;
        rules->counts.last_usec = rules->state.time_usec;
}

static int note(Rules *rules, const LeafEntry *entry)
{
        note_state(rules, entry);
        switch (entry->kind) {
        case LEAF_START:
                note_start(rules, entry);
                return 0;
        case LEAF_POLICY:
                return note_policy(rules, entry);
        case LEAF_REQUEST:
                return note_request(rules, entry);
        case LEAF_OUTCOME:
                note_outcome(rules, entry);
                return 0;
        case LEAF_EPOCH:
                rules->n_epochs++;
                return 0;
        case LEAF_JUMP:
        case LEAF_STOP:
        case LEAF_OTHER:
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

static int entry_check(Rules *rules, const LeafEntry *entry)
{
        for (size_t i = 0; i < ARRAY_SIZE(leaf_rules); i++) {
                const char *text = leaf_rules[i].check(rules, entry);
                if (text)
                        report(rules, entry->at, leaf_rules[i].name, text);
        }
        return rules->error < 0 ? rules->error : note(rules, entry);
}

int rules_leaf(Rules *rules, const void *leaf, size_t n)
{
        LeafEntry entry;
        uint64_t at = rules->counts.leaves++;

        int r = leaf_entry_read(at, leaf, n, &entry);
        if (r < 0)
                return r;
        if (r > 0) {
                report(rules, at, "form", "it is not a leaf in canonical form");
                return 0;
        }
        if (!entry.known)
                report(rules, at, "form", "its kind is unknown");
        r = entry_check(rules, &entry);
        leaf_entry_deinit(&entry);
        return r;
}

void rules_end(Rules *rules)
{
        uint64_t index = 0;

        for (; open_permits_next(&rules->permits, index, &index) && index < rules->last_start; index++)
                report(rules, index, "I3",
                       "it is a permit without an outcome, and the service has started since");
}

RuleCounts rules_counts(const Rules *rules)
{
        RuleCounts counts = rules->counts;
        counts.open = open_permits_count(&rules->permits);
        return counts;
}

bool leaf_is_permit(const void *leaf, size_t n)
{
        LeafEntry entry;

        if (leaf_entry_read(0, leaf, n, &entry) != 0)
                return false;
        leaf_entry_deinit(&entry);
        return entry.permit;
}
