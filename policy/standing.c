/*
 * What stands in the way of requests at one instant, in words, for whoever runs the service.
 */

#include "policy/standing.h"

#include "policy/match.h"
#include "policy/model.h"

static void standing_when(int64_t usec, Buffer *buffer)
{
        char text[TIME_TEXT_SIZE];

        time_format(usec, text);
        buffer_append_text(buffer, text);
}

/* "any NOUN", or the entries of the list. */
static void standing_list(const char *noun, const Value *value, Buffer *buffer)
{
        if (value->any) {
                buffer_append_format(buffer, "any %s", noun);
                return;
        }
        for (size_t i = 0; i < value->n_words; i++)
                buffer_append_format(buffer, "%s%s", i > 0 ? ", " : "", value->words[i].text);
}

static void standing_scope(const Object *object, Buffer *buffer)
{
        buffer_append_text(buffer, "; for ");
        standing_list("operation", object->main.values[KEY_OPERATION], buffer);
        buffer_append_text(buffer, "; ");
        standing_list("purpose", object->main.values[KEY_PURPOSE], buffer);
        buffer_append_text(buffer, "; ");
        standing_list("gallery", object->main.values[KEY_GALLERY], buffer);
}

static void standing_end(const Moratorium *moratorium, bool past, Buffer *buffer)
{
        if (moratorium->span.until == TIME_FOREVER) {
                buffer_append_text(buffer, "until further notice: until somebody releases it");
                return;
        }
        buffer_append_text(buffer, past ? "beyond " : "until ");
        standing_when(moratorium->span.until, buffer);
        if (moratorium->expiry == EXPIRY_LAPSE)
                buffer_append_text(buffer, past ? ", because no synchronised clock says that this has come"
                                                : ", when it lapses");
        else if (moratorium->released)
                buffer_append_text(buffer, past ? ", because no synchronised clock says that this has come"
                                                : ", when its release takes effect");
        else
                buffer_append_text(buffer, past ? ", until somebody releases it"
                                                : " and from then on until somebody releases it");
}

/* One that is in force: since when and until when. */
static void standing_span(const Moratorium *moratorium, int64_t time, Buffer *buffer)
{
        if (moratorium->span.from != TIME_NEVER) {
                buffer_append_text(buffer, "since ");
                standing_when(moratorium->span.from, buffer);
                buffer_append_text(buffer, ", ");
        }
        standing_end(moratorium, time >= moratorium->span.until, buffer);
}

/* One that is not: it has not begun, or this is how it ended. */
static void standing_absence(const Moratorium *moratorium, int64_t time, Buffer *buffer)
{
        bool ended = moratorium->released && moratorium->span.until == TIME_FOREVER;

        if (time < moratorium->span.from && !ended) {
                buffer_append_text(buffer, "begins on ");
                standing_when(moratorium->span.from, buffer);
                return;
        }
        buffer_append_text(buffer, moratorium->expiry == EXPIRY_LAPSE ? "lapsed" : "released");
        if (moratorium->span.until == TIME_FOREVER)
                return;
        buffer_append_text(buffer, moratorium->expiry == EXPIRY_LAPSE ? " on " : ", and over since ");
        standing_when(moratorium->span.until, buffer);
}

static void standing_moratorium(const Policy *policy, size_t i, int64_t time, Buffer *buffer)
{
        const Moratorium *moratorium = &policy->moratoria[i];
        const Object *object = &policy->objects[OBJECT_MORATORIUM].items[i];

        buffer_append_format(buffer, "moratorium %s: stands ", moratorium->name);
        standing_span(moratorium, time, buffer);
        buffer_append_text(buffer, "; covers ");
        standing_list("class", object->main.values[KEY_CLASS], buffer);
        standing_scope(object, buffer);
        buffer_append_text(buffer, "; excepted: ");
        if (object->main.values[KEY_EXCEPT])
                standing_list("allow", object->main.values[KEY_EXCEPT], buffer);
        else
                buffer_append_text(buffer, "nobody");
        buffer_append_text(buffer, "\n");
}

static void standing_stand_down(const Policy *policy, size_t i, Buffer *buffer)
{
        const Object *object = &policy->objects[OBJECT_STAND_DOWN].items[i];

        buffer_append_format(buffer, "stand-down %s: stands until its file is taken away (%s); stops ",
                             object->name, policy->stand_downs[i].reason);
        standing_list("organisation", object->main.values[KEY_ORGANISATION], buffer);
        standing_scope(object, buffer);
        buffer_append_text(buffer, "\n");
}

void policy_standing(const Policy *policy, const Facts *now, Buffer *buffer)
{
        Question question;

        question_init(&question, policy, now);
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                if (moratorium_in_force(&policy->moratoria[i], question.at))
                        standing_moratorium(policy, i, question.at.time, buffer);
        for (size_t i = 0; i < policy->objects[OBJECT_STAND_DOWN].n; i++)
                standing_stand_down(policy, i, buffer);
}

bool policy_moratorium_standing(const Policy *policy, const char *name, const Facts *now, Buffer *buffer)
{
        int place = policy_find(policy, OBJECT_MORATORIUM, name);
        Question question;

        if (place < 0)
                return false;
        question_init(&question, policy, now);
        const Moratorium *moratorium = &policy->moratoria[place];
        bool stands = moratorium_in_force(moratorium, question.at);
        (stands ? standing_span : standing_absence)(moratorium, question.at.time, buffer);
        return stands;
}

const Object *policy_objects(const Policy *policy, ObjectType type, size_t *ret_n)
{
        *ret_n = policy->objects[type].n;
        return policy->objects[type].items;
}

const Object *policy_object(const Policy *policy, ObjectType type, const char *name)
{
        int place = policy_find(policy, type, name);

        return place < 0 ? NULL : &policy->objects[type].items[place];
}
