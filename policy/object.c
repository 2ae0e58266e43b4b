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
#include "policy/suggest.h"
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

static int object_empty(ObjectReader *reader, Section *section, const KeySpec *key, const UnitEntry *entry)
{
        Place *place = arena_new(reader->arena, 1, sizeof(Place));

        if (!place)
                return -ENOMEM;
        *place = unit_entry_place(entry, 0);
        section->values[key->id] = NULL;
        section->emptied[key->id] = place;
        return 0;
}

static int object_assign(ObjectReader *reader, Section *section, const KeySpec *key, const UnitEntry *entry)
{
        const Value *old = section->values[key->id];

        if (entry->n_value == 0)
                return object_empty(reader, section, key, entry);
        Value *value = arena_new(reader->arena, 1, sizeof(Value));
        if (!value)
                return -ENOMEM;
        if (old && key_is_list(key))
                *value = *old;
        value->spec = key;
        value->place = unit_entry_place(entry, 0);
        section->values[key->id] = value;
        section->emptied[key->id] = NULL;
        if (!key_is_list(key)) {
                value->text = entry->value;
                return 0;
        }
        return object_list_is_full(value) ? 0 : object_append_words(reader, value, entry);
}

static void object_fault_key(ObjectReader *reader, const SectionSpec *spec, const UnitEntry *entry)
{
        const TypeSpec *type = reader->spec;
        const SectionSpec *other = spec == &type->peer ? &type->section : &type->peer;
        Suggestion suggestion = suggest_for(entry->key);
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        for (size_t i = 0; i < spec->n_keys; i++) {
                buffer_append_format(&expected, "%s%s", i > 0 ? ", " : "", spec->keys[i].name);
                suggest_offer(&suggestion, spec->keys[i].name);
        }
        if (section_key(other, entry->key))
                buffer_append_format(&expected, "; '%s' belongs to [%s]", entry->key, other->name);
        else
                suggest_append(&suggestion, &expected);
        faults_add(reader->faults, entry->place, "unknown key '%s' in [%s]; expected one of %s", entry->key,
                   spec->name, buffer_text(&expected));
        reader->faults->failed |= expected.failed;
}

static int object_read_section(ObjectReader *reader, Section *section, const SectionSpec *spec,
                               const UnitSection *text)
{
        unsigned first_lines[_KEY_MAX] = {}; /* where a key stands for the first time; 0: not yet */

        for (const UnitEntry *entry = text->entries; entry; entry = entry->next) {
                const KeySpec *key = section_key(spec, entry->key);
                if (!key) {
                        object_fault_key(reader, spec, entry);
                        continue;
                }
                unsigned *first_line = &first_lines[key->id];
                if (!key_is_list(key) && *first_line > 0)
                        faults_add(reader->faults, entry->place,
                                   "'%s' again, as in line %u; expected once: a drop-in may override",
                                   key->name, *first_line);
                *first_line = entry->place.line;
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

/* `first_line`: where the section stands already in this file, or 0. */
static int object_read_main(ObjectReader *reader, const UnitSection *text, unsigned first_line)
{
        if (first_line > 0)
                faults_add(reader->faults, text->place,
                           "section [%s] again, as in line %u; expected once in a file", text->name,
                           first_line);
        if (!reader->has_main)
                reader->object->main.place = text->place;
        reader->has_main = true;
        return object_read_section(reader, &reader->object->main, &reader->spec->section, text);
}

static void object_fault_section(ObjectReader *reader, const UnitSection *text)
{
        const TypeSpec *spec = reader->spec;
        Suggestion suggestion = suggest_for(text->name);
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        buffer_append_format(&expected, "[%s]", spec->section.name);
        suggest_offer(&suggestion, spec->section.name);
        if (spec->peer.name) {
                buffer_append_format(&expected, " or [%s]", spec->peer.name);
                suggest_offer(&suggestion, spec->peer.name);
        }
        suggest_append(&suggestion, &expected);
        faults_add(reader->faults, text->place, "unknown section [%s]; expected %s", text->name,
                   buffer_text(&expected));
        reader->faults->failed |= expected.failed;
}

static int object_read_sections(ObjectReader *reader, const UnitFile *file)
{
        const TypeSpec *spec = reader->spec;
        unsigned first_line = 0;
        int r = 0;

        for (const UnitSection *text = file->sections; text && r == 0; text = text->next) {
                if (!text->name) {
                        reader->broken = true;
                } else if (strcmp(text->name, spec->section.name) == 0) {
                        r = object_read_main(reader, text, first_line);
                        first_line = text->place.line;
                } else if (spec->peer.name && strcmp(text->name, spec->peer.name) == 0) {
                        r = object_add_peer(reader, text);
                } else {
                        object_fault_section(reader, text);
                        reader->broken = true;
                }
        }
        return r;
}

static int object_read_file(ObjectReader *reader, const SourceFile *source)
{
        UnitFile file = {};

        if (source->unread) {
                reader->broken = true;
                return 0;
        }
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

Place section_missing(const Section *section, KeyId key, Place otherwise)
{
        return section->emptied[key] ? *section->emptied[key] : otherwise;
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
                        faults_add(reader->faults, section_missing(section, key->id, section->place),
                                   "'%s' is %s; expected a value: it is required", key->name,
                                   section->emptied[key->id] ? "empty" : "missing");
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
