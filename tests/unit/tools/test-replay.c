/*
 * Replay: a small log of a policy that is archived. As it is nothing differs; each key of a decision, changed
 * alone, is told with what it says and what is recomputed.
 */

#include "tools/replay.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "make-archive.h"
#include "make-folder.h"
#include "make-leaf.h"

static char digest[DIGEST_HEX_SIZE], dir[256];
static Replay replay;
static LogState state;
static uint64_t next_index;

static void setup(void)
{
        folder_make();
        policy_unref(make_archive(make_archive_files, NULL, digest));
        snprintf(dir, sizeof(dir), "%s", folder_path("export"));
        replay = REPLAY_INIT(dir);
        state = LOG_STATE_INIT;
        next_index = 0;
}

static void teardown(void)
{
        replay_deinit(&replay);
        folder_remove();
}

TestSuite(replay, .init = setup, .fini = teardown);

/* Goes on by one leaf. Return: what differs, or NULL. */
static const char *take(const char *spec, const char *more)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        const char *fault = NULL;
        char words[900];
        LeafEntry entry;

        snprintf(words, sizeof(words), "%s %s", spec, more);
        make_leaf(next_index, words, &bytes);
        cr_assert_eq(leaf_entry_read(next_index++, bytes.data, bytes.n, &entry), 0);
        if (entry.kind == LEAF_REQUEST)
                cr_assert_eq(replay_request(&replay, &state, &entry, &fault), 0);
        log_state_take(&state, &entry);
        leaf_entry_deinit(&entry);
        return fault;
}

static void begin(void)
{
        char spec[128];

        take("start size=0 open=0 clean=1", "");
        snprintf(spec, sizeof(spec), "policy result=loaded new=%s", digest);
        take(spec, "");
}

#define ASKED "identity=pidfd operation=identify gallery=faces purpose=find probe=photograph "
#define PERMIT                                                                                               \
        "request verdict=permit uid=980 organisation=thorn rule=rescue floor=1600000 limit=5 "               \
        "release=scores "                                                                                    \
        "model=m-4 dimension=16 gallery-kind=event gallery-maximum=99 job=x " ASKED
#define DENY                                                                                                 \
        "request verdict=deny uid=981 organisation=pd rule=no-police moratoria=no-police "                   \
        "reason=moratorium " ASKED

static const char *take_request(const char *spec, const char *more)
{
        char words[300];
        snprintf(words, sizeof(words), "policy=%s %s", digest, more);
        return take(spec, words);
}

static void expect_same(const char *spec, const char *more)
{
        const char *fault = take_request(spec, more);
        cr_expect_null(fault, "%s %s: %s", spec, more, fault);
}

static void expect_differs(const char *spec, const char *more, const char *said)
{
        const char *fault = take_request(spec, more);
        cr_expect(fault && strstr(fault, said), "%s: '%s' is not in '%s'", more, said,
                  fault ? fault : "nothing");
}

Test(replay, decisions_that_were_made_are_made_again)
{
        begin();
        expect_same(PERMIT, "worker=w detail=y");
        expect_same(DENY, "");
        expect_same("request verdict=deny uid=7 reason=unknown-peer " ASKED, "");
        expect_same("request verdict=deny uid=7 groups=100+20 reason=unknown-term organisation=club " ASKED,
                    "purpose=nothing");
        expect_same(PERMIT, "asked-floor=1710001 floor=1710001 asked-limit=2 limit=2");
        cr_expect_eq(replay.n_same, 5);
        cr_expect_eq(replay.n_differing, 0);
}

/* What the guard would have done of none of these. */
static const struct {
        const char *spec, *more, *said;
} changed[] = {
        {DENY, "verdict=permit", "verdict says permit, recomputed: deny"},
        {DENY, "reason=not-allowed", "reason says not-allowed, recomputed: moratorium"},
        {DENY, "reason=", "reason says nothing, recomputed: moratorium"},
        {DENY, "rule=rescue", "rule says rescue, recomputed: no-police"},
        {DENY, "moratoria=", "moratoria says nothing, recomputed: no-police"},
        {DENY, "moratoria=no-police+other", "moratoria says no-police other, recomputed: no-police"},
        {DENY, "organisation=thorn", "organisation says thorn, recomputed: pd"},
        {DENY, "floor=1600000", "floor says 1600000, recomputed: nothing"},
        {DENY, "limit=5", "limit says 5, recomputed: nothing"},
        {DENY, "release=scores", "release says scores, recomputed: nothing"},
        {DENY, "model=m-4", "model says m-4, recomputed: nothing"},
        {DENY, "dimension=16", "dimension says 16, recomputed: nothing"},
        {DENY, "gallery-kind=event", "gallery-kind says event, recomputed: nothing"},
        {DENY, "gallery-maximum=99", "gallery-maximum says 99, recomputed: nothing"},
        {DENY, "job=x", "job says x, recomputed: nothing"},
        {DENY, "worker=x", "worker says x, recomputed: nothing"},
        {DENY, "groups=20+21", "groups says 20 21, recomputed: those that the policy mentions"},
        {DENY, "policy=@b", "policy says bbbb"},
        {DENY, "mark=5", "mark says 5, recomputed: 15936048000"},
        {DENY, "mark=", "mark says nothing, recomputed: 15936048000"},
        {DENY, "clock=behind", "clock says behind, recomputed: unsynchronised"},
        {PERMIT, "verdict=deny", "verdict says deny, recomputed: permit"},
        {PERMIT, "floor=1600001", "floor says 1600001, recomputed: 1600000"},
        {PERMIT, "floor=", "floor says nothing, recomputed: 1600000"},
        {PERMIT, "limit=6", "limit says 6, recomputed: 5"},
        {PERMIT, "release=candidates", "release says candidates, recomputed: scores"},
        {PERMIT, "model=m-5", "model says m-5, recomputed: m-4"},
        {PERMIT, "dimension=17", "dimension says 17, recomputed: 16"},
        {PERMIT, "gallery-kind=consolidated", "gallery-kind says consolidated, recomputed: event"},
        {PERMIT, "gallery-maximum=", "gallery-maximum says nothing, recomputed: 99"},
        {PERMIT, "job=", "job says nothing, recomputed: a commitment"},
        {PERMIT, "uid=981", "verdict says permit, recomputed: deny"},
        {PERMIT, "uid=981", "moratoria says nothing, recomputed: no-police"},
        {PERMIT, "uid=7", "reason says nothing, recomputed: unknown-peer"},
        {PERMIT, "operation=compare gallery= model= dimension= gallery-kind= gallery-maximum=",
         "model says nothing, recomputed: the probe's"},
        {PERMIT, "uid=", "it has no 'uid'"},
};

Test(replay, each_key_of_a_decision_that_was_changed_is_told)
{
        for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
                replay_deinit(&replay);
                replay = REPLAY_INIT(dir);
                state = LOG_STATE_INIT;
                next_index = 0;
                begin();
                expect_differs(changed[i].spec, changed[i].more, changed[i].said);
                cr_expect_eq(replay.n_differing, 1);
        }
}

Test(replay, a_comparison_takes_its_model_from_the_probe)
{
        begin();
        expect_same(PERMIT,
                    "operation=compare gallery= model=any dimension= gallery-kind= gallery-maximum= limit=5");
}

Test(replay, the_rate_counts_the_permits_of_the_window_as_the_log_says_them)
{
        begin();
        expect_same(PERMIT, "");
        expect_same(PERMIT, "");
        expect_differs(PERMIT, "", "reason says nothing, recomputed: rate-limited");
        expect_same("request verdict=deny uid=980 organisation=thorn rule=rescue reason=rate-limited " ASKED,
                    "");
        /* Another organisation has a rate of its own; a minute after the first the window is open again. */
        expect_same(PERMIT, "uid=7 groups=100+20 organisation=club");
        expect_same(PERMIT, "wall=1593604860006000 time=1593604860006000");
}

Test(replay, what_loosens_waits_for_a_synchronised_clock_and_one_that_is_behind_is_denied)
{
        begin();
        expect_same("request verdict=deny uid=980 reason=clock-untrusted clock=behind "
                    "wall=1593604700000000 " ASKED,
                    "");
        expect_same(PERMIT, "clock=unsynchronised mark=1593604800001000");
        /* Neither of the two moved the mark. */
        expect_same(DENY, "mark=1593604800001000");
}

Test(replay, without_its_policy_a_decision_is_not_made_anew_and_that_is_told_once)
{
        char spec[128];

        begin();
        memset(digest, 'c', DIGEST_HEX_SIZE - 1);
        expect_differs(DENY, "", "policy says cccc");
        snprintf(spec, sizeof(spec), "policy result=loaded new=%s", digest);
        take(spec, "");
        expect_differs(DENY, "", "were not recomputed");
        expect_same(DENY, "");
        cr_expect_eq(replay.n_without_policy, 2);
}

Test(replay, a_decision_before_any_policy_is_told)
{
        expect_differs(DENY, "mark=", "no policy was loaded before it");
        expect_differs(DENY, "", "no policy was loaded before it");
        cr_expect_eq(replay.n_without_policy, 2);
}
