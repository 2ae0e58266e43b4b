/*
 * Names and bytes of tiles. Pure. Written by the trail's export, read by the tool.
 */

#include "log/tile.h"

#include <stdio.h>

/* Appends N in groups of three digits, and the width of a partial tile. */
static void tile_path_number(uint64_t n, unsigned width, char *text, size_t size)
{
        unsigned groups[8];
        size_t n_groups = 0, at = 0;

        do {
                groups[n_groups++] = (unsigned)(n % 1000);
                n /= 1000;
        } while (n > 0);
        while (n_groups > 0) {
                n_groups--;
                at += (size_t)snprintf(text + at, size - at, n_groups > 0 ? "x%03u/" : "%03u",
                                       groups[n_groups]);
        }
        if (width != TILE_WIDTH)
                (void)snprintf(text + at, size - at, ".p/%u", width);
}

void tile_path(unsigned level, uint64_t n, unsigned width, char ret_path[static TILE_PATH_MAX])
{
        int at = snprintf(ret_path, TILE_PATH_MAX, "tile/%u/", level);
        tile_path_number(n, width, ret_path + at, TILE_PATH_MAX - (size_t)at);
}

void tile_entries_path(uint64_t n, unsigned width, char ret_path[static TILE_PATH_MAX])
{
        int at = snprintf(ret_path, TILE_PATH_MAX, "tile/entries/");
        tile_path_number(n, width, ret_path + at, TILE_PATH_MAX - (size_t)at);
}

void tile_entries_put(Buffer *buffer, const void *leaf, size_t n)
{
        if (n > UINT16_MAX) {
                buffer->failed = true;
                return;
        }
        const uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
        buffer_append(buffer, length, sizeof(length));
        buffer_append(buffer, leaf, n);
}

bool tile_entries_next(const uint8_t **data, size_t *n, const uint8_t **ret_leaf, size_t *ret_n_leaf)
{
        if (*n < 2)
                return false;
        size_t length = (size_t)(*data)[0] << 8 | (*data)[1];
        if (*n - 2 < length)
                return false;
        *ret_leaf = *data + 2;
        *ret_n_leaf = length;
        *data += 2 + length;
        *n -= 2 + length;
        return true;
}
