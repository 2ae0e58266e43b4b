#pragma once
/*
 * One gallery: what the rest of the worker knows of how templates are kept. In memory for searching, in
 * files (worker/store.h) for keeping; whatever changes is durable before the function returns. Many threads search it, one
 * thread changes it: that one need not hold it for what it asks.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/templates.h"

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
 * gallery_load() - Reads a gallery of the folder. A damaged one comes back too, and says so; why, as far as somebody can do something about it, is in the log.
 * Return: 0 or -errno (-ENOENT: there is none).
 */
int gallery_load(int dir_fd, const char *name, Gallery **ret_gallery);

Gallery *gallery_free(Gallery *gallery);

/** gallery_name(), gallery_is_damaged() and gallery_has_shape() may be asked by any thread at any time. */
const char *gallery_name(const Gallery *gallery);

/** gallery_is_damaged() - Whether nothing but its name can be asked of it. */
bool gallery_is_damaged(const Gallery *gallery);

/** gallery_has_shape() - Whether it was created with these. */
bool gallery_has_shape(const Gallery *gallery, const GalleryShape *shape);

/** gallery_epoch() - How often it was changed; of a held gallery. */
uint64_t gallery_epoch(const Gallery *gallery);

/** gallery_numbering() - How often its rows were numbered anew, which changes nothing of what it holds; likewise. Their numbers hold until then. */
uint64_t gallery_numbering(const Gallery *gallery);

/** gallery_n_templates() - How many templates it holds; likewise. */
uint64_t gallery_n_templates(const Gallery *gallery);

/**
 * gallery_hold() - From now on the gallery does not change, until gallery_release(). Any number of threads may hold it; a change waits for
 * all of them, and who comes after it waits for the change. What follows may be asked of a held gallery only.
 */
void gallery_hold(Gallery *gallery);
void gallery_release(Gallery *gallery);

/** gallery_templates() - Everything there is to search; borrowed while it is held. */
Templates gallery_templates(const Gallery *gallery);

#define GALLERY_NO_ROW SIZE_MAX

/** gallery_first_row(), gallery_next_row() - The rows of a subject, in the order in which they came; GALLERY_NO_ROW after the last. */
size_t gallery_first_row(const Gallery *gallery, uint32_t subject);
size_t gallery_next_row(const Gallery *gallery, size_t row);

/** gallery_n_templates_of() - How many templates the subject has. */
uint64_t gallery_n_templates_of(const Gallery *gallery, uint32_t subject);

/** gallery_has_lost() - Whether templates have been lost to the disk since the start: what was found meanwhile is worth nothing. Any thread, while it is held. */
bool gallery_has_lost(const Gallery *gallery);

/** gallery_found_damaged() - A template was not as it was stored: from now on the gallery is damaged. Any thread, while it is held. */
void gallery_found_damaged(Gallery *gallery);

/** gallery_subject() - The name behind a number in Templates; borrowed while the gallery is held. */
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

/**
 * gallery_tidy() - Writes the files anew where removals have left more than half of them empty, and the disk has room: as a start does. It takes as long as writing
 * them does, so nobody should wait for it; searches go on.
 * @stop:       not zero: this process ends, and leaves it to the next start; NULL: it does not
 *
 * Return: 0 or -errno as above.
 */
int gallery_tidy(Gallery *gallery, const atomic_int *stop);
