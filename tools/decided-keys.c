/*
 * Decided keys. One table says where the value of each comes from; a value that is not there is as much a
 * value as another.
 */

#include "tools/decided-keys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/macro.h"

void key_differences_deinit(KeyDifferences *differences)
{
        buffer_deinit(&differences->moratoria);
        differences->n = 0;
}

static KeyValue text_value(const char *text)
{
        return (KeyValue){.has = text && *text, .text = text};
}

static KeyValue number_value(bool has, uint64_t number)
{
        return (KeyValue){.has = has, .number = number};
}

static uint64_t leaf_floor(int32_t millionths)
{
        return (uint64_t)(millionths + REQUEST_FLOOR_ZERO);
}

/* ---------------------------------------------------------------------------------------- whatever was decided */

static KeyValue value_clock(const Remade *remade)
{
        return text_value(facts_clock_name(remade->facts->clock));
}

static KeyValue value_mark(const Remade *remade)
{
        return number_value(remade->facts->has_mark, remade->facts->mark_usec);
}

static KeyValue value_organisation(const Remade *remade)
{
        return text_value(remade->decision->organisation);
}

static KeyValue value_policy(const Remade *remade)
{
        return text_value(remade->digest);
}

static KeyValue value_reason(const Remade *remade)
{
        return text_value(reason_name(remade->decision->permit ? REASON_NONE : remade->decision->reason));
}

static KeyValue value_rule(const Remade *remade)
{
        return text_value(decision_rule(remade->decision));
}

static KeyValue value_verdict(const Remade *remade)
{
        return text_value(remade->decision->permit ? "permit" : "deny");
}

/* ------------------------------------------------------------------------------------------- what a permit says */

static KeyValue value_floor(const Remade *remade)
{
        const Decision *decision = remade->decision;
        return number_value(decision->permit && decision->has_floor,
                            decision->has_floor ? leaf_floor(decision->floor_millionths) : 0);
}

static KeyValue value_limit(const Remade *remade)
{
        const Decision *decision = remade->decision;
        return number_value(decision->permit && decision->has_limit, decision->limit);
}

static KeyValue value_release(const Remade *remade)
{
        return text_value(remade->decision->permit ? release_name(remade->decision->release) : NULL);
}

/* The gallery of a permit; NULL for `compare`, which has none, and for a denial. */
static const PolicyGallery *permitted_gallery(const Remade *remade)
{
        if (!remade->decision->permit || !remade->facts->gallery)
                return NULL;
        return policy_gallery(remade->policy, remade->facts->gallery);
}

static KeyValue value_dimension(const Remade *remade)
{
        const PolicyGallery *gallery = permitted_gallery(remade);
        return number_value(gallery, gallery ? gallery->dimension : 0);
}

static KeyValue value_gallery_kind(const Remade *remade)
{
        const PolicyGallery *gallery = permitted_gallery(remade);
        if (!gallery)
                return text_value(NULL);
        return text_value(gallery->kind == GALLERY_EVENT ? "event" : "consolidated");
}

static KeyValue value_gallery_maximum(const Remade *remade)
{
        const PolicyGallery *gallery = permitted_gallery(remade);
        bool has = gallery && gallery->maximum_templates > 0;
        return number_value(has, has ? gallery->maximum_templates : 0);
}

static const struct {
        RequestKey key;
        KeyValue (*value)(const Remade *remade);
} decided[] = {
        {REQUEST_VERDICT, value_verdict},
        {REQUEST_REASON, value_reason},
        {REQUEST_RULE, value_rule},
        {REQUEST_ORGANISATION, value_organisation},
        {REQUEST_POLICY, value_policy},
        {REQUEST_CLOCK, value_clock},
        {REQUEST_MARK, value_mark},
        {REQUEST_FLOOR, value_floor},
        {REQUEST_LIMIT, value_limit},
        {REQUEST_RELEASE, value_release},
        {REQUEST_DIMENSION, value_dimension},
        {REQUEST_GALLERY_KIND, value_gallery_kind},
        {REQUEST_GALLERY_MAXIMUM, value_gallery_maximum},
};

/* ----------------------------------------------------------------------------------------------- the comparison */

static KeyValue said_value(const RequestLeaf *request, RequestKey key)
{
        const LeafField *field = request->fields[key];
        return field ? (KeyValue){true, field->text, field->number} : (KeyValue){};
}

static bool value_equal(const KeyValue *a, const KeyValue *b)
{
        if (!a->has || !b->has)
                return a->has == b->has;
        if (a->text && b->text)
                return strcmp(a->text, b->text) == 0;
        return !a->text && !b->text && a->number == b->number;
}

static void compare_key(const RequestLeaf *request, RequestKey key, KeyValue remade,
                        KeyDifferences *differences)
{
        const KeyValue said = said_value(request, key);

        if (!value_equal(&said, &remade))
                differences->items[differences->n++] = (KeyDifference){key, said, remade};
}

static int compare_moratoria(const RequestLeaf *request, const Remade *remade, KeyDifferences *differences)
{
        const Decision *decision = remade->decision;
        Buffer *names = &differences->moratoria;

        buffer_clear(names);
        for (size_t i = 0; i < decision->n_moratoria; i++) {
                buffer_append_text(names, i > 0 ? " " : "");
                buffer_append_text(names, decision->moratoria[i]);
        }
        compare_key(request, REQUEST_MORATORIA, text_value(names->n > 0 ? buffer_text(names) : NULL),
                    differences);
        return names->failed ? -ENOMEM : 0;
}

/* `compare` has no gallery that would say the model: it is the probe's, which only the job knows. */
static void compare_model(const RequestLeaf *request, const Remade *remade, KeyDifferences *differences)
{
        const PolicyGallery *gallery = permitted_gallery(remade);

        if (!remade->decision->permit || remade->facts->gallery)
                compare_key(request, REQUEST_MODEL, text_value(gallery ? gallery->model : NULL), differences);
        else if (!request->fields[REQUEST_MODEL])
                compare_key(request, REQUEST_MODEL, text_value("the probe's"), differences);
}

/* A permit commits to a job, and names a worker if one was at hand; a denial has neither. */
static void compare_job(const RequestLeaf *request, const Remade *remade, KeyDifferences *differences)
{
        if (!remade->decision->permit) {
                compare_key(request, REQUEST_JOB, text_value(NULL), differences);
                compare_key(request, REQUEST_WORKER, text_value(NULL), differences);
        } else if (!request->fields[REQUEST_JOB]) {
                compare_key(request, REQUEST_JOB, text_value("a commitment"), differences);
        }
}

/* Groups that the policy does not mention cannot have mattered, and do not stand in a leaf. */
static void compare_groups(const RequestLeaf *request, const Remade *remade, KeyDifferences *differences)
{
        const Peer *peer = &request->facts.peer;

        for (size_t i = 0; i < peer->n_groups; i++)
                if (!policy_mentions_group(remade->policy, peer->groups[i])) {
                        compare_key(request, REQUEST_GROUPS, text_value("those that the policy mentions"),
                                    differences);
                        return;
                }
}

int decided_keys_compare(const RequestLeaf *request, const Remade *remade, KeyDifferences *ret_differences)
{
        ret_differences->n = 0;
        for (size_t i = 0; i < ARRAY_SIZE(decided); i++)
                compare_key(request, decided[i].key, decided[i].value(remade), ret_differences);
        compare_model(request, remade, ret_differences);
        compare_job(request, remade, ret_differences);
        compare_groups(request, remade, ret_differences);
        return compare_moratoria(request, remade, ret_differences);
}

static void append_value(const KeyValue *value, Buffer *words)
{
        if (!value->has)
                buffer_append_text(words, "nothing");
        else if (value->text)
                buffer_append_text(words, value->text);
        else
                buffer_append_format(words, "%" PRIu64, value->number);
}

void key_differences_words(const KeyDifferences *differences, Buffer *words)
{
        for (size_t i = 0; i < differences->n; i++) {
                const KeyDifference *item = &differences->items[i];
                buffer_append_format(words, "%s%s says ", i > 0 ? "; " : "", request_key_name(item->key));
                append_value(&item->said, words);
                buffer_append_text(words, ", recomputed: ");
                append_value(&item->remade, words);
        }
}
