#pragma once
/* Exports for tests, made without the code that reads or checks them. */

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/tree.h"

#define MAKE_EXPORT_ORIGIN "log.example"

typedef struct MakeExport {
        char dir[64];
        size_t n;
        Buffer *leaves; /* may be changed before it is written */
} MakeExport;

/** make_export_new() - Begins an export in a new folder. */
void make_export_new(MakeExport *maker);

/** make_export_add() - Adds a leaf by its spec (make-leaf.h). */
void make_export_add(MakeExport *maker, const char *spec);

/** make_export_fill() - Adds a start, a policy and then denials, until there are @n leaves. */
void make_export_fill(MakeExport *maker, size_t n);

/** make_export_write() - Writes all files for the tree of the leaves so far; files of smaller trees stay. */
void make_export_write(const MakeExport *maker);

/** make_export_head() - Size and root. */
TreeHead make_export_head(const MakeExport *maker);

/** make_export_note() - Appends the checkpoint of a tree, signed by the log and by an epoch. */
void make_export_note(const TreeHead *head, uint64_t epoch, Buffer *buffer);

/** make_export_end_epoch() - Adds the leaf that ends an epoch and names the next one's key. */
void make_export_end_epoch(MakeExport *maker, uint64_t epoch);

/** make_export_path() - A path in the export, good until the next call. */
const char *make_export_path(const MakeExport *maker, const char *name);

/** make_export_put() - Writes a file into the export. */
void make_export_put(const MakeExport *maker, const char *name, const void *data, size_t n);

/** make_export_flip() - Flips bits of one byte of a file. Return: whether the file has that byte. */
bool make_export_flip(const MakeExport *maker, const char *name, size_t at, uint8_t bits);

/** make_export_remove() - Removes the export. */
void make_export_remove(MakeExport *maker);
