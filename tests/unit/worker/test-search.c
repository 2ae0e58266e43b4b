/*
 * The exactness of a search: against a plain reading of the rules, bit for bit, on galleries made to be
 * awkward, with every instruction set and one to four threads.
 */

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/search.h"

enum { LANES = 16, DIMENSION_MAX = 70, ROWS_MAX = 900, K_MAX = 1000 };

/* What the reference knows: plain arrays. */
typedef struct Plain {
        size_t n, dimension;
        float vectors[ROWS_MAX][DIMENSION_MAX];
        char subjects[ROWS_MAX][16];
} Plain;

typedef struct PlainHit {
        double score;
        const char *subject;
        size_t row;
} PlainHit;

static Plain plain;
static uint64_t state;
static Scratch scratch;
static Engine *engines[2][4];

static void set_up(void)
{
        static const char *const isas[] = {"scalar", "auto"};

        scratch_init(&scratch);
        for (size_t isa = 0; isa < 2; isa++)
                for (size_t i = 0; i < 4; i++)
                        cr_assert_eq(engine_new(&(EngineOptions){"cpu", isas[isa], i + 1}, &engines[isa][i]),
                                     0);
}

static void tear_down(void)
{
        for (size_t isa = 0; isa < 2; isa++)
                for (size_t i = 0; i < 4; i++)
                        engine_free(engines[isa][i]);
        scratch_deinit(&scratch);
}

TestSuite(search, .init = set_up, .fini = tear_down, .timeout = 240);

/* The order of additions that worker/kernel.h promises, said once more. */
static double plain_dot(const float *a, const float *b, size_t n)
{
        double lanes[LANES] = {};

        for (size_t i = 0; i < n; i++)
                lanes[i % LANES] += (double)a[i] * (double)b[i];
        for (size_t i = 0; i < 8; i++)
                lanes[i] += lanes[i + 8];
        for (size_t i = 0; i < 4; i++)
                lanes[i] += lanes[i + 4];
        for (size_t i = 0; i < 2; i++)
                lanes[i] += lanes[i + 2];
        return lanes[0] + lanes[1];
}

static double plain_cosine(const float *a, const float *b, size_t n)
{
        double score = plain_dot(a, b, n) / sqrt(plain_dot(a, a, n) * plain_dot(b, b, n));

        return fmax(-1, fmin(1, score));
}

static int by_rank(const void *a, const void *b)
{
        const PlainHit *x = a, *y = b;

        if (x->score != y->score)
                return x->score > y->score ? -1 : 1;
        int r = strcmp(x->subject, y->subject);
        return r != 0 ? r : (x->row > y->row) - (x->row < y->row);
}

/* Everything compared, everything sorted, then one a subject, then the floor, then k. */
static size_t plain_search(const float (*probes)[DIMENSION_MAX], size_t n_probes, const char *but,
                           const Search *search, PlainHit *hits)
{
        static PlainHit all[ROWS_MAX];
        size_t n = 0, n_hits = 0;

        for (size_t row = 0; row < plain.n; row++) {
                if (!plain.subjects[row][0] || (but && strcmp(plain.subjects[row], but) == 0))
                        continue;
                double best = -1;
                for (size_t i = 0; i < n_probes; i++)
                        best = fmax(best, plain_cosine(probes[i], plain.vectors[row], plain.dimension));
                all[n++] = (PlainHit){best, plain.subjects[row], row};
        }
        qsort(all, n, sizeof(*all), by_rank);
        for (size_t i = 0; i < n && n_hits < search->k; i++) {
                bool again = false;
                for (size_t j = 0; j < i && search->consolidated; j++)
                        again = again || strcmp(all[j].subject, all[i].subject) == 0;
                if (!again && all[i].score >= search->floor)
                        hits[n_hits++] = all[i];
        }
        return n_hits;
}

/* -------------------------------------------------------------------------------------- awkward galleries */

static void fill_random(float *vector)
{
        for (size_t i = 0; i < plain.dimension; i++)
                vector[i] = scratch_random_float(&state);
}

/* Small integers: whole families of exactly equal similarities. */
static void fill_ties(float *vector)
{
        do {
                for (size_t i = 0; i < plain.dimension; i++)
                        vector[i] = i < 4 ? (float)((int)(scratch_random(&state) % 3) - 1) : 0;
        } while (plain_dot(vector, vector, plain.dimension) == 0);
}

/* One vector, and copies of it that differ in the last bit of one element, if at all. */
static void fill_near(float *vector)
{
        uint64_t same = 99;

        for (size_t i = 0; i < plain.dimension; i++)
                vector[i] = scratch_random_float(&same);
        size_t i = scratch_random(&state) % plain.dimension;
        if (scratch_random(&state) % 3 != 0)
                vector[i] = nextafterf(vector[i], scratch_random(&state) % 2 ? 2 : -2);
}

/* Lengths far apart, as of templates that nobody normalised. */
static void fill_scaled(float *vector)
{
        int exponent = (int)(scratch_random(&state) % 200) - 100;

        for (size_t i = 0; i < plain.dimension; i++)
                vector[i] = ldexpf(scratch_random_float(&state), exponent);
}

static void (*const fills[])(float *vector) = {fill_random, fill_ties, fill_near, fill_scaled};

static Gallery *make_gallery(size_t n, size_t dimension, size_t n_subjects, void (*fill)(float *),
                             bool consolidated)
{
        static GalleryEntry entries[ROWS_MAX];
        static unsigned serial;
        Gallery *gallery;
        char name[32];

        plain.n = n;
        plain.dimension = dimension;
        for (size_t i = 0; i < n; i++) {
                fill(plain.vectors[i]);
                (void)snprintf(plain.subjects[i], sizeof(plain.subjects[i]), "%zu",
                               (size_t)(scratch_random(&state) % n_subjects));
                entries[i] = (GalleryEntry){plain.subjects[i], (uint8_t *)plain.vectors[i]};
        }
        (void)snprintf(name, sizeof(name), "g%u", serial++);
        GalleryShape shape = {.model = "m", .dimension = (uint32_t)dimension, .consolidated = consolidated};
        cr_assert_eq(gallery_create(scratch.dir_fd, name, &shape, &gallery), 0);
        if (n > 0)
                cr_assert_eq(gallery_add(gallery, entries, (uint32_t)n), 0);
        return gallery;
}

static void remove_from(Gallery *gallery, const char *subject)
{
        uint32_t n, n_plain = 0;

        for (size_t i = 0; i < plain.n; i++)
                if (strcmp(plain.subjects[i], subject) == 0) {
                        plain.subjects[i][0] = 0;
                        n_plain++;
                }
        int r = gallery_remove(gallery, subject, &n);
        if (n_plain == 0)
                cr_assert_eq(r, GALLERY_E_NO_SUBJECT);
        else
                cr_assert(r == 0 && n == n_plain);
}

/* ------------------------------------------------------------------------------------------------
 * comparisons */

static void check_engine(Engine *engine, const Search *search, const PlainHit *expected, size_t n_expected)
{
        static Hit hits[K_MAX];
        uint64_t searched;
        size_t n;

        cr_assert_eq(search_run(engine, search, hits, &n, &searched), 0);
        cr_assert_eq(n, n_expected, "%zu hits instead of %zu", n, n_expected);
        for (size_t i = 0; i < n; i++) {
                cr_assert_str_eq(hits[i].subject, expected[i].subject);
                cr_assert_eq(memcmp(&hits[i].similarity, &expected[i].score, sizeof(double)), 0);
        }
}

static void check_search(const Gallery *gallery, bool consolidated, const float (*probes)[DIMENSION_MAX],
                         size_t n_probes)
{
        static const double floors[] = {-1, 0, 0.1, 0.5, 0.999999, 1};
        static PlainHit expected[K_MAX];
        static float padded[8 * KERNEL_PADDED(DIMENSION_MAX)];
        size_t stride = KERNEL_PADDED(plain.dimension);
        double squares[8];

        for (size_t i = 0; i < n_probes; i++)
                cr_assert(kernel_read_vector((const uint8_t *)probes[i], plain.dimension, padded + i * stride,
                                             &squares[i]));
        Search search = {.gallery = gallery,
                         .consolidated = consolidated,
                         .probes = {padded, squares, n_probes},
                         .only = SEARCH_NOBODY,
                         .but = SEARCH_NOBODY,
                         .floor = floors[scratch_random(&state) % ARRAY_SIZE(floors)],
                         .k = 1 + scratch_random(&state) % 40};
        size_t n = plain_search(probes, n_probes, NULL, &search, expected);
        for (size_t isa = 0; isa < 2; isa++)
                for (size_t i = 0; i < 4; i++)
                        check_engine(engines[isa][i], &search, expected, n);
}

static void check_galleries(void (*fill)(float *))
{
        for (size_t round = 0; round < 12; round++) {
                bool consolidated = round % 2 == 0;
                size_t n = scratch_random(&state) % ROWS_MAX, n_subjects = 1 + scratch_random(&state) % 400;
                Gallery *gallery = make_gallery(n, 1 + scratch_random(&state) % DIMENSION_MAX, n_subjects,
                                                fill, consolidated);
                for (size_t i = 0; i < 10; i++) {
                        float probes[8][DIMENSION_MAX];
                        size_t n_probes = 1 + scratch_random(&state) % 8;
                        for (size_t j = 0; j < n_probes; j++)
                                fill(probes[j]);
                        check_search(gallery, consolidated, (const float(*)[DIMENSION_MAX])probes, n_probes);
                        char subject[16];
                        (void)snprintf(subject, sizeof(subject), "%zu",
                                       (size_t)(scratch_random(&state) % n_subjects));
                        remove_from(gallery, subject);
                }
                gallery_free(gallery);
        }
}

Test(search, is_exact_on_random_galleries)
{
        state = 11;
        check_galleries(fills[0]);
}

Test(search, is_exact_where_many_are_equally_good)
{
        state = 12;
        check_galleries(fills[1]);
}

Test(search, is_exact_where_all_are_nearly_the_same)
{
        state = 13;
        check_galleries(fills[2]);
}

Test(search, is_exact_where_lengths_differ_by_far)
{
        state = 14;
        check_galleries(fills[3]);
}

Test(search, leaves_a_subject_out_and_counts_what_it_compared)
{
        static PlainHit expected[K_MAX];
        Hit hits[50];
        uint64_t searched, n_others = 0;
        uint32_t but;
        size_t n;

        state = 15;
        Gallery *gallery = make_gallery(500, 32, 20, fill_random, true);
        cr_assert(gallery_find(gallery, "7", &but));
        float probe[1][DIMENSION_MAX];
        float padded[KERNEL_PADDED(32)];
        double square;
        fill_random(probe[0]);
        cr_assert(kernel_read_vector((uint8_t *)probe[0], 32, padded, &square));
        Search search = {.gallery = gallery,
                         .consolidated = true,
                         .probes = {padded, &square, 1},
                         .only = SEARCH_NOBODY,
                         .but = but,
                         .floor = -1,
                         .k = 50};
        cr_assert_eq(plain_search((const float(*)[DIMENSION_MAX])probe, 1, "7", &search, expected), 19);
        cr_assert_eq(search_run(engines[1][1], &search, hits, &n, &searched), 0);
        cr_assert_eq(n, 19);
        for (size_t i = 0; i < n; i++)
                cr_assert_str_eq(hits[i].subject, expected[i].subject);
        for (size_t i = 0; i < 500; i++)
                n_others += strcmp(plain.subjects[i], "7") != 0;
        cr_assert_eq(searched, n_others);

        search.but = SEARCH_NOBODY;
        search.only = but;
        cr_assert_eq(search_run(engines[1][1], &search, hits, &n, &searched), 0);
        cr_assert_eq(n, 1);
        cr_assert_str_eq(hits[0].subject, "7");
        cr_assert_eq(searched, 500 - n_others);
        gallery_free(gallery);
}

Test(search, gives_up_when_told)
{
        atomic_int stop = 1;
        float padded[KERNEL_PADDED(32)] = {1};
        double square = 1;
        Hit hits[1];
        uint64_t searched;
        size_t n;

        state = 16;
        Gallery *gallery = make_gallery(100, 32, 20, fill_random, true);
        Search search = {.gallery = gallery,
                         .probes = {padded, &square, 1},
                         .only = SEARCH_NOBODY,
                         .but = SEARCH_NOBODY,
                         .floor = -1,
                         .k = 1,
                         .stop = &stop};
        cr_assert_eq(search_run(engines[0][0], &search, hits, &n, &searched), ENGINE_E_STOPPED);
        gallery_free(gallery);
}

Test(search, compares_scores_that_are_whole_numbers_with_any_order_of_additions)
{
        /* With small integers every sum is exact, so that even the most naive loop must agree. */
        float probe[DIMENSION_MAX], padded[KERNEL_PADDED(DIMENSION_MAX)];
        static Hit hits[ROWS_MAX];
        uint64_t searched;
        double square;
        size_t n;

        state = 17;
        Gallery *gallery = make_gallery(ROWS_MAX, 40, 5000, fill_ties, false);
        fill_ties(probe);
        cr_assert(kernel_read_vector((uint8_t *)probe, 40, padded, &square));
        Search search = {.gallery = gallery,
                         .probes = {padded, &square, 1},
                         .only = SEARCH_NOBODY,
                         .but = SEARCH_NOBODY,
                         .floor = -1,
                         .k = ROWS_MAX};
        cr_assert_eq(search_run(engines[1][3], &search, hits, &n, &searched), 0);
        cr_assert_eq(n, ROWS_MAX);
        for (size_t i = 0; i < n; i++) {
                double dot = 0, a = 0, b = 0;
                for (size_t j = 40; j-- > 0;) {
                        dot += (double)probe[j] * (double)plain.vectors[hits[i].row][j];
                        a += (double)probe[j] * (double)probe[j];
                        b += (double)plain.vectors[hits[i].row][j] * (double)plain.vectors[hits[i].row][j];
                }
                cr_assert_eq(hits[i].similarity, fmax(-1, fmin(1, dot / sqrt(a * b))));
        }
        gallery_free(gallery);
}

Test(engine, refuses_what_it_does_not_know)
{
        Engine *engine;

        cr_assert_eq(engine_new(&(EngineOptions){"opencl", "auto", 1}, &engine), ENGINE_E_UNKNOWN);
        cr_assert_eq(engine_new(&(EngineOptions){"cpu", "sse9", 1}, &engine), ENGINE_E_UNKNOWN);
        cr_assert_eq(engine_new(&(EngineOptions){"auto", "scalar", 0}, &engine), 0);
        cr_assert_str_eq(engine_name(engine), "cpu/scalar");
        cr_assert_null(engine_free(engine));
}
