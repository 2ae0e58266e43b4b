/*
 * Layers, masks and drop-ins (matchguard.policy(5)). Sorted by path, an object's file comes before its
 * drop-ins and nothing comes between them, because a dot never stands in a name; sorted by layer within a
 * path, the first one takes effect.
 */

#include "policy/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/suggest.h"

bool source_is_ignored(const char *name)
{
        size_t n = strlen(name);

        return strncmp(name, "README", 6) == 0 || name[0] == '.' || (n > 0 && name[n - 1] == '~') ||
               (n >= 5 && strcmp(name + n - 5, ".test") == 0);
}

/* What a file's name says, and what is wrong with it. */
typedef enum SourceName {
        SOURCE_NAME_GOOD,
        SOURCE_NAME_WITHOUT_TYPE,
        SOURCE_NAME_TOO_LONG,
        SOURCE_NAME_OF_UNKNOWN_TYPE,
        SOURCE_NAME_BAD,
        SOURCE_NAME_ANY,
} SourceName;

/* Takes "NAME.TYPE" of `n` bytes apart; the length of NAME and the type are set as far as they can be. */
static SourceName source_judge_name(const char *file, size_t n, size_t *ret_n_name, ObjectType *ret_type)
{
        char copy[SOURCE_NAME_MAX];
        const char *dot = memchr(file, '.', n);

        if (!dot)
                return SOURCE_NAME_WITHOUT_TYPE;
        if (n >= sizeof(copy))
                return SOURCE_NAME_TOO_LONG;
        memcpy(copy, file, n);
        copy[n] = 0;
        size_t n_name = (size_t)(dot - file);
        int type = type_from_suffix(copy + n_name);
        *ret_n_name = n_name;
        if (type < 0)
                return SOURCE_NAME_OF_UNKNOWN_TYPE;
        *ret_type = (ObjectType)type;
        if (!text_is_name(file, n_name))
                return SOURCE_NAME_BAD;
        return n_name == 3 && memcmp(file, "any", 3) == 0 ? SOURCE_NAME_ANY : SOURCE_NAME_GOOD;
}

bool source_parse_name(const char *file, size_t n, size_t *ret_n_name, ObjectType *ret_type)
{
        return source_judge_name(file, n, ret_n_name, ret_type) == SOURCE_NAME_GOOD;
}

static void source_fault_type(const SourceFile *file, size_t n, size_t n_name, Faults *faults)
{
        char suffix[SOURCE_NAME_MAX];
        _cleanup_(buffer_deinit) Buffer shown = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        memcpy(suffix, file->path + n_name, n - n_name);
        suffix[n - n_name] = 0;
        Suggestion suggestion = suggest_for(suffix);
        for (ObjectType type = 0; type < _OBJECT_MAX; type++) {
                const char *separator = type == 0 ? "" : type == _OBJECT_MAX - 1 ? " or " : ", ";
                buffer_append_format(&expected, "%s%s", separator, type_specs[type].suffix);
                suggest_offer(&suggestion, type_specs[type].suffix);
        }
        suggest_append(&suggestion, &expected);
        faults_append_name(suffix, &shown);
        faults_add(faults, (Place){file->shown}, "unknown type '%s'; expected %s", buffer_text(&shown),
                   buffer_text(&expected));
        faults->failed |= shown.failed || expected.failed;
}

/* The length of the "NAME.TYPE" that a path belongs to; a drop-in's folder has ".d" after it. */
static size_t source_object_length(const char *path)
{
        const char *slash = strchr(path, '/');

        if (!slash)
                return strlen(path);
        size_t n = (size_t)(slash - path);
        return n > 2 && memcmp(slash - 2, ".d", 2) == 0 ? n - 2 : n;
}

static bool source_is_drop_in(const char *path)
{
        return strchr(path, '/') != NULL;
}

static bool source_check_name(const SourceFile *file, size_t n, Faults *faults)
{
        static const char *const texts[] = {
                [SOURCE_NAME_WITHOUT_TYPE] = "file name without a type; expected NAME.TYPE",
                [SOURCE_NAME_TOO_LONG] =
                        "file name that is too long; expected NAME.TYPE with a NAME of at most 63 bytes",
                [SOURCE_NAME_BAD] = "bad name; expected [a-z0-9][a-z0-9-]{0,62} before the dot",
                [SOURCE_NAME_ANY] = "nothing may be called 'any'; expected another name",
        };
        size_t n_name = 0;
        ObjectType type = 0;
        SourceName name = source_judge_name(file->path, n, &n_name, &type);

        if (name == SOURCE_NAME_GOOD)
                return true;
        if (file->unread)
                return false; /* one fault for a file is enough, and it may have been meant for a folder */
        if (name == SOURCE_NAME_OF_UNKNOWN_TYPE)
                source_fault_type(file, n, n_name, faults);
        else
                faults_add(faults, (Place){file->shown}, "%s", texts[name]);
        return false;
}

/* Whether a file is one that could take effect; if it is not and is not to be ignored, that is a fault. */
static bool source_check(const SourceFile *file, Faults *faults)
{
        const char *slash = strchr(file->path, '/'), *leaf = slash ? slash + 1 : file->path;
        size_t n = source_object_length(file->path), n_leaf = strlen(leaf);

        if (source_is_ignored(file->path) || source_is_ignored(leaf))
                return false;
        if (!source_check_name(file, n, faults))
                return false;
        if (slash && (file->path[n] == '/' || n_leaf <= 5 || strcmp(leaf + n_leaf - 5, ".conf") != 0)) {
                faults_add(faults, (Place){file->shown},
                           "drop-in of a wrong name; expected NAME.TYPE.d/*.conf");
                return false;
        }
        return true;
}

static int source_compare(const void *a, const void *b)
{
        const SourceFile *x = a, *y = b;
        int order = strcmp(x->path, y->path);

        if (order != 0)
                return order;
        return x->layer < y->layer ? -1 : x->layer > y->layer;
}

/* Drops what is wrong or ignored, sorts the rest, and notes what a stronger layer replaces. Return: how many
 * are left. */
static size_t sources_sort(SourceFile *files, size_t n_files, Faults *faults)
{
        size_t n = 0, strongest = 0;

        for (size_t i = 0; i < n_files; i++)
                if (source_check(&files[i], faults))
                        files[n++] = files[i];
        if (n > 1)
                qsort(files, n, sizeof(SourceFile), source_compare);
        for (size_t i = 1; i < n; i++)
                if (strcmp(files[i].path, files[strongest].path) == 0)
                        files[i].by = &files[strongest];
                else
                        strongest = i;
        return n;
}

typedef struct SourcesReader {
        Sources *sources;
        Arena *arena;
        Faults *faults;
} SourcesReader;

static int sources_begin_object(SourcesReader *reader, const SourceFile *file)
{
        SourceObject *object = &reader->sources->objects[reader->sources->n_objects];
        size_t n_name = 0;

        (void)source_parse_name(file->path, strlen(file->path), &n_name, &object->type); /* checked before */
        object->name = arena_copy(reader->arena, file->path, n_name);
        if (!object->name)
                return -ENOMEM;
        reader->sources->n_objects++;
        return 0;
}

static void sources_mask_run(SourceFile *files, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if (!files[i].by)
                        files[i].by = &files[0];
}

/* One run of files that belong to one object: files[0] is the object's own unless that is missing. */
static int sources_add_run(SourcesReader *reader, SourceFile *files, size_t n)
{
        Sources *sources = reader->sources;

        if (source_is_drop_in(files[0].path))
                return 0;
        if (files[0].masked) {
                sources_mask_run(files, n);
                return 0;
        }
        int r = sources_begin_object(reader, &files[0]);
        if (r < 0)
                return r;
        SourceObject *object = &sources->objects[sources->n_objects - 1];
        object->files = arena_new(reader->arena, n, sizeof(SourceFile *));
        if (!object->files)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!files[i].masked && !files[i].by)
                        object->files[object->n_files++] = &files[i];
        sources->n_files += object->n_files;
        return 0;
}

/* Drop-ins of a file that is not there, when all that are there have been added. */
static int sources_check_orphans(SourcesReader *reader, SourceFile *files, size_t n)
{
        const Sources *sources = reader->sources;
        _cleanup_(buffer_deinit) Buffer hint = BUFFER_INIT;
        size_t n_name = 0, n_path = source_object_length(files[0].path);
        ObjectType type = 0;

        if (!source_is_drop_in(files[0].path))
                return 0;
        (void)source_parse_name(files[0].path, n_path, &n_name, &type); /* checked before */
        const char *name = arena_copy(reader->arena, files[0].path, n_name);
        if (!name)
                return -ENOMEM;
        Suggestion suggestion = suggest_for(name);
        for (size_t i = 0; i < sources->n_objects && reader->faults->n < FAULTS_MAX; i++)
                if (sources->objects[i].type == type)
                        suggest_offer(&suggestion, sources->objects[i].name);
        suggest_append(&suggestion, &hint);
        for (size_t i = 0; i < n; i++)
                if (!files[i].masked && !files[i].by)
                        faults_add(reader->faults, (Place){files[i].shown},
                                   "drop-in of '%.*s', which does not exist; expected that file%s",
                                   (int)n_path, files[0].path, buffer_text(&hint));
        return hint.failed ? -ENOMEM : 0;
}

static bool source_same_object(const SourceFile *a, const SourceFile *b)
{
        size_t n = source_object_length(a->path);

        return n == source_object_length(b->path) && memcmp(a->path, b->path, n) == 0;
}

static int sources_each_run(SourcesReader *reader, int (*step)(SourcesReader *, SourceFile *, size_t),
                            SourceFile *files, size_t n_files)
{
        for (size_t i = 0, n = 0; i < n_files; i += n) {
                for (n = 1; i + n < n_files && source_same_object(&files[i], &files[i + n]);)
                        n++;
                int r = step(reader, &files[i], n);
                if (r < 0)
                        return r;
        }
        return 0;
}

int sources_resolve(Sources *ret_sources, Arena *arena, SourceFile *files, size_t n_files, Faults *faults)
{
        Sources sources = {.found = files};

        n_files = sources.n_found = sources_sort(files, n_files, faults);
        sources.objects = arena_new(arena, n_files, sizeof(SourceObject));
        if (!sources.objects)
                return -ENOMEM;
        SourcesReader reader = {&sources, arena, faults};
        int r = sources_each_run(&reader, sources_add_run, files, n_files);
        if (r == 0)
                r = sources_each_run(&reader, sources_check_orphans, files, n_files);
        if (r < 0)
                return r;
        if (sources.n_files > SOURCES_FILES_MAX)
                faults_add(faults, (Place){"policy"}, "%zu files take effect; expected at most %d",
                           sources.n_files, SOURCES_FILES_MAX);
        *ret_sources = sources;
        return 0;
}

const char *sources_mask(const Sources *sources, ObjectType type, const char *name)
{
        const size_t n = strlen(name);

        for (size_t i = 0; i < sources->n_found; i++) {
                const SourceFile *file = &sources->found[i];
                if (file->masked && strncmp(file->path, name, n) == 0 &&
                    strcmp(file->path + n, type_specs[type].suffix) == 0)
                        return file->by ? NULL : file->shown;
        }
        return NULL;
}
