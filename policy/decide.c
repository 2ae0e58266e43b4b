/*
 * The decision: the nine steps of matchguard.policy(5) in their order, the first that ends it ends it. Pure:
 * the same policy and the same facts give the same decision on any machine. A decision begins as a denial,
 * and only decide_permit() turns it into anything else.
 */

#include "policy/decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/match.h"
#include "policy/nearest.h"

enum {
        DECIDE_CLOCK_SLACK_USEC = 5000000, /* how far before the mark a clock may be and still be believed */
        DECIDE_FLOOR_STEP = 50000,         /* floors that are asked for come in steps of 0.05 */
};

typedef struct Decider {
        Question question;
        Decision *decision;
        uint64_t covering[BITS_WORDS_MAX]; /* over moratoria */
} Decider;

void decision_deinit(Decision *decision)
{
        free(decision->moratoria);
        *decision = DECISION_INIT;
}

const char *decision_rule(const Decision *decision)
{
        if (decision->allow)
                return decision->allow;
        return decision->n_moratoria > 0 ? decision->moratoria[0] : NULL;
}

FactsClock facts_clock(bool kernel_synchronised, uint64_t time_usec, bool has_mark, uint64_t mark_usec)
{
        if (has_mark && mark_usec > time_usec && mark_usec - time_usec > DECIDE_CLOCK_SLACK_USEC)
                return CLOCK_BEHIND;
        return kernel_synchronised ? CLOCK_SYNCHRONISED : CLOCK_UNSYNCHRONISED;
}

static bool decide_clock_is_behind(const Facts *facts)
{
        return facts->clock == CLOCK_BEHIND ||
               facts_clock(false, facts->time_usec, facts->has_mark, facts->mark_usec) == CLOCK_BEHIND;
}

/* The rules that operation, purpose and gallery concern. */
static void decide_concerned(const Question *question, const RuleIndex *index, uint64_t *ret_rules)
{
        const uint64_t *operations = rule_index_operation(index, question);
        const uint64_t *purposes = rule_index_purpose(index, question);
        const uint64_t *galleries = rule_index_gallery(index, question);

        for (size_t i = 0; i < index->operations.n_words; i++)
                ret_rules[i] = operations[i] & purposes[i] & galleries[i];
}

/* Step 4. Return: whether one ended it. */
static bool decide_stand_downs(Decider *decider)
{
        const Question *question = &decider->question;
        const Index *index = &question->policy->index;
        uint64_t rules[BITS_WORDS_MAX];

        decide_concerned(question, &index->stand_downs, rules);
        bits_keep(rules, bit_table_row(&index->stopped, question->asker), index->stopped.n_words);
        size_t first = bits_next(rules, index->stopped.n_words, 0);
        if (first == BITS_NONE)
                return false;
        decider->decision->reason = REASON_STOOD_DOWN;
        decider->decision->notice = question->policy->stand_downs[first].reason;
        return true;
}

static void decide_join_parties(const Question *question, const Parties *parties, uint64_t *classed)
{
        const Index *index = &question->policy->index;

        for (size_t i = 0; i < parties->n; i++) {
                size_t row =
                        index_party(question->policy, parties->items[i].is_class, parties->items[i].place);
                bits_join(classed, bit_table_row(&index->parties, row), index->parties.n_words);
        }
}

/* The moratoria that cover, as a set. Return: how many. */
static size_t decide_covering(Decider *decider)
{
        const Question *question = &decider->question;
        const Index *index = &question->policy->index;
        const size_t n_words = index->parties.n_words;
        uint64_t classed[BITS_WORDS_MAX];
        size_t n = 0;

        decide_concerned(question, &index->moratoria, decider->covering);
        memcpy(classed, bit_table_row(&index->parties, question->asker), n_words * sizeof(uint64_t));
        decide_join_parties(question, &question->on_behalf_of, classed);
        decide_join_parties(question, &question->recipients, classed);
        bits_keep(decider->covering, classed, n_words);
        for (size_t i = 0; (i = bits_next(decider->covering, n_words, i)) != BITS_NONE; i++)
                if (moratorium_in_force(&question->policy->moratoria[i], question->at))
                        n++;
                else
                        bits_drop(decider->covering, i);
        return n;
}

/* Step 5. Return: 0, or -ENOMEM. */
static int decide_moratoria(Decider *decider)
{
        const Policy *policy = decider->question.policy;
        Decision *decision = decider->decision;
        size_t n = decide_covering(decider);

        if (n == 0)
                return 0;
        decision->moratoria = calloc(n, sizeof(char *));
        if (!decision->moratoria)
                return -ENOMEM;
        for (size_t i = 0; (i = bits_next(decider->covering, policy->index.parties.n_words, i)) != BITS_NONE;
             i++)
                decision->moratoria[decision->n_moratoria++] = policy->moratoria[i].name;
        return 0;
}

/* The first viable allow of steps 6 and 7, or NULL. */
static const Allow *decide_viable(const Decider *decider)
{
        const Question *question = &decider->question;
        const Policy *policy = question->policy;
        const Index *index = &policy->index;
        const size_t n_words = index->askers.n_words;
        uint64_t allows[BITS_WORDS_MAX];

        decide_concerned(question, &index->allows, allows);
        bits_keep(allows, bit_table_row(&index->askers, question->asker), n_words);
        parties_keep_admitting(question, &question->on_behalf_of, &index->on_behalf, allows);
        parties_keep_admitting(question, &question->recipients, &index->recipients, allows);
        for (size_t i = 0; (i = bits_next(allows, n_words, i)) != BITS_NONE; i++)
                if (allow_unmet_statement(&policy->allows[i], question) == 0 &&
                    !bits_meet(decider->covering, bit_table_row(&index->unpierced, i),
                               index->parties.n_words))
                        return &policy->allows[i];
        return NULL;
}

static bool decide_is_rate_limited(const Decider *decider, const Allow *allow)
{
        const Facts *facts = decider->question.facts;

        if (allow->rate == 0 || !facts->used)
                return false;
        return facts->used(facts->used_userdata, allow->name, decider->decision->organisation,
                           allow->window_usec) >= allow->rate;
}

/* What was asked for, coarsened so that a floor moved about in small steps cannot read a score. */
static int32_t decide_asked_floor(const Allow *allow, int32_t asked)
{
        if (allow->release == RELEASE_SCORES)
                return asked;
        int32_t steps = asked / DECIDE_FLOOR_STEP + (asked % DECIDE_FLOOR_STEP > 0);
        return MIN_OF(steps * DECIDE_FLOOR_STEP, TEXT_SIMILARITY_ONE);
}

static void decide_permit(Decider *decider, const Allow *allow)
{
        const Question *question = &decider->question;
        const Facts *facts = question->facts;
        Decision *decision = decider->decision;

        decision->permit = true;
        decision->reason = REASON_NONE;
        decision->release = allow->release;
        decision->has_limit = question->search || question->operation == BIT(OPERATION_LIST);
        if (decision->has_limit) {
                decision->limit = allow->limit;
                if (facts->has_limit && facts->limit < allow->limit)
                        decision->limit = (uint32_t)facts->limit;
        }
        decision->has_floor = question->search;
        if (decision->has_floor) {
                decision->floor_millionths = allow->floor_millionths;
                if (facts->has_floor)
                        decision->floor_millionths = MAX_OF(
                                allow->floor_millionths, decide_asked_floor(allow, facts->floor_millionths));
        }
}

/* Step 7 with an allow that is viable. */
static void decide_under(Decider *decider, const Allow *allow)
{
        decider->decision->allow = allow->name;
        if (decide_is_rate_limited(decider, allow))
                decider->decision->reason = REASON_RATE_LIMITED;
        else
                decide_permit(decider, allow);
}

/* Step 8. */
static void decide_under_moratorium(Decider *decider)
{
        const Policy *policy = decider->question.policy;
        Decision *decision = decider->decision;
        size_t first = bits_next(decider->covering, policy->index.parties.n_words, 0);

        decision->reason = REASON_MORATORIUM;
        decision->notice = policy->moratoria[first].notice;
        (void)nearest_find(&decider->question, decision); /* what is missing does not matter here */
}

/* Step 9. */
static void decide_not_allowed(Decider *decider)
{
        const Policy *policy = decider->question.policy;
        Decision *decision = decider->decision;

        decision->reason = REASON_NOT_ALLOWED;
        size_t waiting = nearest_find(&decider->question, decision);
        if (waiting == NEAREST_NONE)
                return;
        decision->reason = REASON_MISSING_REQUIREMENT;
        for (int j = 0; j < _REQUIREMENT_MAX; j++)
                if (policy->allows[waiting].requirements & ~decider->question.given & BIT(j))
                        decision->missing[decision->n_missing++] = vocabulary_requirements.words[j];
}

static int decide_rules(Decider *decider)
{
        if (decide_stand_downs(decider))
                return 0;
        int r = decide_moratoria(decider);
        if (r < 0)
                return r;
        const Allow *allow = decide_viable(decider);
        if (allow)
                decide_under(decider, allow);
        else if (decider->decision->n_moratoria > 0)
                decide_under_moratorium(decider);
        else
                decide_not_allowed(decider);
        return 0;
}

int policy_decide(const Policy *policy, const Facts *facts, Decision *ret_decision)
{
        _cleanup_(decision_deinit) Decision decision = {.reason = REASON_NOT_ALLOWED};
        Decider decider = {.decision = &decision};
        int r = 0;

        question_init(&decider.question, policy, facts);
        if (decide_clock_is_behind(facts)) {
                decision.reason = REASON_CLOCK_UNTRUSTED;
                goto done;
        }
        Reason reason = question_identify(&decider.question);
        if (reason != REASON_NONE) {
                decision.reason = reason;
                goto done;
        }
        decision.organisation = policy->organisations[decider.question.asker].name;
        decision.term = question_resolve(&decider.question);
        if (decision.term) {
                decision.reason = REASON_UNKNOWN_TERM;
                goto done;
        }
        r = decide_rules(&decider);
        if (r < 0)
                return r;
done:
        *ret_decision = decision;
        decision = DECISION_INIT;
        return 0;
}
