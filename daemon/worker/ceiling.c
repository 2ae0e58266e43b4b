/*
 * The machine's limits.
 */

#include "worker/ceiling.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"

enum {
        /* Bytes that a thread reads at once: it takes long enough to make taking a part cheap. */
        CEILING_READ_PART = 256 << 10,
        CEILING_TILE_DIMENSION = 512,
        CEILING_TILE_STEPS = CEILING_TILE_DIMENSION / 4,
        CEILING_TILE_ROWS = 64,
        CEILING_TILE_PROBES = 16,
        CEILING_TILE_REPEATS = 64, /* a part */
};

static const double ceiling_tile_seconds = 0.006; /* that a measurement takes at least */
static const double ceiling_tile_operations = 2.0 * CEILING_TILE_ROWS * CEILING_TILE_PROBES *
                                              CEILING_TILE_DIMENSION * CEILING_TILE_REPEATS; /* in a part */

/* Where results go that nobody asks for, so that the compiler does not leave out what makes them. */
static atomic_uint_fast64_t ceiling_sink;

static clockid_t ceiling_clock = CLOCK_MONOTONIC;

double ceiling_now(void)
{
        struct timespec now;

        (void)clock_gettime(ceiling_clock, &now); /* These clocks are always there. */
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void ceiling_count_processor(void)
{
        ceiling_clock = CLOCK_PROCESS_CPUTIME_ID;
}

/* ---------------------------------------------------------------------------------------------------- reading */

typedef uint64_t ReadLine __attribute__((vector_size(64), may_alias));
typedef uint64_t (*ReadBytes)(const uint8_t *memory, size_t size);

/* Four sums, so that no load waits for the one before. */
__attribute__((always_inline)) static inline uint64_t read_lines(const uint8_t *memory, size_t size)
{
        ReadLine sums[4] = {};
        uint64_t sum = 0;
        size_t i = 0;

        for (; i + sizeof(sums) <= size; i += sizeof(sums)) {
#pragma GCC unroll 4
                for (size_t j = 0; j < ARRAY_SIZE(sums); j++)
                        sums[j] |= *(const ReadLine *)(memory + i + j * sizeof(ReadLine));
        }
        for (; i < size; i += sizeof(ReadLine))
                sums[0] |= *(const ReadLine *)(memory + i);
        for (size_t j = 0; j < sizeof(ReadLine) / sizeof(uint64_t); j++)
                sum |= sums[0][j] | sums[1][j] | sums[2][j] | sums[3][j];
        return sum;
}

static uint64_t read_plain(const uint8_t *memory, size_t size)
{
        return read_lines(memory, size);
}

#ifdef __x86_64__

#include <immintrin.h>

__attribute__((target("avx2"))) static uint64_t read_avx2(const uint8_t *memory, size_t size)
{
        return read_lines(memory, size);
}

__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint8_t *memory, size_t size)
{
        return read_lines(memory, size);
}

static ReadBytes read_pick(void)
{
        if (__builtin_cpu_supports("avx512f"))
                return read_avx512;
        return __builtin_cpu_supports("avx2") ? read_avx2 : read_plain;
}

#else

static ReadBytes read_pick(void)
{
        return read_plain;
}

#endif

typedef struct ReadWork {
        ReadBytes read;
        const uint8_t *memory;
        size_t size;
} ReadWork;

static void read_part(void *userdata, size_t part, size_t thread)
{
        const ReadWork *work = userdata;
        size_t begin = part * CEILING_READ_PART;
        size_t size = MIN_OF(work->size - begin, (size_t)CEILING_READ_PART);

        atomic_fetch_or_explicit(&ceiling_sink, work->read(work->memory + begin, size), memory_order_relaxed);
}

double ceiling_read(Pool *pool, const uint8_t *memory, size_t size)
{
        ReadWork work = {.read = read_pick(), .memory = memory, .size = size};

        double begun = ceiling_now();
        pool_run(pool, read_part, &work, (size + CEILING_READ_PART - 1) / CEILING_READ_PART);
        return ceiling_now() - begun;
}

/* ---------------------------------------------------------------------------------------------------- the tile */

/* A block in the layout of worker/codes.h, and probes; what the numbers are does not matter. */
typedef struct TileData {
        _Alignas(64) uint8_t codes[CEILING_TILE_STEPS][CEILING_TILE_ROWS][4];
        _Alignas(64) int8_t digits[CEILING_TILE_PROBES][CEILING_TILE_DIMENSION];
} TileData;

/* All rows with all probes, once. */
typedef uint64_t (*TileRun)(const TileData *data);

#ifdef __x86_64__

/* 64 rows and 4 probes: 16 sums. The instruction is written out because GCC 12 keeps the sums of its intrinsic in memory. */
__attribute__((target("avx512f,avx512vnni"))) static __m512i tile_avx512_vnni_four(const TileData *data,
                                                                                   size_t probe)
{
        __m512i sums[4][4];

#pragma GCC unroll 16
        for (size_t i = 0; i < 16; i++)
                sums[i / 4][i % 4] = _mm512_setzero_si512();
        for (size_t step = 0; step < CEILING_TILE_STEPS; step++) {
                __m512i rows[4];
#pragma GCC unroll 4
                for (size_t j = 0; j < 4; j++)
                        rows[j] = _mm512_load_si512(data->codes[step][16 * j]);
#pragma GCC unroll 4
                for (size_t i = 0; i < 4; i++) {
                        int32_t digits;
                        memcpy(&digits, &data->digits[probe + i][4 * step], sizeof(digits));
                        __m512i four = _mm512_set1_epi32(digits);
#pragma GCC unroll 4
                        for (size_t j = 0; j < 4; j++)
                                __asm__("vpdpbusd %2,%1,%0" : "+v"(sums[i][j]) : "v"(rows[j]), "v"(four));
                }
        }
#pragma GCC unroll 16
        for (size_t i = 1; i < 16; i++)
                sums[0][0] = _mm512_xor_si512(sums[0][0], sums[i / 4][i % 4]);
        return sums[0][0];
}

__attribute__((target("avx512f,avx512vnni"))) static uint64_t tile_avx512_vnni(const TileData *data)
{
        uint64_t sum = 0;

        for (size_t probe = 0; probe < CEILING_TILE_PROBES; probe += 4)
                sum ^= (uint64_t)_mm512_reduce_or_epi64(tile_avx512_vnni_four(data, probe));
        return sum;
}

__attribute__((target("avx2"), always_inline)) static inline __m256i tile_avx2_digits(const int8_t *place)
{
        int32_t digits;

        memcpy(&digits, place, sizeof(digits));
        return _mm256_set1_epi32(digits);
}

/* 16 rows and 4 probes: 8 sums leave registers for what is in between. Two steps are added up before they are widened, as the kernel does it
 * (worker/scan-avx2.c): three multiplications instead of four. */
__attribute__((target("avx2"))) static __m256i tile_avx2_four(const TileData *data, size_t probe, size_t row)
{
        const __m256i ones = _mm256_set1_epi16(1);
        __m256i sums[4][2];

#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++)
                sums[i / 2][i % 2] = _mm256_setzero_si256();
        for (size_t step = 0; step < CEILING_TILE_STEPS; step += 2) {
                const __m256i *first = (const __m256i *)data->codes[step][row];
                const __m256i *second = (const __m256i *)data->codes[step + 1][row];
#pragma GCC unroll 4
                for (size_t i = 0; i < 4; i++) {
                        const int8_t *place = &data->digits[probe + i][4 * step];
                        __m256i four = tile_avx2_digits(place), next_four = tile_avx2_digits(place + 4);
#pragma GCC unroll 2
                        for (size_t j = 0; j < 2; j++) {
                                __m256i products = _mm256_add_epi16(
                                        _mm256_maddubs_epi16(_mm256_load_si256(first + j), four),
                                        _mm256_maddubs_epi16(_mm256_load_si256(second + j), next_four));
                                sums[i][j] = _mm256_add_epi32(sums[i][j], _mm256_madd_epi16(products, ones));
                        }
                }
        }
#pragma GCC unroll 8
        for (size_t i = 1; i < 8; i++)
                sums[0][0] = _mm256_xor_si256(sums[0][0], sums[i / 2][i % 2]);
        return sums[0][0];
}

__attribute__((target("avx2"))) static uint64_t tile_avx2(const TileData *data)
{
        __m256i sum = _mm256_setzero_si256();

        for (size_t row = 0; row < CEILING_TILE_ROWS; row += 16)
                for (size_t probe = 0; probe < CEILING_TILE_PROBES; probe += 4)
                        sum = _mm256_xor_si256(sum, tile_avx2_four(data, probe, row));
        return (uint64_t)_mm256_extract_epi64(sum, 0) ^ (uint64_t)_mm256_extract_epi64(sum, 3);
}

static TileRun tile_pick(const char *isa)
{
        if (strcmp(isa, "avx512-vnni") == 0)
                return __builtin_cpu_supports("avx512vnni") ? tile_avx512_vnni : NULL;
        if (strcmp(isa, "avx2") == 0)
                return __builtin_cpu_supports("avx2") ? tile_avx2 : NULL;
        return NULL;
}

#else

static TileRun tile_pick(const char *isa)
{
        return NULL;
}

#endif

typedef struct TileWork {
        TileRun run;
        const TileData *data;
} TileWork;

static void tile_part(void *userdata, size_t part, size_t thread)
{
        const TileWork *work = userdata;
        uint64_t sum = 0;

        for (size_t i = 0; i < CEILING_TILE_REPEATS; i++)
                sum ^= work->run(work->data);
        atomic_fetch_or_explicit(&ceiling_sink, sum, memory_order_relaxed);
}

double ceiling_tile(Pool *pool, size_t n_threads, const char *isa)
{
        static const TileData data;
        TileWork work = {.run = tile_pick(isa), .data = &data};
        double seconds = 0;
        size_t n_parts = 0;

        while (work.run && seconds < ceiling_tile_seconds) {
                n_parts = n_parts == 0 ? n_threads : 4 * n_parts;
                double begun = ceiling_now();
                pool_run(pool, tile_part, &work, n_parts);
                seconds = ceiling_now() - begun;
        }
        return work.run ? ceiling_tile_operations * (double)n_parts / seconds : 0;
}
