#pragma once
/*
 * Export: the thread that keeps the exported log at most a second behind the committed one. It is fed from
 * memory and never reads the database.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "trail/publisher.h"

typedef struct Export Export;

enum { EXPORT_LAG_MAX = 64 * 1024 * 1024 }; /* bytes of leaves that may wait */

/**
 * export_new() - An export that has caught up.
 * @publisher:  taken over on success
 * @path:       of the export's folder, for people; borrowed
 *
 * Return: 0 or -errno.
 */
int export_new(Export **ret_export, Publisher *publisher, const char *path);

/** export_start() - Starts the thread. Return: 0 or -errno. */
int export_start(Export *export);

/** export_free() - Publishes what was fed, where there is room, and stops; takes NULL, returns NULL. */
Export *export_free(Export *export);

DEFINE_CLEANUP(Export *, export_free);

/**
 * export_feed() - Hands over committed leaves, copied, and the checkpoint over them. Never waits for the
 * disk.
 *
 * Return: 0 or -ENOMEM.
 */
int export_feed(Export *export, const PublisherLeaf *leaves, size_t n_leaves, const char *note);

/** export_lags() - Whether more than EXPORT_LAG_MAX bytes wait; any thread. */
bool export_lags(Export *export);

/** export_fault() - Why nothing is published, for free(); NULL: nothing is wrong. Any thread. */
char *export_fault(Export *export);

/** export_size() - The size of the published checkpoint; any thread. */
uint64_t export_size(const Export *export);

/**
 * export_pause() - While paused nothing is written, so that what room is left goes to the log; any thread.
 */
void export_pause(Export *export, bool pause);
