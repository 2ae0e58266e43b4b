/*
 * From call, attestation and clock to facts. Owns nothing; must not look at the job. Run by the guard's loop.
 */

#include "guard/facts.h"

#include <string.h>

#include "base/macro.h"

static uint64_t facts_used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        FactsUsed *used = userdata;
        uint64_t after_usec = used->time_usec > window_usec ? used->time_usec - window_usec : 0;

        if (!rates_reach(used->rates, after_usec))
                used->uncounted = true;
        return rates_used(used->rates, allow, organisation, after_usec);
}

Peer facts_peer(const Attestation *attestation)
{
        return (Peer){
                .uid = attestation->uid,
                .groups = attestation->groups,
                .n_groups = attestation->n_groups,
                .unit = attestation->unit,
                .label = attestation->label,
        };
}

static void facts_take_call(const CallMessage *call, Facts *facts)
{
        facts->operation = call->operation;
        facts->gallery = call->gallery;
        facts->purpose = call->purpose;
        facts->sought = call->sought;
        /* Where no probe comes, nobody looks at its kind, and so nobody checks it: it is no fact then. */
        facts->probe = policy_has_probe(call->operation) ? call->probe_kind : NULL;
        facts->on_behalf_of = call->on_behalf_of.items;
        facts->n_on_behalf_of = call->on_behalf_of.n;
        facts->recipients = call->recipients.items;
        facts->n_recipients = call->recipients.n;
        facts->case_reference = call->case_reference;
        facts->authorisation = call->authorisation;
        facts->operator= call->operator;
        facts->has_limit = call->has_limit;
        facts->limit = call->limit;
        facts->has_floor = call->has_floor;
        facts->floor_millionths = call->floor_millionths;
}

Facts facts_of_time(const Ledger *ledger, const ClockReading *now)
{
        return (Facts){
                .time_usec = now->wall_usec,
                .clock = ledger_clock(ledger, now),
                .has_mark = ledger->state.has_mark,
                .mark_usec = ledger->state.mark_usec,
        };
}

void facts_make(const FactsSource *source, Facts *ret_facts)
{
        *source->used = (FactsUsed){.rates = source->rates, .time_usec = source->now->wall_usec};
        *ret_facts = facts_of_time(source->ledger, source->now);
        ret_facts->peer = facts_peer(source->attestation);
        ret_facts->used = facts_used;
        ret_facts->used_userdata = source->used;
        if (source->call)
                facts_take_call(source->call, ret_facts);
}

typedef struct FactsName {
        const char *from;
        const char *to;
} FactsName;

static const char *facts_look_up(const FactsName *names, size_t n, const char *from)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i].from, from) == 0)
                        return names[i].to;
        return NULL;
}

const char *facts_parameter(const char *fact)
{
        static const FactsName names[] = {
                {"purpose", "purpose"},
                {"sought", "sought"},
                {"gallery", "gallery"},
                {"on_behalf_of", "onBehalfOf"},
                {"recipients", "recipients"},
                {"case", "caseReference"},
                {"authorisation", "authorisation"},
                {"operator", "operator"},
                {"probe", "probe.kind"},
                {"limit", "limit"},
                {"minimum_similarity", "minimumSimilarity"},
        };
        return facts_look_up(names, ARRAY_SIZE(names), fact);
}

const char *facts_job_parameter(const char *operation)
{
        static const FactsName names[] = {
                {"identify-stored", "subject"}, {"remove", "subject"}, {"verify", "subject"},
                {"enrol", "entries"},           {"list", "after"},
        };
        const char *name = facts_look_up(names, ARRAY_SIZE(names), operation);
        return name ? name : "probe";
}
