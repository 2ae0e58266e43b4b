/*
 * The best k, held against sorting everything.
 */

#include <math.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/top.h"

enum { ROWS_MAX = 600, K_MAX = 60 };

typedef struct Offer {
        EngineHit hit;
        uint32_t subject;
} Offer;

/* Rows in the order of this number come first. */
static size_t place(size_t row)
{
        return row * 7919 % 10007;
}

static int by_place(const void *userdata, size_t a, size_t b)
{
        return place(a) < place(b) ? -1 : 1;
}

static int best_first(const void *a, const void *b)
{
        const Offer *x = a, *y = b;

        if (x->hit.similarity != y->hit.similarity)
                return x->hit.similarity > y->hit.similarity ? -1 : 1;
        return by_place(NULL, x->hit.row, y->hit.row);
}

static size_t sort_all(const Offer *offers, size_t n, bool distinct, Offer *ret_sorted)
{
        static Offer all[ROWS_MAX];
        size_t n_sorted = 0;

        memcpy(all, offers, n * sizeof(Offer));
        qsort(all, n, sizeof(Offer), best_first);
        for (size_t i = 0; i < n; i++) {
                bool again = false;
                for (size_t j = 0; j < n_sorted && distinct; j++)
                        again = again || ret_sorted[j].subject == all[i].subject;
                if (!again)
                        ret_sorted[n_sorted++] = all[i];
        }
        return n_sorted;
}

static void check(uint64_t *state, bool distinct)
{
        static Offer offers[ROWS_MAX], sorted[ROWS_MAX];
        EngineHit hits[K_MAX];
        uint32_t subjects[K_MAX];
        size_t n_offers = scratch_random(state) % ROWS_MAX, n_subjects = 1 + scratch_random(state) % 200;
        Top top = {.hits = hits,
                   .subjects = distinct ? subjects : NULL,
                   .k = 1 + scratch_random(state) % K_MAX,
                   .order = by_place};

        for (size_t i = 0; i < n_offers; i++) {
                offers[i] = (Offer){{(double)(scratch_random(state) % 40) / 40, i},
                                    (uint32_t)(scratch_random(state) % n_subjects)};
                top_offer(&top, offers[i].hit, offers[i].subject);
                if (i % 16 != 0)
                        continue;
                size_t n = sort_all(offers, i + 1, distinct, sorted);
                cr_assert_eq(top_least(&top),
                             n < top.k ? (double)-INFINITY : sorted[top.k - 1].hit.similarity);
        }
        size_t n = sort_all(offers, n_offers, distinct, sorted);
        top_sort(&top);
        cr_assert_eq(top.n, MIN_OF(n, top.k));
        for (size_t i = 0; i < top.n; i++) {
                cr_assert_eq(hits[i].row, sorted[i].hit.row);
                cr_assert_eq(hits[i].similarity, sorted[i].hit.similarity);
        }
}

Test(top, keeps_the_best_rows)
{
        uint64_t state = 21;

        for (size_t round = 0; round < 200; round++)
                check(&state, false);
}

Test(top, keeps_the_best_row_of_the_best_subjects)
{
        uint64_t state = 22;

        for (size_t round = 0; round < 200; round++)
                check(&state, true);
}

Test(top, wants_whatever_it_would_keep)
{
        EngineHit hits[2];
        Top top = {.hits = hits, .k = 2, .order = by_place};

        cr_assert(top_wants(&top, -1));
        top_offer(&top, (EngineHit){0.5, 1}, 0);
        cr_assert(top_wants(&top, -1));
        top_offer(&top, (EngineHit){0.25, 2}, 0);
        cr_assert(!top_wants(&top, 0.125));
        /* Which of two comes first the order knows. */
        cr_assert(top_wants(&top, 0.25));
}
