/*
 * Hierarchies of classes and of purposes. Parents are followed by counting, not by recursion: whoever is
 * reached after more steps than there are terms is on or behind a cycle.
 */

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "policy/build.h"

static int term_parent(const Build *build, const Object *object)
{
        const Value *parent = object->main.values[KEY_PARENT];

        return parent ? policy_find(build->policy, object->type, parent->text) : -1;
}

/* Whether following parents from `start` leads back to it. */
static bool term_is_on_cycle(const Terms *terms, size_t start)
{
        int at = terms->items[start].parent;

        for (size_t steps = 0; at >= 0 && steps < terms->n; steps++) {
                if ((size_t)at == start)
                        return true;
                at = terms->items[at].parent;
        }
        return false;
}

/* Names of a cycle that are said; a longer one is followed from there. */
enum { TERMS_SHOWN_MAX = 8 };

/* Reports each cycle once, at its first name in byte order, and marks all who are on it. */
static void terms_fault_cycle(Build *build, const Terms *terms, ObjectType type, size_t start,
                              uint64_t *reported)
{
        const Value *value = build->policy->objects[type].items[start].main.values[KEY_PARENT];
        _cleanup_(buffer_deinit) Buffer way = BUFFER_INIT;
        size_t at = start, n = 0;

        do {
                bits_add(reported, at);
                at = (size_t)terms->items[at].parent;
                if (n++ < TERMS_SHOWN_MAX)
                        buffer_append_format(&way, " -> %s", terms->items[at].name);
        } while (at != start);
        faults_add(build->faults, value->place,
                   "%s is its own ancestor: %s%s%s; expected parents that end somewhere",
                   type_specs[type].noun, terms->items[start].name, buffer_text(&way),
                   n > TERMS_SHOWN_MAX ? " -> ..." : "");
        build->faults->failed |= way.failed;
}

static bool terms_check_cycles(Build *build, const Terms *terms, ObjectType type)
{
        uint64_t reported[BITS_WORDS_MAX] = {};
        bool good = true;

        for (size_t i = 0; i < terms->n; i++) {
                if (bits_has(reported, i) || !term_is_on_cycle(terms, i))
                        continue;
                terms_fault_cycle(build, terms, type, i, reported);
                good = false;
        }
        return good;
}

static void terms_relate(Terms *terms, size_t i)
{
        for (int at = (int)i; at >= 0; at = terms->items[at].parent) {
                bits_add(terms->items[i].ancestors, (size_t)at);
                bits_add(terms->items[at].descendants, i);
        }
}

int build_terms(Build *build, ObjectType type, Terms *ret_terms)
{
        const ObjectTable *objects = &build->policy->objects[type];
        Terms terms = {.n = objects->n, .n_words = bits_words(objects->n)};

        terms.items = arena_new(build->arena, terms.n, sizeof(Term));
        if (!terms.items)
                return -ENOMEM;
        for (size_t i = 0; i < terms.n; i++) {
                terms.items[i].name = objects->items[i].name;
                terms.items[i].parent = term_parent(build, &objects->items[i]);
                terms.items[i].ancestors = build_bits(build, type);
                terms.items[i].descendants = build_bits(build, type);
                if (!terms.items[i].ancestors || !terms.items[i].descendants)
                        return -ENOMEM;
        }
        if (terms_check_cycles(build, &terms, type))
                for (size_t i = 0; i < terms.n; i++)
                        terms_relate(&terms, i);
        *ret_terms = terms;
        return 0;
}
