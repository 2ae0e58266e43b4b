#pragma once
/*
 * What the kernels of device-cuda.cu take, for who launches them (device-cuda.c) and for themselves. In C and in CUDA's C++.
 *
 * Lines: both blocks of rows and groups of columns hold, for each four dimensions, a line of 64 words of four bytes, one a row or a column. A column is
 * one digit of a probe. Where probes have two, those of a probe are two columns side by side, and its bound is tested with the first: the floor of
 * the second is one that nothing reaches.
 */

#include <stdint.h>

enum {
        CUDA_ROWS = 64,                 /* of a block, and columns of a group */
        CUDA_LINE_SIZE = CUDA_ROWS * 4, /* bytes */
        CUDA_BASE = 64,                 /* what a first digit counts where there are two */
        CUDA_NARROW_WARPS = 4,          /* of narrow kernels, each with a block */
        CUDA_NARROW_DEPTH = 8,          /* loads that a lane waits for at once */
        CUDA_TILE_BLOCKS = 2,           /* of rows, in a tile */
        CUDA_TILE_WARPS = 8,
        CUDA_WARP = 32,
        CUDA_STAGE_LINES = 16, /* that are copied to shared memory at once */
        CUDA_STAGES_16 = 4,    /* that are in shared memory, of tiles of so many columns; */
        CUDA_STAGES_64 = 4,    /* some processors have no more than 99 KiB for a block of threads */
        CUDA_STAGES_256 = 3,
        CUDA_PAD = 8, /* words between lines in shared memory, see device-cuda.cu */
};

/* What is added to a column's sums and multiplies them. */
typedef struct CudaColumn {
        int32_t start;
        float scale;
        float slack;
} CudaColumn;

/* A row whose bound reached the floor of the probe in whose list it is. */
typedef struct CudaHit {
        uint32_t row;
        float upper;
} CudaHit;

/* Addresses are the device's: numbers for who launches kernels. */
#ifdef __cplusplus
#define CUDA_AT(type) type *
#else
#define CUDA_AT(type) uint64_t
#endif

typedef struct CudaScan {
        CUDA_AT(const uint8_t) blocks;
        CUDA_AT(const uint8_t)
        digits; /* groups of columns, full ones: what lies beyond the last column is zero */
        CUDA_AT(const CudaColumn) columns; /* as many as the tiles have */
        CUDA_AT(const float) floors;       /* likewise */
        CUDA_AT(uint32_t) counts;          /* a probe; zero at the start */
        CUDA_AT(CudaHit) hits;             /* `most` a probe */
        uint32_t n_blocks, first, n, step; /* as in DeviceScan */
        uint32_t n_lines;                  /* of a block and of a group */
        uint32_t column_tiles;
        uint32_t two;  /* 1: probes have two digits; else 0 */
        uint32_t most; /* rows a probe */
} CudaScan;

/* Shared memory of a block of threads, in bytes, with what is kept of columns and of rows there. */
#define CUDA_COLUMN_SIZE                     16
#define CUDA_NARROW_SHARED(columns, n_lines) ((columns) * (CUDA_COLUMN_SIZE + 4 * (n_lines)))
#define CUDA_WIDTH(columns)                  ((columns) < CUDA_ROWS ? (columns) : CUDA_ROWS)
#define CUDA_STAGE_WORDS(columns)                                                                            \
        (CUDA_STAGE_LINES * (CUDA_TILE_BLOCKS * (CUDA_ROWS + CUDA_PAD) +                                     \
                             (columns) / CUDA_WIDTH(columns) * (CUDA_WIDTH(columns) + CUDA_PAD)))
#define CUDA_TILE_SHARED(columns, stages)                                                                    \
        ((columns)*CUDA_COLUMN_SIZE + CUDA_TILE_BLOCKS * CUDA_ROWS * 8 +                                     \
         (stages)*4 * CUDA_STAGE_WORDS(columns))
