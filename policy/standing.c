/*
 * What stands in the way of requests at one instant, in words, for whoever runs the service or has to answer
 * for it: since when and until when, what is refused to whom, and who is excepted.
 */

#include "policy/standing.h"

#include "policy/match.h"
#include "policy/model.h"

/* So many are named where there is room for a line only. */
enum { STANDING_NAMED = 5 };

static void standing_when(int64_t usec, Buffer *buffer)
{
        char text[TIME_TEXT_SIZE];

        time_format(usec, text);
        buffer_append_text(buffer, text);
}

/* The entries of a list; of three "a, b @last c". */
static void standing_words(const Value *value, const char *last, Buffer *buffer)
{
        for (size_t i = 0; i < value->n_words; i++) {
                if (i > 0 && i + 1 == value->n_words)
                        buffer_append_format(buffer, " %s ", last);
                else if (i > 0)
                        buffer_append_text(buffer, ", ");
                buffer_append_text(buffer, value->words[i].text);
        }
}

/* "any NOUN", or the entries of the list. */
static void standing_list(const char *noun, const Value *value, Buffer *buffer)
{
        if (value->any)
                buffer_append_format(buffer, "any %s", noun);
        else
                standing_words(value, "and", buffer);
}

/* "any operation, for any purpose, in any gallery" */
static void standing_scope(const Object *object, Buffer *buffer)
{
        standing_list("operation", object->main.values[KEY_OPERATION], buffer);
        buffer_append_text(buffer, ", for ");
        standing_list("purpose", object->main.values[KEY_PURPOSE], buffer);
        buffer_append_text(buffer, ", in ");
        standing_list("gallery", object->main.values[KEY_GALLERY], buffer);
}

/* Of one that is in force. */
static void standing_end(const Moratorium *moratorium, int64_t time, Buffer *buffer)
{
        bool past = time >= moratorium->span.until;

        if (moratorium->span.until == TIME_FOREVER) {
                buffer_append_text(buffer, "until somebody releases it");
                return;
        }
        buffer_append_text(buffer, past ? "held beyond " : "until ");
        standing_when(moratorium->span.until, buffer);
        if (moratorium->expiry == EXPIRY_HOLD && !moratorium->released)
                buffer_append_text(buffer, past ? " until somebody releases it"
                                                : ", and after that until somebody releases it");
        else if (past)
                buffer_append_text(buffer, ", because no synchronised clock says that this has come");
        else
                buffer_append_text(buffer, moratorium->expiry == EXPIRY_LAPSE
                                                   ? ", when it lapses"
                                                   : ", when its release takes effect");
}

/* One that is in force: since when and until when. */
static void standing_span(const Moratorium *moratorium, int64_t time, Buffer *buffer)
{
        if (moratorium->span.from != TIME_NEVER) {
                buffer_append_text(buffer, "since ");
                standing_when(moratorium->span.from, buffer);
                buffer_append_text(buffer, ", ");
        }
        standing_end(moratorium, time, buffer);
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

/* "what the allow rescue permits to thorn and to organisations of ngo (until 2021-01-01)" */
static void standing_exception(const Policy *policy, size_t place, Instant at, Buffer *buffer)
{
        const Object *object = &policy->objects[OBJECT_ALLOW].items[place];
        const Value *organisations = object->main.values[KEY_ORGANISATION];
        const Value *classes = object->main.values[KEY_CLASS];
        Span span = policy->allows[place].span;

        buffer_append_format(buffer, "what the allow %s permits to ", object->name);
        if (organisations)
                standing_words(organisations, "and", buffer);
        if (classes) {
                buffer_append_text(buffer, organisations ? " and to organisations of " : "organisations of ");
                standing_words(classes, "and", buffer);
        }
        if (span.from > at.loosening) {
                buffer_append_text(buffer, " (from ");
                standing_when(span.from, buffer);
                buffer_append_text(buffer, " on)");
        } else if (span.until != TIME_FOREVER) {
                buffer_append_text(buffer, at.time < span.until ? " (until " : " (it ended on ");
                standing_when(span.until, buffer);
                buffer_append_text(buffer, ")");
        }
}

static void standing_exceptions(const Policy *policy, const Moratorium *moratorium, Instant at,
                                Buffer *buffer)
{
        bool any = false;

        buffer_append_text(buffer, "; excepted: ");
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                if (!bits_has(moratorium->except, i))
                        continue;
                buffer_append_text(buffer, any ? ", and " : "");
                standing_exception(policy, i, at, buffer);
                any = true;
        }
        buffer_append_text(buffer, any ? "\n" : "nobody\n");
}

static void standing_moratorium(const Policy *policy, size_t i, Instant at, Buffer *buffer)
{
        const Moratorium *moratorium = &policy->moratoria[i];
        const Object *object = &policy->objects[OBJECT_MORATORIUM].items[i];

        buffer_append_format(buffer, "moratorium %s: in force%s", moratorium->name,
                             moratorium->span.from == TIME_NEVER ? ", " : " ");
        standing_span(moratorium, at.time, buffer);
        buffer_append_text(buffer, "; refuses ");
        standing_scope(object, buffer);
        buffer_append_text(buffer, ", to whoever is or may be of ");
        standing_words(object->main.values[KEY_CLASS], "or", buffer);
        buffer_append_text(buffer, ", asks on their behalf or would show them the result");
        standing_exceptions(policy, moratorium, at, buffer);
}

static void standing_stand_down(const Policy *policy, size_t i, Buffer *buffer)
{
        const Object *object = &policy->objects[OBJECT_STAND_DOWN].items[i];

        buffer_append_format(buffer, "stand-down %s: in force until its file is taken away; refuses ",
                             object->name);
        standing_scope(object, buffer);
        buffer_append_text(buffer, ", to ");
        standing_list("organisation", object->main.values[KEY_ORGANISATION], buffer);
        buffer_append_format(buffer, "; reason: %s\n", policy->stand_downs[i].reason);
}

void policy_standing(const Policy *policy, const Facts *now, Buffer *buffer)
{
        Question question;

        question_init(&question, policy, now);
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                if (moratorium_in_force(&policy->moratoria[i], question.at))
                        standing_moratorium(policy, i, question.at, buffer);
        for (size_t i = 0; i < policy->objects[OBJECT_STAND_DOWN].n; i++)
                standing_stand_down(policy, i, buffer);
}

/* One more of a list of at most STANDING_NAMED. Return: whether to name it. */
static bool standing_next(size_t *n, Buffer *buffer)
{
        if (++*n > STANDING_NAMED)
                return false;
        buffer_append_text(buffer, *n > 1 ? ", " : "");
        return true;
}

void policy_standing_brief(const Policy *policy, const Facts *now, Buffer *buffer)
{
        Question question;
        size_t n = 0;

        question_init(&question, policy, now);
        for (size_t i = 0; i < policy->objects[OBJECT_STAND_DOWN].n; i++)
                if (standing_next(&n, buffer))
                        buffer_append_format(buffer, "stand-down %s", policy->stand_downs[i].name);
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++) {
                const Moratorium *moratorium = &policy->moratoria[i];
                if (!moratorium_in_force(moratorium, question.at) || !standing_next(&n, buffer))
                        continue;
                buffer_append_format(buffer, "%s (", moratorium->name);
                standing_end(moratorium, question.at.time, buffer);
                buffer_append_text(buffer, ")");
        }
        if (n == 0)
                buffer_append_text(buffer, "no moratorium");
        if (n > STANDING_NAMED)
                buffer_append_format(buffer, " and %zu more", n - STANDING_NAMED);
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
