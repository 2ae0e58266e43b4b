#pragma once
/*
 * Tape: everything that a run did to the disk, in order, so that every state can be built again that the disk
 * may have been left in. Files and folders are nodes, as inodes are: a name belongs to the folder that holds
 * it, and is durable when that folder was synced, whatever became of the file.
 *
 * What a node is after some of the ops is an Image.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"

typedef enum OpKind {
        OP_WRITE,  /* file: `bytes` at `offset` */
        OP_RESIZE, /* file: cut or extended to `offset` bytes */
        OP_LINK,   /* folder: `name` is `target` from now on */
        OP_UNLINK, /* folder: `name` goes */
        OP_MOVE, /* folder: `from` becomes `name`, which is `target`; one step, as renames in a folder are */
        OP_SYNC, /* what was done to the node is durable */
        OP_SYNC_ALL, /* what was done to any */
        OP_TOLD,     /* not the disk's: the first `offset` leaves were told of as durable */
} OpKind;

typedef struct Op {
        OpKind kind;
        unsigned node;
        uint64_t offset;
        uint8_t *bytes;
        size_t n;
        char *name, *from;
        unsigned target;
} Op;

typedef struct Tape {
        Op *ops;
        size_t n_ops, capacity;
        bool *folders; /* of each node; node 0 is the root folder */
        unsigned n_nodes;
        size_t n_base; /* ops that only say what was there before the run, all of it durable */
} Tape;

enum { TAPE_ROOT = 0 };

void tape_init(Tape *tape);
void tape_deinit(Tape *tape);

/** tape_node() - A new node. Return: its number. */
unsigned tape_node(Tape *tape, bool folder);

/** tape_add() - Appends an op; bytes and names are copied. */
void tape_add(Tape *tape, const Op *op);

/** op_changes() - Whether an op changes its node, so that a power cut may undo it. */
bool op_changes(const Op *op);

typedef struct ImageEntry {
        const char *name; /* the tape's */
        unsigned node;
} ImageEntry;

typedef struct Image {
        uint8_t *bytes;
        size_t n, capacity;
        ImageEntry *entries; /* of a folder, by name */
        size_t n_entries;
        bool hashed;
        Digest hash;
} Image;

void image_deinit(Image *image);

/** image_copy() - Makes one image what another is; memory is reused. */
void image_copy(Image *image, const Image *other);

/** image_apply() - Does an op; of a write only the first @n bytes. */
void image_apply(Image *image, const Op *op, size_t n);

/** image_hash() - A digest of a file's bytes; computed once, until they change. */
const Digest *image_hash(Image *image);

/** image_find() - Return: the entry of a folder, or NULL. */
const ImageEntry *image_find(const Image *image, const char *name);
