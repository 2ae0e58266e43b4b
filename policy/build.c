/*
 * From typed objects to the tables of the decision, with the checks that concern one object and what it
 * names. Whatever is missing, faulty or undeclared has been reported already: the rest is built all the same,
 * for the sake of further checks, and then thrown away.
 */

#include "policy/build.h"

#include <errno.h>
#include <string.h>

#include "policy/match.h"

uint64_t *build_bits(Build *build, ObjectType type)
{
        return arena_new(build->arena, bits_words(build->policy->objects[type].n), sizeof(uint64_t));
}

/* Those entries of a list that are objects of a type. */
static int build_names(Build *build, const Value *value, ObjectType type, uint64_t **ret_bits)
{
        uint64_t *bits = build_bits(build, type);
        if (!bits)
                return -ENOMEM;
        for (size_t i = 0; value && i < value->n_words; i++) {
                int place = policy_find(build->policy, type, value->words[i].text);
                if (place >= 0)
                        bits_add(bits, (size_t)place);
        }
        *ret_bits = bits;
        return 0;
}

static int build_set(Build *build, const Value *value, ObjectType type, Set *ret_set)
{
        ret_set->any = value && value->any;
        return build_names(build, value, type, &ret_set->bits);
}

static int build_parties(Build *build, const Value *value, PartySet *ret_set)
{
        int r = build_names(build, value, OBJECT_ORGANISATION, &ret_set->organisations);

        return r < 0 ? r : build_names(build, value, OBJECT_CLASS, &ret_set->classes);
}

static Span build_span(const Object *object)
{
        const Value *from = object->main.values[KEY_FROM], *until = object->main.values[KEY_UNTIL];

        return (Span){from ? from->number : TIME_NEVER, until ? until->number : TIME_FOREVER};
}

static uint32_t build_mask(const Object *object, KeyId key)
{
        return object->main.values[key] ? object->main.values[key]->mask : 0;
}

static int64_t build_number(const Object *object, KeyId key)
{
        return object->main.values[key] ? object->main.values[key]->number : 0;
}

static const char *build_text(const Object *object, KeyId key)
{
        return object->main.values[key] ? object->main.values[key]->text : NULL;
}

static int build_gallery(Build *build, const Object *object, size_t i)
{
        build->policy->galleries[i] = (PolicyGallery){
                .name = object->name,
                .model = build_text(object, KEY_MODEL),
                .dimension = (uint32_t)build_number(object, KEY_DIMENSION),
                .kind = (GalleryKind)build_number(object, KEY_KIND),
                .maximum_templates = (uint64_t)build_number(object, KEY_MAXIMUM_TEMPLATES),
        };
        return 0;
}

/* The classes with their ancestors, and their names in byte order. */
static int build_classes(Build *build, Organisation *organisation, const uint64_t *own)
{
        const Terms *terms = &build->policy->classes;

        organisation->classes = build_bits(build, OBJECT_CLASS);
        organisation->class_names = arena_new(build->arena, terms->n, sizeof(char *));
        if (!organisation->classes || !organisation->class_names)
                return -ENOMEM;
        for (size_t i = 0; i < terms->n; i++)
                if (bits_has(own, i))
                        bits_join(organisation->classes, terms->items[i].ancestors, terms->n_words);
        for (size_t i = 0; i < terms->n; i++)
                if (bits_has(organisation->classes, i))
                        organisation->class_names[organisation->n_class_names++] = terms->items[i].name;
        return 0;
}

static int build_organisation(Build *build, const Object *object, size_t i)
{
        Organisation *organisation = &build->policy->organisations[i];
        uint64_t *own = NULL;

        organisation->name = object->name;
        organisation->span = build_span(object);
        int r = build_names(build, object->main.values[KEY_CLASS], OBJECT_CLASS, &own);
        if (r == 0)
                r = build_classes(build, organisation, own);
        return r < 0 ? r : build_peers(build, object, organisation);
}

static int build_stand_down(Build *build, const Object *object, size_t i)
{
        StandDown *stand_down = &build->policy->stand_downs[i];
        const Value *const *values = object->main.values;

        stand_down->name = object->name;
        stand_down->reason = build_text(object, KEY_REASON);
        stand_down->operations = build_mask(object, KEY_OPERATION);
        int r = build_set(build, values[KEY_ORGANISATION], OBJECT_ORGANISATION, &stand_down->organisations);
        if (r == 0)
                r = build_set(build, values[KEY_PURPOSE], OBJECT_PURPOSE, &stand_down->purposes);
        return r < 0 ? r : build_set(build, values[KEY_GALLERY], OBJECT_GALLERY, &stand_down->galleries);
}

/* What whoever searches has to say. */
static void build_check_search(Build *build, const Object *object, KeyId key, const char *what)
{
        const Value *operations = object->main.values[KEY_OPERATION];

        if (!object->main.values[key])
                faults_add(build->faults, section_missing(&object->main, key, operations->place),
                           "'Operation' holds a search, but %s", what);
}

static void build_check_allow(Build *build, const Object *object)
{
        const Value *const *values = object->main.values;
        const Value *operations = values[KEY_OPERATION];
        const Value *release = values[KEY_RELEASE]; /* never NULL: it has a standard value */

        if (!values[KEY_ORGANISATION] && !values[KEY_CLASS])
                faults_add(
                        build->faults,
                        section_missing(&object->main, KEY_CLASS,
                                        section_missing(&object->main, KEY_ORGANISATION, object->main.place)),
                        "'Organisation' and 'Class' are missing; expected one of them: it says who may ask");
        if (operations && (operations->mask & OPERATIONS_SEARCH)) {
                build_check_search(build, object, KEY_SOUGHT,
                                   "'Sought' is missing; expected roles there, or any");
                build_check_search(build, object, KEY_MINIMUM_SIMILARITY,
                                   "'MinimumSimilarity' is missing; expected a decimal there");
        }
        if (operations && (operations->mask & BIT(OPERATION_LIST)) && release->number == RELEASE_DECISION)
                faults_add(build->faults, release->place,
                           "'decision' in 'Release', but 'Operation' holds list; expected candidates or "
                           "scores");
}

static int build_allow(Build *build, const Object *object, size_t i)
{
        Allow *allow = &build->policy->allows[i];
        const Value *const *values = object->main.values;

        *allow = (Allow){
                .name = object->name,
                .operations = build_mask(object, KEY_OPERATION),
                .roles = build_mask(object, KEY_SOUGHT),
                .probes = build_mask(object, KEY_PROBE),
                .requirements = build_mask(object, KEY_REQUIRE),
                .span = build_span(object),
                .floor_millionths = (int32_t)build_number(object, KEY_MINIMUM_SIMILARITY),
                .limit = (uint32_t)build_number(object, KEY_MAXIMUM_CANDIDATES),
                .release = (Release)build_number(object, KEY_RELEASE),
                .rate = (uint64_t)build_number(object, KEY_RATE),
                .window_usec = values[KEY_RATE] ? values[KEY_RATE]->window_usec : 0,
        };
        if (allow->window_usec > build->policy->longest_window_usec)
                build->policy->longest_window_usec = allow->window_usec;
        build_check_allow(build, object);

        int r = build_names(build, values[KEY_ORGANISATION], OBJECT_ORGANISATION,
                            &allow->askers.organisations);
        if (r == 0)
                r = build_names(build, values[KEY_CLASS], OBJECT_CLASS, &allow->askers.classes);
        if (r == 0)
                r = build_set(build, values[KEY_PURPOSE], OBJECT_PURPOSE, &allow->purposes);
        if (r == 0)
                r = build_set(build, values[KEY_GALLERY], OBJECT_GALLERY, &allow->galleries);
        if (r == 0)
                r = build_parties(build, values[KEY_ON_BEHALF_OF], &allow->on_behalf_of);
        return r < 0 ? r : build_parties(build, values[KEY_RECIPIENT], &allow->recipients);
}

static int build_moratorium(Build *build, const Object *object, size_t i)
{
        Moratorium *moratorium = &build->policy->moratoria[i];
        const Value *const *values = object->main.values;
        const Value *expiry = values[KEY_ON_EXPIRY]; /* never NULL: it has a standard value */

        moratorium->name = object->name;
        moratorium->description = build_text(object, KEY_DESCRIPTION);
        moratorium->notice = build_text(object, KEY_NOTICE);
        moratorium->operations = build_mask(object, KEY_OPERATION);
        moratorium->span = build_span(object);
        moratorium->expiry = (Expiry)build_number(object, KEY_ON_EXPIRY);
        if (expiry->number == EXPIRY_LAPSE && moratorium->span.until == TIME_FOREVER)
                faults_add(build->faults, section_missing(&object->main, KEY_UNTIL, expiry->place),
                           "'OnExpiry' is lapse, but 'Until' holds no time; expected one there, or "
                           "OnExpiry=hold");

        int r = build_names(build, values[KEY_CLASS], OBJECT_CLASS, &moratorium->classes);
        if (r == 0)
                r = build_set(build, values[KEY_PURPOSE], OBJECT_PURPOSE, &moratorium->purposes);
        if (r == 0)
                r = build_set(build, values[KEY_GALLERY], OBJECT_GALLERY, &moratorium->galleries);
        return r < 0 ? r : build_names(build, values[KEY_EXCEPT], OBJECT_ALLOW, &moratorium->except);
}

/* A release holds for one text of one moratorium, and only for one that does not end by itself. */
static int build_release(Build *build, const Object *object, size_t i)
{
        const Value *name = object->main.values[KEY_MORATORIUM], *digest = object->main.values[KEY_DIGEST];
        int place = name ? policy_find(build->policy, OBJECT_MORATORIUM, name->text) : -1;

        if (place < 0 || !digest || digest->faulty)
                return 0;
        Moratorium *moratorium = &build->policy->moratoria[place];
        const Digest *today = &build->policy->objects[OBJECT_MORATORIUM].items[place].digest;
        if (moratorium->expiry == EXPIRY_LAPSE) {
                faults_add(build->faults, name->place,
                           "release of '%s', which lapses by itself; expected a moratorium with "
                           "OnExpiry=hold, or "
                           "no release",
                           name->text);
                return 0;
        }
        if (!digest_equal(&digest->digest, today)) {
                char hex[DIGEST_HEX_SIZE];
                digest_hex(today, hex);
                faults_add(build->faults, digest->place,
                           "digest that is not that of today's text of '%s'; expected %s, once that text has "
                           "been read",
                           name->text, hex);
                return 0;
        }
        moratorium->released = true;
        return 0;
}

/* `While` narrows it to when that moratorium is in force; releases have been read by now. */
static Span build_invariant_span(Build *build, const Object *object)
{
        const Value *name = object->main.values[KEY_WHILE];
        int place = name ? policy_find(build->policy, OBJECT_MORATORIUM, name->text) : -1;
        Span span = build_span(object);

        return place < 0 ? span : span_meet(span, moratorium_span(&build->policy->moratoria[place]));
}

static int build_invariant(Build *build, const Object *object, size_t i)
{
        Invariant *invariant = &build->policy->invariants[i];
        const Value *const *values = object->main.values;

        *invariant = (Invariant){
                .name = object->name,
                .description = build_text(object, KEY_DESCRIPTION),
                .any_party = values[KEY_PARTY] && values[KEY_PARTY]->any,
                .operations = build_mask(object, KEY_OPERATION),
                .roles = build_mask(object, KEY_SOUGHT),
                .span = build_invariant_span(build, object),
        };
        int r = build_parties(build, values[KEY_PARTY], &invariant->parties);
        if (r == 0)
                r = build_set(build, values[KEY_PURPOSE], OBJECT_PURPOSE, &invariant->purposes);
        return r < 0 ? r : build_set(build, values[KEY_GALLERY], OBJECT_GALLERY, &invariant->galleries);
}

static int build_each(Build *build, ObjectType type, int (*step)(Build *, const Object *, size_t))
{
        const ObjectTable *objects = &build->policy->objects[type];

        for (size_t i = 0; i < objects->n; i++) {
                int r = step(build, &objects->items[i], i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int build_allocate(Build *build)
{
        Policy *policy = build->policy;
        const ObjectTable *objects = policy->objects;

        policy->galleries = arena_new(build->arena, objects[OBJECT_GALLERY].n, sizeof(PolicyGallery));
        policy->organisations = arena_new(build->arena, objects[OBJECT_ORGANISATION].n, sizeof(Organisation));
        policy->stand_downs = arena_new(build->arena, objects[OBJECT_STAND_DOWN].n, sizeof(StandDown));
        policy->allows = arena_new(build->arena, objects[OBJECT_ALLOW].n, sizeof(Allow));
        policy->moratoria = arena_new(build->arena, objects[OBJECT_MORATORIUM].n, sizeof(Moratorium));
        policy->invariants = arena_new(build->arena, objects[OBJECT_INVARIANT].n, sizeof(Invariant));
        return policy->galleries && policy->organisations && policy->stand_downs && policy->allows &&
                               policy->moratoria && policy->invariants
                       ? 0
                       : -ENOMEM;
}

int build_objects(Build *build)
{
        static const struct {
                ObjectType type;
                int (*step)(Build *, const Object *, size_t);
        } steps[] = {
                {OBJECT_GALLERY, build_gallery},       {OBJECT_ORGANISATION, build_organisation},
                {OBJECT_STAND_DOWN, build_stand_down}, {OBJECT_ALLOW, build_allow},
                {OBJECT_MORATORIUM, build_moratorium}, {OBJECT_RELEASE, build_release},
                {OBJECT_INVARIANT, build_invariant},
        };
        int r = build_allocate(build);

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
                r = build_each(build, steps[i].type, steps[i].step);
        return r;
}
