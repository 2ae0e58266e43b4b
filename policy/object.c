/*
 * Reading one object. Files are applied in order, the object's own first: another assignment of a list key
 * appends, of any other key replaces, an empty one makes it as if it had never been assigned. What stands at
 * the end is typed; what was overridden is not looked at.
 */

#include "policy/object.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "policy/digest.h"
#include "policy/value.h"

typedef struct ObjectReader {
        Arena *arena;
        Faults *faults;
        const TypeSpec *spec;
        Object *object;
        Section **next_peer;
        bool has_main;
        bool broken; /* a file could not be read: what is missing says nothing */
} ObjectReader;

_Static_assert(_KEY_MAX <= 64, "keys seen in a section are kept in 64 bits");

static int object_append_words(ObjectReader *reader, Value *value, const UnitEntry *entry)
{
        UnitWord *more = NULL;
        size_t n_more = 0;
        int r = unit_entry_words(entry, reader->arena, &more, &n_more);
        if (r < 0)
                return r;

        UnitWord *words = arena_new(reader->arena, value->n_words + n_more, sizeof(UnitWord));
        if (!words)
                return -ENOMEM;
        if (value->n_words > 0)
                memcpy(words, value->words, value->n_words * sizeof(UnitWord));
        memcpy(words + value->n_words, more, n_more * sizeof(UnitWord));
        value->words = words;
        value->n_words += n_more;
        return 0;
}

/* Beyond the limit nothing more is gathered: the one word too many is enough for the fault. */
static bool object_list_is_full(const Value *value)
{
        return value->n_words > UNITFILE_LIST_MAX;
}

static int object_assign(ObjectReader *reader, Section *section, const KeySpec *key, const UnitEntry *entry)
{
        const Value *old = section->values[key->id];

        if (entry->n_value == 0) {
                section->values[key->id] = NULL;
                return 0;
        }
        Value *value = arena_new(reader->arena, 1, sizeof(Value));
        if (!value)
                return -ENOMEM;
        if (old && key_is_list(key))
                *value = *old;
        value->spec = key;
        value->place = unit_entry_place(entry, 0);
        section->values[key->id] = value;
        if (!key_is_list(key)) {
                value->text = entry->value;
                return 0;
        }
        return object_list_is_full(value) ? 0 : object_append_words(reader, value, entry);
}

static void object_fault_key(ObjectReader *reader, const SectionSpec *spec, const UnitEntry *entry)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        for (size_t i = 0; i < spec->n_keys; i++)
                buffer_append_format(&expected, "%s%s", i > 0 ? ", " : "", spec->keys[i].name);
        faults_add(reader->faults, entry->place, "unknown key '%s' in [%s]; expected one of %s", entry->key,
                   spec->name, buffer_text(&expected));
        reader->faults->failed |= expected.failed;
}

static int object_read_section(ObjectReader *reader, Section *section, const SectionSpec *spec,
                               const UnitSection *text)
{
        uint64_t seen = 0;

        for (const UnitEntry *entry = text->entries; entry; entry = entry->next) {
                const KeySpec *key = section_key(spec, entry->key);
                if (!key) {
                        object_fault_key(reader, spec, entry);
                        continue;
                }
                if (!key_is_list(key) && (seen & UINT64_C(1) << key->id))
                        faults_add(reader->faults, entry->place,
                                   "'%s' for the second time in this section; expected once: a drop-in may "
                                   "override",
                                   key->name);
                seen |= UINT64_C(1) << key->id;
                int r = object_assign(reader, section, key, entry);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int object_add_peer(ObjectReader *reader, const UnitSection *text)
{
        Section *peer = arena_new(reader->arena, 1, sizeof(Section));
        if (!peer)
                return -ENOMEM;
        peer->place = text->place;
        *reader->next_peer = peer;
        reader->next_peer = &peer->next;
        return object_read_section(reader, peer, &reader->spec->peer, text);
}

static int object_read_main(ObjectReader *reader, const UnitSection *text, bool again)
{
        if (again)
                faults_add(reader->faults, text->place,
                           "section [%s] for the second time in this file; expected once", text->name);
        if (!reader->has_main)
                reader->object->main.place = text->place;
        reader->has_main = true;
        return object_read_section(reader, &reader->object->main, &reader->spec->section, text);
}

static int object_read_sections(ObjectReader *reader, const UnitFile *file)
{
        const TypeSpec *spec = reader->spec;
        bool seen = false;
        int r = 0;

        for (const UnitSection *text = file->sections; text && r == 0; text = text->next) {
                if (!text->name) {
                        reader->broken = true;
                } else if (strcmp(text->name, spec->section.name) == 0) {
                        r = object_read_main(reader, text, seen);
                        seen = true;
                } else if (spec->peer.name && strcmp(text->name, spec->peer.name) == 0) {
                        r = object_add_peer(reader, text);
                } else {
                        faults_add(reader->faults, text->place, "unknown section [%s]; expected [%s]%s",
                                   text->name, spec->section.name, spec->peer.name ? " or [Peer]" : "");
                        reader->broken = true;
                }
        }
        return r;
}

static int object_read_file(ObjectReader *reader, const SourceFile *source)
{
        UnitFile file = {};
        UnitSource text = {source->shown, source->bytes, source->n};
        int r = unitfile_parse(&file, reader->arena, &text, reader->faults);
        if (r < 0)
                return r;
        if (r == UNITFILE_E_NOT_TEXT) {
                reader->broken = true;
                return 0;
        }
        return object_read_sections(reader, &file);
}

/* A value that nobody assigned: what the table says, read as if it had been written. */
static int object_standard(ObjectReader *reader, const Section *section, const KeySpec *key, Value *value)
{
        *value = (Value){.spec = key, .place = section->place, .standard = true};
        if (!key_is_list(key)) {
                value->text = key->standard;
                return 0;
        }
        UnitEntry entry = {.value = key->standard, .n_value = strlen(key->standard), .place = section->place};
        UnitWord *words = NULL;
        int r = unit_entry_words(&entry, reader->arena, &words, &value->n_words);
        value->words = words;
        return r;
}

static int object_finish_key(ObjectReader *reader, Section *section, const KeySpec *key, bool complete)
{
        Value *value = arena_new(reader->arena, 1, sizeof(Value));
        if (!value)
                return -ENOMEM;
        if (section->values[key->id])
                *value = *section->values[key->id];
        else if (key->standard) {
                int r = object_standard(reader, section, key, value);
                if (r < 0)
                        return r;
        } else {
                if (key->required && complete)
                        faults_add(reader->faults, section->place,
                                   "'%s' is missing; expected it: it is required", key->name);
                return 0;
        }
        value->faulty = !value_parse(value, reader->faults);
        section->values[key->id] = value;
        return 0;
}

static int object_finish_section(ObjectReader *reader, Section *section, const SectionSpec *spec,
                                 bool complete)
{
        for (size_t i = 0; i < spec->n_keys; i++) {
                int r = object_finish_key(reader, section, &spec->keys[i], complete);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int object_finish(ObjectReader *reader)
{
        Object *object = reader->object;
        bool complete = reader->has_main && !reader->broken;
        int r = 0;

        if (!reader->has_main) {
                object->main.place = object->place;
                if (!reader->broken)
                        faults_add(reader->faults, object->place, "no section [%s]; expected one",
                                   reader->spec->section.name);
        }
        r = object_finish_section(reader, &object->main, &reader->spec->section, complete);
        for (Section *peer = object->peers; peer && r == 0; peer = peer->next)
                r = object_finish_section(reader, peer, &reader->spec->peer, true);
        return r;
}

static int object_digest(Object *object, const SourceObject *source, Arena *arena)
{
        PolicyText *texts = arena_new(arena, source->n_files, sizeof(PolicyText));
        if (!texts)
                return -ENOMEM;
        for (size_t i = 0; i < source->n_files; i++)
                texts[i] = (PolicyText){source->files[i]->path, source->files[i]->bytes, source->files[i]->n};
        policy_digest_of(texts, source->n_files, &object->digest);
        return 0;
}

int object_read(Object *ret_object, Arena *arena, const SourceObject *source, Faults *faults)
{
        *ret_object = (Object){
                .type = source->type, .name = source->name, .place = {source->files[0]->shown, 1, 1}};
        ObjectReader reader = {.arena = arena,
                               .faults = faults,
                               .spec = &type_specs[source->type],
                               .object = ret_object,
                               .next_peer = &ret_object->peers};
        int r = object_digest(ret_object, source, arena);

        for (size_t i = 0; i < source->n_files && r == 0; i++)
                r = object_read_file(&reader, source->files[i]);
        return r < 0 ? r : object_finish(&reader);
}
