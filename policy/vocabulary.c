/*
 * The closed vocabularies. Owns the words; whoever adds one adds it here and in the enumeration beside it.
 */

#include "policy/vocabulary.h"

#include <string.h>

#include "base/macro.h"
#include "policy/policy.h"

#define VOCABULARY(name, a_noun, ...)                                                                        \
        static const char *const name##_words[] = {__VA_ARGS__};                                             \
        const Vocabulary vocabulary_##name = {a_noun, name##_words, ARRAY_SIZE(name##_words)}

VOCABULARY(operations, "operation", "identify", "identify-stored", "verify", "compare", "enrol", "remove",
           "list");
VOCABULARY(roles, "role", "victim", "missing", "deceased", "incapacitated", "witness", "suspect", "claimant",
           "unknown");
VOCABULARY(probes, "probe kind", "photograph", "video-frame", "sketch", "composite", "edited", "synthetic",
           "unknown");
VOCABULARY(requirements, "requirement", "authorisation", "case", "operator");
VOCABULARY(gallery_kinds, "kind of gallery", "consolidated", "event");
VOCABULARY(expiries, "way to expire", "hold", "lapse");
VOCABULARY(releases, "release", "decision", "candidates", "scores");
VOCABULARY(verdicts, "verdict", "permit");

int vocabulary_find(const Vocabulary *vocabulary, const char *text)
{
        for (size_t i = 0; i < vocabulary->n; i++)
                if (strcmp(vocabulary->words[i], text) == 0)
                        return (int)i;
        return -1;
}

uint32_t vocabulary_all(const Vocabulary *vocabulary)
{
        return BIT(vocabulary->n) - 1;
}

void vocabulary_list(const Vocabulary *vocabulary, uint32_t mask, const char *separator, Buffer *buffer)
{
        bool first = true;

        for (size_t i = 0; i < vocabulary->n; i++) {
                if (!(mask & BIT(i)))
                        continue;
                if (!first)
                        buffer_append_text(buffer, separator);
                buffer_append_text(buffer, vocabulary->words[i]);
                first = false;
        }
}

bool policy_is_operation(const char *text)
{
        return vocabulary_find(&vocabulary_operations, text) >= 0;
}

bool policy_is_search(const char *text)
{
        int operation = vocabulary_find(&vocabulary_operations, text);

        return operation >= 0 && (OPERATIONS_SEARCH & BIT(operation)) != 0;
}

bool policy_has_probe(const char *text)
{
        int operation = vocabulary_find(&vocabulary_operations, text);

        return operation >= 0 && (OPERATIONS_PROBE & BIT(operation)) != 0;
}
