/*
 * The thread that judges leaves. Bundles go round in a ring: the reader owns those from `n_judged` + RING on,
 * both may read those in between, and nothing else is shared before the thread has ended.
 */

#include "tools/leaf-checker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/macro.h"
#include "tools/replay.h"

enum { RING = 8, POLICIES_FIRST = 16 };

struct LeafChecker {
        LeafCheckerSource source;

        pthread_t thread;
        bool running;
        pthread_mutex_t lock; /* over the next four */
        pthread_cond_t changed;
        uint64_t n_handed;
        uint64_t n_judged;
        bool ended; /* no more will be handed over */
        Bundle ring[RING];

        /* the thread's, until it has ended */
        int error;
        Rules *rules;
        Replay replay;
        Findings findings;
        Bundle earlier; /* for a look back at one leaf */
        LoadedPolicy *policies;
        size_t n_policies, capacity;
};

/* ------------------------------------------------------------------------------------- what the rules ask for */

static void on_fault(const RuleFault *fault, void *userdata)
{
        LeafChecker *checker = userdata;
        findings_leaf(&checker->findings, fault->index, fault->rule, fault->text);
}

static bool on_is_permit(uint64_t index, void *userdata)
{
        LeafChecker *checker = userdata;
        Bundle *earlier = &checker->earlier;
        _cleanup_(freep) char *why = NULL;
        unsigned at = (unsigned)(index % TILE_WIDTH);

        if (export_read_bundle(checker->source.export, index / TILE_WIDTH, earlier, &why) != 0)
                return false;
        return at < earlier->n && leaf_is_permit(earlier->leaves[at], earlier->sizes[at]);
}

static int on_loaded(uint64_t index, const char *text, void *userdata)
{
        LeafChecker *checker = userdata;
        LoadedPolicy loaded = {.index = index};

        if (!digest_from_hex(text, &loaded.digest))
                return 0;
        for (size_t i = 0; i < checker->n_policies; i++)
                if (digest_equal(&checker->policies[i].digest, &loaded.digest))
                        return 0;
        if (checker->n_policies == checker->capacity) {
                size_t capacity = checker->capacity ? checker->capacity * 2 : POLICIES_FIRST;
                LoadedPolicy *policies = reallocarray(checker->policies, capacity, sizeof(*policies));
                if (!policies)
                        return -ENOMEM;
                checker->policies = policies;
                checker->capacity = capacity;
        }
        checker->policies[checker->n_policies++] = loaded;
        return 0;
}

static int on_request(const LogState *state, const LeafEntry *entry, const char **ret_fault, void *userdata)
{
        LeafChecker *checker = userdata;
        return replay_request(&checker->replay, state, entry, ret_fault);
}

/* ------------------------------------------------------------------------------------------------- the thread */

/* Return: the next bundle, or NULL where none will come. */
static const Bundle *wait_for_bundle(LeafChecker *checker)
{
        const Bundle *bundle = NULL;

        pthread_mutex_lock(&checker->lock);
        while (checker->n_judged == checker->n_handed && !checker->ended)
                pthread_cond_wait(&checker->changed, &checker->lock);
        if (checker->n_judged < checker->n_handed)
                bundle = &checker->ring[checker->n_judged % RING];
        pthread_mutex_unlock(&checker->lock);
        return bundle;
}

static void tell_judged(LeafChecker *checker)
{
        pthread_mutex_lock(&checker->lock);
        checker->n_judged++;
        pthread_cond_signal(&checker->changed);
        pthread_mutex_unlock(&checker->lock);
}

/* After an error the rest is let through unjudged: the reader is told at the end. */
static void *judge(void *userdata)
{
        LeafChecker *checker = userdata;
        const Bundle *bundle;

        while ((bundle = wait_for_bundle(checker))) {
                for (unsigned i = 0; i < bundle->n && checker->error == 0; i++)
                        checker->error = rules_leaf(checker->rules, bundle->leaves[i], bundle->sizes[i]);
                tell_judged(checker);
        }
        return NULL;
}

static void stop_thread(LeafChecker *checker)
{
        if (!checker->running)
                return;
        pthread_mutex_lock(&checker->lock);
        checker->ended = true;
        pthread_cond_signal(&checker->changed);
        pthread_mutex_unlock(&checker->lock);
        pthread_join(checker->thread, NULL);
        checker->running = false;
}

/* ------------------------------------------------------------------------------------------------- the reader */

LeafChecker *leaf_checker_free(LeafChecker *checker)
{
        if (!checker)
                return NULL;
        stop_thread(checker);
        pthread_mutex_destroy(&checker->lock);
        pthread_cond_destroy(&checker->changed);
        for (size_t i = 0; i < RING; i++)
                bundle_deinit(&checker->ring[i]);
        bundle_deinit(&checker->earlier);
        rules_free(checker->rules);
        replay_deinit(&checker->replay);
        findings_deinit(&checker->findings);
        free(checker->policies);
        free(checker);
        return NULL;
}

DEFINE_CLEANUP(LeafChecker *, leaf_checker_free);

int leaf_checker_new(LeafChecker **ret_checker, const LeafCheckerSource *source)
{
        _cleanup_(leaf_checker_freep) LeafChecker *checker = calloc(1, sizeof(*checker));
        if (!checker)
                return -ENOMEM;
        const RuleHandlers handlers = {on_fault, on_is_permit, on_loaded, on_request, checker};

        checker->source = *source;
        checker->replay = REPLAY_INIT(source->dir);
        pthread_mutex_init(&checker->lock, NULL); /* neither fails with default attributes */
        pthread_cond_init(&checker->changed, NULL);
        int r = findings_init(&checker->findings, source->json);
        if (r == 0)
                r = rules_new(&checker->rules, &handlers);
        if (r == 0)
                r = -pthread_create(&checker->thread, NULL, judge, checker);
        if (r < 0)
                return r;
        checker->running = true;
        *ret_checker = TAKE_PTR(checker);
        return 0;
}

/* Only the reader changes `n_handed`. */
Bundle *leaf_checker_bundle(LeafChecker *checker)
{
        pthread_mutex_lock(&checker->lock);
        while (checker->n_handed - checker->n_judged == RING)
                pthread_cond_wait(&checker->changed, &checker->lock);
        pthread_mutex_unlock(&checker->lock);
        return &checker->ring[checker->n_handed % RING];
}

void leaf_checker_hand_over(LeafChecker *checker)
{
        pthread_mutex_lock(&checker->lock);
        checker->n_handed++;
        pthread_cond_signal(&checker->changed);
        pthread_mutex_unlock(&checker->lock);
}

int leaf_checker_end(LeafChecker *checker, bool whole, LeafCheckerResult *ret_result)
{
        stop_thread(checker);
        if (checker->error < 0)
                return checker->error;
        if (whole)
                rules_end(checker->rules);
        *ret_result = (LeafCheckerResult){
                .findings = &checker->findings,
                .counts = rules_counts(checker->rules),
                .n_remade = checker->replay.n_same + checker->replay.n_differing,
                .policies = checker->policies,
                .n_policies = checker->n_policies,
        };
        return 0;
}
