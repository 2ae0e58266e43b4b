/*
 * The nearest allow: the one with the fewest conditions unmet, the first in byte order among equals. Every
 * allow has to be looked at, so that conditions which the index knows are looked up there, for all allows at
 * once.
 */

#include "policy/nearest.h"

#include <string.h>

#include "policy/match.h"

/* For each condition that the index knows: the allows that meet it. */
typedef struct Met {
        Unmet condition;
        const uint64_t *allows;
} Met;

enum { NEAREST_INDEXED = 6 };

static void nearest_admitting(const Question *question, const Parties *parties, const BitTable *table,
                              uint64_t *ret_allows)
{
        memset(ret_allows, 0xff, table->n_words * sizeof(uint64_t));
        parties_keep_admitting(question, parties, table, ret_allows);
}

static uint32_t nearest_unmet(const Question *question, const Met *met, size_t i)
{
        uint32_t unmet = allow_unmet_statement(&question->policy->allows[i], question);

        for (size_t k = 0; k < NEAREST_INDEXED; k++)
                if (!bits_has(met[k].allows, i))
                        unmet |= BIT(met[k].condition);
        return unmet;
}

size_t nearest_find(const Question *question, Decision *decision)
{
        const Policy *policy = question->policy;
        const Index *index = &policy->index;
        uint64_t on_behalf_of[BITS_WORDS_MAX], recipients[BITS_WORDS_MAX];
        const Met met[NEAREST_INDEXED] = {
                {UNMET_ORGANISATION, bit_table_row(&index->askers, question->asker)},
                {UNMET_OPERATION, rule_index_operation(&index->allows, question)},
                {UNMET_PURPOSE, rule_index_purpose(&index->allows, question)},
                {UNMET_GALLERY, rule_index_gallery(&index->allows, question)},
                {UNMET_ON_BEHALF_OF, on_behalf_of},
                {UNMET_RECIPIENT, recipients},
        };
        size_t waiting = NEAREST_NONE;
        int fewest = _UNMET_MAX + 1;

        nearest_admitting(question, &question->on_behalf_of, &index->on_behalf, on_behalf_of);
        nearest_admitting(question, &question->recipients, &index->recipients, recipients);
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                uint32_t unmet = nearest_unmet(question, met, i);
                int n = __builtin_popcount(unmet);
                if (unmet == BIT(UNMET_REQUIRE) && waiting == NEAREST_NONE)
                        waiting = i;
                if (n >= fewest)
                        continue;
                fewest = n;
                decision->nearest = policy->allows[i].name;
                decision->unmet = unmet;
        }
        return waiting;
}
