/*
 * The search of a gallery. The engine gives every template's similarity; choosing among them is plain and the
 * same for all engines.
 */

#include "worker/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/best.h"

static int by_rank(const void *a, const void *b)
{
        const Hit *left = a, *right = b;

        if (left->similarity != right->similarity)
                return left->similarity > right->similarity ? -1 : 1;
        int order = strcmp(left->subject, right->subject);
        if (order != 0)
                return order;
        return left->row < right->row ? -1 : left->row > right->row;
}

static bool row_is_compared(const Search *search, const GalleryRows *rows, size_t row)
{
        uint32_t subject = rows->subjects[row];

        return rows->squares[row] > 0 && subject != search->but &&
               (search->only == SEARCH_NOBODY || subject == search->only);
}

/* What was compared, and what came of it. */
typedef struct Scores {
        GalleryRows rows;
        double *squares; /* 0 for a row that was not compared */
        double *scores;
} Scores;

static uint64_t choose_rows(const Search *search, Scores *scores)
{
        uint64_t n = 0;

        for (size_t row = 0; row < scores->rows.n; row++) {
                bool compared = row_is_compared(search, &scores->rows, row);
                scores->squares[row] = compared ? scores->rows.squares[row] : 0;
                n += compared;
        }
        return n;
}

static void offer_row(const Search *search, const Scores *scores, size_t row, Best *best)
{
        Hit hit = {.similarity = scores->scores[row], .row = row};

        if (hit.similarity < search->floor)
                return;
        hit.subject = gallery_subject(search->gallery, scores->rows.subjects[row]);
        best_offer(best, &hit);
}

/* The first of the best templates of each subject, by its number; SIZE_MAX where none was compared. */
static int best_rows(const Scores *scores, size_t **ret_rows, size_t *ret_n)
{
        size_t n = 0;

        for (size_t row = 0; row < scores->rows.n; row++)
                if (scores->squares[row] > 0)
                        n = MAX_OF(n, (size_t)scores->rows.subjects[row] + 1);
        size_t *best = malloc(MAX_OF(n, (size_t)1) * sizeof(size_t));
        if (!best)
                return -ENOMEM;
        memset(best, 0xff, n * sizeof(size_t));
        for (size_t row = 0; row < scores->rows.n; row++) {
                if (!(scores->squares[row] > 0))
                        continue;
                size_t *slot = &best[scores->rows.subjects[row]];
                if (*slot == SIZE_MAX || scores->scores[row] > scores->scores[*slot])
                        *slot = row;
        }
        *ret_rows = best;
        *ret_n = n;
        return 0;
}

static int choose_hits(const Search *search, const Scores *scores, Best *best)
{
        _cleanup_(freep) size_t *chosen = NULL;
        size_t n;

        if (!search->consolidated) {
                for (size_t row = 0; row < scores->rows.n; row++)
                        if (scores->squares[row] > 0)
                                offer_row(search, scores, row, best);
                return 0;
        }
        int r = best_rows(scores, &chosen, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                if (chosen[i] != SIZE_MAX)
                        offer_row(search, scores, chosen[i], best);
        return r;
}

int search_run(Engine *engine, const Search *search, Hit *ret_hits, size_t *ret_n, uint64_t *ret_searched)
{
        GalleryRows rows = gallery_rows(search->gallery);
        Best best = {.items = (char *)ret_hits, .item_size = sizeof(Hit), .k = search->k, .order = by_rank};

        _cleanup_(freep) double *squares = malloc(MAX_OF(rows.n, (size_t)1) * sizeof(double));
        _cleanup_(freep) double *scores = malloc(MAX_OF(rows.n, (size_t)1) * sizeof(double));
        if (!squares || !scores)
                return -ENOMEM;
        Scores all = {.rows = rows, .squares = squares, .scores = scores};
        uint64_t searched = choose_rows(search, &all);
        Scan scan = {.rows = rows.vectors,
                     .squares = squares,
                     .n_rows = rows.n,
                     .stride = rows.stride,
                     .probes = search->probes.vectors,
                     .probe_squares = search->probes.squares,
                     .n_probes = search->probes.n,
                     .stop = search->stop};
        int r = engine_scan(engine, &scan, scores);
        if (r == 0)
                r = choose_hits(search, &all, &best);
        if (r != 0)
                return r;
        best_finish(&best);
        *ret_n = best.n;
        *ret_searched = searched;
        return 0;
}
