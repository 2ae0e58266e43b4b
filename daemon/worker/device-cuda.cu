/*
 * The scan on a GPU of NVIDIA's, as worker/scan-kernels.h says it, to the bit. device-cuda.c launches it.
 *
 * Narrow kernels are for one query: what counts is that the memory never waits. A warp takes a block; each lane takes four rows of every other line, and
 * has eight loads of 16 bytes on the way at any time. Sums of the two halves of the warp are added up at the end.
 *
 * Tile kernels are for batches: 128 rows by 16, 64 or 256 columns, by the tensor cores. Codes and digits come to shared memory 16 lines at a time, while
 * those before are multiplied. There is no matrix of products in memory: each thread tests the sums that it holds, and what reaches a floor is written out.
 * Tiles of the same rows are neighbours in the grid, so that their codes come from memory once, and else from the cache.
 *
 * Lines in shared memory are 8 words longer than they are wide. The lanes of a warp read, at once, 8 words of each of four lines; so these are 32 different
 * banks, whatever of 16 or 64 the width is.
 *
 * Floating point is by functions that say how they round, because compilers put a product and a sum together as they please.
 */

#include "worker/device-cuda-kernels.h"
#include "worker/device-cuda-ptx.h"

/* A column in shared memory, with its floor. */
struct alignas(CUDA_COLUMN_SIZE) Column {
        int32_t start;
        float scale, slack, floor;
};

struct Row {
        float scale, residual;
};

/* Which block is at a position. */
__device__ static uint32_t block_at(const CudaScan &scan, uint32_t position)
{
        return (uint32_t)((uint64_t)position * scan.step % scan.n_blocks);
}

__device__ static const uint8_t *block_codes(const CudaScan &scan, uint32_t block)
{
        return scan.blocks +
               (uint64_t)block * (scan.n_lines * CUDA_LINE_SIZE + 2 * CUDA_ROWS * sizeof(float));
}

__device__ static Row read_row(const CudaScan &scan, const uint8_t *codes, uint32_t row)
{
        const float *scales = (const float *)(codes + (uint64_t)scan.n_lines * CUDA_LINE_SIZE);

        return Row{__ldg(scales + row), __ldg(scales + CUDA_ROWS + row)};
}

__device__ static void read_columns(const CudaScan &scan, uint32_t first, uint32_t n, Column *ret_columns)
{
        for (uint32_t i = threadIdx.x; i < n; i += blockDim.x) {
                const CudaColumn column = scan.columns[first + i];
                ret_columns[i] = Column{column.start, column.scale, column.slack, scan.floors[first + i]};
        }
}

/* Tests a bound, of a row by its number among all, and writes it out where it reaches the floor and there is room. */
__device__ static void test(const CudaScan &scan, const Column &column, uint32_t number, float v, Row row,
                            uint32_t row_number)
{
        float upper = __fmaf_rn(v, __fmul_rn(row.scale, column.scale), __fadd_rn(row.residual, column.slack));

        if (!(upper >= column.floor))
                return;
        uint32_t probe = number >> scan.two;
        uint32_t place = atomicAdd(&scan.counts[probe], 1u);
        if (place < scan.most)
                scan.hits[(uint64_t)probe * scan.most + place] = CudaHit{row_number, upper};
}

/* Two columns side by side, the first of which has an even number: two probes, or the digits of one. */
__device__ static void test_pair(const CudaScan &scan, const Column (&columns)[2], uint32_t number,
                                 int32_t first, int32_t second, Row row, uint32_t row_number)
{
        float v1 = __int2float_rn(first + columns[0].start);
        float v2 = __int2float_rn(second + columns[1].start);

        test(scan, columns[0], number, scan.two ? __fmaf_rn((float)CUDA_BASE, v1, v2) : v1, row, row_number);
        test(scan, columns[1], number + 1, v2, row, row_number);
}

/* ------------------------------------------------------------------------------------------------------
 * narrow kernels */

/* What a warp adds up of a block: of a lane, four rows by all columns, in the lines of its half. */
template <int COLUMNS>
__device__ static void add_lines(const CudaScan &scan, const uint8_t *codes, const uint32_t *digits,
                                 int32_t (&sums)[4][COLUMNS])
{
        uint32_t half = threadIdx.x % CUDA_WARP / 16, quad = threadIdx.x % 16;

        for (uint32_t first = half; first < scan.n_lines; first += 2 * CUDA_NARROW_DEPTH) {
                uint4 words[CUDA_NARROW_DEPTH];
#pragma unroll
                for (uint32_t i = 0; i < CUDA_NARROW_DEPTH; i++) {
                        uint32_t line = first + 2 * i;
                        words[i] = make_uint4(0, 0, 0, 0);
                        if (line < scan.n_lines)
                                words[i] = __ldg((const uint4 *)(codes + line * CUDA_LINE_SIZE) + quad);
                }
#pragma unroll
                for (uint32_t i = 0; i < CUDA_NARROW_DEPTH; i++) {
                        /* Beyond the last line any digit will do: the words are zero. */
                        uint32_t line = first + 2 * i < scan.n_lines ? first + 2 * i : 0;
#pragma unroll
                        for (int column = 0; column < COLUMNS; column++) {
                                uint32_t digit = digits[line * COLUMNS + column];
                                sums[0][column] = dot4(words[i].x, digit, sums[0][column]);
                                sums[1][column] = dot4(words[i].y, digit, sums[1][column]);
                                sums[2][column] = dot4(words[i].z, digit, sums[2][column]);
                                sums[3][column] = dot4(words[i].w, digit, sums[3][column]);
                        }
                }
        }
}

template <int COLUMNS> __device__ static void scan_narrow(const CudaScan &scan)
{
        Column *columns = (Column *)shared_memory();
        uint32_t *digits = (uint32_t *)(columns + COLUMNS);
        uint32_t position = blockIdx.x * CUDA_NARROW_WARPS + threadIdx.x / CUDA_WARP;
        int32_t sums[4][COLUMNS] = {};

        read_columns(scan, 0, COLUMNS, columns);
        for (uint32_t i = threadIdx.x; i < scan.n_lines * COLUMNS; i += blockDim.x)
                digits[i] = ((const uint32_t *)scan.digits)[i / COLUMNS * CUDA_ROWS + i % COLUMNS];
        __syncthreads();
        if (position >= scan.n)
                return;

        uint32_t block = block_at(scan, scan.first + position), quad = threadIdx.x % 16;
        const uint8_t *codes = block_codes(scan, block);
        add_lines<COLUMNS>(scan, codes, digits, sums);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
                for (int column = 0; column < COLUMNS; column++)
                        sums[i][column] += __shfl_xor_sync(0xffffffff, sums[i][column], 16);
        if (threadIdx.x % CUDA_WARP >= 16)
                return;
#pragma unroll
        for (int i = 0; i < 4; i++) {
                Row row = read_row(scan, codes, 4 * quad + i);
#pragma unroll
                for (int column = 0; column < COLUMNS; column += 2) {
                        const Column pair[2] = {columns[column], columns[column + 1]};
                        test_pair(scan, pair, column, sums[i][column], sums[i][column + 1], row,
                                  block * CUDA_ROWS + 4 * quad + i);
                }
        }
}

/* ------------------------------------------------------------------------------------------------------
 * tile kernels */

/* A tile of COLUMNS columns; each warp has a part of it, of ROWS rows of one block by SIDE columns of one group. */
template <int COLUMNS, int ROWS, int SIDE, int STAGES> struct Tile {
        static constexpr int WIDTH = CUDA_WIDTH(COLUMNS); /* columns of a group that are read */
        static constexpr int GROUPS = COLUMNS / WIDTH;
        static constexpr int CODES_PITCH = CUDA_ROWS + CUDA_PAD; /* words from a line to the next */
        static constexpr int DIGITS_PITCH = WIDTH + CUDA_PAD;
        static constexpr int CODES_WORDS = CUDA_STAGE_LINES * CODES_PITCH;   /* of a block, in a stage */
        static constexpr int DIGITS_WORDS = CUDA_STAGE_LINES * DIGITS_PITCH; /* of a group */
        static constexpr int SIDES = COLUMNS / SIDE;                         /* warps side by side */

        static_assert(CUDA_TILE_BLOCKS * CUDA_ROWS / ROWS * SIDES == CUDA_TILE_WARPS, "each warp has a part");
        static_assert(CUDA_ROWS % ROWS == 0 && WIDTH % SIDE == 0, "of one block and one group");
        static_assert(CUDA_TILE_BLOCKS * CODES_WORDS + GROUPS * DIGITS_WORDS == CUDA_STAGE_WORDS(COLUMNS),
                      "as much memory as is asked for");

        struct Shared {
                Column columns[COLUMNS];
                Row rows[CUDA_TILE_BLOCKS * CUDA_ROWS];
                uint32_t stages[STAGES][CUDA_STAGE_WORDS(COLUMNS)];
        };
        static_assert(sizeof(Shared) == CUDA_TILE_SHARED(COLUMNS, STAGES), "as much memory as is asked for");

        /* What a block of threads works on. */
        const CudaScan &scan;
        Shared *shared;
        uint32_t column; /* the first */
        uint32_t blocks[CUDA_TILE_BLOCKS];
        bool there[CUDA_TILE_BLOCKS]; /* the last tile may have one block only */

        __device__ Tile(const CudaScan &scan_) : scan(scan_), shared((Shared *)shared_memory())
        {
                uint32_t position = blockIdx.x / scan.column_tiles * CUDA_TILE_BLOCKS;

                column = blockIdx.x % scan.column_tiles * COLUMNS;
#pragma unroll
                for (uint32_t i = 0; i < CUDA_TILE_BLOCKS; i++) {
                        there[i] = position + i < scan.n;
                        blocks[i] = there[i] ? block_at(scan, scan.first + position + i) : 0;
                }
        }

        /* In the place of a block that is not there is the first one, with rows that reach nothing. */
        __device__ void read_ends() const
        {
                read_columns(scan, column, COLUMNS, shared->columns);
                for (uint32_t i = threadIdx.x; i < CUDA_TILE_BLOCKS * CUDA_ROWS; i += blockDim.x) {
                        bool second = i >= CUDA_ROWS;
                        const uint8_t *codes = block_codes(scan, second ? blocks[1] : blocks[0]);
                        bool is_there = second ? there[1] : there[0];
                        shared->rows[i] = is_there ? read_row(scan, codes, i % CUDA_ROWS) : Row{0, -INFINITY};
                }
        }

        /* Begins to copy a stage's lines of a block or of a group; lines beyond the last are zeros. */
        template <int LINE_WORDS, int PITCH>
        __device__ void copy_lines(uint32_t *to, const uint8_t *from, uint32_t first) const
        {
                constexpr uint32_t pieces = LINE_WORDS / 4;

                for (uint32_t i = threadIdx.x; i < CUDA_STAGE_LINES * pieces;
                     i += CUDA_TILE_WARPS * CUDA_WARP) {
                        uint32_t line = i / pieces, piece = i % pieces;
                        copy_begin(to + line * PITCH + piece * 4,
                                   from + (uint64_t)(first + line) * CUDA_LINE_SIZE + piece * 16,
                                   first + line < scan.n_lines);
                }
        }

        /* Begins to copy stage @number, if there is such a one; a group of copies it is in any case. */
        __device__ void copy_stage(uint32_t number) const
        {
                uint32_t first = number * CUDA_STAGE_LINES;
                uint32_t *to = shared->stages[number % STAGES];
                uint64_t group_size = (uint64_t)scan.n_lines * CUDA_LINE_SIZE;
                const uint8_t *digits =
                        scan.digits + column / CUDA_ROWS * group_size + column % CUDA_ROWS * 4;

                if (first < scan.n_lines) {
#pragma unroll
                        for (int i = 0; i < CUDA_TILE_BLOCKS; i++)
                                copy_lines<CUDA_ROWS, CODES_PITCH>(to + i * CODES_WORDS,
                                                                   block_codes(scan, blocks[i]), first);
#pragma unroll
                        for (int i = 0; i < GROUPS; i++)
                                copy_lines<WIDTH, DIGITS_PITCH>(to + CUDA_TILE_BLOCKS * CODES_WORDS +
                                                                        i * DIGITS_WORDS,
                                                                digits + i * group_size, first);
                }
                copy_group();
        }
};

/* The part of a tile that a thread's warp has, and of that the sums that the thread holds. */
template <int COLUMNS, int ROWS, int SIDE, int STAGES> struct Part {
        typedef Tile<COLUMNS, ROWS, SIDE, STAGES> Whole;
        static constexpr int DOWN = ROWS / 16, ACROSS = SIDE / 8; /* products of 16 by 8 */

        const Whole &tile;
        uint32_t row, column; /* the first of the part, in the tile */
        uint32_t g, t;        /* of the lane, see multiply_add() */
        int32_t sums[DOWN][ACROSS][4];

        __device__ Part(const Whole &tile_) : tile(tile_), sums{}
        {
                uint32_t warp = threadIdx.x / CUDA_WARP;

                row = warp / Whole::SIDES * ROWS;
                column = warp % Whole::SIDES * SIDE;
                g = threadIdx.x % CUDA_WARP / 4;
                t = threadIdx.x % 4;
        }

        /* Eight lines: @codes and @digits are the words of this lane's first ones. */
        __device__ void multiply(const uint32_t *codes, const uint32_t *digits)
        {
                uint32_t left[DOWN][4], right[ACROSS][2];

#pragma unroll
                for (int i = 0; i < DOWN; i++) {
                        left[i][0] = codes[i * 16];
                        left[i][1] = codes[i * 16 + 8];
                        left[i][2] = codes[4 * Whole::CODES_PITCH + i * 16];
                        left[i][3] = codes[4 * Whole::CODES_PITCH + i * 16 + 8];
                }
#pragma unroll
                for (int j = 0; j < ACROSS; j++) {
                        right[j][0] = digits[j * 8];
                        right[j][1] = digits[4 * Whole::DIGITS_PITCH + j * 8];
                }
#pragma unroll
                for (int i = 0; i < DOWN; i++)
#pragma unroll
                        for (int j = 0; j < ACROSS; j++)
                                multiply_add(sums[i][j], left[i], right[j]);
        }

        __device__ void multiply_stage(uint32_t number)
        {
                const uint32_t *codes = tile.shared->stages[number % STAGES];
                const uint32_t *digits = codes + CUDA_TILE_BLOCKS * Whole::CODES_WORDS;

                codes += row / CUDA_ROWS * Whole::CODES_WORDS + t * Whole::CODES_PITCH + row % CUDA_ROWS + g;
                digits += column / Whole::WIDTH * Whole::DIGITS_WORDS + t * Whole::DIGITS_PITCH +
                          column % Whole::WIDTH + g;
#pragma unroll
                for (int line = 0; line < CUDA_STAGE_LINES; line += 8)
                        multiply(codes + line * Whole::CODES_PITCH, digits + line * Whole::DIGITS_PITCH);
        }

        __device__ void test_all() const
        {
                uint32_t block = row < CUDA_ROWS ? tile.blocks[0] : tile.blocks[1];

#pragma unroll
                for (int j = 0; j < ACROSS; j++) {
                        uint32_t at = column + j * 8 + 2 * t;
                        const Column pair[2] = {tile.shared->columns[at], tile.shared->columns[at + 1]};
#pragma unroll
                        for (int i = 0; i < 2 * DOWN; i++) {
                                uint32_t down = row + i * 8 + g;
                                test_pair(tile.scan, pair, tile.column + at, sums[i / 2][j][i % 2 * 2],
                                          sums[i / 2][j][i % 2 * 2 + 1], tile.shared->rows[down],
                                          block * CUDA_ROWS + down % CUDA_ROWS);
                        }
                }
        }
};

template <int COLUMNS, int ROWS, int SIDE, int STAGES> __device__ static void scan_tile(const CudaScan &scan)
{
        const Tile<COLUMNS, ROWS, SIDE, STAGES> tile(scan);
        Part<COLUMNS, ROWS, SIDE, STAGES> part(tile);
        uint32_t n_stages = (scan.n_lines + CUDA_STAGE_LINES - 1) / CUDA_STAGE_LINES;

        tile.read_ends();
        for (uint32_t i = 0; i < STAGES - 1; i++)
                tile.copy_stage(i);
        for (uint32_t i = 0; i < n_stages; i++) {
                copy_wait<STAGES - 2>();
                /* Stage i is there for all threads; and all are done with stage i - 1, whose place the next one takes. */
                __syncthreads();
                tile.copy_stage(i + STAGES - 1);
                part.multiply_stage(i);
        }
        part.test_all();
}

/* ------------------------------------------------------------------------------------------------------
 * what is launched: see the table in device-cuda.c. The second bound is of blocks of threads that are to fit into a processor at once. */

extern "C" __global__ void __launch_bounds__(CUDA_NARROW_WARPS *CUDA_WARP, 6)
        matchguard_scan_narrow_2(const __grid_constant__ CudaScan scan)
{
        scan_narrow<2>(scan);
}

extern "C" __global__ void __launch_bounds__(CUDA_NARROW_WARPS *CUDA_WARP, 4)
        matchguard_scan_narrow_8(const __grid_constant__ CudaScan scan)
{
        scan_narrow<8>(scan);
}

extern "C" __global__ void __launch_bounds__(CUDA_TILE_WARPS *CUDA_WARP, 3)
        matchguard_scan_tile_16(const __grid_constant__ CudaScan scan)
{
        scan_tile<16, 16, 16, CUDA_STAGES_16>(scan);
}

extern "C" __global__ void __launch_bounds__(CUDA_TILE_WARPS *CUDA_WARP, 2)
        matchguard_scan_tile_64(const __grid_constant__ CudaScan scan)
{
        scan_tile<64, 32, 32, CUDA_STAGES_64>(scan);
}

extern "C" __global__ void __launch_bounds__(CUDA_TILE_WARPS *CUDA_WARP, 1)
        matchguard_scan_tile_256(const __grid_constant__ CudaScan scan)
{
        scan_tile<256, 64, 64, CUDA_STAGES_256>(scan);
}
