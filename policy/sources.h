#pragma once
/*
 * Which files of several layers take effect, and which object each belongs to. Pure: the files are given as
 * bytes.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/arena.h"
#include "policy/faults.h"
#include "policy/keys.h"

enum {
        SOURCES_FILES_MAX = 4096,
        SOURCE_NAME_MAX = 96, /* room for the longest "NAME.TYPE" */
};

/* One file of one layer. */
typedef struct SourceFile {
        size_t layer;      /* 0 is the strongest */
        const char *path;  /* relative to its layer: "NAME.TYPE" or "NAME.TYPE.d/x.conf" */
        const char *shown; /* how faults name it */
        bool masked;       /* a symbolic link to /dev/null */
        bool unread; /* it could not or must not be read, which has been reported: what it declares is there */
        const void *bytes;
        size_t n;
        /* Set by sources_resolve(): why it takes no effect, a stronger file of its name or the mask of its
         * object; NULL: it does, or it masks. */
        const struct SourceFile *by;
} SourceFile;

/* An object: its file, then its drop-ins in byte order of their names. */
typedef struct SourceObject {
        ObjectType type;
        const char *name;
        const SourceFile **files;
        size_t n_files;
} SourceObject;

typedef struct Sources {
        SourceObject *objects; /* in byte order of their files' paths */
        size_t n_objects;
        size_t n_files;          /* of all objects together */
        const SourceFile *found; /* also those without effect: by path, the strongest first */
        size_t n_found;
} Sources;

/** source_is_ignored() - Whether a file or folder of that name is passed over in silence. */
bool source_is_ignored(const char *name);

/**
 * source_parse_name() - Takes "NAME.TYPE" apart.
 * @n:          length of @file
 * @ret_n_name: length of NAME
 * @ret_type:   its type
 *
 * Return: whether it is well-formed.
 */
bool source_parse_name(const char *file, size_t n, size_t *ret_n_name, ObjectType *ret_type);

/**
 * sources_resolve() - Applies layers, masks and drop-ins.
 * @files:      in any order; reordered, and kept by reference
 * @ret_sources: lives in @arena
 *
 * Return: 0, or -ENOMEM.
 */
int sources_resolve(Sources *ret_sources, Arena *arena, SourceFile *files, size_t n_files, Faults *faults);

/** sources_mask() - The link that masks an object, as faults name it, or NULL where none does. */
const char *sources_mask(const Sources *sources, ObjectType type, const char *name);
