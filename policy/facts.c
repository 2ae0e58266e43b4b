/*
 * Facts that are a request at all, and the names of what stands in facts and decisions.
 */

#include <string.h>

#include "base/text.h"
#include "policy/decide.h"
#include "policy/vocabulary.h"

const char *facts_clock_name(FactsClock clock)
{
        static const char *const names[] = {
                [CLOCK_UNSYNCHRONISED] = "unsynchronised",
                [CLOCK_SYNCHRONISED] = "synchronised",
                [CLOCK_BEHIND] = "behind",
        };

        return names[clock];
}

const char *reason_name(Reason reason)
{
        static const char *const names[_REASON_MAX] = {
                [REASON_NONE] = "",
                [REASON_CLOCK_UNTRUSTED] = "clock-untrusted",
                [REASON_UNKNOWN_PEER] = "unknown-peer",
                [REASON_AMBIGUOUS_PEER] = "ambiguous-peer",
                [REASON_EXPIRED_ORGANISATION] = "expired-organisation",
                [REASON_UNKNOWN_TERM] = "unknown-term",
                [REASON_STOOD_DOWN] = "stood-down",
                [REASON_RATE_LIMITED] = "rate-limited",
                [REASON_MORATORIUM] = "moratorium",
                [REASON_MISSING_REQUIREMENT] = "missing-requirement",
                [REASON_NOT_ALLOWED] = "not-allowed",
        };

        return names[reason];
}

const char *release_name(Release release)
{
        return vocabulary_releases.words[release];
}

const char *unmet_name(Unmet unmet)
{
        static const char *const names[_UNMET_MAX] = {
                [UNMET_ORGANISATION] = "Organisation",
                [UNMET_OPERATION] = "Operation",
                [UNMET_PURPOSE] = "Purpose",
                [UNMET_GALLERY] = "Gallery",
                [UNMET_SOUGHT] = "Sought",
                [UNMET_PROBE] = "Probe",
                [UNMET_ON_BEHALF_OF] = "OnBehalfOf",
                [UNMET_RECIPIENT] = "Recipient",
                [UNMET_FROM] = "From",
                [UNMET_UNTIL] = "Until",
                [UNMET_REQUIRE] = "Require",
        };

        return names[unmet];
}

static bool facts_is_name(const char *text)
{
        return text && text_is_name(text, strlen(text));
}

static bool facts_is_list(const char *const *names, size_t n)
{
        if (n > FACTS_LIST_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!facts_is_name(names[i]))
                        return false;
        return true;
}

/* A word of a vocabulary, or nothing. */
static bool facts_is_word(const Vocabulary *vocabulary, const char *text)
{
        return !text || vocabulary_find(vocabulary, text) >= 0;
}

const char *facts_check(const Facts *facts)
{
        if (!facts->operation || !policy_is_operation(facts->operation))
                return "operation";
        uint32_t operation = BIT(vocabulary_find(&vocabulary_operations, facts->operation));
        bool has_gallery = operation != BIT(OPERATION_COMPARE);
        bool has_probe = (operation & OPERATIONS_PROBE) != 0;
        bool floor_good = facts->floor_millionths >= -TEXT_SIMILARITY_ONE &&
                          facts->floor_millionths <= TEXT_SIMILARITY_ONE;

        const struct {
                bool good;
                const char *name;
        } checks[] = {
                {has_gallery ? facts_is_name(facts->gallery) : !facts->gallery, "gallery"},
                {facts_is_name(facts->purpose), "purpose"},
                {facts_is_word(&vocabulary_roles, facts->sought), "sought"},
                {facts_is_list(facts->on_behalf_of, facts->n_on_behalf_of), "on_behalf_of"},
                {facts_is_list(facts->recipients, facts->n_recipients), "recipients"},
                {!has_probe || facts_is_word(&vocabulary_probes, facts->probe), "probe"},
                {!facts->has_limit || facts->limit >= 1, "limit"},
                {!facts->has_floor || floor_good, "minimum_similarity"},
        };
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
                if (!checks[i].good)
                        return checks[i].name;
        return NULL;
}
