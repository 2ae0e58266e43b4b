#pragma once
/*
 * Publisher: turns leaves into the files of a C2SP tlog-tiles log: entry bundles, hash tiles, checkpoint.
 * Knows the right edge of the tree as far as its unfinished tiles need it; knows no database and no key.
 *
 * Not for use from two threads at once.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "log/tree.h"

typedef struct Publisher Publisher;

typedef struct PublisherStart {
        int export_fd;            /* borrowed for as long as the publisher lives */
        uint64_t size;            /* a multiple of 256: leaves that are published already */
        const NodeSource *source; /* gives the nodes of that tree; not used afterwards */
} PublisherStart;

/** publisher_new() - A publisher that goes on behind @start. Return: 0 or -errno. */
int publisher_new(Publisher **ret_publisher, const PublisherStart *start);

/** publisher_free() - Takes NULL, returns NULL. */
Publisher *publisher_free(Publisher *publisher);

DEFINE_CLEANUP(Publisher *, publisher_free);

typedef struct PublisherLeaf {
        const uint8_t *bytes;
        size_t n;
        const Digest *hash;
} PublisherLeaf;

/** publisher_add() - Adds the next leaf, in memory. Return: 0 or -ENOMEM. */
int publisher_add(Publisher *publisher, const PublisherLeaf *leaf);

/**
 * publisher_publish() - Writes what was added since the last call: tiles and bundles first, the checkpoint
 * last.
 * @note:       the checkpoint over all leaves that were added; NULL writes only what is full
 *
 * Return: 0, or -errno; where there was no room the same call may be made again.
 */
int publisher_publish(Publisher *publisher, const char *note);

/** publisher_folder() - The export's folder; borrowed. */
int publisher_folder(const Publisher *publisher);

/** publisher_size() - How many leaves were added or were there. */
uint64_t publisher_size(const Publisher *publisher);

/** publisher_waiting() - Bytes of full bundles and tiles that wait to be written. */
size_t publisher_waiting(const Publisher *publisher);
