/*
 * Layers, masks and drop-ins (matchguard.policy(5)). Sorted by path, an object's file comes before its
 * drop-ins and nothing comes between them, because a dot never stands in a name; sorted by layer within a
 * path, the first one takes effect.
 */

#include "policy/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool source_is_ignored(const char *name)
{
        size_t n = strlen(name);

        return strncmp(name, "README", 6) == 0 || name[0] == '.' || (n > 0 && name[n - 1] == '~') ||
               (n >= 5 && strcmp(name + n - 5, ".test") == 0);
}

const char *source_parse_name(const char *file, size_t n, size_t *ret_n_name, ObjectType *ret_type)
{
        char copy[SOURCE_NAME_MAX];
        const char *dot = memchr(file, '.', n);

        if (!dot)
                return "file name without a type; expected NAME.TYPE";
        if (n >= sizeof(copy))
                return "file name that is too long; expected NAME.TYPE with a NAME of at most 63 bytes";
        memcpy(copy, file, n);
        copy[n] = 0;
        size_t n_name = (size_t)(dot - file);
        int type = type_from_suffix(copy + n_name);
        if (type < 0)
                return "unknown type; expected .allow, .class, .gallery, .invariant, .moratorium, "
                       ".organisation, "
                       ".purpose, .release or .stand-down";
        if (!text_is_name(file, n_name))
                return "bad name; expected [a-z0-9][a-z0-9-]{0,62} before the dot";
        if (n_name == 3 && memcmp(file, "any", 3) == 0)
                return "nothing may be called 'any'; expected another name";
        *ret_n_name = n_name;
        *ret_type = (ObjectType)type;
        return NULL;
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

/* Whether a file is one that could take effect; if it is not and is not to be ignored, that is a fault. */
static bool source_check(const SourceFile *file, Faults *faults)
{
        const char *slash = strchr(file->path, '/'), *leaf = slash ? slash + 1 : file->path;
        size_t n = source_object_length(file->path), n_name = 0, n_leaf = strlen(leaf);
        ObjectType type = 0;

        if (source_is_ignored(file->path) || source_is_ignored(leaf))
                return false;
        const char *wrong = source_parse_name(file->path, n, &n_name, &type);
        if (!wrong && slash &&
            (file->path[n] == '/' || n_leaf <= 5 || strcmp(leaf + n_leaf - 5, ".conf") != 0))
                wrong = "drop-in of a wrong name; expected NAME.TYPE.d/*.conf";
        if (!wrong)
                return true;
        faults_add(faults, (Place){file->shown}, "%s", wrong);
        return false;
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

static int sources_begin_object(Sources *sources, Arena *arena, const SourceFile *file, size_t n_path)
{
        SourceObject *object = &sources->objects[sources->n_objects];
        size_t n_name = 0;

        (void)source_parse_name(file->path, n_path, &n_name, &object->type); /* checked before */
        object->name = arena_copy(arena, file->path, n_name);
        if (!object->name)
                return -ENOMEM;
        sources->n_objects++;
        return 0;
}

/* Drop-ins without their object's file. */
static void sources_fault_run(const SourceFile *files, size_t n, Faults *faults)
{
        for (size_t i = 0; i < n; i++)
                if (!files[i].masked && !files[i].by)
                        faults_add(faults, (Place){files[i].shown},
                                   "drop-in of '%.*s', which does not exist; expected that file",
                                   (int)source_object_length(files[i].path), files[i].path);
}

static void sources_mask_run(SourceFile *files, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if (!files[i].by)
                        files[i].by = &files[0];
}

/* One run of files that belong to one object: files[0] is the object's own unless that is missing. */
static int sources_add_run(Sources *sources, Arena *arena, SourceFile *files, size_t n)
{
        if (files[0].masked) {
                sources_mask_run(files, n);
                return 0;
        }
        int r = sources_begin_object(sources, arena, &files[0], source_object_length(files[0].path));
        if (r < 0)
                return r;
        SourceObject *object = &sources->objects[sources->n_objects - 1];
        object->files = arena_new(arena, n, sizeof(SourceFile *));
        if (!object->files)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!files[i].masked && !files[i].by)
                        object->files[object->n_files++] = &files[i];
        sources->n_files += object->n_files;
        return 0;
}

static bool source_same_object(const SourceFile *a, const SourceFile *b)
{
        size_t n = source_object_length(a->path);

        return n == source_object_length(b->path) && memcmp(a->path, b->path, n) == 0;
}

int sources_resolve(Sources *ret_sources, Arena *arena, SourceFile *files, size_t n_files, Faults *faults)
{
        Sources sources = {.found = files};

        n_files = sources.n_found = sources_sort(files, n_files, faults);
        sources.objects = arena_new(arena, n_files, sizeof(SourceObject));
        if (!sources.objects)
                return -ENOMEM;
        for (size_t i = 0, n = 0; i < n_files; i += n) {
                for (n = 1; i + n < n_files && source_same_object(&files[i], &files[i + n]);)
                        n++;
                if (source_is_drop_in(files[i].path)) {
                        sources_fault_run(&files[i], n, faults);
                        continue;
                }
                int r = sources_add_run(&sources, arena, &files[i], n);
                if (r < 0)
                        return r;
        }
        if (sources.n_files > SOURCES_FILES_MAX)
                faults_add(faults, (Place){"policy"}, "%zu files take effect; expected at most %d",
                           sources.n_files, SOURCES_FILES_MAX);
        *ret_sources = sources;
        return 0;
}
