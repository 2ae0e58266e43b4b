/*
 * The scan with AVX2: vpmaddubsw multiplies 32 codes by 32 digits and adds them up, two at a time, in 16 bits; the next step's are added
 * there, which is why its probes are narrow (scan.c); then vpmaddwd adds these up two at a time, to sums of 32 bits. So two steps take three
 * multiplications instead of four, and those are what the processor has fewest of.
 *
 * A register holds four codes of eight rows each, a group. What is summed up at once is a tile, whose eight sums, with what they are made of, are
 * as many as 16 registers can hold: all groups times one digit, four times two, or two times four. The more digits, the more often a register of codes
 * is used that was loaded once.
 *
 * Meanwhile the next block is fetched, a little at each step: in one go it would hold up what is computed, which waits for the same buffers. One
 * digit alone is memory's work, though, which is read from end to end: there only the very next bytes are fetched, in their order, in which they are not used.
 */

#include <immintrin.h>
#include <string.h>

#include "base/macro.h"
#include "worker/scan-kernels.h"

#define AVX2        __attribute__((target("avx2,fma")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

enum {
        LANES = 8,
        GROUPS = CODES_ROWS / LANES,
        TILE_DIGITS = 4,
        STEP = 4 * CODES_ROWS, /* bytes of a step: four elements of each row */
};

/* How many groups there are in a tile of so many digits. */
#define TILE_GROUPS(n_digits) ((size_t)((n_digits) == 1 ? 8 : (n_digits) == 2 ? 4 : 2))

typedef struct Tile {
        const uint8_t *codes;
        size_t n_pairs; /* of steps */
        ScanDigits digits;
        const uint8_t *next; /* where memory is fetched from, ... */
        size_t next_apart;   /* ... these bytes further each time */
        __m256i sums[TILE_DIGITS][GROUPS];
} Tile;

AVX2_INLINE __m256i four_digits(const int8_t *digits)
{
        int32_t four;

        memcpy(&four, digits, sizeof(four));
        return _mm256_set1_epi32(four);
}

/* Adds two steps' products of a group. */
AVX2_INLINE __m256i add_products(__m256i sum, const __m256i *step, const __m256i digits[2])
{
        __m256i first = _mm256_maddubs_epi16(_mm256_load_si256(step), digits[0]);
        __m256i second = _mm256_maddubs_epi16(_mm256_load_si256(step + STEP / 32), digits[1]);

        return _mm256_add_epi32(sum,
                                _mm256_madd_epi16(_mm256_add_epi16(first, second), _mm256_set1_epi16(1)));
}

/* Sums up groups from @first on; @n_digits, those of the tile, is constant in what calls this. A step that is missing to the last pair
 * is multiplied by digits that are zero: its place is the one of the scales. */
AVX2_INLINE void tile_sum(Tile *tile, size_t first, size_t n_digits)
{
        const size_t n_groups = TILE_GROUPS(n_digits);
        const uint8_t *codes = tile->codes, *next = tile->next;
        __m256i sums[TILE_DIGITS][GROUPS];

#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 8
                for (size_t group = 0; group < n_groups; group++)
                        sums[j][group] = _mm256_set1_epi32(tile->digits.start[j]);
        for (size_t i = 0; i < tile->n_pairs; i++, codes += 2 * STEP) {
                const __m256i *step = (const __m256i *)codes + first;
                /* In all, one for each line of the block. */
#pragma GCC unroll 8
                for (size_t j = 0; j < n_groups; j++, next += tile->next_apart)
                        _mm_prefetch((const char *)next, _MM_HINT_T1);
#pragma GCC unroll 4
                for (size_t j = 0; j < n_digits; j++) {
                        const int8_t *place = tile->digits.digits[j] + 8 * i;
                        __m256i digits[2] = {four_digits(place), four_digits(place + 4)};
#pragma GCC unroll 8
                        for (size_t group = 0; group < n_groups; group++)
                                sums[j][group] = add_products(sums[j][group], step + group, digits);
                }
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 8
                for (size_t group = 0; group < n_groups; group++)
                        tile->sums[j][first + group] = sums[j][group];
        tile->next = next;
}

#define TILE(n_digits)                                                                                       \
        AVX2 static void tile_##n_digits(Tile *tile)                                                         \
        {                                                                                                    \
                for (size_t first = 0; first < GROUPS; first += TILE_GROUPS(n_digits))                       \
                        tile_sum(tile, first, n_digits);                                                     \
        }

TILE(1)
TILE(2)
TILE(3)
TILE(4)

/* By how many digits there are. */
static void (*const tiles[TILE_DIGITS])(Tile *tile) = {tile_1, tile_2, tile_3, tile_4};

/* The bounds of a probe's similarity to all rows, out of one or two digits' sums. Returns which of them reach the floor; only then they are kept. */
AVX2 static uint64_t finish(const float *scales, const ScanProbe *probe, const __m256i sums[][GROUPS],
                            float floor, float *ret_upper)
{
        const float *residuals = scales + CODES_ROWS;
        __m256 upper[GROUPS];
        uint64_t mask = 0;

#pragma GCC unroll 8
        for (size_t group = 0; group < GROUPS; group++) {
                __m256 v = _mm256_cvtepi32_ps(sums[0][group]);
                if (probe->second)
                        v = _mm256_fmadd_ps(v, _mm256_set1_ps(SCAN_BASE), _mm256_cvtepi32_ps(sums[1][group]));
                __m256 scale =
                        _mm256_mul_ps(_mm256_load_ps(scales + LANES * group), _mm256_set1_ps(probe->scale));
                __m256 wide = _mm256_add_ps(_mm256_load_ps(residuals + LANES * group),
                                            _mm256_set1_ps(probe->slack));
                upper[group] = _mm256_fmadd_ps(v, scale, wide);
                __m256 passes = _mm256_cmp_ps(upper[group], _mm256_set1_ps(floor), _CMP_GE_OQ);
                mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(passes) << LANES * group;
        }
        if (mask == 0)
                return 0;
#pragma GCC unroll 8
        for (size_t group = 0; group < GROUPS; group++)
                _mm256_storeu_ps(ret_upper + LANES * group, upper[group]);
        return mask;
}

AVX2 static void avx2_block(const ScanWork *work)
{
        size_t n_digits = scan_count_digits(work), n_tiles = (n_digits + TILE_DIGITS - 1) / TILE_DIGITS,
               taken;
        const float *scales = codes_scales(work->block, work->dimension);
        Tile tile = {.codes = work->block,
                     .n_pairs = (work->dimension + 7) / 8,
                     .next = work->next ? work->next : work->block,
                     /* A tile fetches once for each line of the block. */
                     .next_apart = (64 + n_tiles - 1) / n_tiles};

        /* One digit alone wants the next pair of steps. */
        if (n_digits == 1)
                tile.next = work->block + 2 * STEP;
        for (size_t i = 0; i < work->n_probes; i += taken) {
                size_t digit = 0;
                taken = scan_take_digits(work, i, &tile.digits);
                tiles[tile.digits.n - 1](&tile);
                for (size_t j = i; j < i + taken; digit += scan_probe_digits(&work->probes[j]), j++)
                        work->ret_masks[j] = finish(scales, &work->probes[j], tile.sums + digit,
                                                    work->floors[j], work->ret_upper[j]);
        }
}

static bool avx2_works(void)
{
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const ScanKernel scan_avx2 = {
        .name = "avx2", .narrow = true, .free_digits = 1, .works = avx2_works, .block = avx2_block};
