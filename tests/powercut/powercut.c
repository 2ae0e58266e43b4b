/*
 * Power cuts. Runs of the trail are recorded, call by call, and every state that a disk may be left in by a cut
 * after each of them is built again and opened as at a start (disk.h says which states these are).
 *
 * An honest disk keeps what was synced: from each of its states the log must open, with every leaf that was
 * told of as durable, and with all that goes with it. A disk that answers a sync without doing it may lose
 * leaves; then the log must refuse to open where the export says more, and must never give out anything else
 * than what was written. An honest disk must not hold the seed of an epoch whose end was told of, either.
 *
 * Usage: powercut MATCHGUARD       the tool is asked for its opinion on some of the exports
 *
 * In the environment: MATCHGUARD_POWERCUT=all tries each op missing and torn at every point, and every lie of
 * the disk at every later point; without it, at the ends of intervals, and at the next two that count.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "disk.h"
#include "judge.h"
#include "must.h"
#include "recording.h"
#include "run.h"
#include "seed.h"
#include "tally.h"
#include "watch.h"

enum {
        WORKERS = 2,
        AUDITED = 256,     /* of the opened states one in so many is shown to the tool */
        SHOWN = 10,        /* faults that are printed */
        LIES_FOLLOWED = 2, /* exports and acknowledgements after a lie at which the power is cut */
};

/* Shared by the processes. */
typedef struct Board {
        Counts counts[WORKERS][2]; /* honest, lying */
        size_t n_shown;
        char doing[WORKERS][256];
} Board;

/* One process that tries its share of states. */
typedef struct Worker {
        unsigned number;
        const Recording *recording;
        Board *board;
        bool lying;
        bool thorough;
        Seen seen;
        Judge judge;
        char dir[128], state_dir[160];
} Worker;

static bool powercut_is_thorough(void)
{
        const char *depth = getenv("MATCHGUARD_POWERCUT");
        return depth && strcmp(depth, "all") == 0;
}

static Counts *worker_counts(Worker *worker)
{
        return &worker->board->counts[worker->number][worker->lying];
}

static const char *const ending_names[] = {[ENDING_OPENED] = "opened",
                                           [ENDING_BEHIND] = "behind",
                                           [ENDING_REFUSED] = "refused",
                                           [ENDING_WRONG] = "wrong"};

/* Whether a state may end so. */
static bool worker_allows(const Worker *worker, const Verdict *verdict)
{
        return verdict->ending == ENDING_OPENED || (worker->lying && verdict->ending != ENDING_WRONG);
}

static void worker_show(Worker *worker, const State *state, const Verdict *verdict)
{
        if (__atomic_fetch_add(&worker->board->n_shown, 1, __ATOMIC_RELAXED) >= SHOWN)
                return;
        (void)printf("%s: %s: %s with %llu of %llu leaves: %s\n", worker->recording->name, state->what,
                     ending_names[verdict->ending], (unsigned long long)verdict->size,
                     (unsigned long long)state->told, verdict->why);
        (void)fflush(stdout);
}

static void worker_try(Worker *worker, const State *state, const Digest *hash)
{
        Counts *counts = worker_counts(worker);
        Judge judge = worker->judge;
        Verdict verdict;

        judge.honest = !worker->lying;
        judge.audit = counts->n_tried++ % AUDITED == 0 && !worker->lying;
        counts->n_audited += judge.audit;
        (void)snprintf(worker->board->doing[worker->number], sizeof(worker->board->doing[0]), "%s: %s",
                       worker->recording->name, state->what);
        state_make(state, worker->dir);
        judge_open(&judge, state->told, &verdict);
        state_remove(worker->dir);
        seen_add(&worker->seen, &(Known){*hash, verdict.ending, verdict.size});
        counts->endings[verdict.ending]++;
        if (!worker_allows(worker, &verdict))
                worker_show(worker, state, &verdict);
}

/* By every state anew: what was told of may have grown since it came up before. */
static void worker_look_for_seeds(Worker *worker, const State *state)
{
        const Verdict verdict = {.ending = ENDING_WRONG,
                                 .size = state->told,
                                 .why = "the seed of an epoch that ended is there"};

        if (worker->lying || !seed_is_due(state, &worker->recording->book))
                return;
        worker_counts(worker)->n_seeds++;
        worker_show(worker, state, &verdict);
}

static void worker_on_state(State *state, void *userdata)
{
        Worker *worker = userdata;
        Digest hash;

        state_hash(state, &hash);
        if (hash.bytes[DIGEST_SIZE - 1] % WORKERS != worker->number)
                return;
        worker_counts(worker)->n_states++;
        worker_look_for_seeds(worker, state);
        const Known *known = seen_find(&worker->seen, &hash);
        /* What opened with enough leaves does so again; what was told of meanwhile may be missing. */
        if (!known || (known->ending == ENDING_OPENED && known->size < state->told))
                worker_try(worker, state, &hash);
}

static void worker_honest(Worker *worker)
{
        const Tape *tape = &worker->recording->tape;
        Disk disk;

        disk_init(&disk, tape, NULL);
        disk_play(&disk, tape->n_base);
        while (disk.at < tape->n_ops) {
                disk_step(&disk);
                (void)disk_states(&disk, worker->thorough ? DISK_ALL : DISK_EACH, worker_on_state, worker);
        }
        disk_deinit(&disk);
}

/* Whether somebody outside learns something here: leaves are told of, or a name in a folder is synced. */
static bool op_reveals(const Tape *tape, const Op *op)
{
        return op->kind == OP_TOLD || (op->kind == OP_SYNC && tape->folders[op->node]);
}

/* One lie, and cuts at points after it. */
static void worker_lie(Worker *worker, const Lie *lie)
{
        const Tape *tape = &worker->recording->tape;
        unsigned n_followed = 0;
        Disk disk;

        disk_init(&disk, tape, lie);
        disk_play(&disk, lie->sync + 1);
        while (disk.at < tape->n_ops) {
                disk_step(&disk);
                bool last = disk.at == tape->n_ops;
                if (!last && !op_reveals(tape, &tape->ops[disk.at - 1]))
                        continue;
                if (last || worker->thorough || n_followed++ < LIES_FOLLOWED)
                        disk_state_now(&disk, worker_on_state, worker);
        }
        disk_deinit(&disk);
}

static void worker_lying(Worker *worker)
{
        const Tape *tape = &worker->recording->tape;
        Disk disk;

        worker->lying = true;
        disk_init(&disk, tape, NULL);
        disk_play(&disk, tape->n_base);
        for (; disk.at < tape->n_ops; disk_step(&disk)) {
                const Op *op = &tape->ops[disk.at];
                const Pending *pending = &disk.pending[op->node];
                if (op->kind != OP_SYNC || pending->n == 0)
                        continue;
                worker_lie(worker, &(Lie){.sync = disk.at, .whole = true});
                for (size_t i = 0; pending->n > 1 && i < pending->n; i++)
                        worker_lie(worker, &(Lie){.sync = disk.at, .lost = pending->ops[i]});
        }
        disk_deinit(&disk);
}

static void worker_run(Worker *worker)
{
        char dir[] = "/dev/shm/powercut.XXXXXX";

        MUST(mkdtemp(dir));
        (void)snprintf(worker->dir, sizeof(worker->dir), "%s", dir);
        (void)snprintf(worker->state_dir, sizeof(worker->state_dir), "%s/state", dir);
        worker->judge.state_dir = worker->state_dir;
        worker_honest(worker);
        seen_deinit(&worker->seen);
        worker_lying(worker);
        seen_deinit(&worker->seen);
        MUST(rmdir(dir) == 0);
}

static bool trial_wait(const Recording *recording, const Board *board, const pid_t *pids)
{
        bool good = true;

        for (unsigned i = 0; i < WORKERS; i++) {
                int status = 0;
                MUST(waitpid(pids[i], &status, 0) == pids[i]);
                if (status != 0)
                        (void)printf("%s: the process ends with status %#x in %s\n", recording->name,
                                     (unsigned)status, board->doing[i]);
                good = good && status == 0;
        }
        return good;
}

static Counts board_sum(const Board *board, bool lying)
{
        Counts sum = {};

        for (unsigned i = 0; i < WORKERS; i++) {
                const Counts *counts = &board->counts[i][lying];
                sum.n_states += counts->n_states;
                sum.n_tried += counts->n_tried;
                sum.n_audited += counts->n_audited;
                sum.n_seeds += counts->n_seeds;
                for (unsigned j = 0; j < _ENDING_MAX; j++)
                        sum.endings[j] += counts->endings[j];
        }
        return sum;
}

static size_t tape_intervals(const Tape *tape)
{
        size_t n = 0;
        for (size_t i = tape->n_base; i < tape->n_ops; i++)
                n += tape->ops[i].kind == OP_SYNC || tape->ops[i].kind == OP_SYNC_ALL;
        return n;
}

/* Return: how many states ended as they must not. */
static size_t trial_report(const Recording *recording, const Board *board)
{
        Counts honest = board_sum(board, false), lying = board_sum(board, true);
        size_t wrong =
                honest.n_tried - honest.endings[ENDING_OPENED] + honest.n_seeds + lying.endings[ENDING_WRONG];

        (void)printf("%s: %zu leaves, %zu operations, %zu sync intervals\n", recording->name,
                     recording->book.n, recording->tape.n_ops - recording->tape.n_base,
                     tape_intervals(&recording->tape));
        (void)printf("  honest disk: %zu states, %zu different; opened %zu, refused %zu, leaves lost in %zu, "
                     "wrong %zu, old seeds in %zu; %zu shown to the tool\n",
                     honest.n_states, honest.n_tried, honest.endings[ENDING_OPENED],
                     honest.endings[ENDING_REFUSED], honest.endings[ENDING_BEHIND],
                     honest.endings[ENDING_WRONG], honest.n_seeds, honest.n_audited);
        (void)printf("  lost syncs: %zu states, %zu different; nothing lost %zu, refused %zu, told by the "
                     "verifier %zu, "
                     "behind with nothing exported that says so %zu, unseen %zu\n",
                     lying.n_states, lying.n_tried, lying.endings[ENDING_OPENED],
                     lying.endings[ENDING_REFUSED], lying.endings[ENDING_TOLD], lying.endings[ENDING_BEHIND],
                     lying.endings[ENDING_WRONG]);
        (void)fflush(stdout);
        return wrong;
}

static size_t trial_run(const Recording *recording, const Policy *policy, const char *tool)
{
        Board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pids[WORKERS];

        MUST(board != MAP_FAILED);
        for (unsigned i = 0; i < WORKERS; i++) {
                Worker worker = {.number = i,
                                 .recording = recording,
                                 .board = board,
                                 .thorough = powercut_is_thorough(),
                                 .judge = {.book = &recording->book, .policy = policy, .tool = tool}};
                pids[i] = fork();
                MUST(pids[i] >= 0);
                if (pids[i] == 0) {
                        worker_run(&worker);
                        _exit(0);
                }
        }
        bool ended = trial_wait(recording, board, pids);
        size_t wrong = trial_report(recording, board);
        (void)munmap(board, sizeof(*board)); /* It was mapped so. */
        return ended ? wrong : wrong + 1;
}

int main(int argc, char **argv)
{
        Policy *policy = run_policy();
        size_t wrong = 0;

        if (argc != 2) {
                (void)fprintf(stderr, "usage: powercut MATCHGUARD\n");
                return 2;
        }
        disk_vfs_register();
        for (unsigned i = 0; i < RECORDINGS; i++) {
                Recording recording;
                recording_make(&recording, i, policy);
                wrong += trial_run(&recording, policy, argv[1]);
                recording_deinit(&recording);
        }
        policy_unref(policy);
        if (!powercut_is_thorough())
                (void)printf("left out: ops missing and torn elsewhere than at the ends of intervals, later "
                             "cuts after "
                             "a lost sync (MATCHGUARD_POWERCUT=all)\n");
        (void)printf("%s: %zu states ended as they must not\n", wrong > 0 ? "FAILED" : "passed", wrong);
        return wrong > 0;
}
