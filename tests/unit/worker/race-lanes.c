/*
 * One gallery that is changed, searched and listed at once, by both lanes of the real runner: each answer must be the one of the set of
 * templates at the epoch that it names, and know every change that was answered before it was asked for.
 *
 * A program of its own and without Criterion, which cannot live under ThreadSanitizer, for which this is made.
 *
 *   race-lanes CHANGES [ENGINE MODULES]
 *
 * on the processor, or on a played device (played-device.h) whose driver is in the folder MODULES.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "played-device.h"
#include "worker/kernel.h"
#include "worker/operation.h"
#include "worker/runner.h"

enum {
        DIMENSION = 24,
        SUBJECTS = 150, /* that come and go; even ones with two templates at once */
        READS_IN_FLIGHT = 24,
        CHANGES_IN_FLIGHT = 3,
        LIMIT = 1000,
};

#define MUST(condition)                                                                                      \
        ((condition) ? (void)0                                                                               \
                     : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

/* The script of changes: at epoch e the subject of change e - 1 has come or gone. */
typedef struct Change {
        size_t subject;
        bool comes;
} Change;

static Change *changes;
static size_t n_changes;
static float vectors[SUBJECTS][2][DIMENSION];
static char names[SUBJECTS][8];
static uint64_t dice = 11;

static uint64_t roll(uint64_t n)
{
        /* xorshift64* by Vigna. */
        dice ^= dice >> 12;
        dice ^= dice << 25;
        dice ^= dice >> 27;
        return dice * UINT64_C(2685821657736338717) % n;
}

static size_t templates_of(size_t subject)
{
        return subject % 2 == 0 ? 2 : 1;
}

static void make_script(void)
{
        bool is_there[SUBJECTS] = {};

        for (size_t i = 0; i < SUBJECTS; i++) {
                (void)snprintf(names[i], sizeof(names[i]), "s%03zu", i);
                for (size_t j = 0; j < 2 * DIMENSION; j++)
                        vectors[i][j / DIMENSION][j % DIMENSION] = (float)roll(2001) - 1000;
                if (i % 7 == 6) /* so that similarities are alike */
                        memcpy(vectors[i], vectors[i - 1], sizeof(vectors[i]));
        }
        for (size_t i = 0; i < n_changes; i++) {
                size_t subject = roll(SUBJECTS);
                is_there[subject] = !is_there[subject];
                changes[i] = (Change){subject, is_there[subject]};
        }
}

static void set_at(uint64_t epoch, bool ret_set[static SUBJECTS])
{
        memset(ret_set, 0, SUBJECTS * sizeof(bool));
        for (uint64_t i = 0; i < epoch; i++)
                ret_set[changes[i].subject] = changes[i].comes;
}

/* By the definition; the kernels' order of additions is the same for every set. */
static double cosine(const float *a, const float *b)
{
        double query[KERNEL_PADDED(DIMENSION)] = {};
        float row[KERNEL_PADDED(DIMENSION)], other[KERNEL_PADDED(DIMENSION)];
        double square_a, square_b;

        MUST(kernel_read_vector((const uint8_t *)a, DIMENSION, other, &square_a));
        MUST(kernel_read_vector((const uint8_t *)b, DIMENSION, row, &square_b));
        for (size_t i = 0; i < DIMENSION; i++)
                query[i] = (double)a[i];
        return kernel_cosine(kernel_pick("scalar")->dot(query, row, KERNEL_PADDED(DIMENSION)), square_a,
                             square_b);
}

/* The best of a subject's templates, for some probes. */
static double best_of(size_t subject, const float *probes, size_t n_probes)
{
        double best = -2;

        for (size_t i = 0; i < n_probes; i++)
                for (size_t j = 0; j < templates_of(subject); j++)
                        best = MAX_OF(best, cosine(probes + i * DIMENSION, vectors[subject][j]));
        return best;
}

/* ------------------------------------------------------------------------------------------------- jobs */

/* A job, and what has to come of it. */
typedef struct Asked {
        TaskOperation operation;
        size_t subject;
        float probe[DIMENSION];
        uint64_t least_epoch; /* of the last change that was answered when this was asked */
} Asked;

static Runner *runner;
static Asked asked[1 << 16];
static Buffer bytes[ARRAY_SIZE(asked)];
static size_t n_asked, n_answered;
static uint64_t n_turns, n_shared; /* of searches, and those in which there were several */

static int run(Job *const *jobs, size_t n, void *userdata)
{
        const OperationTools *tools = userdata;
        Operation operations[ENGINE_BATCH_MAX];

        for (size_t i = 0; i < n; i++)
                operations[i] =
                        (Operation){.task = &jobs[i]->task, .stop = &jobs[i]->stop, .state = &jobs[i]->state};
        int r = operation_run(tools, operations, n);
        for (size_t i = 0; i < n; i++) {
                MUST(operations[i].end == OPERATION_ANSWERED);
                operations[i].outcome.message.index = jobs[i]->index;
                operations[i].outcome.message.engine = engine_name(tools->engine);
                result_encode(&operations[i].outcome.message, &jobs[i]->result);
                outcome_deinit(&operations[i].outcome);
        }
        if (jobs[0]->task.operation <= TASK_IDENTIFY_STORED) {
                n_turns++;
                n_shared += n > 1;
        }
        return r;
}

/* As the worker does after each change. */
static int tidy(const atomic_int *stop, void *userdata)
{
        const OperationTools *tools = userdata;
        Gallery *gallery = galleries_find(tools->galleries, "children");

        if (!gallery)
                return 0;
        uint64_t identity = gallery_templates(gallery).identity;
        int r = gallery_tidy(gallery, stop);
        if (gallery_templates(gallery).identity != identity)
                engine_forget(tools->engine, identity);
        return r;
}

static void put_entries(const Asked *one, Buffer *job)
{
        bool enrols = one->operation == TASK_ENROL;
        size_t n = enrols ? templates_of(one->subject) : 1;

        job_begin(job, (uint32_t)n);
        for (size_t i = 0; i < n; i++) {
                bool has_vector = enrols || one->operation == TASK_IDENTIFY || one->operation == TASK_VERIFY;
                bool has_subject = one->operation != TASK_IDENTIFY && one->operation != TASK_LIST;
                const float *vector = enrols ? vectors[one->subject][i] : one->probe;
                job_put(job, &(JobEntry){has_subject ? names[one->subject] : "", has_vector ? "m1" : "",
                                         has_vector ? (const uint8_t *)vector : NULL,
                                         has_vector ? DIMENSION * sizeof(float) : 0});
        }
}

static void submit(const Asked *one)
{
        static const char *const organisations[] = {"police", "ngo", NULL};
        bool is_change = one->operation == TASK_ENROL || one->operation == TASK_REMOVE;
        Job *job = job_new();

        MUST(job && n_asked < ARRAY_SIZE(asked));
        asked[n_asked] = *one;
        put_entries(one, &bytes[n_asked]);
        job->index = n_asked;
        job->deadline_usec = UINT64_MAX;
        /* The script is of one organisation, whose jobs keep their order. */
        job->organisation = is_change ? "police" : organisations[n_asked % 3];
        job->task = (Task){.operation = one->operation,
                           .release = TASK_RELEASE_SCORES,
                           .gallery = "children",
                           .shape = {.model = "m1", .dimension = DIMENSION, .consolidated = true},
                           .maximum = TASK_NO_MAXIMUM,
                           .floor = -1,
                           .limit = one->operation == TASK_LIST ? LIMIT : 1 + n_asked % SUBJECTS,
                           .job = bytes[n_asked].data,
                           .n_job = bytes[n_asked].n};
        n_asked++;
        MUST(runner_submit(runner, job) == 0);
}

/* ------------------------------------------------------------------------------------------------ answers */

static void check_list(const ResultMessage *message, const bool *set)
{
        size_t n = 0;

        for (size_t i = 0; i < SUBJECTS; i++)
                if (set[i]) {
                        MUST(n < message->subjects.n);
                        MUST(strcmp(message->subjects.items[n++], names[i]) == 0);
                }
        MUST(n == message->subjects.n);
}

typedef struct Expected {
        double similarity;
        size_t subject;
} Expected;

static int by_rank(const void *a, const void *b)
{
        const Expected *left = a, *right = b;

        if (left->similarity != right->similarity)
                return left->similarity > right->similarity ? -1 : 1;
        return left->subject < right->subject ? -1 : 1;
}

static void check_search(const Asked *one, const ResultMessage *message, const bool *set, size_t limit)
{
        bool stored = one->operation == TASK_IDENTIFY_STORED;
        const float *probes = stored ? vectors[one->subject][0] : one->probe;
        size_t n = 0, n_probes = stored ? templates_of(one->subject) : 1;
        Expected expected[SUBJECTS];
        uint64_t searched = 0;

        for (size_t i = 0; i < SUBJECTS; i++)
                if (set[i] && !(stored && i == one->subject)) {
                        expected[n++] = (Expected){best_of(i, probes, n_probes), i};
                        searched += templates_of(i);
                }
        qsort(expected, n, sizeof(Expected), by_rank);
        MUST(message->searched == searched);
        MUST(message->n_candidates == MIN_OF(n, limit));
        for (size_t i = 0; i < message->n_candidates; i++) {
                MUST(strcmp(message->candidates[i].subject, names[expected[i].subject]) == 0);
                MUST(message->candidates[i].similarity == expected[i].similarity);
        }
}

static void check_read(const Asked *one, const ResultMessage *message, size_t limit)
{
        bool set[SUBJECTS];

        MUST(message->gallery_epoch >= one->least_epoch && message->gallery_epoch <= n_changes);
        set_at(message->gallery_epoch, set);
        if (one->operation != TASK_IDENTIFY && one->operation != TASK_LIST && !set[one->subject]) {
                MUST(strcmp(message->result, "no-subject") == 0);
                return;
        }
        MUST(strcmp(message->result, "ok") == 0);
        if (one->operation == TASK_LIST)
                check_list(message, set);
        else if (one->operation == TASK_VERIFY)
                MUST(message->similarity == best_of(one->subject, one->probe, 1));
        else
                check_search(one, message, set, limit);
}

/* Return: the epoch that a change has led to; 0: it was none. */
static uint64_t check(const Job *job)
{
        _cleanup_(result_deinit) ResultMessage message = {};
        const Asked *one = &asked[job->index];

        MUST(result_decode(job->result.data, job->result.n, &message));
        if (one->operation != TASK_ENROL && one->operation != TASK_REMOVE) {
                check_read(one, &message, job->task.limit);
                return 0;
        }
        MUST(strcmp(message.result, "ok") == 0);
        MUST(message.count == templates_of(one->subject));
        return message.gallery_epoch;
}

/* ------------------------------------------------------------------------------------------------- the race */

static void submit_read(uint64_t least_epoch)
{
        static const TaskOperation kinds[] = {TASK_IDENTIFY, TASK_IDENTIFY, TASK_IDENTIFY_STORED, TASK_VERIFY,
                                              TASK_LIST};
        Asked one = {.operation = kinds[roll(ARRAY_SIZE(kinds))],
                     .subject = roll(SUBJECTS),
                     .least_epoch = least_epoch};

        for (size_t i = 0; i < DIMENSION; i++)
                one.probe[i] = roll(4) == 0 ? vectors[one.subject][0][i] : (float)roll(2001) - 1000;
        submit(&one);
}

static void submit_change(size_t i)
{
        submit(&(Asked){.operation = changes[i].comes ? TASK_ENROL : TASK_REMOVE,
                        .subject = changes[i].subject});
}

static Job *wait_done(void)
{
        struct pollfd poll_fd = {.fd = runner_fd(runner), .events = POLLIN};
        Job *job;

        for (;;) {
                MUST(runner_done(runner, &job) == 0);
                if (job)
                        return job;
                MUST(poll(&poll_fd, 1, 60000) == 1);
        }
}

static void race(void)
{
        size_t n_begun = 0, n_ended = 0, n_reads = 0;

        while (n_ended < n_changes || n_answered < n_asked) {
                while (n_begun < n_changes && n_begun - n_ended < CHANGES_IN_FLIGHT)
                        submit_change(n_begun++);
                for (; n_ended < n_changes && n_reads < READS_IN_FLIGHT; n_reads++)
                        submit_read(n_ended);
                Job *job = wait_done();
                uint64_t epoch = check(job);
                if (epoch > 0)
                        MUST(epoch == ++n_ended);
                else
                        n_reads--;
                buffer_deinit(&bytes[job->index]);
                job_free(job);
                n_answered++;
        }
}

/* The played device's; NULL: there is none. */
static PlayedControl *played_control_of(const EngineOptions *options)
{
        char path[4096];

        if (!options->modules)
                return NULL;
        (void)snprintf(path, sizeof(path), "%s/engine-%s.so", options->modules, options->engine);
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        MUST(module);
        PlayedControl *control = dlsym(module, PLAYED_SYMBOL);
        MUST(control);
        return control;
}

/* What answered is what was to: a device that failed meanwhile would hide in right answers. And it had one caller at a time. */
static void end_engine(Engine *engine, const PlayedControl *control)
{
        EngineState state;

        engine_state(engine, &state);
        MUST(state.failure[0] == '\0');
        printf("%s: ", state.name);
        engine_free(engine);
        if (!control)
                return;
        if (control->violation)
                fprintf(stderr, "%s\n", control->violation);
        MUST(!control->violation && control->n_scans > 0);
}

int main(int argc, char **argv)
{
        char folder[] = "/dev/shm/matchguard-race-XXXXXX";
        Galleries galleries = GALLERIES_INIT;
        OperationTools tools = {.galleries = &galleries};
        char command[128];

        EngineOptions options = {.engine = "cpu", .isa = "auto", .n_threads = 3};

        MUST(argc == 2 || argc == 4);
        if (argc == 4) {
                options.engine = argv[2];
                options.modules = argv[3];
        }
        PlayedControl *control = played_control_of(&options);
        if (control)
                control->lingers_usec = 50;
        n_changes = strtoul(argv[1], NULL, 10);
        changes = calloc(n_changes, sizeof(Change));
        MUST(changes && n_changes > 0 && mkdtemp(folder));
        make_script();
        MUST(galleries_claim(&galleries, folder) == 0 && galleries_load(&galleries) == 0);
        MUST(engine_new(&options, &tools.engine) == 0);
        MUST(runner_new(&(RunnerWork){run, tidy, &tools, engine_batch(tools.engine)}, &runner) == 0);
        race();
        runner_free(runner);
        end_engine(tools.engine, control);
        galleries_deinit(&galleries);
        free(changes);
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        MUST(system(command) == 0);
        printf("%zu changes, %zu reads, %ju passes, %ju of them shared\n", n_changes, n_answered - n_changes,
               (uintmax_t)n_turns, (uintmax_t)n_shared);
        MUST(n_shared > 0);
        return 0;
}
