/*
 * The lints, each over a whole policy. They look at the tables of the decision, and say where something stands
 * by the objects that these were made of.
 */

#include <string.h>

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

/* What a lint of a [Peer] looks at. */
typedef struct LintPeer {
        size_t organisation;
        const Object *object;
        const Section *section; /* what the rule was made from */
        const PeerRule *rule;
} LintPeer;

static void lint_each_peer(Linter *linter, void (*check)(Linter *linter, const LintPeer *peer))
{
        for (size_t i = 0; i < linter->policy->objects[OBJECT_ORGANISATION].n; i++) {
                const Object *object = lint_object(linter, OBJECT_ORGANISATION, i);
                const PeerRule *rule = linter->policy->organisations[i].peers;
                for (const Section *section = object->peers; section; section = section->next, rule++)
                        check(linter, &(LintPeer){i, object, section, rule});
        }
}

static void lint_root(Linter *linter, const LintPeer *peer)
{
        for (size_t i = 0; i < peer->rule->n_users && peer->rule->n_units > 0; i++)
                if (peer->rule->users[i] == 0)
                        linter_warn(
                                linter, peer->object, peer->section->values[KEY_USER]->words[i].place,
                                "'Unit' with the user root, who may run anything in any unit; expected an "
                                "account of its own");
}

void lint_unit_of_root(Linter *linter)
{
        lint_each_peer(linter, lint_root);
}

/* The first other organisation that a user is; NULL: none. */
static const char *lint_other_of(const Linter *linter, size_t organisation, uint32_t user)
{
        size_t n = 0;
        const PeerKey *keys = peer_keys_find(&linter->policy->index.users, user, &n);

        for (size_t i = 0; i < n; i++)
                if (keys[i].organisation != organisation)
                        return linter->policy->organisations[keys[i].organisation].name;
        return NULL;
}

static void lint_shared(Linter *linter, const LintPeer *peer)
{
        for (size_t i = 0; i < peer->rule->n_users && peer->rule->n_units > 0; i++) {
                const UnitWord *word = &peer->section->values[KEY_USER]->words[i];
                const char *other = lint_other_of(linter, peer->organisation, peer->rule->users[i]);
                if (other)
                        linter_warn(linter, peer->object, word->place,
                                    "'Unit' with the user '%s', who is also organisation '%s'; expected an "
                                    "account for each",
                                    word->text, other);
        }
}

void lint_shared_account(Linter *linter)
{
        lint_each_peer(linter, lint_shared);
}

/* Whether a process is ever known to be in it: see the guard's unit_of_cgroup(). */
static bool lint_has_callers(const char *unit)
{
        const char *suffix = strrchr(unit, '.');

        return suffix && strcmp(suffix, ".service") == 0 && strncmp(unit, "user@", strlen("user@")) != 0;
}

static void lint_units(Linter *linter, const LintPeer *peer)
{
        for (size_t i = 0; i < peer->rule->n_units; i++) {
                const UnitWord *word = &peer->rule->units[i];
                if (!lint_has_callers(word->text))
                        linter_warn(
                                linter, peer->object, word->place,
                                "'%s' in 'Unit', from which nobody is ever known to ask; expected a service "
                                "of the system, and no user's manager",
                                word->text);
        }
}

void lint_unit_without_callers(Linter *linter)
{
        lint_each_peer(linter, lint_units);
}

/* What the kernel calls a user or a group that has no number in our user namespace. */
enum { LINT_UNMAPPED = 65534 };

static void lint_nobody(Linter *linter, const LintPeer *peer)
{
        const struct {
                const char *name;
                KeyId key;
                const uint32_t *ids;
                size_t n;
        } lists[] = {{"User", KEY_USER, peer->rule->users, peer->rule->n_users},
                     {"Group", KEY_GROUP, peer->rule->groups, peer->rule->n_groups}};

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                for (size_t k = 0; k < lists[i].n; k++) {
                        if (lists[i].ids[k] != LINT_UNMAPPED)
                                continue;
                        const UnitWord *word = &peer->section->values[lists[i].key]->words[k];
                        linter_warn(
                                linter, peer->object, word->place,
                                "'%s' in '%s', as whom the kernel shows everybody who has no number here; "
                                "expected an account of its own",
                                word->text, lists[i].name);
                }
}

void lint_account_of_nobody(Linter *linter)
{
        lint_each_peer(linter, lint_nobody);
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
