#pragma once
/*
 * Copies (worker/copies.h) of a few galleries on a device that is played here: the test can look into its memory, also where that was given back, and lets
 * its calls and those of malloc(3) fail. Everything of it is one thing, anew for each test.
 */

#include <criterion/criterion.h>

#include "worker/blocks.h"
#include "worker/copies.h"

enum {
        RIG_DIMENSION = 16,
        RIG_ROWS_MAX = 5000,   /* of a gallery */
        RIG_MEMORY_MAX = 4000, /* pieces of memory, given back or not */
        RIG_GALLERIES = 3,
};

#define RIG_BLOCK_SIZE codes_block_size(RIG_DIMENSION)

struct DeviceMemory {
        uint8_t *data;
        size_t size;
        bool is_there; /* not given back yet */
};

typedef struct RigDevice {
        DeviceFacts facts;
        uint64_t capacity; /* what it really has */
        uint64_t most;     /* the limit that the copies are to keep; 0: none */
        DeviceMemory memory[RIG_MEMORY_MAX];
        size_t n_memory;
        size_t n_calls;
        size_t fails_at;  /* the call of this number, from 1; 0: none */
        int failure;      /* with what */
        size_t n_refused; /* for lack of room */
        uint64_t written; /* bytes */
        size_t n_written; /* calls */
} RigDevice;

/* Templates by one numbering. Each row has a code of its own. */
typedef struct RigBody {
        Blocks blocks;
        size_t n_rows;
        uint64_t codes[RIG_ROWS_MAX]; /* what rig_code_at() says of it; 0: it holds none */
} RigBody;

typedef struct Rig {
        RigDevice device;
        RigBody bodies[RIG_GALLERIES];
        Copies *copies;
        uint64_t limit;
        uint64_t chance;
        size_t host_fails_at; /* the allocation of this number, from 1; 0: none */
} Rig;

extern Rig rig;

/** rig_set_up(), rig_clear() - For each test. */
void rig_set_up(void);
void rig_clear(void);

/** rig_begin() - Everything anew, with so many blocks for templates. */
void rig_begin(uint64_t n_blocks);

/** rig_append(), rig_drop() - Changes a gallery by some rows at its end, or takes one out; the device is not told. */
void rig_append(RigBody *body, size_t n);
void rig_drop(RigBody *body, size_t row);

/** rig_end_gallery() - Forgets a gallery that is no more; another one may begin in its stead. */
void rig_end_gallery(RigBody *body);

Templates rig_templates_of(const RigBody *body);

/** rig_code_at() - A row's code, folded; 0 for one that holds no template. */
uint64_t rig_code_at(const uint8_t *block, size_t row);

/** rig_search() - Searches a gallery: each part is what is there, and all of them are all of it. */
void rig_search(const RigBody *body);

/** rig_try_search() - Likewise. Return: 0, or what the copies say. */
int rig_try_search(const Templates *templates, DeviceWhy *ret_why);

/** rig_check() - Between searches: on the device are templates of the galleries only, each once; and no more than there may be. */
void rig_check(void);

/** rig_there(), rig_blocks_there() - Bytes, and blocks, of the device that are not given back. */
uint64_t rig_there(void);
size_t rig_blocks_there(void);

/** rig_written() - Bytes since it was last asked. */
uint64_t rig_written(void);
