/*
 * The search of a gallery. The engine finds; here is what it is to find in, and how hits of the same similarity are ranked.
 */

#include "worker/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/exact.h"
#include "worker/kernel.h"
#include "worker/subjects.h"

/* What hits are ranked by besides their similarity. */
typedef struct Ranks {
        const Gallery *gallery;
        Templates templates;
} Ranks;

static int by_subject_and_row(const void *userdata, size_t a, size_t b)
{
        const Ranks *ranks = userdata;
        uint32_t left = ranks->templates.subjects[a], right = ranks->templates.subjects[b];

        if (left != right)
                return strcmp(gallery_subject(ranks->gallery, left), gallery_subject(ranks->gallery, right));
        return a < b ? -1 : a > b;
}

static void begin_query(const Search *search, const Ranks *ranks, EngineHit *hits, EngineQuery *ret_query)
{
        *ret_query = (EngineQuery){.probes = search->probes.vectors,
                                   .probe_squares = search->probes.squares,
                                   .n_probes = search->probes.n,
                                   .one_a_subject = search->consolidated,
                                   .but = search->but,
                                   .floor = search->floor,
                                   .k = search->k,
                                   .stop = search->stop,
                                   .order = by_subject_and_row,
                                   .order_data = ranks,
                                   .ret_hits = hits};
}

static void end_query(const EngineQuery *query, const Ranks *ranks, Search *search)
{
        search->result = query->result;
        search->n_hits = query->n_hits;
        for (size_t i = 0; i < query->n_hits; i++)
                search->ret_hits[i] =
                        (Hit){.similarity = query->ret_hits[i].similarity,
                              .subject = gallery_subject(ranks->gallery,
                                                         ranks->templates.subjects[query->ret_hits[i].row]),
                              .row = query->ret_hits[i].row};
        search->searched = gallery_n_templates(ranks->gallery);
        if (search->but != SUBJECTS_NONE)
                search->searched -= gallery_n_templates_of(ranks->gallery, search->but);
}

int search_run(Engine *engine, const Gallery *gallery, Search *searches, size_t n)
{
        Ranks ranks = {.gallery = gallery, .templates = gallery_templates(gallery)};
        EngineRun run;
        size_t n_hits = 0;

        for (size_t i = 0; i < n; i++)
                n_hits += searches[i].k;
        _cleanup_(freep) EngineHit *hits = calloc(MAX_OF(n_hits, (size_t)1), sizeof(EngineHit));
        _cleanup_(freep) EngineQuery *queries = calloc(n, sizeof(EngineQuery));
        if (!hits || !queries)
                return -ENOMEM;
        EngineHit *next = hits;
        for (size_t i = 0; i < n; i++) {
                begin_query(&searches[i], &ranks, next, &queries[i]);
                next += searches[i].k;
        }
        int r = engine_search(engine, &ranks.templates, queries, n, &run);
        /* The engine reads a template more than once, and copies of probes may have been made of this gallery too. */
        if (r == 0 && gallery_has_lost(gallery))
                r = ENGINE_E_DAMAGED;
        for (size_t i = 0; r == 0 && i < n; i++) {
                end_query(&queries[i], &ranks, &searches[i]);
                searches[i].engine = run.name;
        }
        return r;
}

int search_subject(const Gallery *gallery, uint32_t subject, const Probes *probe, double *ret_similarity,
                   uint64_t *ret_n)
{
        Templates templates = gallery_templates(gallery);
        _cleanup_(exact_probes_deinit) ExactProbes probes = {.squares = probe->squares,
                                                             .n = probe->n,
                                                             .dimension = templates.dimension,
                                                             .dot = kernel_pick("auto")->dot};
        double best = -1;
        uint64_t n = 0;

        int r = exact_probes_init(&probes, probe->vectors);
        if (r < 0)
                return r;
        for (size_t row = gallery_first_row(gallery, subject); row != GALLERY_NO_ROW;
             row = gallery_next_row(gallery, row)) {
                double square;
                const float *original = original_read(&templates.originals, row, &square);
                if (!original)
                        return ENGINE_E_DAMAGED;
                double similarity = exact_similarity(&probes, original, square);
                if (similarity > best)
                        best = similarity;
                n++;
        }
        if (gallery_has_lost(gallery))
                return ENGINE_E_DAMAGED;
        *ret_similarity = best;
        *ret_n = n;
        return 0;
}
