/*
 * Compilation: files -> objects -> names resolved -> tables. Goes on past faults as far as sense can be made
 * of the rest, so that one pass names as many as possible; a policy with a fault is never handed out.
 */

#include "policy/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/build.h"
#include "policy/digest.h"
#include "policy/suggest.h"

enum {
        COMPILE_GROUPS_MAX = 256,           /* so that the groups of a caller fit into a leaf */
        COMPILE_MORATORIA_BYTES_MAX = 6144, /* and the names of all moratoria */
};

/* The policy's own copy of the files: whoever gave them may free them. */
static int compile_copy_files(Build *build, const CompileInput *input, SourceFile **ret_files)
{
        SourceFile *files = arena_new(build->arena, input->n_files, sizeof(SourceFile));
        if (!files)
                return -ENOMEM;
        for (size_t i = 0; i < input->n_files; i++) {
                const SourceFile *from = &input->files[i];
                files[i] = *from;
                files[i].path = arena_copy(build->arena, from->path, strlen(from->path));
                files[i].shown = arena_copy(build->arena, from->shown, strlen(from->shown));
                files[i].bytes = arena_copy(build->arena, from->bytes, from->n);
                if (!files[i].path || !files[i].shown || !files[i].bytes)
                        return -ENOMEM;
        }
        *ret_files = files;
        return 0;
}

static int object_compare(const void *a, const void *b)
{
        return strcmp(((const Object *)a)->name, ((const Object *)b)->name);
}

static int compile_read_objects(Build *build)
{
        const Sources *sources = &build->sources;
        ObjectTable *tables = build->policy->objects;

        for (size_t i = 0; i < sources->n_objects; i++)
                tables[sources->objects[i].type].n++;
        for (ObjectType type = 0; type < _OBJECT_MAX; type++) {
                tables[type].items = arena_new(build->arena, tables[type].n, sizeof(Object));
                if (!tables[type].items)
                        return -ENOMEM;
                tables[type].n = 0;
        }
        for (size_t i = 0; i < sources->n_objects; i++) {
                ObjectTable *table = &tables[sources->objects[i].type];
                int r = object_read(&table->items[table->n++], build->arena, &sources->objects[i],
                                    build->faults);
                if (r < 0)
                        return r;
        }
        for (ObjectType type = 0; type < _OBJECT_MAX; type++)
                if (tables[type].n > 1)
                        qsort(tables[type].items, tables[type].n, sizeof(Object), object_compare);
        return 0;
}

static void compile_check_name_space(Build *build)
{
        const ObjectTable *organisations = &build->policy->objects[OBJECT_ORGANISATION];

        for (size_t i = 0; i < organisations->n; i++)
                if (policy_find(build->policy, OBJECT_CLASS, organisations->items[i].name) >= 0)
                        faults_add(build->faults, organisations->items[i].place,
                                   "organisation '%s' is named like a class, and a party is either; "
                                   "expected another name",
                                   organisations->items[i].name);
}

static bool compile_is_declared(const Build *build, const KeySpec *spec, const char *name)
{
        for (ObjectType type = 0; type < _OBJECT_MAX; type++)
                if ((spec->types & BIT(type)) && policy_find(build->policy, type, name) >= 0)
                        return true;
        return false;
}

/* Why there may be no such file: it is masked, it is of another type, or its name is written otherwise. */
static void compile_explain_name(const Build *build, const KeySpec *spec, const char *name, Buffer *text)
{
        Suggestion suggestion = suggest_for(name);
        const size_t n_before = text->n;

        for (ObjectType type = 0; type < _OBJECT_MAX; type++) {
                const ObjectTable *table = &build->policy->objects[type];
                const char *mask = sources_mask(&build->sources, type, name);
                if (!(spec->types & BIT(type))) {
                        if (policy_find(build->policy, type, name) >= 0)
                                buffer_append_format(text, "; there is %s%s", name, type_specs[type].suffix);
                        continue;
                }
                if (mask)
                        buffer_append_format(text, "; %s masks it", mask);
                for (size_t i = 0; i < table->n; i++)
                        suggest_offer(&suggestion, table->items[i].name);
        }
        if (text->n == n_before)
                suggest_append(&suggestion, text);
}

static void compile_check_name(Build *build, const KeySpec *spec, const char *name, Place place)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        if (compile_is_declared(build, spec, name))
                return;
        for (ObjectType type = 0; type < _OBJECT_MAX; type++)
                if (spec->types & BIT(type))
                        buffer_append_format(&expected, "%s%s%s", expected.n > 0 ? " or " : "", name,
                                             type_specs[type].suffix);
        /* Beyond the limit nobody reads it, and there may be thousands of names to compare. */
        if (build->faults->n < FAULTS_MAX)
                compile_explain_name(build, spec, name, &expected);
        faults_add(build->faults, place, "undeclared name '%s' in '%s'; expected a file %s", name, spec->name,
                   buffer_text(&expected));
        build->faults->failed |= expected.failed;
}

static void compile_check_references(Build *build, const Object *object)
{
        const SectionSpec *section = &type_specs[object->type].section;

        for (size_t i = 0; i < section->n_keys; i++) {
                const Value *value = object->main.values[section->keys[i].id];
                if (!value || !value->spec->types || value->any || value->faulty)
                        continue;
                if (value->text)
                        compile_check_name(build, value->spec, value->text, value->place);
                for (size_t j = 0; j < value->n_words; j++)
                        compile_check_name(build, value->spec, value->words[j].text, value->words[j].place);
        }
}

static void compile_check_span(Build *build, const Object *object)
{
        const Value *from = object->main.values[KEY_FROM], *until = object->main.values[KEY_UNTIL];

        if (from && until && !from->faulty && !until->faulty && until->number <= from->number)
                faults_add(
                        build->faults, until->place,
                        "'%s' in 'Until' is not after 'From', which is '%s' (%s:%u); expected a later time",
                        until->text, from->text, from->place.file, from->place.line);
}

static void compile_check_objects(Build *build)
{
        for (ObjectType type = 0; type < _OBJECT_MAX; type++) {
                const ObjectTable *table = &build->policy->objects[type];
                for (size_t i = 0; i < table->n; i++) {
                        compile_check_references(build, &table->items[i]);
                        compile_check_span(build, &table->items[i]);
                }
        }
        compile_check_name_space(build);
}

static void compile_check_moratoria(Build *build)
{
        const ObjectTable *moratoria = &build->policy->objects[OBJECT_MORATORIUM];
        size_t n = 0;

        for (size_t i = 0; i < moratoria->n; i++)
                n += strlen(moratoria->items[i].name);
        if (n > COMPILE_MORATORIA_BYTES_MAX)
                faults_add(build->faults, (Place){"policy"},
                           "names of moratoria of %zu bytes together; expected at most %d: shorter ones, or "
                           "fewer",
                           n, COMPILE_MORATORIA_BYTES_MAX);
}

static int group_compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

/* All groups that some [Peer] names, sorted, none twice. */
static int compile_groups(Build *build)
{
        Policy *policy = build->policy;
        const size_t n_organisations = policy->objects[OBJECT_ORGANISATION].n;
        size_t n = 0;

        for (size_t i = 0; i < n_organisations; i++)
                for (size_t j = 0; j < policy->organisations[i].n_peers; j++)
                        n += policy->organisations[i].peers[j].n_groups;
        policy->groups = arena_new(build->arena, n, sizeof(uint32_t));
        if (!policy->groups)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; i < n_organisations; i++)
                for (size_t j = 0; j < policy->organisations[i].n_peers; j++) {
                        const PeerRule *peer = &policy->organisations[i].peers[j];
                        for (size_t k = 0; k < peer->n_groups; k++)
                                policy->groups[n++] = peer->groups[k];
                }
        if (n > 1)
                qsort(policy->groups, n, sizeof(uint32_t), group_compare);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || policy->groups[i] != policy->groups[policy->n_groups - 1])
                        policy->groups[policy->n_groups++] = policy->groups[i];
        if (policy->n_groups > COMPILE_GROUPS_MAX)
                faults_add(build->faults, (Place){"policy"},
                           "%zu groups in all [Peer] sections; expected at most %d", policy->n_groups,
                           COMPILE_GROUPS_MAX);
        return 0;
}

/* Room for each account that could be noted. */
static int compile_prepare_ids(Build *build)
{
        const ObjectTable *organisations = &build->policy->objects[OBJECT_ORGANISATION];
        size_t n = 0;

        for (size_t i = 0; i < organisations->n; i++)
                for (const Section *peer = organisations->items[i].peers; peer; peer = peer->next) {
                        n += peer->values[KEY_USER] ? peer->values[KEY_USER]->n_words : 0;
                        n += peer->values[KEY_GROUP] ? peer->values[KEY_GROUP]->n_words : 0;
                }
        build->ids = arena_new(build->arena, n, sizeof(char *));
        return build->ids ? 0 : -ENOMEM;
}

static int line_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The text `.ids`, where names of accounts were looked up. */
static int compile_ids_text(Build *build, PolicyText *text)
{
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;

        if (build->n_ids > 1)
                qsort(build->ids, build->n_ids, sizeof(char *), line_compare);
        for (size_t i = 0; i < build->n_ids; i++)
                if (i == 0 || strcmp(build->ids[i], build->ids[i - 1]) != 0)
                        buffer_append_text(&lines, build->ids[i]);
        if (lines.failed)
                return -ENOMEM;
        *text = (PolicyText){".ids", (const uint8_t *)arena_copy(build->arena, lines.data, lines.n), lines.n};
        return text->bytes ? 0 : -ENOMEM;
}

static int compile_texts(Build *build)
{
        const Sources *sources = &build->sources;
        Policy *policy = build->policy;

        policy->texts = arena_new(build->arena, sources->n_files + 1, sizeof(PolicyText));
        if (!policy->texts)
                return -ENOMEM;
        for (size_t i = 0; i < sources->n_objects; i++)
                for (size_t j = 0; j < sources->objects[i].n_files; j++) {
                        const SourceFile *file = sources->objects[i].files[j];
                        policy->texts[policy->n_texts++] = (PolicyText){file->path, file->bytes, file->n};
                }
        if (build->n_ids > 0) {
                int r = compile_ids_text(build, &policy->texts[policy->n_texts++]);
                if (r < 0)
                        return r;
        }
        policy_digest_of(policy->texts, policy->n_texts, &policy->digest);
        return 0;
}

static int compile_files(Policy *policy, Arena *arena, const Sources *sources)
{
        policy->files = arena_new(arena, sources->n_found, sizeof(PolicyFile));
        if (!policy->files)
                return -ENOMEM;
        for (size_t i = 0; i < sources->n_found; i++) {
                const SourceFile *file = &sources->found[i];
                policy->files[policy->n_files++] = (PolicyFile){.path = file->path,
                                                                .shown = file->shown,
                                                                .masks = file->masked,
                                                                .by = file->by ? file->by->shown : NULL,
                                                                .by_mask = file->by && file->by->masked,
                                                                .bytes = file->bytes,
                                                                .n = file->n};
        }
        return 0;
}

static void compile_invariants_digest(Policy *policy)
{
        DigestStream *stream = digest_stream_new();

        for (size_t i = 0; i < policy->objects[OBJECT_INVARIANT].n; i++)
                digest_stream_add(stream, policy->objects[OBJECT_INVARIANT].items[i].digest.bytes,
                                  DIGEST_SIZE);
        digest_stream_finish(stream, &policy->invariants_digest);
        (void)digest_stream_free(stream); /* it returns NULL to be assigned */
}

static int compile_tables(Build *build)
{
        int r = build_terms(build, OBJECT_CLASS, &build->policy->classes);
        if (r == 0)
                r = build_terms(build, OBJECT_PURPOSE, &build->policy->purposes);
        if (r == 0)
                r = compile_prepare_ids(build);
        if (r == 0)
                r = build_objects(build);
        if (r == 0)
                r = index_build(build);
        return r < 0 ? r : compile_groups(build);
}

static int compile_all(Build *build, const CompileInput *input)
{
        SourceFile *files = NULL;
        int r = compile_copy_files(build, input, &files);

        if (r == 0)
                r = sources_resolve(&build->sources, build->arena, files, input->n_files, build->faults);
        /* Sets on the stack rely on this limit: nothing is looked at beyond it. */
        if (r < 0 || build->sources.n_files > SOURCES_FILES_MAX)
                return r;
        r = compile_read_objects(build);
        if (r < 0)
                return r;
        compile_check_objects(build);
        compile_check_moratoria(build);
        r = compile_tables(build);
        if (r < 0)
                return r;
        compile_invariants_digest(build->policy);
        r = compile_files(build->policy, build->arena, &build->sources);
        return r < 0 ? r : compile_texts(build);
}

int policy_compile(Policy **ret_policy, CompileInput *input, Faults *faults)
{
        Policy *policy = calloc(1, sizeof(Policy));
        if (!policy)
                return -ENOMEM;
        atomic_init(&policy->n_references, 1);
        Build build = {
                .policy = policy, .arena = &policy->arena, .faults = faults, .accounts = &input->accounts};

        int r = compile_all(&build, input);
        if (r == 0 && faults->failed)
                r = -ENOMEM;
        if (r == 0 && faults_any(faults))
                r = POLICY_E_INVALID;
        if (r != 0) {
                policy_unref(policy);
                return r;
        }
        *ret_policy = policy;
        return 0;
}
