/*
 * The scan with AVX2: vpmaddubsw multiplies 32 codes by 32 digits and adds them up, two at a time, in 16 bits; the next step's are added
 * there, which is why its probes are narrow (scan.c); then vpmaddwd adds these up two at a time, to sums of 32 bits. So two steps take three
 * multiplications instead of four, and those are what the processor has fewest of.
 *
 * A register holds four codes of eight rows each. What is summed up at once is a tile, whose eight sums, with what they are made of, are as
 * many as 16 registers can hold. Few digits are memory's work, and its order counts: a tall tile is all rows, times one digit. Many digits are
 * the processor's work: a wide tile is 16 rows, times four digits, and each register of codes that is loaded is used four times.
 */

#include <immintrin.h>
#include <string.h>

#include "base/macro.h"
#include "worker/scan-kernels.h"

#pragma GCC target("avx2,fma")

enum {
        LANES = 8,
        GROUPS = CODES_ROWS / LANES, /* registers with codes of a step */
        WIDE_GROUPS = 2,
        WIDE_DIGITS = 4,
        STEP = 4 * CODES_ROWS, /* bytes of a step: four elements of each row */
        TALL_PAIRS =
                8, /* pairs of steps that a tall tile takes at once: a page, which the next digit finds in the nearest cache */
        TALL_DIGITS = 4, /* how many are few */
};

typedef struct Tile {
        const uint8_t *codes; /* those of the first group that is summed up */
        size_t n_pairs;       /* of steps */
        size_t n_digits;
        const int8_t *digits[WIDE_DIGITS];
        const uint8_t *fetch; /* where the next block is fetched from, ... */
        size_t fetch_apart;   /* ... these bytes further each time */
        __m256i sums[WIDE_DIGITS][GROUPS];
} Tile;

static inline __attribute__((always_inline)) __m256i four_digits(const int8_t *digits)
{
        int32_t four;

        memcpy(&four, digits, sizeof(four));
        return _mm256_set1_epi32(four);
}

/* Adds two steps' products of eight rows. */
static inline __attribute__((always_inline)) __m256i add_products(__m256i sum, const __m256i codes[2],
                                                                  const __m256i digits[2])
{
        __m256i both = _mm256_add_epi16(_mm256_maddubs_epi16(codes[0], digits[0]),
                                        _mm256_maddubs_epi16(codes[1], digits[1]));

        return _mm256_add_epi32(sum, _mm256_madd_epi16(both, _mm256_set1_epi16(1)));
}

/* Sums up @n_groups times @n_digits, which are constant in what calls this. A step that is missing to the last pair is multiplied by digits
 * that are zero: its place is the one of the scales. */
static inline __attribute__((always_inline)) void tile_sum(Tile *tile, size_t first_digit, size_t first_group,
                                                           size_t n_digits, size_t n_groups)
{
        const uint8_t *codes = tile->codes + first_group * 32;
        __m256i sums[WIDE_DIGITS][GROUPS];

#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 8
                for (size_t group = 0; group < n_groups; group++)
                        sums[j][group] = tile->sums[first_digit + j][first_group + group];
        for (size_t i = 0; i < tile->n_pairs; i++, codes += 2 * STEP) {
                if (n_groups < GROUPS) {
                        _mm_prefetch((const char *)tile->fetch, _MM_HINT_T1);
                        tile->fetch += tile->fetch_apart;
                }
#pragma GCC unroll 4
                for (size_t j = 0; j < n_digits; j++) {
                        const int8_t *place = tile->digits[first_digit + j] + 8 * i;
                        __m256i digits[2] = {four_digits(place), four_digits(place + 4)};
#pragma GCC unroll 8
                        for (size_t group = 0; group < n_groups; group++) {
                                const __m256i *step = (const __m256i *)codes + group;
                                __m256i both[2] = {_mm256_load_si256(step),
                                                   _mm256_load_si256(step + STEP / 32)};
                                sums[j][group] = add_products(sums[j][group], both, digits);
                        }
                }
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < n_digits; j++)
#pragma GCC unroll 8
                for (size_t group = 0; group < n_groups; group++)
                        tile->sums[first_digit + j][first_group + group] = sums[j][group];
}

static void wide_1(Tile *tile, size_t group)
{
        tile_sum(tile, 0, group, 1, WIDE_GROUPS);
}

static void wide_2(Tile *tile, size_t group)
{
        tile_sum(tile, 0, group, 2, WIDE_GROUPS);
}

static void wide_3(Tile *tile, size_t group)
{
        tile_sum(tile, 0, group, 3, WIDE_GROUPS);
}

static void wide_4(Tile *tile, size_t group)
{
        tile_sum(tile, 0, group, 4, WIDE_GROUPS);
}

static void sum_wide(Tile *tile)
{
        static void (*const wide[WIDE_DIGITS])(Tile * tile, size_t group) = {wide_1, wide_2, wide_3, wide_4};

        for (size_t group = 0; group < GROUPS; group += WIDE_GROUPS)
                wide[tile->n_digits - 1](tile, group);
}

static void tall(Tile *tile, size_t digit)
{
        tile_sum(tile, digit, 0, 1, GROUPS);
}

static void sum_tall(Tile *tile)
{
        Tile page = *tile;
        size_t left = tile->n_pairs;

        for (; left > 0; left -= page.n_pairs) {
                page.n_pairs = MIN_OF(left, (size_t)TALL_PAIRS);
                for (size_t j = 0; j < tile->n_digits; j++) {
                        tall(&page, j);
                        page.digits[j] += 8 * page.n_pairs;
                }
                page.codes += 2 * STEP * page.n_pairs;
        }
        memcpy(tile->sums, page.sums, sizeof(page.sums));
}

static size_t probe_digits(const ScanProbe *probe)
{
        return probe->second ? 2 : 1;
}

/* Takes as many probes as have room, and says how many. */
static size_t tile_fill(Tile *tile, const ScanProbe *probes, size_t n_probes)
{
        size_t n = 0, taken = 0;

        for (; taken < n_probes && n + probe_digits(&probes[taken]) <= WIDE_DIGITS; taken++) {
                const ScanProbe *probe = &probes[taken];
                const int8_t *digits[2] = {probe->digits, probe->second};
                for (size_t j = 0; j < probe_digits(probe); j++, n++) {
                        tile->digits[n] = digits[j];
                        for (size_t group = 0; group < GROUPS; group++)
                                tile->sums[n][group] = _mm256_set1_epi32(probe->start[j]);
                }
        }
        tile->n_digits = n;
        return taken;
}

/* The bounds of a probe's similarity to all rows, out of one or two digits' sums. */
static void finish(const ScanWork *work, size_t i, const __m256i sums[][GROUPS])
{
        const ScanProbe *probe = &work->probes[i];
        const float *scales = codes_scales(work->block, work->dimension);
        const float *residuals = codes_residuals(work->block, work->dimension);
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
                __m256 passes = _mm256_cmp_ps(upper[group], _mm256_set1_ps(work->floors[i]), _CMP_GE_OQ);
                mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(passes) << LANES * group;
        }
        work->ret_masks[i] = mask;
        if (mask == 0)
                return;
#pragma GCC unroll 8
        for (size_t group = 0; group < GROUPS; group++)
                _mm256_storeu_ps(&work->ret_upper[i][LANES * group], upper[group]);
}

static size_t count_digits(const ScanWork *work)
{
        size_t n = 0;

        for (size_t i = 0; i < work->n_probes; i++)
                n += probe_digits(&work->probes[i]);
        return n;
}

static void avx2_block(const ScanWork *work)
{
        size_t n_digits = count_digits(work), n_tiles = (n_digits + WIDE_DIGITS - 1) / WIDE_DIGITS, taken;
        Tile tile = {.codes = work->block,
                     .n_pairs = (work->dimension + 7) / 8,
                     /* Without a next block this one is fetched, which is there. */
                     .fetch = work->next ? work->next : work->block,
                     .fetch_apart = (WIDE_GROUPS * 2 * STEP / GROUPS + n_tiles - 1) / n_tiles};

        for (size_t i = 0; i < work->n_probes; i += taken) {
                taken = tile_fill(&tile, work->probes + i, work->n_probes - i);
                if (n_digits <= TALL_DIGITS)
                        sum_tall(&tile);
                else
                        sum_wide(&tile);
                for (size_t j = 0, sums = 0; j < taken; sums += probe_digits(&work->probes[i + j]), j++)
                        finish(work, i + j, tile.sums + sums);
        }
}

static bool avx2_works(void)
{
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const ScanKernel scan_avx2 = {.name = "avx2", .narrow = true, .works = avx2_works, .block = avx2_block};
