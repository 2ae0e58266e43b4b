#pragma once
/*
 * Facts: what the kernel attested, what a child says was asked, and what the ledger knows of time, put
 * together as the one input of a decision. Pure. No fact of the kernel's is ever taken from a child.
 */

#include "guard/attest.h"
#include "guard/ledger.h"
#include "guard/rates.h"
#include "policy/decide.h"
#include "wire/message.h"

/* What `used` is answered from. */
typedef struct FactsUsed {
        const Rates *rates;
        uint64_t time_usec;
        bool uncounted; /* permits were asked for of a time that nobody counted: there may be more of them */
} FactsUsed;

/* Where facts come from. All borrowed for as long as the facts are used. */
typedef struct FactsSource {
        const Attestation *attestation;
        const CallMessage *call; /* NULL: only who is asking matters (WhoAmI) */
        const Ledger *ledger;
        const ClockReading *now;
        FactsUsed *used; /* filled in */
        const Rates *rates;
} FactsSource;

/** facts_peer() - Who is asking, as policy wants to know it; borrowed. */
Peer facts_peer(const Attestation *attestation);

/** facts_of_time() - Time, clock and mark alone: for what is said of a policy at this moment. */
Facts facts_of_time(const Ledger *ledger, const ClockReading *now);

/** facts_make() - Puts the facts together; strings and @source->used are borrowed. */
void facts_make(const FactsSource *source, Facts *ret_facts);

/**
 * facts_parameter() - What Varlink calls a fact (matchguard.policy(5)).
 *
 * Return: the name; NULL for a fact that no client gives, so that a child that sent it wrongly made it up.
 */
const char *facts_parameter(const char *fact);

/**
 * facts_job_parameter() - The parameter to blame when the job bytes of an operation are none.
 */
const char *facts_job_parameter(const char *operation);
