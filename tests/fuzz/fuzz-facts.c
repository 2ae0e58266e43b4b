/*
 * facts_json_parse() on any bytes: what it accepts is a request, and every place that the facts point to is
 * there.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tools/facts-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t length_of(const char *text)
{
        return text ? strlen(text) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(facts_json_deinit) FactsJson json = FACTS_JSON_INIT;
        _cleanup_(facts_fault_deinit) FactsFault fault = {};
        size_t sum = 0;

        int r = facts_json_parse((const char *)data, n, &json, &fault);
        if (r == FACTS_E_INVALID && !fault.parameter)
                abort();
        if (r != 0)
                return 0;
        const Facts *facts = &json.facts;
        if (facts_check(facts) != NULL)
                abort();
        for (size_t i = 0; i < facts->n_on_behalf_of; i++)
                sum += length_of(facts->on_behalf_of[i]);
        for (size_t i = 0; i < facts->n_recipients; i++)
                sum += length_of(facts->recipients[i]);
        for (size_t i = 0; i < facts->peer.n_groups; i++)
                sum += facts->peer.groups[i];
        sum += length_of(facts->peer.unit) + length_of(facts->peer.label) + length_of(facts->case_reference) +
               length_of(facts->authorisation) + length_of(facts->operator);
        if (facts->used)
                sum += facts->used(facts->used_userdata, "most", "asker", 1) & 1;
        /* Never so long; asked so that the reads above are not left out. */
        if (sum == SIZE_MAX)
                abort();
        return 0;
}
