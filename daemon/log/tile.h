#pragma once
/*
 * Names and bytes of tiles and entry bundles (c2sp.org/tlog-tiles).
 *
 *   tile/<L>/<N>[.p/<W>]         W (256 when full) hashes of level 8*L, 32 bytes each
 *   tile/entries/<N>[.p/<W>]     W entries: u16 length, big-endian, then the leaf
 *
 * N is written in groups of three digits, all but the last with an x before it: 1234067 is x001/x234/067.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
        TILE_WIDTH = 256,
        TILE_HEIGHT = 8,
        TILE_PATH_MAX = 96,
};

/** tile_path() - Writes the path of a tile; @width 256 for a full one, else 1 to 255. */
void tile_path(unsigned level, uint64_t n, unsigned width, char ret_path[static TILE_PATH_MAX]);

/** tile_entries_path() - Writes the path of an entry bundle. */
void tile_entries_path(uint64_t n, unsigned width, char ret_path[static TILE_PATH_MAX]);

/** tile_entries_put() - Appends one entry; a leaf over 65,535 bytes fails the buffer. */
void tile_entries_put(Buffer *buffer, const void *leaf, size_t n);

/**
 * tile_entries_next() - Takes the next entry off a bundle.
 * @data, @n:   what is left of the bundle; moved behind the entry
 * @ret_leaf:   the entry, in place
 *
 * Return: whether there was a whole one. A bundle is sound when exactly W entries use up its bytes.
 */
bool tile_entries_next(const uint8_t **data, size_t *n, const uint8_t **ret_leaf, size_t *ret_n_leaf);
