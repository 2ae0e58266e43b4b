/*
 * The lints that are proofs: that a rule never does anything, from now on and whoever asks. They ask the search
 * that proves invariants. Stand-downs are left aside: they are meant to be taken away.
 */

#include <errno.h>

#include "base/macro.h"
#include "policy/linter.h"
#include "policy/match.h"
#include "policy/search.h"

DEFINE_CLEANUP(Search *, search_free);

/* What is looked for, with the sets that it points to. */
typedef struct LintWanted {
        Wanted wanted;
        uint64_t purposes[BITS_WORDS_MAX];
        uint64_t galleries[BITS_WORDS_MAX + 1];
        uint64_t parties[2 * BITS_WORDS_MAX];
} LintWanted;

/* Any request from now on. */
static void lint_want_any(const Linter *linter, LintWanted *ret_want)
{
        const Policy *policy = linter->policy;

        *ret_want = (LintWanted){.wanted = {.operations = vocabulary_all(&vocabulary_operations),
                                            .roles = vocabulary_all(&vocabulary_roles),
                                            .purposes = ret_want->purposes,
                                            .galleries = ret_want->galleries,
                                            .any_party = true,
                                            .parties = ret_want->parties,
                                            .span = {linter->now, TIME_FOREVER},
                                            .despite_stand_downs = true}};
        for (size_t i = 0; i < policy->purposes.n; i++)
                bits_add(ret_want->purposes, i);
        for (size_t i = 0; i <= policy->objects[OBJECT_GALLERY].n; i++)
                bits_add(ret_want->galleries, i);
}

/* Any request from now on that one moratorium covers. */
static void lint_want_covered(const Linter *linter, size_t moratorium, LintWanted *ret_want)
{
        const Policy *policy = linter->policy;
        const Index *index = &policy->index;

        lint_want_any(linter, ret_want);
        ret_want->wanted.operations = policy->moratoria[moratorium].operations;
        ret_want->wanted.span =
                span_meet(ret_want->wanted.span, moratorium_span(&policy->moratoria[moratorium]));
        ret_want->wanted.any_party = false;
        for (size_t i = 0; i < policy->purposes.n; i++)
                if (!bits_has(bit_table_row(&index->moratoria.purposes, i), moratorium))
                        bits_drop(ret_want->purposes, i);
        for (size_t i = 0; i <= policy->objects[OBJECT_GALLERY].n; i++)
                if (!bits_has(bit_table_row(&index->moratoria.galleries, i), moratorium))
                        bits_drop(ret_want->galleries, i);
        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n + policy->classes.n; i++)
                if (bits_has(bit_table_row(&index->parties, i), moratorium))
                        bits_add(ret_want->parties, i);
}

static bool lint_has_asker(const Policy *policy, size_t allow)
{
        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                if (policy->organisations[i].n_peers > 0 &&
                    bits_has(bit_table_row(&policy->index.askers, i), allow))
                        return true;
        return false;
}

void lint_dead_allow(Linter *linter)
{
        _cleanup_(search_freep) Search *search = NULL;
        const Policy *policy = linter->policy;
        LintWanted want;
        Example example;

        if (search_new(&search, policy) < 0) {
                linter->failed = true;
                return;
        }
        lint_want_any(linter, &want);
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                const Object *object = &policy->objects[OBJECT_ALLOW].items[i];
                if (search_allow(search, i, &want.wanted, &example) == 0)
                        continue;
                linter_warn(
                        linter, object, object->main.place, "nobody is ever permitted anything under it: %s",
                        policy->allows[i].span.until <= linter->now ? "its 'Until' has passed"
                        : lint_has_asker(policy, i)
                                ? "whoever it lets ask is not valid, or a moratorium covers whatever fits it"
                                : "no organisation that it lets ask has a [Peer]");
        }
}

/* Whether anybody whom the policy knows by name may be of the classes. */
static bool lint_covers_anybody(const Policy *policy, size_t moratorium)
{
        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                if (bits_has(bit_table_row(&policy->index.parties, i), moratorium))
                        return true;
        return false;
}

/* `compare` comes without a gallery, which only a list of any covers. */
static bool lint_covers_anything(const Moratorium *moratorium)
{
        return moratorium->operations != BIT(OPERATION_COMPARE) || moratorium->galleries.any;
}

void lint_covers_nobody(Linter *linter)
{
        const Policy *policy = linter->policy;

        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++) {
                const Object *object = &policy->objects[OBJECT_MORATORIUM].items[i];
                const Value *classes = object->main.values[KEY_CLASS];
                if (moratorium_span(&policy->moratoria[i]).until <= linter->now)
                        linter_warn(linter, object, object->main.place,
                                    "it covers nobody any more: it has ended, by a synchronised clock");
                else if (!lint_covers_anything(&policy->moratoria[i]))
                        linter_warn(linter, object, object->main.place,
                                    "it covers nothing: compare has no gallery that 'Gallery' could hold");
                else if (!lint_covers_anybody(policy, i))
                        linter_warn(linter, object, classes->place,
                                    "it covers nobody whom the policy knows by name: no organisation is of a "
                                    "class in "
                                    "'Class'");
        }
}

void lint_exception_without_effect(Linter *linter)
{
        _cleanup_(search_freep) Search *search = NULL;
        const Policy *policy = linter->policy;
        LintWanted want;
        Example example;

        if (search_new(&search, policy) < 0) {
                linter->failed = true;
                return;
        }
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++) {
                const Object *object = &policy->objects[OBJECT_MORATORIUM].items[i];
                const Value *except = object->main.values[KEY_EXCEPT];
                lint_want_covered(linter, i, &want);
                for (size_t k = 0; except && k < except->n_words; k++) {
                        size_t allow = (size_t)policy_find(policy, OBJECT_ALLOW, except->words[k].text);
                        if (search_allow(search, allow, &want.wanted, &example) != 0)
                                linter_warn(linter, object, except->words[k].place,
                                            "the exception for '%s' pierces nothing: nothing that this "
                                            "covers is ever "
                                            "permitted under it",
                                            except->words[k].text);
                }
        }
}
