/*
 * The lints, each over a whole policy. They look at the tables of the decision, and say where something stands
 * by the objects that these were made of.
 */

#include "base/macro.h"
#include "policy/linter.h"
#include "policy/match.h"
#include "policy/words.h"

/* The class whose members are to be told nothing without an authorisation, where a policy declares it. */
#define LINT_POLICE "law-enforcement"

enum { LINT_EXPIRY_DAYS = 30 }; /* how long before its end an organisation is warned of */

#define LINT_USEC_PER_DAY (INT64_C(86400) * 1000000)

static const Object *lint_object(const Linter *linter, ObjectType type, size_t i)
{
        return &linter->policy->objects[type].items[i];
}

/* Those whom a moratorium covers, and law enforcement. */
static void lint_guarded_classes(const Policy *policy, uint64_t *classes)
{
        int police = policy_find(policy, OBJECT_CLASS, LINT_POLICE);

        if (police >= 0)
                bits_add(classes, (size_t)police);
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                bits_join(classes, policy->moratoria[i].classes, policy->classes.n_words);
}

/* Who is meant by an entry of Recipient= or OnBehalfOf=. */
static Party lint_party(const Policy *policy, const char *name)
{
        int organisation = policy_find(policy, OBJECT_ORGANISATION, name);

        if (organisation >= 0)
                return (Party){false, (size_t)organisation};
        return (Party){true, (size_t)policy_find(policy, OBJECT_CLASS, name)};
}

static void lint_entries(Linter *linter, const Object *object, KeyId key, const uint64_t *guarded)
{
        const Value *value = object->main.values[key];

        for (size_t i = 0; value && i < value->n_words; i++) {
                _cleanup_(buffer_deinit) Buffer classes = BUFFER_INIT;
                words_may_be(linter->policy, lint_party(linter->policy, value->words[i].text), guarded,
                             &classes);
                linter->failed |= classes.failed;
                if (classes.n > 0)
                        linter_warn(
                                linter, object, value->words[i].place,
                                "'%s' lets results go to '%s', which may be of %s; expected authorisation in "
                                "'Require'",
                                value->spec->name, value->words[i].text, buffer_text(&classes));
        }
}

void lint_results_to_police(Linter *linter)
{
        const Policy *policy = linter->policy;
        uint64_t guarded[BITS_WORDS_MAX] = {};

        lint_guarded_classes(policy, guarded);
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                const Object *object = lint_object(linter, OBJECT_ALLOW, i);
                if (policy->allows[i].requirements & BIT(REQUIREMENT_AUTHORISATION))
                        continue;
                lint_entries(linter, object, KEY_ON_BEHALF_OF, guarded);
                lint_entries(linter, object, KEY_RECIPIENT, guarded);
        }
}

void lint_scores_without_rate(Linter *linter)
{
        const Policy *policy = linter->policy;

        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                const Object *object = lint_object(linter, OBJECT_ALLOW, i);
                if (policy->allows[i].release != RELEASE_SCORES || policy->allows[i].rate > 0)
                        continue;
                linter_warn(
                        linter, object, object->main.values[KEY_RELEASE]->place,
                        "'scores' in 'Release' without 'Rate': enough scores give a template away; expected "
                        "a rate");
        }
}

/* Calls back for each user of each [Peer] that also has Unit=. */
static void lint_each_user(Linter *linter, void (*check)(Linter *linter, size_t organisation,
                                                         const UnitWord *word, uint32_t id))
{
        for (size_t i = 0; i < linter->policy->objects[OBJECT_ORGANISATION].n; i++) {
                const PeerRule *peer = linter->policy->organisations[i].peers;
                const Section *section = lint_object(linter, OBJECT_ORGANISATION, i)->peers;
                for (; section; section = section->next, peer++)
                        for (size_t k = 0; k < peer->n_users && peer->n_units > 0; k++)
                                check(linter, i, &section->values[KEY_USER]->words[k], peer->users[k]);
        }
}

static void lint_root(Linter *linter, size_t organisation, const UnitWord *word, uint32_t id)
{
        if (id == 0)
                linter_warn(
                        linter, lint_object(linter, OBJECT_ORGANISATION, organisation), word->place,
                        "'Unit' with the user root, who may run anything in any unit; expected an account of "
                        "its own");
}

void lint_unit_of_root(Linter *linter)
{
        lint_each_user(linter, lint_root);
}

static void lint_shared(Linter *linter, size_t organisation, const UnitWord *word, uint32_t id)
{
        size_t n = 0;
        const PeerKey *keys = peer_keys_find(&linter->policy->index.users, id, &n);

        for (size_t i = 0; i < n; i++) {
                if (keys[i].organisation == organisation)
                        continue;
                linter_warn(
                        linter, lint_object(linter, OBJECT_ORGANISATION, organisation), word->place,
                        "'Unit' with the user '%s', who is also organisation '%s'; expected an account for "
                        "each",
                        word->text, linter->policy->organisations[keys[i].organisation].name);
                return;
        }
}

void lint_shared_account(Linter *linter)
{
        lint_each_user(linter, lint_shared);
}

void lint_review_overdue(Linter *linter)
{
        const Policy *policy = linter->policy;

        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++) {
                const Object *object = lint_object(linter, OBJECT_MORATORIUM, i);
                const Value *review = object->main.values[KEY_REVIEW_BY];
                bool over = moratorium_span(&policy->moratoria[i]).until <= linter->now;
                if (!review || review->number > linter->now || over)
                        continue;
                linter_warn(linter, object, review->place,
                            "'ReviewBy' has passed; expected a review, and the time of the next");
        }
}

void lint_about_to_expire(Linter *linter)
{
        const Policy *policy = linter->policy;

        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++) {
                const Object *object = lint_object(linter, OBJECT_ORGANISATION, i);
                const int64_t until = policy->organisations[i].span.until;
                if (until <= linter->now)
                        linter_warn(
                                linter, object, object->main.values[KEY_UNTIL]->place,
                                "'Until' has passed: nobody asks as '%s' any more; expected a later time, or "
                                "no such file",
                                object->name);
                else if (until - linter->now <= LINT_EXPIRY_DAYS * LINT_USEC_PER_DAY)
                        linter_warn(linter, object, object->main.values[KEY_UNTIL]->place,
                                    "'Until' comes within %d days; expected a later time where '%s' goes on "
                                    "asking",
                                    LINT_EXPIRY_DAYS, object->name);
        }
}
