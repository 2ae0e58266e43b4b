/* Ops and images. Memory that runs out ends the test. */

#include "tape.h"

#include <stdlib.h>
#include <string.h>

#include "must.h"

void tape_init(Tape *tape)
{
        *tape = (Tape){};
        (void)tape_node(tape, true);
}

void tape_deinit(Tape *tape)
{
        for (size_t i = 0; i < tape->n_ops; i++) {
                free(tape->ops[i].bytes);
                free(tape->ops[i].name);
                free(tape->ops[i].from);
        }
        free(tape->ops);
        free(tape->folders);
        *tape = (Tape){};
}

unsigned tape_node(Tape *tape, bool folder)
{
        tape->folders = reallocarray(tape->folders, tape->n_nodes + 1, sizeof(*tape->folders));
        MUST(tape->folders);
        tape->folders[tape->n_nodes] = folder;
        return tape->n_nodes++;
}

void tape_add(Tape *tape, const Op *op)
{
        if (tape->n_ops == tape->capacity) {
                tape->capacity = tape->capacity > 0 ? 2 * tape->capacity : 1024;
                tape->ops = reallocarray(tape->ops, tape->capacity, sizeof(*tape->ops));
                MUST(tape->ops);
        }
        Op *copy = &tape->ops[tape->n_ops++];
        *copy = *op;
        copy->bytes = NULL;
        if (op->n > 0) {
                MUST(copy->bytes = malloc(op->n));
                memcpy(copy->bytes, op->bytes, op->n);
        }
        copy->name = op->name ? strdup(op->name) : NULL;
        copy->from = op->from ? strdup(op->from) : NULL;
}

bool op_changes(const Op *op)
{
        return op->kind != OP_SYNC && op->kind != OP_SYNC_ALL && op->kind != OP_TOLD;
}

void image_deinit(Image *image)
{
        free(image->bytes);
        free(image->entries);
        *image = (Image){};
}

static void image_reserve(Image *image, size_t n)
{
        if (n <= image->capacity)
                return;
        image->capacity = 2 * n;
        MUST(image->bytes = realloc(image->bytes, image->capacity));
}

void image_copy(Image *image, const Image *other)
{
        image_reserve(image, other->n);
        if (other->n > 0)
                memcpy(image->bytes, other->bytes, other->n);
        image->n = other->n;
        image->entries = reallocarray(image->entries, other->n_entries + 1, sizeof(*image->entries));
        MUST(image->entries);
        if (other->n_entries > 0)
                memcpy(image->entries, other->entries, other->n_entries * sizeof(*image->entries));
        image->n_entries = other->n_entries;
        image->hashed = other->hashed;
        image->hash = other->hash;
}

static void image_resize(Image *image, size_t n)
{
        image_reserve(image, n);
        if (n > image->n)
                memset(image->bytes + image->n, 0, n - image->n);
        image->n = n;
}

static void image_write(Image *image, const Op *op, size_t n)
{
        if (n == 0)
                return;
        if (op->offset + n > image->n)
                image_resize(image, op->offset + n);
        memcpy(image->bytes + op->offset, op->bytes, n);
}

const ImageEntry *image_find(const Image *image, const char *name)
{
        for (size_t i = 0; i < image->n_entries; i++)
                if (strcmp(image->entries[i].name, name) == 0)
                        return &image->entries[i];
        return NULL;
}

static void image_unlink(Image *image, const char *name)
{
        const ImageEntry *entry = image_find(image, name);
        if (!entry)
                return;
        size_t at = (size_t)(entry - image->entries);
        image->n_entries--;
        memmove(image->entries + at, image->entries + at + 1,
                (image->n_entries - at) * sizeof(*image->entries));
}

static void image_link(Image *image, const char *name, unsigned node)
{
        size_t at = 0;

        image_unlink(image, name);
        image->entries = reallocarray(image->entries, image->n_entries + 1, sizeof(*image->entries));
        MUST(image->entries);
        while (at < image->n_entries && strcmp(image->entries[at].name, name) < 0)
                at++;
        memmove(image->entries + at + 1, image->entries + at,
                (image->n_entries - at) * sizeof(*image->entries));
        image->entries[at] = (ImageEntry){name, node};
        image->n_entries++;
}

void image_apply(Image *image, const Op *op, size_t n)
{
        image->hashed = false;
        switch (op->kind) {
        case OP_WRITE:
                image_write(image, op, n);
                break;
        case OP_RESIZE:
                image_resize(image, op->offset);
                break;
        case OP_MOVE:
                image_unlink(image, op->from);
                __attribute__((fallthrough));
        case OP_LINK:
                image_link(image, op->name, op->target);
                break;
        case OP_UNLINK:
                image_unlink(image, op->name);
                break;
        case OP_SYNC:
        case OP_SYNC_ALL:
        case OP_TOLD:
                break;
        }
}

const Digest *image_hash(Image *image)
{
        if (!image->hashed) {
                digest_of(image->bytes, image->n, &image->hash);
                image->hashed = true;
        }
        return &image->hash;
}
