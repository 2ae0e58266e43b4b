/*
 * What of a call can be judged before anything is decided. Pure. Run by the guard's loop.
 */

#include "guard/request-check.h"

#include "guard/facts.h"
#include "wire/job.h"
#include "wire/leaf.h"

const char *request_check(const Facts *facts, const CallMessage *message)
{
        const char *fact = facts_check(facts);

        if (fact) {
                const char *parameter = facts_parameter(fact);
                return parameter ? parameter : fact;
        }
        /* What no leaf can hold could not be recorded as it was asked. */
        if (facts->has_limit && facts->limit > LEAF_NUMBER_MAX)
                return facts_parameter("limit");
        if (!job_check(message->operation, message->job, message->n_job))
                return facts_job_parameter(message->operation);
        return NULL;
}
