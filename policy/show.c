/*
 * A policy as text for people: each object in the syntax of its file, drop-ins merged, with what holds by
 * default behind a '#'; or the files themselves.
 */

#include <string.h>

#include "policy/model.h"
#include "policy/words.h"

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

/* Whether something of that name is wanted, where @object is all that is. */
static bool show_wants(const char *object, const char *name, const char *suffix)
{
        size_t n = strlen(name);

        return !object || (strncmp(object, name, n) == 0 && strcmp(object + n, suffix) == 0);
}

bool policy_show(const Policy *policy, const char *object, Buffer *buffer)
{
        char hex[DIGEST_HEX_SIZE];
        bool found = !object;

        digest_hex(&policy->digest, hex);
        buffer_append_format(buffer, "# policy %s\n", hex);
        for (ObjectType type = 0; type < _OBJECT_MAX; type++)
                for (size_t i = 0; i < policy->objects[type].n; i++) {
                        const Object *item = &policy->objects[type].items[i];
                        if (!show_wants(object, item->name, type_specs[type].suffix))
                                continue;
                        show_object(item, buffer);
                        found = true;
                }
        return found;
}

static void show_file(const PolicyFile *file, Buffer *buffer)
{
        if (file->by) {
                buffer_append_format(buffer, "# %s: %s by %s\n", file->shown,
                                     file->by_mask ? "masked" : "replaced", file->by);
                return;
        }
        if (file->masks) {
                buffer_append_format(buffer, "# %s: a link to /dev/null, which masks\n", file->shown);
                return;
        }
        buffer_append_format(buffer, "# %s\n", file->shown);
        buffer_append(buffer, file->bytes, file->n);
        if (file->n > 0 && file->bytes[file->n - 1] != '\n')
                buffer_append_text(buffer, "\n");
}

bool policy_path_is_of(const char *path, const char *object)
{
        size_t n = strlen(object);

        return strncmp(path, object, n) == 0 && (!path[n] || strncmp(path + n, ".d/", 3) == 0);
}

bool policy_show_files(const Policy *policy, const char *object, Buffer *buffer)
{
        bool found = !object;

        for (size_t i = 0; i < policy->n_files; i++) {
                if (object && !policy_path_is_of(policy->files[i].path, object))
                        continue;
                words_separate("\n", 0, buffer);
                show_file(&policy->files[i], buffer);
                found = true;
        }
        return found;
}
