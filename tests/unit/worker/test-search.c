/*
 * Searches of galleries as they are stored, against the rules read plainly (brute.h): names, ties, removals, what is counted. That the engine is
 * exact on templates of any kind is shown by test-exact.c.
 */

#include <math.h>
#include <string.h>

#include "awkward.h"
#include "base/macro.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/search.h"

enum {
        DIMENSION = 37,
        STRIDE = KERNEL_PADDED(DIMENSION),
        ROWS_MAX = 900,
        PROBES = 3,
        SEARCHES = 8,
        K_MAX = 40
};

static uint64_t chance;
static Scratch scratch;
static Engine *engines[2];

static void set_up(void)
{
        scratch_init(&scratch);
        for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
                cr_assert_eq(engine_new(&(EngineOptions){"cpu", "auto", 1 + 2 * i}, &engines[i]), 0);
}

static void tear_down(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
                engine_free(engines[i]);
        scratch_deinit(&scratch);
}

TestSuite(search, .init = set_up, .fini = tear_down, .timeout = 600);

static size_t below(size_t n)
{
        return scratch_random(&chance) % n;
}

/* A crowd, in a gallery too. */
static Gallery *make_gallery(const Crowd *crowd, bool consolidated)
{
        const GalleryShape shape = {.model = "m", .dimension = DIMENSION, .consolidated = consolidated};
        static unsigned n_made;
        char name[16];
        Gallery *gallery;

        (void)snprintf(name, sizeof(name), "g%u", n_made++);
        cr_assert_eq(gallery_create(scratch.dir_fd, name, &shape, &gallery), 0);
        for (size_t row = 0; row < crowd->n; row++)
                cr_assert_eq(gallery_add(gallery,
                                         &(GalleryEntry){.subject = crowd->names[crowd->subjects[row]],
                                                         .vector = (uint8_t *)crowd_vector(crowd, row)},
                                         1),
                             0);
        return gallery;
}

static void remove_some(Crowd *crowd, Gallery *gallery)
{
        uint32_t subject = crowd->subjects[below(crowd->n)], n_removed;

        if (subject == SUBJECTS_NONE)
                return;
        cr_assert_eq(gallery_remove(gallery, crowd->names[subject], &n_removed), 0);
        cr_assert_eq(gallery_tidy(gallery, NULL), 0);
        for (size_t row = 0; row < crowd->n; row++)
                if (crowd->subjects[row] == subject) {
                        crowd->subjects[row] = SUBJECTS_NONE;
                        n_removed--;
                }
        cr_assert_eq(n_removed, 0);
}

/* ------------------------------------------------------------------------------------------------
 * questions */

typedef struct Question {
        BruteQuestion plain;
        float plain_probes[PROBES * DIMENSION];
        float probes[PROBES * STRIDE];
        double squares[PROBES];
        Hit hits[K_MAX];
        Search search;
} Question;

static void ask(const Crowd *crowd, const Gallery *gallery, bool consolidated, Question *question)
{
        static const double floors[] = {-1, -0.5, 0, 0.1, 0.5, 0.999999, 1};
        uint32_t but = below(2) ? crowd->subjects[below(crowd->n)] : SUBJECTS_NONE;

        question->plain = (BruteQuestion){.probes = question->plain_probes,
                                          .n_probes = 1 + below(PROBES),
                                          .one_a_subject = consolidated,
                                          .but = but,
                                          .floor = floors[below(ARRAY_SIZE(floors))],
                                          .k = 1 + below(K_MAX)};
        for (size_t i = 0; i < question->plain.n_probes; i++) {
                float *probe = question->plain_probes + i * DIMENSION;
                awkward_probe(crowd, &chance, probe);
                cr_assert(kernel_read_vector((uint8_t *)probe, DIMENSION, question->probes + i * STRIDE,
                                             &question->squares[i]));
        }
        question->search = (Search){.probes = {question->probes, question->squares, question->plain.n_probes},
                                    .consolidated = consolidated,
                                    .but = SUBJECTS_NONE,
                                    .floor = question->plain.floor,
                                    .k = question->plain.k,
                                    .ret_hits = question->hits};
        if (but != SUBJECTS_NONE)
                cr_assert(gallery_find(gallery, crowd->names[but], &question->search.but));
}

static void check_answer(const Crowd *crowd, const Question *question)
{
        static BruteHit expected[ROWS_MAX];
        const Search *search = &question->search;
        size_t n = brute_search(crowd, &question->plain, expected);
        uint64_t n_searched = 0;

        cr_assert_eq(search->result, 0);
        cr_assert_eq(search->n_hits, n, "%zu hits instead of %zu", search->n_hits, n);
        for (size_t i = 0; i < n; i++) {
                cr_assert_str_eq(search->ret_hits[i].subject, expected[i].subject);
                cr_assert_eq(memcmp(&search->ret_hits[i].similarity, &expected[i].similarity, sizeof(double)),
                             0);
        }
        for (size_t row = 0; row < crowd->n; row++)
                n_searched +=
                        crowd->subjects[row] != SUBJECTS_NONE && crowd->subjects[row] != question->plain.but;
        cr_assert_eq(search->searched, n_searched);
}

static void check_searches(const Crowd *crowd, Gallery *gallery, bool consolidated)
{
        static Question questions[SEARCHES];
        Search searches[SEARCHES];
        size_t n = 1 + below(SEARCHES);

        for (size_t i = 0; i < n; i++) {
                ask(crowd, gallery, consolidated, &questions[i]);
                searches[i] = questions[i].search;
        }
        gallery_hold(gallery);
        cr_assert_eq(search_run(engines[below(ARRAY_SIZE(engines))], gallery, searches, n), 0);
        for (size_t i = 0; i < n; i++) {
                questions[i].search = searches[i];
                check_answer(crowd, &questions[i]);
        }
        gallery_release(gallery);
}

Test(search, is_exact_while_subjects_go)
{
        static const char *const kinds[] = {"random", "small integers", "last bit", "scaled"};

        chance = 11;
        for (size_t round = 0; round < 2 * ARRAY_SIZE(kinds); round++) {
                bool consolidated = round % 2 == 0;
                Crowd *crowd = awkward_new(awkward_kind(kinds[round / 2]), 1 + below(ROWS_MAX), DIMENSION, 0,
                                           &chance);
                Gallery *gallery = make_gallery(crowd, consolidated);
                for (size_t i = 0; i < 12; i++) {
                        check_searches(crowd, gallery, consolidated);
                        remove_some(crowd, gallery);
                }
                gallery_free(gallery);
                crowd_free(crowd);
        }
}

Test(search, finds_nothing_where_nobody_is_left)
{
        chance = 12;
        Crowd *crowd = awkward_new(awkward_kind("random"), 5, DIMENSION, 0, &chance);
        Gallery *gallery = make_gallery(crowd, true);
        for (size_t i = 0; i < 100; i++)
                remove_some(crowd, gallery);
        for (size_t row = 0; row < crowd->n; row++)
                cr_assert_eq(crowd->subjects[row], SUBJECTS_NONE);
        check_searches(crowd, gallery, true);
        gallery_free(gallery);
        crowd_free(crowd);
}

Test(search, gives_up_when_told)
{
        static Question questions[2];
        Search searches[2];
        atomic_int stop = 1;

        chance = 13;
        Crowd *crowd = awkward_new(awkward_kind("random"), 100, DIMENSION, 0, &chance);
        Gallery *gallery = make_gallery(crowd, false);
        for (size_t i = 0; i < 2; i++) {
                ask(crowd, gallery, false, &questions[i]);
                searches[i] = questions[i].search;
        }
        searches[0].stop = &stop;
        gallery_hold(gallery);
        cr_assert_eq(search_run(engines[0], gallery, searches, 2), 0);
        cr_assert_eq(searches[0].result, ENGINE_E_STOPPED);
        cr_assert_eq(searches[0].n_hits, 0);
        questions[1].search = searches[1];
        check_answer(crowd, &questions[1]);
        gallery_release(gallery);
        gallery_free(gallery);
        crowd_free(crowd);
}

Test(search, compares_with_all_templates_of_one_subject)
{
        static Question question;

        chance = 14;
        Crowd *crowd = awkward_new(awkward_kind("clustered"), 300, DIMENSION, 0, &chance);
        Gallery *gallery = make_gallery(crowd, true);
        remove_some(crowd, gallery);
        gallery_hold(gallery);
        for (uint32_t subject = 0; subject < crowd->n_subjects; subject++) {
                double similarity, best = -1;
                uint64_t n, n_expected = 0;
                uint32_t number;
                ask(crowd, gallery, true, &question);
                for (size_t row = 0; row < crowd->n; row++)
                        for (size_t i = 0; i < question.plain.n_probes && crowd->subjects[row] == subject;
                             i++) {
                                double dot = brute_dot(question.plain_probes + i * DIMENSION,
                                                       crowd_vector(crowd, row), DIMENSION);
                                best = fmax(best,
                                            brute_cosine(dot, question.squares[i], crowd->squares[row]));
                                n_expected += i == 0;
                        }
                cr_assert_eq(gallery_find(gallery, crowd->names[subject], &number), n_expected > 0);
                if (n_expected == 0)
                        continue;
                cr_assert_eq(search_subject(gallery, number, &question.search.probes, &similarity, &n), 0);
                cr_assert_eq(n, n_expected);
                cr_assert_eq(memcmp(&similarity, &best, sizeof(double)), 0);
        }
        gallery_release(gallery);
        gallery_free(gallery);
        crowd_free(crowd);
}

/* A byte of the file that the gallery is mapped from. */
static void damage_originals(void)
{
        char path[128];
        uint8_t byte;

        (void)snprintf(path, sizeof(path), "%s/g0.originals", scratch.path);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        for (off_t at = 0; pread(fd, &byte, 1, at) == 1; at += 64) {
                byte ^= 1;
                cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        }
        fd_close(fd);
}

Test(search, says_so_where_templates_are_damaged)
{
        static Question question;
        double similarity;
        uint64_t n;

        chance = 15;
        Crowd *crowd = awkward_new(awkward_kind("random"), 100, DIMENSION, 0, &chance);
        Gallery *gallery = make_gallery(crowd, false);
        ask(crowd, gallery, false, &question);
        question.search.floor = -1;
        question.search.but = SUBJECTS_NONE;
        damage_originals();
        gallery_hold(gallery);
        cr_assert_eq(search_run(engines[0], gallery, &question.search, 1), ENGINE_E_DAMAGED);
        uint32_t subject = gallery_templates(gallery).subjects[0];
        cr_assert_eq(search_subject(gallery, subject, &question.search.probes, &similarity, &n),
                     ENGINE_E_DAMAGED);
        gallery_release(gallery);
        gallery_free(gallery);
        crowd_free(crowd);
}
