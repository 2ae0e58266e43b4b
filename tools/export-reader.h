#pragma once
/*
 * Reads an export of the trail (C2SP tlog-tiles): the signed checkpoint, bundles of leaves, tiles of hashes.
 * Works on any copy on any machine, also while the service goes on writing: the tree that is read is the one
 * whose checkpoint was there when the export was opened.
 *
 * Believes the checkpoint's signature and nothing else: who reads leaves or tiles here has to check them, by
 * tools/export-proof.h or by tools/tile-stack.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/note.h"
#include "log/tile.h"
#include "log/tree.h"

#define EXPORT_DEFAULT_DIR "/var/lib/matchguard/export"

typedef struct Export {
        int dir_fd;
        NoteVerifier verifier;
        bool own_key; /* the key came with the export, so that it proves nothing about who wrote it */
        TreeHead head;
        char *note;  /* the checkpoint's text */
        Buffer file; /* what was read last, kept for its memory */
} Export;

#define EXPORT_INIT ((Export){.dir_fd = -1})

void export_deinit(Export *export);

enum {
        EXPORT_E_UNREADABLE = 1, /* a file is missing, is none, or is too large */
        EXPORT_E_MALFORMED = 2,  /* a file is not what its name says */
        EXPORT_E_UNSIGNED = 3,   /* the checkpoint is not signed by the key, or is another log's */
};

/* Where an export lies and whom it must be signed by. */
typedef struct ExportSource {
        const char *dir;
        const char *vkey; /* a verifier key as text, or the path of a file with one; NULL: log.vkey of the
                             export */
} ExportSource;

/**
 * export_open() - Opens an export and believes its checkpoint, or does not.
 * @ret_export: to be given to export_deinit()
 * @ret_why:    on a positive ending what is wrong, a line for people, for free()
 *
 * Return: 0, EXPORT_E_*, -ENOMEM.
 */
int export_open(const ExportSource *source, Export *ret_export, char **ret_why);

/** export_n_bundles() - How many bundles hold the leaves of the tree; the last one may be partial. */
uint64_t export_n_bundles(const Export *export);

/**
 * export_width() - How many entries tile @n of @level has in the tree: TILE_WIDTH, fewer for the last, or 0.
 */
unsigned export_width(const Export *export, unsigned level, uint64_t n);

/* Up to 256 leaves in their order. */
typedef struct Bundle {
        uint64_t first; /* index of the first leaf */
        unsigned n;
        const uint8_t *leaves[TILE_WIDTH]; /* in place, in `bytes` */
        size_t sizes[TILE_WIDTH];
        Buffer bytes;
} Bundle;

#define BUNDLE_INIT ((Bundle){})

void bundle_deinit(Bundle *bundle);

/**
 * bundle_split() - Finds the entries in the bytes of a bundle.
 * @bundle:     with its bytes; `n` says how many entries are wanted
 * @exact:      whether these must use up the bytes
 *
 * Return: whether they are there.
 */
bool bundle_split(Bundle *bundle, bool exact);

/**
 * export_read_bundle() - Reads bundle @n of the tree.
 * @bundle:     BUNDLE_INIT, or one that was read before, whose memory is used again
 * @ret_why:    as above
 *
 * Where the partial file is no longer there, a wider one of the same place serves, as C2SP says.
 * Return: 0, EXPORT_E_UNREADABLE, EXPORT_E_MALFORMED, -ENOMEM.
 */
int export_read_bundle(Export *export, uint64_t n, Bundle *bundle, char **ret_why);

/* Hashes of one tile. */
typedef struct Tile {
        unsigned level;
        uint64_t n;
        unsigned width; /* 0: nothing was read */
        Digest hashes[TILE_WIDTH];
} Tile;

/**
 * export_read_tile() - Reads a tile of the tree.
 * @tile:       `level` and `n` say which one; the rest is set
 *
 * Return: as export_read_bundle().
 */
int export_read_tile(Export *export, Tile *tile, char **ret_why);

/**
 * export_read_file() - Appends a whole regular file of the export to @buffer; never waits for a pipe.
 * @max:        most bytes accepted
 *
 * Return: 0, or -errno.
 */
int export_read_file(const Export *export, const char *path, size_t max, Buffer *buffer);

/**
 * export_read_vkey() - A verifier key from its text, or from a file with one.
 * @ret_why:    on a positive ending what is wrong, for free()
 *
 * Return: 0, EXPORT_E_UNREADABLE, EXPORT_E_MALFORMED, -ENOMEM.
 */
int export_read_vkey(const char *vkey, NoteVerifier *ret_verifier, char **ret_why);

/** export_read_own_vkey() - The same from a file of the export itself. */
int export_read_own_vkey(const Export *export, const char *path, NoteVerifier *ret_verifier, char **ret_why);

/**
 * export_own_vkey_differs() - Whether the export holds a verifier key under that name, and it is not this very
 * text: who takes it from there would believe another. Return: 0, 1 where it does, or -errno.
 */
int export_own_vkey_differs(const Export *export, const char *path, const NoteVerifier *verifier);

/** export_read_path() - As export_read_file(), for a file anywhere. */
int export_read_path(const char *path, size_t max, Buffer *buffer);
