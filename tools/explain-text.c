/*
 * Explanations as text: a part a step, a paragraph a rule, a field a condition. Moratoria are told in full; of
 * other rules what is met only by its name.
 */

#include "tools/explain-text.h"

#include <errno.h>

#include "base/macro.h"
#include "tools/page.h"

/* What is being written, and the paragraph or field that is next. */
typedef struct Writer {
        FILE *out;
        Buffer text;
        bool failed;
} Writer;

static void write_next(Writer *writer, const char *label)
{
        writer->failed |= writer->text.failed;
        if (label)
                page_field(writer->out, label, buffer_text(&writer->text));
        else
                page_text(writer->out, buffer_text(&writer->text));
        buffer_clear(&writer->text);
}

static void write_field(Writer *writer, const char *label, const char *text)
{
        buffer_append_text(&writer->text, text);
        write_next(writer, label);
}

static void add_place(Writer *writer, const Place *place)
{
        if (place->file && place->line > 0)
                buffer_append_format(&writer->text, " (%s:%u)", place->file, place->line);
        else if (place->file)
                buffer_append_format(&writer->text, " (%s)", place->file);
}

/* The same of what a rule says, which nobody may have written. */
static void add_key_place(Writer *writer, const Place *place)
{
        if (place->file)
                add_place(writer, place);
        else
                buffer_append_text(&writer->text, ", by default");
}

/* The beginning of a step: its number, and what it is about. */
static void write_step(Writer *writer, unsigned step, const char *what)
{
        buffer_append_format(&writer->text, "%u. %s", step, what);
        fputc('\n', writer->out);
        write_next(writer, NULL);
}

/* The beginning of a rule: its name, what became of it, and its file. */
static void write_rule(Writer *writer, const ExplainedRule *rule, const char *what)
{
        buffer_append_format(&writer->text, "%s %s", rule->name, what);
        add_place(writer, &rule->place);
        fputc('\n', writer->out);
        write_next(writer, NULL);
}

static void write_condition(Writer *writer, const ExplainedCondition *condition)
{
        buffer_append_format(&writer->text, "%s: %s; the rule says %s", condition->met ? "met" : "unmet",
                             condition->asked, condition->rule);
        add_key_place(writer, &condition->place);
        write_next(writer, condition->name);
}

static void write_unmet(Writer *writer, const ExplainedRule *rule)
{
        for (size_t i = 0; i < rule->n_conditions; i++)
                if (!rule->conditions[i].met)
                        write_condition(writer, &rule->conditions[i]);
}

/* Conditions that are met, by name. */
static void write_met(Writer *writer, const ExplainedRule *rule)
{
        for (size_t i = 0; i < rule->n_conditions; i++)
                if (rule->conditions[i].met)
                        buffer_append_format(&writer->text, "%s%s", writer->text.n > 0 ? ", " : "",
                                             rule->conditions[i].name);
        if (writer->text.n > 0)
                write_next(writer, "met");
}

static void write_clock(Writer *writer, const Explanation *e)
{
        write_step(writer, EXPLAIN_CLOCK, "The clock");
        write_field(writer, "time", e->time);
        write_field(writer, "clock", e->clock);
        if (e->mark[0])
                write_field(writer, "mark", e->mark);
        buffer_append_format(&writer->text,
                             "%s: when the end of a prohibition and the beginning of a "
                             "permission are judged",
                             e->loosening);
        write_next(writer, "loosening");
}

/* The conditions of each [Peer] that matches or nearly does. */
static void write_peers(Writer *writer, const ExplainedOrganisation *organisation)
{
        for (size_t i = 0; i < organisation->peers.n; i++) {
                const ExplainedRule *peer = &organisation->peers.items[i];
                buffer_append_text(&writer->text, peer->met ? "matches" : "nearly matches");
                add_place(writer, &peer->place);
                write_next(writer, "[Peer]");
                for (size_t k = 0; k < peer->n_conditions; k++)
                        write_condition(writer, &peer->conditions[k]);
        }
}

static const char *describe_organisation(const ExplainedOrganisation *organisation)
{
        if (!organisation->matches)
                return "is not the caller";
        if (organisation->validity.met)
                return "is the caller, and valid";
        return organisation->may_be_valid ? "is the caller, and may be valid"
                                          : "is the caller, and not valid";
}

static void write_caller(Writer *writer, const Explanation *e)
{
        size_t n_rest = e->n_peers;

        write_step(writer, EXPLAIN_CALLER, "The caller");
        write_field(writer, "caller", e->caller);
        for (size_t i = 0; i < e->n_organisations; i++) {
                const ExplainedOrganisation *organisation = &e->organisations[i];
                write_rule(writer, &organisation->validity, describe_organisation(organisation));
                write_peers(writer, organisation);
                if (organisation->matches)
                        write_unmet(writer, &organisation->validity);
                n_rest -= organisation->peers.n;
        }
        if (n_rest == 0 && e->n_peers > 0)
                return;
        if (e->n_peers == 0)
                buffer_append_text(&writer->text, "The policy has no [Peer].");
        else if (n_rest == e->n_peers)
                buffer_append_text(&writer->text, "No key of any [Peer] holds.");
        else
                buffer_append_format(&writer->text, "No key of %zu other [Peer]%s holds.", n_rest,
                                     n_rest == 1 ? "" : "s");
        fputc('\n', writer->out);
        write_next(writer, NULL);
}

static void write_terms(Writer *writer, const Explanation *e)
{
        write_step(writer, EXPLAIN_TERMS, "What is named");
        for (size_t i = 0; i < e->n_terms; i++) {
                const ExplainedCondition *term = &e->terms[i];
                if (term->met)
                        buffer_append_text(&writer->text, term->rule);
                else
                        buffer_append_format(&writer->text, "%s, which is %s", term->asked, term->rule);
                add_place(writer, &term->place);
                write_next(writer, term->name);
        }
}

static void write_stand_downs(Writer *writer, const Explanation *e)
{
        write_step(writer, EXPLAIN_STAND_DOWNS,
                   e->stand_downs.n > 0 ? "Stand-downs" : "Stand-downs: there is none.");
        for (size_t i = 0; i < e->stand_downs.n; i++) {
                const ExplainedRule *stand_down = &e->stand_downs.items[i];
                write_rule(writer, stand_down, stand_down->met ? "stops it" : "does not concern it");
                write_unmet(writer, stand_down);
                write_met(writer, stand_down);
        }
}

static void write_moratoria(Writer *writer, const Explanation *e)
{
        write_step(writer, EXPLAIN_MORATORIA, e->moratoria.n > 0 ? "Moratoria" : "Moratoria: there is none.");
        for (size_t i = 0; i < e->moratoria.n; i++) {
                const ExplainedRule *moratorium = &e->moratoria.items[i];
                write_rule(writer, moratorium, moratorium->met ? "covers it" : "does not cover it");
                for (size_t k = 0; k < moratorium->n_conditions; k++)
                        write_condition(writer, &moratorium->conditions[k]);
        }
}

static void write_allows(Writer *writer, const Explanation *e)
{
        write_step(writer, EXPLAIN_ALLOWS, e->n_allows > 0 ? "Allows" : "Allows: there is none.");
        for (size_t i = 0; i < e->n_allows; i++) {
                const ExplainedAllow *allow = &e->allows[i];
                write_rule(writer, &allow->fit, allow->fit.met ? "fits" : "does not fit");
                write_unmet(writer, &allow->fit);
                write_met(writer, &allow->fit);
                for (size_t k = 0; k < allow->n_exceptions; k++) {
                        const ExplainedCondition *exception = &allow->exceptions[k];
                        buffer_append_format(&writer->text, "%s it; it excepts %s",
                                             exception->met ? "excepts" : "does not except", exception->rule);
                        add_place(writer, &exception->place);
                        write_next(writer, exception->name);
                }
        }
}

static void write_limits(Writer *writer, const Explanation *e)
{
        for (size_t i = 0; i < e->n_limits; i++) {
                const ExplainedLimit *limit = &e->limits[i];
                buffer_append_format(&writer->text, "%s: ", limit->result);
                if (limit->asked[0])
                        buffer_append_format(&writer->text, "asked %s; ", limit->asked);
                buffer_append_format(&writer->text, "the rule says %s", limit->rule);
                add_key_place(writer, &limit->place);
                write_next(writer, limit->name);
        }
}

/* Steps 7 to 9: what the rules come to. */
static void write_ending(Writer *writer, const Explanation *e)
{
        const Decision *decision = &e->decision;

        write_step(writer, EXPLAIN_VIABLE,
                   "The first allow that fits and that every covering moratorium excepts");
        write_field(writer, "allow", decision->allow ? decision->allow : "none");
        write_limits(writer, e);
        if (e->step < EXPLAIN_MORATORIUM)
                return;
        write_step(writer, EXPLAIN_MORATORIUM,
                   decision->n_moratoria > 0 ? "A moratorium covers it: denied."
                                             : "No moratorium covers it.");
        if (e->step == EXPLAIN_NOT_ALLOWED)
                write_step(writer, EXPLAIN_NOT_ALLOWED,
                           decision->n_missing > 0 ? "An allow fits but for what it requires: denied."
                                                   : "No allow fits but for what it requires: denied.");
        if (decision->nearest)
                write_field(writer, "nearest", decision->nearest);
}

static void write_verdict(Writer *writer, const Explanation *e)
{
        fputc('\n', writer->out);
        write_field(writer, NULL, e->summary);
        if (e->decision.notice)
                write_field(writer, "notice", e->decision.notice);
}

int explain_text_write(const Explanation *explanation, FILE *out)
{
        static const struct {
                unsigned step; /* reached where the decision went this far */
                void (*write)(Writer *writer, const Explanation *e);
        } parts[] = {
                {EXPLAIN_CLOCK, write_clock},         {EXPLAIN_CALLER, write_caller},
                {EXPLAIN_TERMS, write_terms},         {EXPLAIN_STAND_DOWNS, write_stand_downs},
                {EXPLAIN_MORATORIA, write_moratoria}, {EXPLAIN_ALLOWS, write_allows},
                {EXPLAIN_VIABLE, write_ending},       {EXPLAIN_CLOCK, write_verdict},
        };
        Writer writer = {.out = out};

        write_field(&writer, NULL, explanation->summary);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (explanation->step >= parts[i].step)
                        parts[i].write(&writer, explanation);
        buffer_deinit(&writer.text);
        return writer.failed ? -ENOMEM : 0;
}
