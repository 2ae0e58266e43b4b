/*
 * What a durable record costs: two-phase requests a second through the guard's trail (a permit's leaf durable,
 * then its outcome's), and leaves a second of denials, at 1, 16, 64 and 256 requests under way at once, beside
 * what the same disk gives without it: a loop that writes as much to a file and syncs it, and a loop of SQLite
 * transactions of one row each. All take turns in each round; the table shows the median round.
 *
 * Usage: trail-bench FOLDER             (on the disk that is to be measured; left as it was)
 *        trail-bench FOLDER WIDTH       only two-phase requests, so many at once: for a profiler
 *
 * Leaves, details and proofs are of the size that the guard makes them for an Identify. Nothing is asked of a
 * worker: a permit's outcome is handed over as soon as the permit is durable. `CPU us` is CPU time of the whole
 * process for each request: trail, export and these loops.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "trail/trail.h"

enum {
        LEAF_SIZE = 900, /* of a permit; its outcome's is a third */
        DETAIL_SIZE = 250,
        ROUNDS = 3,
        WIDTH_MAX = 256,
        N_LATENCIES = 1 << 16,
};

static const unsigned widths[] = {1, 16, 64, 256};
#define ROUND_SECONDS 1.5

typedef struct Figures {
        double per_second;
        double p50_us, p99_us;
        double cpu_us; /* of the whole process, for each */
} Figures;

static double seconds(clockid_t clock)
{
        struct timespec now;

        (void)clock_gettime(clock, &now); /* both clocks exist */
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, int error)
{
        (void)fprintf(stderr, "trail-bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
        exit(2);
}

/* ------------------------------------------------------------------------------------------------- latencies */

typedef struct Latencies {
        double at[N_LATENCIES];
        size_t n;
} Latencies;

static Latencies latencies;

static void note_latency(double since)
{
        latencies.at[latencies.n++ % N_LATENCIES] = seconds(CLOCK_MONOTONIC) - since;
}

static int compare_doubles(const void *a, const void *b)
{
        double difference = *(const double *)a - *(const double *)b;
        return (difference > 0) - (difference < 0);
}

/* Of a round that began at `wall` and `cpu`. */
static Figures figures_of(double wall, double cpu)
{
        size_t kept = MIN_OF(latencies.n, (size_t)N_LATENCIES);
        Figures figures = {.per_second = (double)latencies.n / (seconds(CLOCK_MONOTONIC) - wall),
                           .cpu_us = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / (double)latencies.n};

        qsort(latencies.at, kept, sizeof(latencies.at[0]), compare_doubles);
        figures.p50_us = latencies.at[kept / 2] * 1e6;
        figures.p99_us = latencies.at[kept * 99 / 100] * 1e6;
        return figures;
}

/* ---------------------------------------------------------------------------------------- through the trail */

typedef struct Bench Bench;

/* One request under way. */
typedef struct Caller {
        Bench *bench;
        double since;
} Caller;

struct Bench {
        sd_event *event;
        Trail *trail;
        TrailState state;
        uint64_t next;
        unsigned width;
        bool permits; /* two phases; else denials, of one */
        double until;
        unsigned n_under_way;
        unsigned long n_waited; /* milliseconds for the export */
        Caller callers[WIDTH_MAX];
};

static int bench_hand_over(Bench *bench, TrailRole role, uint64_t of, Caller *caller)
{
        TrailEntry *entry = trail_entry_new();
        size_t n = role == TRAIL_OUTCOME ? LEAF_SIZE / 3 : LEAF_SIZE;

        if (!entry)
                return -ENOMEM;
        entry->index = bench->next++;
        entry->leaf = malloc(n + 1);
        entry->detail = malloc(DETAIL_SIZE);
        if (!entry->leaf || !entry->detail)
                die("memory", ENOMEM);
        int written = snprintf((char *)entry->leaf, n + 1, "{\"index\":%" PRIu64 ",\"v\":1", entry->index);
        memset(entry->leaf + written, 'x', n - (size_t)written);
        memset(entry->detail, 'x', DETAIL_SIZE);
        memset(entry->salt, 'x', sizeof(entry->salt)); /* one of zeros is that of a detail that was erased */
        entry->n_leaf = n;
        entry->has_detail = true;
        entry->n_detail = DETAIL_SIZE;
        entry->role = role;
        entry->of = of;
        entry->wants_path = role == TRAIL_PERMIT;
        entry->state = bench->state;
        entry->state.time_usec++;
        bench->state = entry->state;
        entry->userdata = caller;
        int r = trail_append(bench->trail, entry);
        /* The export is behind: the guard would call itself overloaded, this waits for it. */
        while (r == -EOVERFLOW) {
                bench->n_waited++;
                (void)usleep(1000);
                r = trail_append(bench->trail, entry);
        }
        return r;
}

static int bench_begin(Bench *bench, Caller *caller)
{
        if (seconds(CLOCK_MONOTONIC) >= bench->until) {
                bench->n_under_way--;
                return 0;
        }
        caller->since = seconds(CLOCK_MONOTONIC);
        return bench_hand_over(bench, bench->permits ? TRAIL_PERMIT : TRAIL_DENY, 0, caller);
}

static int bench_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        int r = 0;

        for (TrailEntry *entry = first; entry && r == 0; entry = entry->next) {
                Caller *caller = entry->userdata;
                if (entry->role == TRAIL_PERMIT) {
                        r = bench_hand_over(userdata, TRAIL_OUTCOME, entry->index, caller);
                } else {
                        note_latency(caller->since);
                        r = bench_begin(userdata, caller);
                }
        }
        return r;
}

static int bench_failed(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                        void *userdata)
{
        die(fault->advice, ENOSPC);
        return -ENOSPC;
}

static Figures bench_trail(Bench *bench, unsigned width, bool permits)
{
        double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        int r = 0;

        latencies.n = 0;
        bench->permits = permits;
        bench->until = wall + ROUND_SECONDS;
        bench->n_under_way = width;
        for (unsigned i = 0; i < width && r == 0; i++) {
                bench->callers[i].bench = bench;
                r = bench_begin(bench, &bench->callers[i]);
        }
        while (r >= 0 && bench->n_under_way > 0)
                r = sd_event_run(bench->event, UINT64_MAX);
        if (r < 0)
                die("the trail", r);
        return figures_of(wall, cpu);
}

static void bench_open(Bench *bench, const char *dir)
{
        static const TrailHandlers handlers = {bench_committed, bench_failed};
        const TrailConfig config = {.state_dir = dir, .origin = "example.org/bench"};
        TrailFound found = {};
        char *why = NULL;

        int r = trail_open(&bench->trail, &config, &found, &why);
        if (r != 0)
                die(why ? why : "trail_open", r < 0 ? r : EINVAL);
        trail_found_deinit(&found);
        r = sd_event_new(&bench->event);
        if (r >= 0)
                r = trail_start(bench->trail, bench->event, &handlers, bench);
        if (r < 0)
                die("trail_start", r);
        trail_show_from(bench->trail, 0);
}

/* ----------------------------------------------------------------------------------------------- the peers */

static Figures bench_fdatasync(int fd)
{
        double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        static const char block[LEAF_SIZE];

        latencies.n = 0;
        while (seconds(CLOCK_MONOTONIC) < wall + ROUND_SECONDS) {
                double since = seconds(CLOCK_MONOTONIC);
                if (write(fd, block, sizeof(block)) != sizeof(block) || fdatasync(fd) < 0)
                        die("write", errno);
                note_latency(since);
        }
        return figures_of(wall, cpu);
}

static sqlite3 *sqlite_peer(const char *dir)
{
        char path[512];
        sqlite3 *db = NULL;

        (void)snprintf(path, sizeof(path), "%s/peer.db", dir);
        if (sqlite3_open(path, &db) != SQLITE_OK ||
            sqlite3_exec(db,
                         "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "CREATE TABLE leaf (i INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT",
                         NULL, NULL, NULL) != SQLITE_OK)
                die(sqlite3_errmsg(db), EIO);
        return db;
}

static Figures bench_sqlite(sqlite3 *db)
{
        double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        static const char block[LEAF_SIZE];
        sqlite3_stmt *insert = NULL;

        if (sqlite3_prepare_v2(db, "INSERT INTO leaf (b) VALUES (?1)", -1, &insert, NULL) != SQLITE_OK)
                die(sqlite3_errmsg(db), EIO);
        (void)sqlite3_bind_blob(insert, 1, block, sizeof(block), SQLITE_STATIC); /* It is there. */
        latencies.n = 0;
        while (seconds(CLOCK_MONOTONIC) < wall + ROUND_SECONDS) {
                double since = seconds(CLOCK_MONOTONIC);
                if (sqlite3_step(insert) != SQLITE_DONE)
                        die(sqlite3_errmsg(db), EIO);
                (void)sqlite3_reset(insert); /* It repeats the result of the step. */
                note_latency(since);
        }
        (void)sqlite3_finalize(insert);
        return figures_of(wall, cpu);
}

/* ------------------------------------------------------------------------------------------------- the table */

typedef struct Row {
        const char *what;
        unsigned width;
        Figures rounds[ROUNDS];
} Row;

static int compare_figures(const void *a, const void *b)
{
        double difference = ((const Figures *)a)->per_second - ((const Figures *)b)->per_second;
        return (difference > 0) - (difference < 0);
}

static Figures row_median(const Row *row)
{
        Figures sorted[ROUNDS];

        memcpy(sorted, row->rounds, sizeof(sorted));
        qsort(sorted, ROUNDS, sizeof(sorted[0]), compare_figures);
        return sorted[ROUNDS / 2];
}

static void rows_print(const Row *rows, size_t n)
{
        double sync = row_median(&rows[0]).per_second, sqlite = row_median(&rows[1]).per_second;

        printf("%-24s %10s %9s %9s %9s %10s %10s\n", "what", "a second", "p50 us", "p99 us", "CPU us",
               "of syncs", "of SQLite");
        for (size_t i = 0; i < n; i++) {
                Figures figures = row_median(&rows[i]);
                char what[64];
                (void)snprintf(what, sizeof(what), "%s x %u", rows[i].what, rows[i].width);
                printf("%-24s %10.0f %9.0f %9.0f %9.1f %10.2f %10.2f\n", what, figures.per_second,
                       figures.p50_us, figures.p99_us, figures.cpu_us, figures.per_second / sync,
                       figures.per_second / sqlite);
        }
}

static void bench_run(Bench *bench, int fd, sqlite3 *db)
{
        Row rows[2 + 2 * ARRAY_SIZE(widths)] = {{"write and fdatasync", 1, {}}, {"SQLite insert", 1, {}}};
        size_t n = 2;

        for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
                rows[n++] = (Row){"two-phase request", widths[i], {}};
                rows[n++] = (Row){"denial", widths[i], {}};
        }
        for (size_t round = 0; round < ROUNDS; round++) {
                rows[0].rounds[round] = bench_fdatasync(fd);
                rows[1].rounds[round] = bench_sqlite(db);
                for (size_t i = 2; i < n; i++)
                        rows[i].rounds[round] = bench_trail(bench, rows[i].width, i % 2 == 0);
                (void)fprintf(stderr, "round %zu of %d\n", round + 1, ROUNDS);
        }
        rows_print(rows, n);
        printf("waited for the export: %lu ms of %.0f\n", bench->n_waited,
               1e3 * ROUND_SECONDS * ROUNDS * 2 * ARRAY_SIZE(widths));
}

int main(int argc, char **argv)
{
        static Bench bench;
        char dir[256], command[300], path[300];

        unsigned width = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

        if (argc < 2 || argc > 3 || (argc == 3 && (width == 0 || width > WIDTH_MAX))) {
                (void)fprintf(stderr, "Usage: %s FOLDER [WIDTH]\n", argv[0]);
                return 2;
        }
        (void)snprintf(dir, sizeof(dir), "%s/trail-bench.XXXXXX", argv[1]);
        if (!mkdtemp(dir))
                die(dir, errno);
        (void)snprintf(path, sizeof(path), "%s/syncs", dir);
        _cleanup_(fd_closep) int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
                die(path, errno);
        sqlite3 *db = sqlite_peer(dir);
        bench_open(&bench, dir);
        if (width > 0)
                for (int round = 0; round < ROUNDS; round++)
                        (void)bench_trail(&bench, width, true); /* The profiler has the figures. */
        else
                bench_run(&bench, fd, db);
        (void)sqlite3_close(db);
        trail_free(bench.trail);
        sd_event_unref(bench.event);
        (void)snprintf(command, sizeof(command), "rm -rf -- '%s'", dir);
        return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
