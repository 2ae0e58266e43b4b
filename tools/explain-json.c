/*
 * Explanations to JSON. Pure.
 */

#include "tools/explain-json.h"

#include "tools/decision-json.h"
#include "tools/json.h"

static void set_place(json_object *object, const Place *place)
{
        if (!place->file)
                return;
        json_set_text(object, "file", place->file);
        if (place->line > 0)
                json_set(object, "line", json_object_new_int64(place->line));
        if (place->line > 0)
                json_set(object, "column", json_object_new_int64(place->column));
}

static void set_flag(json_object *object, const char *key, bool flag)
{
        json_set(object, key, json_object_new_boolean(flag));
}

static json_object *new_condition(const ExplainedCondition *condition)
{
        json_object *object = json_need(json_object_new_object());

        json_set_text(object, "name", condition->name);
        set_flag(object, "met", condition->met);
        json_set_text(object, "asked", condition->asked);
        json_set_text(object, "rule", condition->rule);
        set_place(object, &condition->place);
        return object;
}

static json_object *new_conditions(const ExplainedCondition *conditions, size_t n)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, new_condition(&conditions[i]));
        return list;
}

/* @met: what it is called of this type that all conditions are met */
static json_object *new_rule(const ExplainedRule *rule, const char *met)
{
        json_object *object = json_need(json_object_new_object());

        if (rule->name[0])
                json_set_text(object, "name", rule->name);
        set_place(object, &rule->place);
        set_flag(object, met, rule->met);
        json_set(object, "conditions", new_conditions(rule->conditions, rule->n_conditions));
        return object;
}

static json_object *new_rules(const ExplainedRules *rules, const char *met)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < rules->n; i++)
                json_object_array_add(list, new_rule(&rules->items[i], met));
        return list;
}

static json_object *new_clock(const Explanation *explanation)
{
        json_object *object = json_need(json_object_new_object());

        json_set_text(object, "time", explanation->time);
        json_set_text(object, "clock", explanation->clock);
        if (explanation->mark[0])
                json_set_text(object, "mark", explanation->mark);
        json_set_text(object, "loosening", explanation->loosening);
        return object;
}

static json_object *new_organisations(const Explanation *explanation)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < explanation->n_organisations; i++) {
                const ExplainedOrganisation *organisation = &explanation->organisations[i];
                json_object *object = new_rule(&organisation->validity, "valid");
                set_flag(object, "mayBeValid", organisation->may_be_valid);
                set_flag(object, "matches", organisation->matches);
                json_set(object, "peers", new_rules(&organisation->peers, "matches"));
                json_object_array_add(list, object);
        }
        return list;
}

static json_object *new_allows(const Explanation *explanation)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < explanation->n_allows; i++) {
                const ExplainedAllow *allow = &explanation->allows[i];
                json_object *object = new_rule(&allow->fit, "fits");
                json_set(object, "exceptions", new_conditions(allow->exceptions, allow->n_exceptions));
                set_flag(object, "viable", allow->viable);
                json_object_array_add(list, object);
        }
        return list;
}

static json_object *new_limits(const Explanation *explanation)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < explanation->n_limits; i++) {
                const ExplainedLimit *limit = &explanation->limits[i];
                json_object *object = json_need(json_object_new_object());
                json_set_text(object, "name", limit->name);
                if (limit->asked[0])
                        json_set_text(object, "asked", limit->asked);
                json_set_text(object, "rule", limit->rule);
                json_set_text(object, "result", limit->result);
                set_place(object, &limit->place);
                json_object_array_add(list, object);
        }
        return list;
}

json_object *explain_json_new(const Explanation *explanation, const FactsJson *json, const Policy *policy)
{
        json_object *object = json_need(json_object_new_object());

        json_set_text(object, "summary", explanation->summary);
        json_set(object, "step", json_object_new_int64(explanation->step));
        json_set(object, "facts", json_object_get(json->object));
        json_set(object, "decision", decision_json_new(&explanation->decision, policy));
        json_set(object, "clock", new_clock(explanation));
        if (explanation->step >= EXPLAIN_CALLER) {
                json_set_text(object, "caller", explanation->caller);
                json_set(object, "organisations", new_organisations(explanation));
        }
        if (explanation->step >= EXPLAIN_TERMS)
                json_set(object, "terms", new_conditions(explanation->terms, explanation->n_terms));
        if (explanation->step >= EXPLAIN_STAND_DOWNS)
                json_set(object, "standDowns", new_rules(&explanation->stand_downs, "matches"));
        if (explanation->step >= EXPLAIN_MORATORIA) {
                json_set(object, "moratoria", new_rules(&explanation->moratoria, "covers"));
                json_set(object, "allows", new_allows(explanation));
        }
        if (explanation->n_limits > 0)
                json_set(object, "limits", new_limits(explanation));
        return object;
}
