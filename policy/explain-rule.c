/*
 * Rules in words: a row for each condition, in the order of its bits. Whether a condition is met is said by
 * policy/match.h; here stands what was asked and what the rule says.
 */

#include <string.h>

#include "base/macro.h"
#include "policy/explainer.h"
#include "policy/match.h"
#include "policy/words.h"

/* One rule that is held against one question. */
typedef struct Held {
        Explainer *explainer;
        const Question *question;
        const Object *object;
        size_t place; /* of the rule in the table of its type */
} Held;

typedef struct RowSpec {
        const char *name;
        KeyId key;
        const char *unassigned; /* what the rule says where nobody assigned the key */
        void (*asked)(const Held *held, Buffer *text);
        void (*rule)(const Held *held, Buffer *text); /* NULL: what was assigned */
} RowSpec;

static void asked_organisation(const Held *held, Buffer *text)
{
        words_party(held->question->policy, (Party){false, held->question->asker}, text);
}

static void asked_operation(const Held *held, Buffer *text)
{
        buffer_append_text(text, held->question->facts->operation);
}

/* Permissions look at the purpose and what it is part of ... */
static void asked_purpose(const Held *held, Buffer *text)
{
        words_term(&held->question->policy->purposes, held->question->purpose, text);
}

/* ... and prohibitions at what it may mean, too. */
static void asked_any_purpose(const Held *held, Buffer *text)
{
        const Terms *purposes = &held->question->policy->purposes;
        const size_t purpose = held->question->purpose;
        _cleanup_(buffer_deinit) Buffer parts = BUFFER_INIT;

        asked_purpose(held, text);
        words_set(purposes, purposes->items[purpose].descendants, purpose, &parts);
        if (parts.n > 0)
                buffer_append_format(text, " (it may mean %s)", buffer_text(&parts));
        text->failed |= parts.failed;
}

static void asked_gallery(const Held *held, Buffer *text)
{
        const char *gallery = held->question->facts->gallery;

        buffer_append_text(text, gallery ? gallery : "none, as compare has none");
}

static void asked_sought(const Held *held, Buffer *text)
{
        const Facts *facts = held->question->facts;

        if (held->question->search)
                buffer_append_text(text, facts->sought ? facts->sought : "unknown, as nothing was said");
        else
                buffer_append_format(text, "of no matter, as %s does not search", facts->operation);
}

static void asked_probe(const Held *held, Buffer *text)
{
        const Facts *facts = held->question->facts;

        if (held->question->has_probe)
                buffer_append_text(text, facts->probe ? facts->probe : "unknown, as nothing was said");
        else
                buffer_append_format(text, "of no matter, as %s has none", facts->operation);
}

static void asked_parties(const Held *held, const Parties *parties, const PartySet *set, Buffer *text)
{
        const Question *question = held->question;

        for (size_t i = 0; i < parties->n; i++) {
                Party party = parties->items[i];
                words_separate("; ", 0, text);
                words_party(question->policy, party, text);
                if (!party.is_class && party.place == question->asker)
                        buffer_append_text(text, ", who asks");
                else if (!party_set_admits(set, question, party))
                        buffer_append_text(text, ", who is not let in");
        }
        if (parties->n == 0)
                buffer_append_text(text, "nobody else");
}

static void asked_on_behalf_of(const Held *held, Buffer *text)
{
        const Allow *allow = &held->question->policy->allows[held->place];

        asked_parties(held, &held->question->on_behalf_of, &allow->on_behalf_of, text);
}

static void asked_recipients(const Held *held, Buffer *text)
{
        const Allow *allow = &held->question->policy->allows[held->place];

        asked_parties(held, &held->question->recipients, &allow->recipients, text);
}

static void asked_time(const Held *held, Buffer *text)
{
        words_time(held->question->at.time, text);
}

static void asked_loosening(const Held *held, Buffer *text)
{
        explain_loosening(held->question, text);
}

static void asked_given(const Held *held, Buffer *text)
{
        words_vocabulary(&vocabulary_requirements, held->question->given, "nothing", text);
        buffer_append_text(text, " given");
}

static void words_covered(const Held *held, Party party, const char *as, Buffer *text)
{
        const Policy *policy = held->question->policy;
        _cleanup_(buffer_deinit) Buffer classes = BUFFER_INIT;

        words_may_be(policy, party, policy->moratoria[held->place].classes, &classes);
        words_separate("; ", 0, text);
        words_party(policy, party, text);
        buffer_append_format(text, ", %s, ", as);
        if (classes.n > 0)
                buffer_append_format(text, "may be of %s", buffer_text(&classes));
        else
                buffer_append_text(text, "is of no such class");
        text->failed |= classes.failed;
}

static void asked_classes(const Held *held, Buffer *text)
{
        const Question *question = held->question;

        words_covered(held, (Party){false, question->asker}, "who asks", text);
        for (size_t i = 0; i < question->on_behalf_of.n; i++)
                words_covered(held, question->on_behalf_of.items[i], "on whose behalf", text);
        for (size_t i = 0; i < question->recipients.n; i++)
                words_covered(held, question->recipients.items[i], "who receives", text);
}

/* Who may ask stands in two keys. */
static void rule_askers(const Held *held, Buffer *text)
{
        const Value *organisations = held->object->main.values[KEY_ORGANISATION];
        const Value *classes = held->object->main.values[KEY_CLASS];

        if (organisations)
                words_list(organisations, text);
        if (!classes)
                return;
        words_separate(", or ", 0, text);
        buffer_append_text(text, "of ");
        words_list(classes, text);
}

/* By what a moratorium is released. */
static void words_releases(const Policy *policy, const char *moratorium, Buffer *text)
{
        const ObjectTable *releases = &policy->objects[OBJECT_RELEASE];

        buffer_append_text(text, "released");
        for (size_t i = 0; i < releases->n; i++)
                if (strcmp(releases->items[i].main.values[KEY_MORATORIUM]->text, moratorium) == 0)
                        buffer_append_format(text, " by %s", releases->items[i].place.file);
}

/* Until when, and what its end depends on. */
static void rule_end(const Held *held, Buffer *text)
{
        const Moratorium *moratorium = &held->question->policy->moratoria[held->place];
        bool dated = moratorium->span.until != TIME_FOREVER;
        bool lapses = moratorium->expiry == EXPIRY_LAPSE;

        if (moratorium->released)
                words_releases(held->question->policy, moratorium->name, text);
        else if (!lapses)
                buffer_append_text(text, "not released");
        words_separate("; ", 0, text);
        if (dated)
                words_time(moratorium->span.until, text);
        else
                buffer_append_text(text, "further-notice");
        if (dated)
                buffer_append_text(text, lapses ? ", when it lapses" : ", and on until it is released");
}

static const RowSpec stand_down_rows[_STAND_DOWN_UNMET_MAX] = {
        [STAND_DOWN_ORGANISATION] = {"Organisation", KEY_ORGANISATION, NULL, asked_organisation},
        [STAND_DOWN_OPERATION] = {"Operation", KEY_OPERATION, NULL, asked_operation},
        [STAND_DOWN_PURPOSE] = {"Purpose", KEY_PURPOSE, NULL, asked_any_purpose},
        [STAND_DOWN_GALLERY] = {"Gallery", KEY_GALLERY, NULL, asked_gallery},
};

static const RowSpec moratorium_rows[_MORATORIUM_UNMET_MAX] = {
        [MORATORIUM_FROM] = {"From", KEY_FROM, "always", asked_time},
        [MORATORIUM_UNTIL] = {"Until", KEY_UNTIL, NULL, asked_loosening, rule_end},
        [MORATORIUM_CLASS] = {"Class", KEY_CLASS, NULL, asked_classes},
        [MORATORIUM_OPERATION] = {"Operation", KEY_OPERATION, NULL, asked_operation},
        [MORATORIUM_PURPOSE] = {"Purpose", KEY_PURPOSE, NULL, asked_any_purpose},
        [MORATORIUM_GALLERY] = {"Gallery", KEY_GALLERY, NULL, asked_gallery},
};

static const RowSpec allow_rows[_UNMET_MAX] = {
        [UNMET_ORGANISATION] = {"Organisation", KEY_ORGANISATION, NULL, asked_organisation, rule_askers},
        [UNMET_OPERATION] = {"Operation", KEY_OPERATION, NULL, asked_operation},
        [UNMET_PURPOSE] = {"Purpose", KEY_PURPOSE, NULL, asked_purpose},
        [UNMET_GALLERY] = {"Gallery", KEY_GALLERY, NULL, asked_gallery},
        [UNMET_SOUGHT] = {"Sought", KEY_SOUGHT, "nobody", asked_sought},
        [UNMET_PROBE] = {"Probe", KEY_PROBE, NULL, asked_probe},
        [UNMET_ON_BEHALF_OF] = {"OnBehalfOf", KEY_ON_BEHALF_OF, "nobody else", asked_on_behalf_of},
        [UNMET_RECIPIENT] = {"Recipient", KEY_RECIPIENT, "nobody else", asked_recipients},
        [UNMET_FROM] = {"From", KEY_FROM, "always", asked_loosening},
        [UNMET_UNTIL] = {"Until", KEY_UNTIL, "for ever", asked_time},
        [UNMET_REQUIRE] = {"Require", KEY_REQUIRE, "nothing", asked_given},
};

static const RowSpec validity_rows[_SPAN_UNMET_MAX] = {
        [SPAN_FROM] = {"From", KEY_FROM, "always", asked_loosening},
        [SPAN_UNTIL] = {"Until", KEY_UNTIL, "for ever", asked_time},
};

static void explain_row(const Held *held, const RowSpec *spec, ExplainedCondition *condition)
{
        const Value *value = held->object->main.values[spec->key];
        Buffer asked = BUFFER_INIT, rule = BUFFER_INIT;

        spec->asked(held, &asked);
        if (spec->rule)
                spec->rule(held, &rule);
        else if (!value)
                buffer_append_text(&rule, spec->unassigned);
        else if (value->text)
                buffer_append_text(&rule, value->text);
        else
                words_list(value, &rule);
        condition->name = spec->name;
        condition->asked = explainer_keep(held->explainer, &asked);
        condition->rule = explainer_keep(held->explainer, &rule);
        if (value && !value->standard)
                condition->place = value->place;
}

/* As many rows as @rule has conditions. */
static void explain_rows(const Held *held, const RowSpec *specs, uint32_t unmet, ExplainedRule *rule)
{
        rule->name = held->object->name;
        rule->place = (Place){held->object->place.file};
        rule->met = unmet == 0;
        rule->conditions = explainer_new(held->explainer, rule->n_conditions, sizeof(ExplainedCondition));
        for (size_t i = 0; i < rule->n_conditions && rule->conditions; i++) {
                explain_row(held, &specs[i], &rule->conditions[i]);
                rule->conditions[i].met = !(unmet & BIT(i));
        }
}

static Held explain_held(Explainer *explainer, ObjectType type, size_t i)
{
        const Question *question = explainer->question;

        return (Held){explainer, question, &question->policy->objects[type].items[i], i};
}

void explain_validity(Explainer *explainer, size_t i, ExplainedRule *ret_rule)
{
        const Held held = explain_held(explainer, OBJECT_ORGANISATION, i);
        Span span = held.question->policy->organisations[i].span;

        *ret_rule = (ExplainedRule){.n_conditions = _SPAN_UNMET_MAX};
        explain_rows(&held, validity_rows, span_unmet(span, held.question->at), ret_rule);
}

void explain_stand_down(Explainer *explainer, size_t i, ExplainedRule *ret_rule)
{
        const Held held = explain_held(explainer, OBJECT_STAND_DOWN, i);
        const StandDown *stand_down = &held.question->policy->stand_downs[i];

        *ret_rule = (ExplainedRule){.n_conditions = _STAND_DOWN_UNMET_MAX};
        explain_rows(&held, stand_down_rows, stand_down_unmet(stand_down, held.question), ret_rule);
}

void explain_moratorium(Explainer *explainer, size_t i, ExplainedRule *ret_rule)
{
        const Held held = explain_held(explainer, OBJECT_MORATORIUM, i);
        const Moratorium *moratorium = &held.question->policy->moratoria[i];

        *ret_rule = (ExplainedRule){.n_conditions = _MORATORIUM_UNMET_MAX};
        explain_rows(&held, moratorium_rows, moratorium_unmet(moratorium, held.question), ret_rule);
}

void explain_fit(Explainer *explainer, size_t i, ExplainedRule *ret_rule)
{
        const Held held = explain_held(explainer, OBJECT_ALLOW, i);
        const Value *classes = held.object->main.values[KEY_CLASS];

        *ret_rule = (ExplainedRule){.n_conditions = _UNMET_MAX};
        explain_rows(&held, allow_rows, allow_unmet(&held.question->policy->allows[i], held.question),
                     ret_rule);
        /* Where nobody is named, only a class says who may ask. */
        if (ret_rule->conditions && !held.object->main.values[KEY_ORGANISATION])
                ret_rule->conditions[UNMET_ORGANISATION].place = classes->place;
}
