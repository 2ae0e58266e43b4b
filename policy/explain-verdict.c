/*
 * What a decision came to, in words: the limits of the allow that was taken, and the verdict in one sentence.
 */

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/explainer.h"
#include "policy/words.h"

/* Organisations that nearly match and are named in a summary. */
enum { SUMMARY_NEAR_MAX = 3 };

/* The allow that was taken, and the limit that is being explained. */
typedef struct Taken {
        const Facts *facts;
        const Decision *decision;
        const Allow *allow;
} Taken;

static void words_similarity(int32_t millionths, Buffer *text)
{
        char written[TEXT_SIMILARITY_SIZE];

        text_similarity(millionths, written);
        buffer_append_text(text, written);
}

static bool has_floor(const Taken *taken)
{
        return taken->decision->has_floor;
}

static void limit_floor(const Taken *taken, Buffer *asked, Buffer *result)
{
        words_similarity(taken->decision->floor_millionths, result);
        if (!taken->facts->has_floor) {
                buffer_append_text(asked, "nothing");
                return;
        }
        words_similarity(taken->facts->floor_millionths, asked);
        if (taken->allow->release != RELEASE_SCORES)
                buffer_append_text(asked, ", taken up to a multiple of 0.05");
}

static bool has_limit(const Taken *taken)
{
        return taken->decision->has_limit;
}

static void limit_candidates(const Taken *taken, Buffer *asked, Buffer *result)
{
        buffer_append_format(result, "%" PRIu32, taken->decision->limit);
        if (taken->facts->has_limit)
                buffer_append_format(asked, "%" PRIu64, taken->facts->limit);
        else
                buffer_append_text(asked, "nothing");
}

static bool has_release(const Taken *taken)
{
        return taken->decision->permit;
}

static void limit_release(const Taken *taken, Buffer *asked, Buffer *result)
{
        buffer_append_text(result, release_name(taken->decision->release));
}

static bool has_rate(const Taken *taken)
{
        return taken->allow->rate > 0;
}

static uint64_t rate_used(const Facts *facts, const Allow *allow, const char *organisation)
{
        return facts->used ? facts->used(facts->used_userdata, allow->name, organisation, allow->window_usec)
                           : 0;
}

static void limit_rate(const Taken *taken, Buffer *asked, Buffer *result)
{
        uint64_t used = rate_used(taken->facts, taken->allow, taken->decision->organisation);

        buffer_append_format(asked, "%" PRIu64 " used", used);
        if (taken->decision->permit)
                buffer_append_format(result, "%" PRIu64 " left after this", taken->allow->rate - used - 1);
        else
                buffer_append_text(result, "used up");
}

static const struct {
        KeyId key;
        const char *name;
        bool (*has)(const Taken *taken);
        void (*write)(const Taken *taken, Buffer *asked, Buffer *result);
} limit_rows[] = {
        {KEY_MINIMUM_SIMILARITY, "MinimumSimilarity", has_floor, limit_floor},
        {KEY_MAXIMUM_CANDIDATES, "MaximumCandidates", has_limit, limit_candidates},
        {KEY_RELEASE, "Release", has_release, limit_release},
        {KEY_RATE, "Rate", has_rate, limit_rate},
};

void explain_limits(Explainer *explainer, Explanation *explanation)
{
        const Policy *policy = explainer->question->policy;
        const Decision *decision = &explanation->decision;
        int place = decision->allow ? policy_find(policy, OBJECT_ALLOW, decision->allow) : -1;

        if (place < 0)
                return;
        const Taken taken = {explainer->question->facts, decision, &policy->allows[place]};
        const Object *object = &policy->objects[OBJECT_ALLOW].items[place];
        explanation->limits = explainer_new(explainer, ARRAY_SIZE(limit_rows), sizeof(ExplainedLimit));
        for (size_t i = 0; i < ARRAY_SIZE(limit_rows) && explanation->limits; i++) {
                const Value *value = object->main.values[limit_rows[i].key];
                Buffer asked = BUFFER_INIT, result = BUFFER_INIT;
                if (!limit_rows[i].has(&taken))
                        continue;
                limit_rows[i].write(&taken, &asked, &result);
                ExplainedLimit *limit = &explanation->limits[explanation->n_limits++];
                *limit = (ExplainedLimit){.name = limit_rows[i].name,
                                          .asked = explainer_keep(explainer, &asked),
                                          .rule = value->text,
                                          .result = explainer_keep(explainer, &result)};
                if (!value->standard)
                        limit->place = value->place;
        }
}

/* The names of rules that are @met, or of those that are not. */
static void words_rules(const ExplainedRules *rules, bool met, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < rules->n; i++)
                if (rules->items[i].met == met) {
                        words_separate(", ", start, text);
                        buffer_append_text(text, rules->items[i].name);
                }
}

static void words_unmet(const ExplainedRule *rule, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < rule->n_conditions; i++)
                if (!rule->conditions[i].met) {
                        words_separate(", ", start, text);
                        buffer_append_text(text, rule->conditions[i].name);
                }
}

static void summary_permit(const Facts *facts, const Explanation *e, Buffer *text)
{
        const Decision *decision = &e->decision;

        buffer_append_format(text, "%s may %s", decision->organisation, facts->operation);
        if (facts->gallery)
                buffer_append_format(text, " in %s", facts->gallery);
        buffer_append_format(text, " for %s under %s", facts->purpose, decision->allow);
        if (decision->n_moratoria > 0) {
                buffer_append_text(text, ", which is excepted by ");
                words_rules(&e->moratoria, true, text);
        }
        buffer_append_text(text, ".");
}

static void summary_clock(const Facts *facts, const Explanation *e, Buffer *text)
{
        if (facts->has_mark && facts->mark_usec > facts->time_usec)
                buffer_append_format(text, "it is %s, and something was recorded at %s.", e->time, e->mark);
        else
                buffer_append_format(text, "the clock, which says %s, is said to be behind.", e->time);
}

static void summary_unknown_peer(const Facts *facts, const Explanation *e, Buffer *text)
{
        buffer_append_text(text, "no [Peer] matches the caller");
        for (size_t i = 0; i < MIN_OF(e->n_organisations, (size_t)SUMMARY_NEAR_MAX); i++) {
                buffer_append_format(text, "%s%s but for ", i == 0 ? "; nearly " : ", ",
                                     e->organisations[i].validity.name);
                words_unmet(&e->organisations[i].peers.items[0], text);
        }
        buffer_append_text(text, e->n_organisations > SUMMARY_NEAR_MAX ? " ..." : ".");
}

static void summary_ambiguous(const Facts *facts, const Explanation *e, Buffer *text)
{
        buffer_append_text(text, "the caller may be any of ");
        const size_t start = text->n;
        for (size_t i = 0; i < e->n_organisations; i++)
                if (e->organisations[i].matches && e->organisations[i].may_be_valid) {
                        words_separate(", ", start, text);
                        buffer_append_text(text, e->organisations[i].validity.name);
                }
        buffer_append_text(text, ".");
}

static void summary_expired(const Facts *facts, const Explanation *e, Buffer *text)
{
        buffer_append_text(text, "the caller is ");
        const size_t start = text->n;
        for (size_t i = 0; i < e->n_organisations; i++)
                if (e->organisations[i].matches) {
                        words_separate("; ", start, text);
                        buffer_append_format(text, "%s, not valid by its ",
                                             e->organisations[i].validity.name);
                        words_unmet(&e->organisations[i].validity, text);
                }
        buffer_append_text(text, ".");
}

static void summary_term(const Facts *facts, const Explanation *e, Buffer *text)
{
        for (size_t i = 0; i < e->n_terms; i++)
                if (!e->terms[i].met && strcmp(e->terms[i].asked, e->decision.term) == 0) {
                        buffer_append_format(text, "'%s' in %s is not declared.", e->terms[i].asked,
                                             e->terms[i].name);
                        return;
                }
}

static void summary_stood_down(const Facts *facts, const Explanation *e, Buffer *text)
{
        words_rules(&e->stand_downs, true, text);
        buffer_append_format(text, " stops it: %s", e->decision.notice);
}

static void summary_rate(const Facts *facts, const Explanation *e, Buffer *text)
{
        const ExplainedLimit *rate = &e->limits[e->n_limits - 1];

        buffer_append_format(text, "%s gives %s %s, and there are %s.", e->decision.allow,
                             e->decision.organisation, rate->rule, rate->asked);
}

static size_t count_unmet(const ExplainedCondition *conditions, size_t n)
{
        size_t unmet = 0;

        for (size_t i = 0; i < n; i++)
                unmet += !conditions[i].met;
        return unmet;
}

/* Of the allows that all covering moratoria except, the one with the fewest unmet conditions; or NULL. */
static const ExplainedRule *nearest_excepted(const Explanation *e)
{
        const ExplainedRule *nearest = NULL;

        for (size_t i = 0; i < e->n_allows; i++) {
                const ExplainedRule *fit = &e->allows[i].fit;
                if (count_unmet(e->allows[i].exceptions, e->allows[i].n_exceptions) > 0)
                        continue;
                if (!nearest || count_unmet(fit->conditions, fit->n_conditions) <
                                        count_unmet(nearest->conditions, nearest->n_conditions))
                        nearest = fit;
        }
        return nearest;
}

static void words_fitting(const Explanation *e, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < e->n_allows; i++)
                if (e->allows[i].fit.met) {
                        words_separate(", ", start, text);
                        buffer_append_text(text, e->allows[i].fit.name);
                }
        buffer_append_text(text, text->n > start ? " fits, but is not excepted." : "no allow fits.");
}

static void summary_moratorium(const Facts *facts, const Explanation *e, Buffer *text)
{
        const ExplainedRule *excepted = nearest_excepted(e);

        words_rules(&e->moratoria, true, text);
        buffer_append_text(text, e->decision.n_moratoria > 1 ? " cover it; " : " covers it; ");
        if (!excepted) {
                words_fitting(e, text);
                return;
        }
        buffer_append_format(text, "%s is excepted, and fits but for ", excepted->name);
        words_unmet(excepted, text);
        buffer_append_text(text, ".");
}

static void words_nearest(const Explanation *e, Buffer *text)
{
        for (size_t i = 0; i < e->n_allows; i++)
                if (strcmp(e->allows[i].fit.name, e->decision.nearest) == 0)
                        words_unmet(&e->allows[i].fit, text);
}

static void summary_missing(const Facts *facts, const Explanation *e, Buffer *text)
{
        size_t first = 0;

        /* The decision found one that is met but for this. */
        while (e->allows[first].fit.conditions[UNMET_REQUIRE].met ||
               count_unmet(e->allows[first].fit.conditions, _UNMET_MAX) > 1)
                first++;
        buffer_append_format(text, "%s fits, but for ", e->allows[first].fit.name);
        for (size_t i = 0; i < e->decision.n_missing; i++)
                buffer_append_format(text, "%s%s", i > 0 ? ", " : "", e->decision.missing[i]);
        buffer_append_text(text, ", not given.");
}

static void summary_not_allowed(const Facts *facts, const Explanation *e, Buffer *text)
{
        if (!e->decision.nearest) {
                buffer_append_text(text, "the policy has no allow.");
                return;
        }
        buffer_append_format(text, "no allow fits; %s is nearest, but for ", e->decision.nearest);
        words_nearest(e, text);
        buffer_append_text(text, ".");
}

const char *explain_summary(Explainer *explainer, const Explanation *explanation)
{
        static void (*const whys[_REASON_MAX])(const Facts *facts, const Explanation *e, Buffer *text) = {
                [REASON_NONE] = summary_permit,
                [REASON_CLOCK_UNTRUSTED] = summary_clock,
                [REASON_UNKNOWN_PEER] = summary_unknown_peer,
                [REASON_AMBIGUOUS_PEER] = summary_ambiguous,
                [REASON_EXPIRED_ORGANISATION] = summary_expired,
                [REASON_UNKNOWN_TERM] = summary_term,
                [REASON_STOOD_DOWN] = summary_stood_down,
                [REASON_RATE_LIMITED] = summary_rate,
                [REASON_MORATORIUM] = summary_moratorium,
                [REASON_MISSING_REQUIREMENT] = summary_missing,
                [REASON_NOT_ALLOWED] = summary_not_allowed,
        };
        const Decision *decision = &explanation->decision;
        Buffer text = BUFFER_INIT;

        if (decision->permit)
                buffer_append_text(&text, "Permitted: ");
        else
                buffer_append_format(&text, "Denied, %s: ", reason_name(decision->reason));
        whys[decision->reason](explainer->question->facts, explanation, &text);
        return explainer_keep(explainer, &text);
}
