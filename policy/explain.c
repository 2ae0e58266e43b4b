/*
 * The way to a decision, step by step in the order of matchguard.policy(5), as far as it went. The decision
 * is made first, by policy_decide(), and says how far that is.
 */

#include "policy/explain.h"

#include <errno.h>

#include "base/macro.h"
#include "policy/explainer.h"
#include "policy/words.h"

void explanation_deinit(Explanation *explanation)
{
        arena_deinit(&explanation->arena);
        decision_deinit(&explanation->decision);
        *explanation = EXPLANATION_INIT;
}

void *explainer_new(Explainer *explainer, size_t n, size_t size)
{
        void *room = arena_new(explainer->arena, n, size);

        explainer->failed |= !room;
        return room;
}

const char *explainer_keep(Explainer *explainer, Buffer *text)
{
        const char *kept = text->failed ? NULL : arena_copy(explainer->arena, buffer_text(text), text->n);

        buffer_deinit(text);
        explainer->failed |= !kept;
        return kept ? kept : "";
}

/* Which step a reason belongs to. */
static unsigned explain_step(const Decision *decision)
{
        static const unsigned steps[_REASON_MAX] = {
                [REASON_NONE] = EXPLAIN_VIABLE,
                [REASON_CLOCK_UNTRUSTED] = EXPLAIN_CLOCK,
                [REASON_UNKNOWN_PEER] = EXPLAIN_CALLER,
                [REASON_AMBIGUOUS_PEER] = EXPLAIN_CALLER,
                [REASON_EXPIRED_ORGANISATION] = EXPLAIN_CALLER,
                [REASON_UNKNOWN_TERM] = EXPLAIN_TERMS,
                [REASON_STOOD_DOWN] = EXPLAIN_STAND_DOWNS,
                [REASON_RATE_LIMITED] = EXPLAIN_VIABLE,
                [REASON_MORATORIUM] = EXPLAIN_MORATORIUM,
                [REASON_MISSING_REQUIREMENT] = EXPLAIN_NOT_ALLOWED,
                [REASON_NOT_ALLOWED] = EXPLAIN_NOT_ALLOWED,
        };

        return steps[decision->reason];
}

void explain_loosening(const Question *question, Buffer *text)
{
        if (question->at.loosening == TIME_NEVER) {
                buffer_append_text(text, "never, without a synchronised clock and without a mark");
                return;
        }
        words_time(question->at.loosening, text);
        if (question->at.loosening < question->at.time)
                buffer_append_text(text, ", the mark, without a synchronised clock");
}

/* Step 1. */
static void explain_clock(Explainer *explainer, Explanation *explanation)
{
        const Facts *facts = explainer->question->facts;
        Buffer time = BUFFER_INIT, mark = BUFFER_INIT, loosening = BUFFER_INIT;

        words_time(explainer->question->at.time, &time);
        if (facts->has_mark)
                words_time((int64_t)facts->mark_usec, &mark);
        explain_loosening(explainer->question, &loosening);
        explanation->time = explainer_keep(explainer, &time);
        explanation->clock = facts_clock_name(
                explanation->decision.reason == REASON_CLOCK_UNTRUSTED ? CLOCK_BEHIND : facts->clock);
        explanation->mark = explainer_keep(explainer, &mark);
        explanation->loosening = explainer_keep(explainer, &loosening);
}

/* Return: whether some [Peer] of it matches the caller, or nearly. */
static bool explain_organisation(Explainer *explainer, size_t i, ExplainedOrganisation *ret_organisation)
{
        const Policy *policy = explainer->question->policy;
        const Organisation *organisation = &policy->organisations[i];
        const Section *section = policy->objects[OBJECT_ORGANISATION].items[i].peers;
        ExplainedRules peers = {explainer_new(explainer, organisation->n_peers, sizeof(ExplainedRule))};
        bool matches = false;

        for (size_t k = 0; k < organisation->n_peers && peers.items; k++, section = section->next)
                if (explain_peer(explainer, &organisation->peers[k], section, &peers.items[peers.n]))
                        matches |= peers.items[peers.n++].met;
        if (peers.n == 0)
                return false;
        ret_organisation->peers = peers;
        ret_organisation->matches = matches;
        ret_organisation->may_be_valid = span_may_be_valid(organisation->span, explainer->question->at);
        explain_validity(explainer, i, &ret_organisation->validity);
        return true;
}

/* Step 2. */
static void explain_organisations(Explainer *explainer, Explanation *explanation)
{
        const Policy *policy = explainer->question->policy;
        const size_t n = policy->objects[OBJECT_ORGANISATION].n;
        Buffer caller = BUFFER_INIT;

        for (PeerUnmet key = 0; key < _PEER_UNMET_MAX; key++) {
                words_separate(", ", 0, &caller);
                explain_caller(&explainer->question->facts->peer, key, &caller);
        }
        explanation->caller = explainer_keep(explainer, &caller);
        explanation->organisations = explainer_new(explainer, n, sizeof(ExplainedOrganisation));
        for (size_t i = 0; i < n && explanation->organisations; i++) {
                explanation->n_peers += policy->organisations[i].n_peers;
                if (explain_organisation(explainer, i,
                                         &explanation->organisations[explanation->n_organisations]))
                        explanation->n_organisations++;
        }
}

/* A name in the facts, and the types of objects that it may be of. */
typedef struct Stated {
        const char *fact;
        const char *name;
        uint32_t types; /* BIT(ObjectType) */
} Stated;

static void words_declared(const Policy *policy, ObjectType type, size_t place, Buffer *text)
{
        if (type == OBJECT_PURPOSE)
                words_term(&policy->purposes, place, text);
        else if (type == OBJECT_GALLERY)
                buffer_append_text(text, policy->galleries[place].name);
        else
                words_party(policy, (Party){type == OBJECT_CLASS, place}, text);
}

static void explain_term(Explainer *explainer, const Stated *stated, ExplainedCondition *term)
{
        const Policy *policy = explainer->question->policy;
        Buffer rule = BUFFER_INIT;

        *term = (ExplainedCondition){.name = stated->fact, .asked = stated->name};
        for (ObjectType type = 0; type < _OBJECT_MAX && !term->met; type++) {
                int place = stated->types & BIT(type) ? policy_find(policy, type, stated->name) : -1;
                if (place < 0)
                        continue;
                term->met = true;
                term->place = (Place){policy->objects[type].items[place].place.file};
                words_declared(policy, type, (size_t)place, &rule);
        }
        if (!term->met)
                buffer_append_text(&rule, "not declared");
        term->rule = explainer_keep(explainer, &rule);
}

/* Step 3. */
static void explain_terms(Explainer *explainer, Explanation *explanation)
{
        const Facts *facts = explainer->question->facts;
        const uint32_t party = BIT(OBJECT_CLASS) | BIT(OBJECT_ORGANISATION);
        Stated stated[2 + 2 * FACTS_LIST_MAX];
        size_t n = 0;

        stated[n++] = (Stated){"purpose", facts->purpose, BIT(OBJECT_PURPOSE)};
        if (facts->gallery)
                stated[n++] = (Stated){"gallery", facts->gallery, BIT(OBJECT_GALLERY)};
        for (size_t i = 0; i < facts->n_on_behalf_of; i++)
                stated[n++] = (Stated){"on_behalf_of", facts->on_behalf_of[i], party};
        for (size_t i = 0; i < facts->n_recipients; i++)
                stated[n++] = (Stated){"recipients", facts->recipients[i], party};
        explanation->terms = explainer_new(explainer, n, sizeof(ExplainedCondition));
        for (size_t i = 0; i < n && explanation->terms; i++)
                explain_term(explainer, &stated[i], &explanation->terms[explanation->n_terms++]);
}

/* Steps 4 and 5: every rule of a type. */
static void explain_rules(Explainer *explainer, ObjectType type,
                          void (*explain)(Explainer *, size_t, ExplainedRule *), ExplainedRules *rules)
{
        const size_t n = explainer->question->policy->objects[type].n;

        rules->items = explainer_new(explainer, n, sizeof(ExplainedRule));
        for (size_t i = 0; i < n && rules->items; i++)
                explain(explainer, i, &rules->items[rules->n++]);
}

/* Whether a covering moratorium lets an allow pass. */
static ExplainedCondition explain_exception(Explainer *explainer, size_t moratorium, size_t allow)
{
        const Policy *policy = explainer->question->policy;
        const Object *object = &policy->objects[OBJECT_MORATORIUM].items[moratorium];
        const Value *except = object->main.values[KEY_EXCEPT];
        Buffer rule = BUFFER_INIT;

        if (except)
                words_list(except, &rule);
        else
                buffer_append_text(&rule, "nothing");
        return (ExplainedCondition){.name = object->name,
                                    .met = bits_has(policy->moratoria[moratorium].except, allow),
                                    .asked = policy->allows[allow].name,
                                    .rule = explainer_keep(explainer, &rule),
                                    .place = except ? except->place : (Place){object->place.file}};
}

static size_t count_covering(const ExplainedRules *moratoria)
{
        size_t n = 0;

        for (size_t i = 0; i < moratoria->n; i++)
                n += moratoria->items[i].met;
        return n;
}

static void explain_allow(Explainer *explainer, const ExplainedRules *moratoria, size_t i,
                          ExplainedAllow *allow)
{
        allow->exceptions = explainer_new(explainer, count_covering(moratoria), sizeof(ExplainedCondition));
        explain_fit(explainer, i, &allow->fit);
        allow->viable = allow->fit.met;
        for (size_t k = 0; k < moratoria->n && allow->exceptions; k++) {
                if (!moratoria->items[k].met)
                        continue;
                ExplainedCondition *exception = &allow->exceptions[allow->n_exceptions++];
                *exception = explain_exception(explainer, k, i);
                allow->viable &= exception->met;
        }
}

/* Steps 6 and 7. */
static void explain_allows(Explainer *explainer, Explanation *explanation)
{
        const size_t n = explainer->question->policy->objects[OBJECT_ALLOW].n;

        explanation->allows = explainer_new(explainer, n, sizeof(ExplainedAllow));
        for (size_t i = 0; i < n && explanation->allows; i++)
                explain_allow(explainer, &explanation->moratoria, i,
                              &explanation->allows[explanation->n_allows++]);
}

/* From step to step, as far as the decision went. */
static void explain_steps(Explainer *explainer, Question *question, Explanation *explanation)
{
        explain_clock(explainer, explanation);
        if (explanation->step < EXPLAIN_CALLER)
                return;
        explain_organisations(explainer, explanation);
        if (explanation->step < EXPLAIN_TERMS)
                return;
        (void)question_identify(question); /* the decision got past it: there is an asker */
        explain_terms(explainer, explanation);
        if (explanation->step < EXPLAIN_STAND_DOWNS)
                return;
        (void)question_resolve(question); /* likewise: all names are declared */
        explain_rules(explainer, OBJECT_STAND_DOWN, explain_stand_down, &explanation->stand_downs);
        if (explanation->step < EXPLAIN_MORATORIA)
                return;
        explain_rules(explainer, OBJECT_MORATORIUM, explain_moratorium, &explanation->moratoria);
        explain_allows(explainer, explanation);
        explain_limits(explainer, explanation);
}

int policy_explain(const Policy *policy, const Facts *facts, Explanation *ret_explanation)
{
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        Question question;
        Explainer explainer = {.question = &question, .arena = &explanation.arena};

        int r = policy_decide(policy, facts, &explanation.decision);
        if (r < 0)
                return r;
        explanation.step = explain_step(&explanation.decision);
        question_init(&question, policy, facts);
        explain_steps(&explainer, &question, &explanation);
        if (!explainer.failed)
                explanation.summary = explain_summary(&explainer, &explanation);
        if (explainer.failed)
                return -ENOMEM;
        *ret_explanation = explanation;
        explanation = EXPLANATION_INIT;
        return 0;
}
