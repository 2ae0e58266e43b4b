/*
 * Examples as facts, and as the line of JSON that `matchguard policy decide` takes. Pure.
 */

#include "policy/example.h"

/* What is given where a requirement asks for something; the decision looks only at whether it is. */
static const char *const example_given[_REQUIREMENT_MAX] = {
        [REQUIREMENT_AUTHORISATION] = "an authorisation",
        [REQUIREMENT_CASE] = "a case",
        [REQUIREMENT_OPERATOR] = "an operator",
};

Peer caller_peer(const Caller *caller)
{
        return (Peer){.uid = caller->uid,
                      .groups = caller->groups,
                      .n_groups = caller->n_groups,
                      .unit = caller->unit,
                      .label = caller->label};
}

static const char *example_statement(const Example *example, Requirement requirement)
{
        return example->given & BIT(requirement) ? example_given[requirement] : NULL;
}

void example_facts(const Example *example, Facts *ret_facts)
{
        bool probe = (OPERATIONS_PROBE & BIT(example->operation)) != 0;
        bool synchronised = example->at.time == example->at.loosening;

        *ret_facts = (Facts){
                .peer = caller_peer(&example->caller),
                .operation = vocabulary_operations.words[example->operation],
                .gallery = example->gallery,
                .purpose = example->purpose,
                .sought = vocabulary_roles.words[example->role],
                .probe = probe ? vocabulary_probes.words[example->probe] : NULL,
                .on_behalf_of = example->on_behalf_of,
                .n_on_behalf_of = example->n_on_behalf_of,
                .recipients = example->recipients,
                .n_recipients = example->n_recipients,
                .case_reference = example_statement(example, REQUIREMENT_CASE),
                .authorisation = example_statement(example, REQUIREMENT_AUTHORISATION),
                .operator= example_statement(example, REQUIREMENT_OPERATOR),
                .time_usec = (uint64_t)example->at.time,
                .clock = synchronised ? CLOCK_SYNCHRONISED : CLOCK_UNSYNCHRONISED,
                .has_mark = !synchronised && example->at.loosening != TIME_NEVER,
        };
        if (ret_facts->has_mark)
                ret_facts->mark_usec = (uint64_t)example->at.loosening;
}

static void example_text(const char *key, const char *text, Buffer *buffer)
{
        if (text)
                buffer_append_format(buffer, ",\"%s\":\"%s\"", key, text);
}

static void example_names(const char *key, const char *const *names, size_t n, Buffer *buffer)
{
        buffer_append_format(buffer, ",\"%s\":[", key);
        for (size_t i = 0; i < n; i++)
                buffer_append_format(buffer, "%s\"%s\"", i > 0 ? "," : "", names[i]);
        buffer_append_text(buffer, "]");
}

static void example_time(const char *key, uint64_t usec, Buffer *buffer)
{
        char text[TIME_TEXT_SIZE];

        time_format((int64_t)usec, text);
        example_text(key, text, buffer);
}

static void example_caller(const Caller *caller, Buffer *buffer)
{
        buffer_append_format(buffer, "{\"uid\":%u,\"groups\":[", caller->uid);
        for (size_t i = 0; i < caller->n_groups; i++)
                buffer_append_format(buffer, "%s%u", i > 0 ? "," : "", caller->groups[i]);
        buffer_append_text(buffer, "]");
        example_text("unit", caller->unit, buffer);
        example_text("label", caller->label, buffer);
}

void example_write(const Example *example, Buffer *buffer)
{
        Facts facts;

        example_facts(example, &facts);
        example_caller(&example->caller, buffer);
        example_text("operation", facts.operation, buffer);
        example_text("gallery", facts.gallery, buffer);
        example_text("purpose", facts.purpose, buffer);
        example_text("sought", facts.sought, buffer);
        example_names("on_behalf_of", facts.on_behalf_of, facts.n_on_behalf_of, buffer);
        example_names("recipients", facts.recipients, facts.n_recipients, buffer);
        example_text("probe", facts.probe, buffer);
        example_text("case", facts.case_reference, buffer);
        example_text("authorisation", facts.authorisation, buffer);
        example_text("operator", facts.operator, buffer);
        example_time("time", facts.time_usec, buffer);
        example_text("clock", facts_clock_name(facts.clock), buffer);
        if (facts.has_mark)
                example_time("mark", facts.mark_usec, buffer);
        buffer_append_text(buffer, "}");
}
