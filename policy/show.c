/*
 * The whole policy as text for people: each object in the syntax of its file, drop-ins merged, with what
 * holds by default behind a '#'.
 */

#include "policy/model.h"

static void show_value(const Value *value, Buffer *buffer)
{
        buffer_append_format(buffer, "%s%s=", value->standard ? "# " : "", value->spec->name);
        if (value->text)
                buffer_append_text(buffer, value->text);
        for (size_t i = 0; i < value->n_words; i++)
                buffer_append_format(buffer, "%s%s", i > 0 ? " " : "", value->words[i].text);
        buffer_append_text(buffer, "\n");
}

static void show_section(const Section *section, const SectionSpec *spec, Buffer *buffer)
{
        buffer_append_format(buffer, "[%s]\n", spec->name);
        for (size_t i = 0; i < spec->n_keys; i++)
                if (section->values[spec->keys[i].id])
                        show_value(section->values[spec->keys[i].id], buffer);
}

static void show_object(const Object *object, Buffer *buffer)
{
        const TypeSpec *spec = &type_specs[object->type];
        char hex[DIGEST_HEX_SIZE];

        digest_hex(&object->digest, hex);
        buffer_append_format(buffer, "\n# %s%s, from %s\n# digest %s\n", object->name, spec->suffix,
                             object->place.file, hex);
        show_section(&object->main, &spec->section, buffer);
        for (const Section *peer = object->peers; peer; peer = peer->next)
                show_section(peer, &spec->peer, buffer);
}

void policy_show(const Policy *policy, Buffer *buffer)
{
        char hex[DIGEST_HEX_SIZE];

        digest_hex(&policy->digest, hex);
        buffer_append_format(buffer, "# policy %s\n", hex);
        for (ObjectType type = 0; type < _OBJECT_MAX; type++)
                for (size_t i = 0; i < policy->objects[type].n; i++)
                        show_object(&policy->objects[type].items[i], buffer);
}
