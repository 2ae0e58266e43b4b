#pragma once
/*
 * All galleries of one folder, which nobody else may use meanwhile. Any thread may look for one while another creates one.
 */

#include <pthread.h>

#include "worker/gallery.h"

typedef struct Galleries {
        int dir_fd;
        pthread_mutex_t lock; /* over all that follows, once there are threads */
        Gallery **items;      /* sorted by name */
        size_t n;
} Galleries;

#define GALLERIES_INIT ((Galleries){.dir_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER})

enum { GALLERIES_E_IN_USE = 1 /* another process has the folder */ };

/**
 * galleries_claim() - Opens a folder and locks it for this process, which from now on outlives faults of the disk under it (worker/mapping.h).
 * Return: 0, GALLERIES_E_IN_USE, or -errno.
 */
int galleries_claim(Galleries *galleries, const char *path);

/** galleries_load() - Reads every gallery in the claimed folder; damaged ones too, and those of which files are missing. Return: 0 or -errno. */
int galleries_load(Galleries *galleries);

/** galleries_deinit() - Lets go of everything; safe on GALLERIES_INIT and twice. */
void galleries_deinit(Galleries *galleries);

/** galleries_find() - The gallery of that name, or NULL. */
Gallery *galleries_find(Galleries *galleries, const char *name);

/** galleries_create() - Begins a gallery that is not there; one thread alone. Return: as gallery_create(). */
int galleries_create(Galleries *galleries, const char *name, const GalleryShape *shape,
                     Gallery **ret_gallery);
