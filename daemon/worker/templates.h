#pragma once
/*
 * The templates of a gallery as a search reads them: one row a template, in the order in which they came, and rows in between that
 * hold none. What every search reads from end to end (blocks) is apart from what it reads of a few rows only (originals).
 */

#include <stddef.h>
#include <stdint.h>

#include "worker/original.h"

typedef struct Templates {
        size_t n_rows;
        size_t dimension;
        const uint8_t *
                blocks; /* CODES_ROWS rows each, worker/codes.h; aligned to 64; rows beyond n_rows hold no template */
        const uint32_t *subjects; /* whose template a row holds, SUBJECTS_NONE: it holds none */
        Originals originals;

        /* For who keeps a copy of the blocks. Both come from one clock of the process, which no two changes share. */
        uint64_t identity;      /* of these rows by these numbers; 0: nothing is known of what changes */
        const uint64_t *stamps; /* a block: when it last changed; NULL where none ever does */
        uint64_t changed;       /* the highest of them, 0 where there are none */
} Templates;
