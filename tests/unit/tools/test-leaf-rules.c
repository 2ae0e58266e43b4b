/*
 * The rules over leaves: small logs, each broken in one way, and the leaf and rule that are named.
 */

#include "tools/leaf-rules.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "make-leaf.h"

enum { LEAVES_MAX = 12 };

typedef struct Case {
        const char *name;
        const char *leaves[LEAVES_MAX];
        const char *faults; /* "leaf:rule" each, in the order in which they are found */
} Case;

#define START  "start size=0 open=0 clean=1"
#define LOADED "policy result=loaded new=@a"
#define PERMIT "request verdict=permit policy=@a"
#define DENY   "request verdict=deny policy=@a reason=not-allowed"

static const Case cases[] = {
        {"a whole log", {START, LOADED, PERMIT, DENY, "outcome of=2 result=ok", "beat", "stop open=0"}, ""},
        {"an empty log", {}, ""},
        {"a permit still open in the last run", {START, LOADED, PERMIT}, ""},
        {"two open at once, closed crosswise",
         {START, LOADED, PERMIT, PERMIT, "outcome of=3 result=ok", "outcome of=2 result=ok", "stop open=0"},
         ""},
        {"a crash closed by the next start",
         {START, LOADED, PERMIT, START, "outcome of=2 result=unknown", LOADED, PERMIT},
         ""},
        {"an unknown kind", {START, "rumour"}, "1:form"},
        {"another version", {START, "beat v=2"}, "1:form"},
        {"no version", {START, "beat v="}, "1:form"},
        {"no boot id", {START, "beat boot="}, "1:form"},
        {"a boot id in capitals", {START, "beat boot=0123456789ABCDEF0123456789abcdef"}, "1:form"},
        {"no boot time", {START, "beat boottime="}, "1:form"},
        {"no wall time", {START, "beat wall="}, "1:form"},
        {"no log time", {START, "beat time="}, "1:form"},
        {"no index", {START, "beat index="}, "1:form"},
        {"no epoch", {START, "beat epoch="}, "1:form"},
        {"a clock of its own making", {START, "beat clock=fine"}, "1:form"},
        {"a verdict of its own making", {START, LOADED, "request verdict=maybe policy=@a"}, "2:form"},
        {"a request without an id", {START, LOADED, DENY " request="}, "2:form"},
        {"an outcome without a result", {START, LOADED, PERMIT, "outcome of=2"}, "3:form"},
        {"a policy without a result", {START, "policy new=@a"}, "1:form"},
        {"a loaded policy without a digest", {START, "policy result=loaded"}, "1:form"},
        {"an index too high", {START, "beat index=2"}, "1:I1"},
        {"an index too low", {START, "beat index=0"}, "1:I1"},
        {"a time that goes back once", {START, "beat time=1593604799999999", "beat"}, "1:I2"},
        {"a time that stands still", {START, "beat time=1593604800000000"}, ""},
        {"a permit forgotten over a start", {START, LOADED, PERMIT, START}, "2:I3"},
        {"two permits forgotten", {START, LOADED, PERMIT, PERMIT, START}, "2:I3 3:I3"},
        {"a second outcome",
         {START, LOADED, PERMIT, "outcome of=2 result=ok", "outcome of=2 result=ok"},
         "4:I3"},
        {"an outcome of a denial", {START, LOADED, DENY, "outcome of=2 result=ok"}, "3:I4"},
        {"an outcome of a start", {START, "outcome of=0 result=ok"}, "1:I4"},
        {"an outcome of itself", {START, "outcome of=1 result=ok"}, "1:I4"},
        {"an outcome before its permit", {START, LOADED, "outcome of=3 result=ok", PERMIT}, "2:I4"},
        {"an outcome of nothing", {START, LOADED, "outcome result=ok"}, "2:I4"},
        {"an outcome of a leaf that never comes", {START, "outcome of=77 result=ok"}, "1:I4"},
        {"an unknown outcome after a request",
         {START, LOADED, PERMIT, START, LOADED, DENY, "outcome of=2 result=unknown"},
         "6:I5"},
        {"an unknown outcome between other leaves",
         {START, LOADED, PERMIT, START, LOADED, "beat", "outcome of=2 result=unknown", DENY},
         ""},
        {"a stop with a permit open", {START, LOADED, PERMIT, "stop open=0"}, "3:I6"},
        {"a stop that says something is open", {START, "stop open=1"}, "1:I6"},
        {"a stop that says nothing", {START, "stop"}, "1:I6"},
        {"a request before any policy", {START, DENY}, "1:I7"},
        {"a request under another policy", {START, LOADED, "request verdict=deny policy=@b"}, "2:I7"},
        {"a request that names no policy", {START, LOADED, "request verdict=deny"}, "2:I7"},
        {"a request under the policy of old",
         {START, LOADED, "policy result=loaded old=@a new=@b", DENY},
         "3:I7"},
        {"a rejected policy changes nothing",
         {START, LOADED, "policy result=rejected old=@a new=@b", DENY},
         ""},
        {"a new start keeps the policy until another is loaded", {START, LOADED, START, DENY}, ""},
        {"an epoch that was not begun", {START, "beat epoch=1"}, "1:I8"},
        {"an epoch that goes on after its end", {START, "epoch next=@c", "beat"}, "2:I8"},
        {"an epoch leaf belongs to the epoch that it ends", {START, "epoch next=@c", "beat epoch=1"}, ""},
        {"an epoch leaf without a key", {START, "epoch next=abc"}, "1:form"},
        {"an epoch of 16 minutes", {START, "epoch next=@c time=1593605760000000"}, ""},
        {"an epoch of more", {START, "epoch next=@c time=1593605760000001", "beat epoch=1"}, "1:I11 2:I2"},
        {"an epoch that goes on and on is told of once",
         {START, "beat time=1593605760000001", "beat time=1593607000000000", "beat time=1593608000000000"},
         "1:I11"},
        {"each epoch has its own time",
         {START, "epoch next=@c time=1593605700000000", "beat epoch=1 time=1593606600000000"},
         ""},
        {"time before a start is not counted",
         {START, "beat time=1593605700000000", START " time=1593705700000000", "beat time=1593705750000000"},
         ""},
        {"time before and after it is",
         {START, "beat time=1593605700000000", START " time=1593705700000000", "beat time=1593705761000000"},
         "3:I11"},
        {"time before a gap is not counted",
         {START, "gap count=1 time=1593705700000000", "beat time=1593705750000000"},
         ""},
        {"a step of the clock is no time",
         {START, "jump from=1 to=2 time=1593705700000000", "beat time=1593705750000000"},
         ""},
        {"a policy that says whether it is wider",
         {START, "policy result=loaded new=@a wider=0", "policy result=loaded new=@b wider=1"},
         ""},
        {"a policy that is wider than wide", {START, "policy result=loaded new=@a wider=2"}, "1:form"},
        {"a policy that is wider in words", {START, "policy result=loaded new=@a wider=yes"}, "1:form"},
        {"a rejected policy that is wider", {START, LOADED, "policy result=rejected wider=0"}, "2:form"},
        {"a jump from nowhere", {START, "jump to=1"}, "1:form"},
        {"a request without the mark", {START, LOADED, DENY " mark="}, "2:I10"},
        {"a request with a mark of its own making", {START, LOADED, DENY " mark=1593604800000002"}, "2:I10"},
        {"a mark where no clock was synchronised",
         {START " clock=unsynchronised", LOADED " clock=unsynchronised", DENY " mark=1593604800000000"},
         "2:I10"},
        {"no mark where no clock was synchronised",
         {START " clock=unsynchronised", LOADED " clock=unsynchronised", DENY " mark="},
         ""},
        {"a clock that is behind, as it says",
         {START, "beat wall=1593604700000000 clock=behind", LOADED " wall=1593604700000000 clock=behind",
          DENY " wall=1593604700000000 clock=behind mark=1593604800000000"},
         ""},
        {"a clock that is behind and does not say so", {START, "beat wall=1593604794999999"}, "1:I10"},
        {"five seconds before the mark it is not behind", {START, "beat wall=1593604795000000"}, ""},
        {"a clock that says it is behind, and is not", {START, "beat clock=behind"}, "1:I10"},
        {"a mark that was set back on purpose",
         {START, "jump by=0 from=1593604800000000 to=1593604700000000 wall=1593604700000000 clock=behind",
          LOADED " wall=1593604699000000", DENY " wall=1593604701000000 mark=1593604700000000",
          DENY " wall=1593604702000000 mark=1593604701000000"},
         ""},
        {"a step of the clock that sets no mark back",
         {START, "jump from=1593604800000000 to=1593604700000000 wall=1593604700000000 clock=behind",
          LOADED " wall=1593604700000000"},
         "2:I10"},
        {"a mark set back from another time",
         {START, "jump by=0 from=1593604800000001 to=1593604700000000 wall=1593604700000000 clock=behind"},
         "1:I10"},
        {"a mark set back to another time",
         {START, "jump by=0 from=1593604800000000 to=1593604700000001 wall=1593604700000000 clock=behind"},
         "1:I10"},
        {"a mark set back that there was not",
         {START " clock=unsynchronised", "jump by=0 from=1593604800000000 to=1593604700000000 "
                                         "wall=1593604700000000 clock=unsynchronised"},
         "1:I10"},
        {"two things wrong with one leaf",
         {START, LOADED, "request index=9 verdict=deny policy=@b"},
         "2:I1 2:I7"},
};

typedef struct Log {
        Buffer leaves[LEAVES_MAX];
        size_t n;
        char found[256];
} Log;

static void on_fault(const RuleFault *fault, void *userdata)
{
        Log *log = userdata;
        size_t at = strlen(log->found);
        snprintf(log->found + at, sizeof(log->found) - at, "%s%" PRIu64 ":%s", at ? " " : "", fault->index,
                 fault->rule);
        cr_assert_gt(strlen(fault->text), 0);
}

static bool on_is_permit(uint64_t index, void *userdata)
{
        const Log *log = userdata;
        return index < log->n && leaf_is_permit(log->leaves[index].data, log->leaves[index].n);
}

static void run(Log *log, RuleCounts *ret_counts)
{
        const RuleHandlers handlers = {.fault = on_fault, .is_permit = on_is_permit, .userdata = log};
        Rules *rules = NULL;

        cr_assert_eq(rules_new(&rules, &handlers), 0);
        for (size_t i = 0; i < log->n; i++)
                cr_assert_eq(rules_leaf(rules, log->leaves[i].data, log->leaves[i].n), 0);
        rules_end(rules);
        *ret_counts = rules_counts(rules);
        rules_free(rules);
}

static void make(Log *log, const char *const *specs)
{
        for (; log->n < LEAVES_MAX && specs[log->n]; log->n++)
                make_leaf(log->n, specs[log->n], &log->leaves[log->n]);
}

static void clear(Log *log)
{
        for (size_t i = 0; i < log->n; i++)
                buffer_deinit(&log->leaves[i]);
        *log = (Log){};
}

Test(leaf_rules, each_broken_log_is_told_by_leaf_and_rule)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Log log = {};
                RuleCounts counts;
                make(&log, cases[i].leaves);
                run(&log, &counts);
                cr_expect_str_eq(log.found, cases[i].faults, "%s: found '%s', expected '%s'", cases[i].name,
                                 log.found, cases[i].faults);
                clear(&log);
        }
}

Test(leaf_rules, what_is_no_leaf_is_a_fault_of_form_and_counts_as_a_place)
{
        static const char *const texts[] = {
                "", "{", "{}", "[]", "{\"kind\": \"beat\"}", "{\"v\":1,\"kind\":\"beat\"}"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                Log log = {.n = 2};
                RuleCounts counts;
                buffer_append_text(&log.leaves[0], texts[i]);
                make_leaf(1, "beat", &log.leaves[1]);
                run(&log, &counts);
                cr_expect_str_eq(log.found, "0:form", "%s: found '%s'", texts[i], log.found);
                clear(&log);
        }
}

Test(leaf_rules, what_was_seen_is_counted)
{
        static const char *const specs[] = {START,  LOADED, PERMIT, DENY, "outcome of=2 result=ok",
                                            PERMIT, NULL};
        Log log = {};
        RuleCounts counts;

        make(&log, specs);
        run(&log, &counts);
        cr_expect_eq(counts.leaves, 6);
        cr_expect_eq(counts.permits, 2);
        cr_expect_eq(counts.denials, 1);
        cr_expect_eq(counts.outcomes, 1);
        cr_expect_eq(counts.starts, 1);
        cr_expect_eq(counts.policies, 1);
        cr_expect_eq(counts.open, 1);
        cr_expect_eq(counts.last_usec - counts.first_usec, 5000);
        clear(&log);
}

/* Open permits are kept in places that are swept: opened and closed
 * in an order that leaves gaps everywhere. */
Test(leaf_rules, many_open_permits_are_each_closed_once)
{
        enum { N = 3000 };
        static Log log;
        const RuleHandlers handlers = {.fault = on_fault, .is_permit = on_is_permit, .userdata = &log};
        Rules *rules = NULL;
        Buffer leaf = BUFFER_INIT;
        char spec[64];
        uint64_t index = 0;

        cr_assert_eq(rules_new(&rules, &handlers), 0);
        make_leaf(index++, LOADED, &leaf);
        cr_assert_eq(rules_leaf(rules, leaf.data, leaf.n), 0);
        for (size_t i = 0; i < N; i++) {
                buffer_clear(&leaf);
                make_leaf(index++, PERMIT, &leaf);
                cr_assert_eq(rules_leaf(rules, leaf.data, leaf.n), 0);
        }
        cr_expect_eq(rules_counts(rules).open, N);
        for (size_t i = 0; i < N; i++) {
                /* 7 and N have no common factor, so that each is named once. */
                snprintf(spec, sizeof(spec), "outcome result=ok of=%zu", 1 + i * 7 % N);
                buffer_clear(&leaf);
                make_leaf(index++, spec, &leaf);
                cr_assert_eq(rules_leaf(rules, leaf.data, leaf.n), 0);
        }
        rules_end(rules);
        cr_expect_str_eq(log.found, "");
        cr_expect_eq(rules_counts(rules).open, 0);
        rules_free(rules);
        buffer_deinit(&leaf);
}
