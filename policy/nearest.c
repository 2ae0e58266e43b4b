/*
 * The nearest allow: the one with the fewest conditions unmet, the first in byte order among equals.
 */

#include "policy/nearest.h"

#include "policy/match.h"

void nearest_find(const Question *question, Decision *decision)
{
        const Policy *policy = question->policy;
        int fewest = _UNMET_MAX + 1;

        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                uint32_t unmet = allow_unmet(&policy->allows[i], question);
                int n = __builtin_popcount(unmet);
                if (n >= fewest)
                        continue;
                fewest = n;
                decision->nearest = policy->allows[i].name;
                decision->unmet = unmet;
        }
}
