/* From call, attestation and clock to facts. */

#include <criterion/criterion.h>
#include <string.h>

#include "guard/facts.h"

static const char boot[] = "0123456789abcdef0123456789abcdef";
static const ClockReading now = {.wall_usec = 1000000000, .boottime_usec = 5, .synchronised = true};

static Ledger ledger_with_mark(uint64_t mark)
{
        TrailState state = {.time_usec = mark, .has_mark = mark > 0, .mark_usec = mark};
        Ledger ledger;

        ledger_init(&ledger, boot, 1, &state);
        return ledger;
}

Test(facts, the_kernel_says_who_and_the_call_says_what)
{
        gid_t groups[] = {10, 20};
        const char *recipients[] = {"icmec"};
        Attestation attestation = {.uid = 980,
                                   .groups = groups,
                                   .n_groups = 2,
                                   .unit = (char *)"a.service",
                                   .label = (char *)"l",
                                   .pidfd = -1};
        CallMessage call = {.operation = "identify",
                            .gallery = "g",
                            .purpose = "p",
                            .sought = "missing",
                            .probe_kind = "photograph",
                            .recipients = {1, recipients},
                            .case_reference = "c",
                            .has_limit = true,
                            .limit = 5,
                            .has_floor = true,
                            .floor_millionths = -1};
        Ledger ledger = ledger_with_mark(7);
        Rates rates = RATES_INIT;
        FactsUsed used;
        Facts facts;

        FactsSource source = {.attestation = &attestation,
                              .call = &call,
                              .ledger = &ledger,
                              .now = &now,
                              .used = &used,
                              .rates = &rates};
        facts_make(&source, &facts);
        cr_expect_eq(facts.peer.uid, 980);
        cr_expect_eq(facts.peer.n_groups, 2);
        cr_expect_str_eq(facts.peer.unit, "a.service");
        cr_expect_str_eq(facts.peer.label, "l");
        cr_expect_str_eq(facts.operation, "identify");
        cr_expect_str_eq(facts.sought, "missing");
        cr_expect_str_eq(facts.probe, "photograph");
        cr_expect_eq(facts.n_recipients, 1);
        cr_expect_str_eq(facts.case_reference, "c");
        cr_expect(facts.has_limit && facts.limit == 5 && facts.has_floor && facts.floor_millionths == -1);
        cr_expect_eq(facts.time_usec, now.wall_usec);
        cr_expect(facts.has_mark && facts.mark_usec == 7);
        cr_expect_eq(facts.clock, CLOCK_SYNCHRONISED);
        cr_expect_null(facts_check(&facts));
}

Test(facts, without_a_call_there_is_only_who_and_when)
{
        Attestation attestation = {.uid = 5, .pidfd = -1};
        Ledger ledger = ledger_with_mark(0);
        Rates rates = RATES_INIT;
        FactsUsed used;
        Facts facts;

        FactsSource source = {
                .attestation = &attestation, .ledger = &ledger, .now = &now, .used = &used, .rates = &rates};
        facts_make(&source, &facts);
        cr_expect_null(facts.operation);
        cr_expect_null(facts.peer.unit);
        cr_expect_not(facts.has_mark);
}

Test(facts, used_counts_what_lies_within_the_window)
{
        Attestation attestation = {.uid = 5, .pidfd = -1};
        Ledger ledger = ledger_with_mark(0);
        Rates rates = RATES_INIT;
        FactsUsed used;
        Facts facts;

        for (uint64_t i = 0; i < 10; i++) {
                RatesPermit permit = {.allow = "a",
                                      .organisation = "o",
                                      .wall_usec = now.wall_usec - i * 1000000,
                                      .index = i};
                cr_assert_eq(rates_add(&rates, &permit), 0);
        }
        FactsSource source = {
                .attestation = &attestation, .ledger = &ledger, .now = &now, .used = &used, .rates = &rates};
        facts_make(&source, &facts);
        cr_expect_eq(facts.used(facts.used_userdata, "a", "o", 1000000), 1, "wall > time - window");
        cr_expect_eq(facts.used(facts.used_userdata, "a", "o", 5000000), 5);
        cr_expect_eq(facts.used(facts.used_userdata, "a", "o", UINT64_MAX), 10);
        cr_expect_eq(facts.used(facts.used_userdata, "b", "o", UINT64_MAX), 0);
        cr_expect_not(used.uncounted);
        rates_loaded(&rates, now.wall_usec - 5000000);
        cr_expect_eq(facts.used(facts.used_userdata, "a", "o", 5000000), 5);
        cr_expect_not(used.uncounted, "so far back all are counted");
        facts.used(facts.used_userdata, "a", "o", 5000001);
        cr_expect(used.uncounted, "and no further");
        rates_deinit(&rates);
}

Test(facts, facts_have_the_names_that_varlink_knows)
{
        cr_expect_str_eq(facts_parameter("on_behalf_of"), "onBehalfOf");
        cr_expect_str_eq(facts_parameter("case"), "caseReference");
        cr_expect_str_eq(facts_parameter("probe"), "probe.kind");
        cr_expect_str_eq(facts_parameter("minimum_similarity"), "minimumSimilarity");
        cr_expect_null(facts_parameter("operation"));
        cr_expect_str_eq(facts_job_parameter("enrol"), "entries");
        cr_expect_str_eq(facts_job_parameter("identify"), "probe");
        cr_expect_str_eq(facts_job_parameter("list"), "after");
}
