/*
 * The scan with AVX-512 and VNNI: vpdpbusd multiplies 64 codes by 64 digits and adds them up, four at a time, in 16 sums of 32 bits.
 *
 * A register holds four codes of 16 rows each, so each row has a lane for itself and nothing is added across. A tile is what is summed up at
 * once: all rows of a block, in four registers, times the digits of up to four probes (or of two with two digits), which makes 16 sums that
 * stay in registers. That is enough of them to wait for none, and each register of codes that is loaded is used four times. The block lies in
 * the nearest caches, all tiles of it are done, and meanwhile the next block is fetched, a little at each step: in one go it would hold up what
 * is computed, which waits for the same buffers.
 */

#include <immintrin.h>
#include <string.h>

#include "base/macro.h"
#include "worker/scan-kernels.h"

#define AVX512        __attribute__((target("avx512f,avx512vnni")))
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))

enum {
        GROUPS = CODES_ROWS / 16, /* registers with codes of a step */
        TILE_DIGITS = 4,
        STEP = 4 * CODES_ROWS, /* bytes of a step: four elements of each row */
        FETCH = 2,             /* lines to fetch a step */
};

typedef struct Tile {
        const uint8_t *codes;
        size_t n_steps;
        ScanDigits digits;
        const uint8_t *fetch; /* where the next block is fetched from, ... */
        size_t fetch_apart;   /* ... these bytes further each time */
        __m512i sums[TILE_DIGITS][GROUPS];
} Tile;

AVX512_INLINE __m512i four_digits(const int8_t *digits)
{
        int32_t four;

        memcpy(&four, digits, sizeof(four));
        return _mm512_set1_epi32(four);
}

/* Made for each @n_digits and @n_fetch, which are constant in tiles below. That the sums stay in registers is seen to by tests/lint/check-spills.py. */
AVX512_INLINE void tile_sum(Tile *tile, size_t n_digits, size_t n_fetch)
{
        const uint8_t *codes = tile->codes, *fetch = tile->fetch;
        __m512i sums[TILE_DIGITS][GROUPS];

#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 4
                for (size_t group = 0; group < GROUPS; group++)
                        sums[j][group] = _mm512_set1_epi32(tile->digits.start[j]);
        for (size_t i = 0; i < tile->n_steps; i++, codes += STEP) {
                __m512i step[GROUPS];
#pragma GCC unroll 4
                for (size_t group = 0; group < GROUPS; group++)
                        step[group] = _mm512_load_si512(codes + 64 * group);
#pragma GCC unroll 4
                for (size_t j = 0; j < n_fetch; j++, fetch += tile->fetch_apart)
                        _mm_prefetch((const char *)fetch, _MM_HINT_T1);
#pragma GCC unroll 4
                for (size_t j = 0; j < n_digits; j++) {
                        __m512i digits = four_digits(tile->digits.digits[j] + 4 * i);
#pragma GCC unroll 4
                        for (size_t group = 0; group < GROUPS; group++)
                                sums[j][group] = _mm512_dpbusd_epi32(sums[j][group], step[group], digits);
                }
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 4
                for (size_t group = 0; group < GROUPS; group++)
                        tile->sums[j][group] = sums[j][group];
        tile->fetch = fetch;
}

#define TILE(n_digits, n_fetch)                                                                              \
        AVX512 static void tile_##n_digits##_##n_fetch(Tile *tile)                                           \
        {                                                                                                    \
                tile_sum(tile, n_digits, n_fetch);                                                           \
        }

TILE(1, 0)
TILE(2, 0)
TILE(3, 0)
TILE(4, 0)
TILE(1, 2)
TILE(2, 2)
TILE(3, 2)
TILE(4, 2)

/* By whether something is fetched meanwhile, and by how many digits there are. */
static void (*const tiles[2][TILE_DIGITS])(Tile *tile) = {
        {tile_1_0, tile_2_0, tile_3_0, tile_4_0},
        {tile_1_2, tile_2_2, tile_3_2, tile_4_2},
};

/* The bounds of a probe's similarity to all rows, out of one or two digits' sums. Returns which of them reach the floor; only then they are kept. */
AVX512 static uint64_t finish(const float *scales, const ScanProbe *probe, const __m512i sums[][GROUPS],
                              float floor, float *ret_upper)
{
        const float *residuals = scales + CODES_ROWS;
        __m512 upper[GROUPS];
        uint64_t mask = 0;

#pragma GCC unroll 4
        for (size_t group = 0; group < GROUPS; group++) {
                __m512 v = _mm512_cvtepi32_ps(sums[0][group]);
                if (probe->second)
                        v = _mm512_fmadd_ps(v, _mm512_set1_ps(SCAN_BASE), _mm512_cvtepi32_ps(sums[1][group]));
                __m512 scale =
                        _mm512_mul_ps(_mm512_load_ps(scales + 16 * group), _mm512_set1_ps(probe->scale));
                __m512 wide =
                        _mm512_add_ps(_mm512_load_ps(residuals + 16 * group), _mm512_set1_ps(probe->slack));
                upper[group] = _mm512_fmadd_ps(v, scale, wide);
                __mmask16 passes = _mm512_cmp_ps_mask(upper[group], _mm512_set1_ps(floor), _CMP_GE_OQ);
                mask |= (uint64_t)passes << 16 * group;
        }
        if (mask == 0)
                return 0;
#pragma GCC unroll 4
        for (size_t group = 0; group < GROUPS; group++)
                _mm512_storeu_ps(ret_upper + 16 * group, upper[group]);
        return mask;
}

/* Sets out to fetch the next block in all steps of all tiles, evenly. Where there is one tile only, all it does is read memory from end
 * to end, which processors see coming by themselves, and better. Returns whether to fetch. */
static bool start_fetch(const ScanWork *work, Tile *tile)
{
        size_t n_tiles = (scan_count_digits(work) + TILE_DIGITS - 1) / TILE_DIGITS;

        if (!work->next || n_tiles < 2)
                return false;
        tile->fetch = work->next;
        tile->fetch_apart = (STEP / FETCH + n_tiles - 1) / n_tiles;
        for (size_t i = 0; i < 2 * CODES_ROWS * sizeof(float); i += 64)
                _mm_prefetch((const char *)codes_scales(work->next, work->dimension) + i, _MM_HINT_T1);
        return true;
}

AVX512 static void avx512_block(const ScanWork *work)
{
        Tile tile = {.codes = work->block, .n_steps = (work->dimension + 3) / 4};
        const float *scales = codes_scales(work->block, work->dimension);
        bool fetch = start_fetch(work, &tile);
        size_t taken;

        for (size_t i = 0; i < work->n_probes; i += taken) {
                size_t digit = 0;
                taken = scan_take_digits(work, i, &tile.digits);
                tiles[fetch][tile.digits.n - 1](&tile);
                for (size_t j = i; j < i + taken; digit += scan_probe_digits(&work->probes[j]), j++)
                        work->ret_masks[j] = finish(scales, &work->probes[j], tile.sums + digit,
                                                    work->floors[j], work->ret_upper[j]);
        }
}

static bool avx512_works(void)
{
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

const ScanKernel scan_avx512 = {
        .name = "avx512-vnni", .free_digits = TILE_DIGITS, .works = avx512_works, .block = avx512_block};
