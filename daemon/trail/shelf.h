#pragma once
/*
 * Shelf: how files appear in the export. Each appears whole or not at all, and what was settled stays after a
 * power cut. Files are gathered and synced together, because a sync for each would be slower than the log.
 */

#include <stddef.h>

#include "base/macro.h"

typedef struct Shelf Shelf;

/**
 * shelf_new() - A shelf over a folder, with what an earlier one left unfinished thrown away.
 * @folder_fd:  borrowed for as long as the shelf lives
 *
 * Return: 0 or -errno.
 */
int shelf_new(Shelf **ret_shelf, int folder_fd);

/** shelf_free() - Throws away what was not settled; takes NULL, returns NULL. */
Shelf *shelf_free(Shelf *shelf);

DEFINE_CLEANUP(Shelf *, shelf_free);

/**
 * shelf_put() - Prepares one file; its folders are made.
 *
 * It appears at the next settle at the latest. Return: 0 or -errno, and nothing that was not settled appears.
 */
int shelf_put(Shelf *shelf, const char *path, const void *data, size_t n);

/** shelf_settle() - Makes all prepared files appear, durably. Return: 0 or -errno; then some may have. */
int shelf_settle(Shelf *shelf);
