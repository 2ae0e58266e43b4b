#pragma once
/*
 * One gallery: what the rest of the worker knows of how templates are kept. In memory for searching, in a
 * journal (worker/journal.h) for keeping; whatever changes is durable before the function returns. Used by
 * one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Gallery Gallery;

/* What a gallery is created with, and keeps for ever. */
typedef struct GalleryShape {
        const char *model;
        uint32_t dimension;
        bool consolidated; /* one candidate a subject; else one a template */
} GalleryShape;

enum {
        GALLERY_E_DAMAGED = 1,    /* not as it was stored: nothing can be said of it */
        GALLERY_E_NO_SPACE = 2,   /* of the disk; nothing has changed */
        GALLERY_E_NO_SUBJECT = 3, /* no such subject */
};

/** gallery_create() - Begins a gallery in the folder. Return: 0, GALLERY_E_NO_SPACE, or -errno. */
int gallery_create(int dir_fd, const char *name, const GalleryShape *shape, Gallery **ret_gallery);

/**
 * gallery_load() - Reads a gallery of the folder. A damaged one comes back too, and says so.
 * Return: 0 or -errno (-ENOENT: there is none).
 */
int gallery_load(int dir_fd, const char *name, Gallery **ret_gallery);

Gallery *gallery_free(Gallery *gallery);

const char *gallery_name(const Gallery *gallery);

/** gallery_is_damaged() - Whether nothing but its name can be asked of it. */
bool gallery_is_damaged(const Gallery *gallery);

/** gallery_has_shape() - Whether it was created with these. */
bool gallery_has_shape(const Gallery *gallery, const GalleryShape *shape);

/** gallery_epoch() - How often it was changed. */
uint64_t gallery_epoch(const Gallery *gallery);

/** gallery_n_templates() - How many templates it holds. */
uint64_t gallery_n_templates(const Gallery *gallery);

/* All templates in the order in which they came, and rows in between that hold none. */
typedef struct GalleryRows {
        size_t n;
        size_t stride; /* floats from one row to the next: the dimension, padded for worker/kernel.h */
        const float *vectors;
        const double *squares; /* squared norms; 0 for a row that holds no template */
        const uint32_t *subjects;
} GalleryRows;

/** gallery_rows() - Everything there is to search; borrowed until the next change. */
GalleryRows gallery_rows(const Gallery *gallery);

/** gallery_subject() - The name behind a number in GalleryRows; borrowed until the next change. */
const char *gallery_subject(const Gallery *gallery, uint32_t number);

/** gallery_find() - The number of a subject. Return: whether it has a template. */
bool gallery_find(const Gallery *gallery, const char *subject, uint32_t *ret_number);

/** gallery_list() - As subjects_after(). */
size_t gallery_list(const Gallery *gallery, const char *after, size_t limit, const char **ret_names);

/* A template to be stored, judged before by kernel_read_vector(). */
typedef struct GalleryEntry {
        const char *subject;
        const uint8_t *vector;
} GalleryEntry;

/**
 * gallery_add() - Stores templates, all or none.
 * Return: 0, GALLERY_E_NO_SPACE, or -errno, after which this process must not go on.
 */
int gallery_add(Gallery *gallery, const GalleryEntry *entries, uint32_t n);

/**
 * gallery_remove() - Removes a subject's templates, from memory and, overwritten, from the disk.
 * Return: 0, GALLERY_E_NO_SUBJECT, GALLERY_E_NO_SPACE, or -errno as above.
 */
int gallery_remove(Gallery *gallery, const char *subject, uint32_t *ret_n);
