/*
 * A database that was changed and brought back to service: one bit is flipped in each of its bytes, and the log is
 * opened. It must refuse, or else the byte must carry nothing: then everything that can be read of the log is what
 * it was, by the trail's own eyes (judge.h) and row by row of every table.
 *
 * Usage: mutation
 *
 * The log has 13 leaves, and of a page's empty middle every 16th byte is tried; with MATCHGUARD_MUTATION=all it
 * has 22, and each byte is.
 */

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "disk.h"
#include "judge.h"
#include "must.h"
#include "run.h"

enum {
        WORKERS = 2,
        SHOWN = 10,
        EMPTY_STEP = 16,
        EMPTY_EDGE = 8, /* zeros with nothing else so near are an empty middle */
};

/* What came of the flips. */
typedef struct Flips {
        size_t n, n_left_out, n_refused, n_nothing, n_unseen;
} Flips;

typedef struct Mutation {
        char dir[64], state_dir[80], database[128];
        const Policy *policy;
        bool all;
        Book book;
        Buffer original, content;
        Flips flips;
} Mutation;

/* A log with everything in it: details, outcomes, an epoch that has ended, one permit that is left open. */
static void mutation_make_log(Mutation *mutation)
{
        Run run = {.state_dir = mutation->state_dir, .policy = mutation->policy, .book = &mutation->book};

        run_begin(&run);
        for (unsigned i = 0; i < (mutation->all ? 6 : 3); i++) {
                run_outcome(&run, run_permit(&run));
                run_deny(&run);
                if (i == 0)
                        run_epoch(&run);
        }
        (void)run_permit(&run);
        run.trail = trail_free(run.trail);
        run.event = sd_event_unref(run.event);
        MUST(fd_read_file(AT_FDCWD, mutation->database, SIZE_MAX, &mutation->original) == 0);
}

/* Every row of every table, the schema, and what the header says. Return: whether all could be read. */
static bool mutation_dump(const char *path, Buffer *text)
{
        static const char *const queries[] = {
                "PRAGMA application_id",
                "PRAGMA user_version",
                "PRAGMA encoding",
                "PRAGMA page_size",
                "PRAGMA auto_vacuum",
                "PRAGMA journal_mode",
                "PRAGMA freelist_count",
                "PRAGMA page_count",
                "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY name",
                "SELECT i, hex(b) FROM leaf ORDER BY i",
                "SELECT k, hex(h) FROM tile ORDER BY k",
                "SELECT id, size, time, mark, hex(policy), epoch, epoch_first, epoch_time, origin, epoch0, "
                "note, "
                "details FROM head",
                "SELECT epoch, hex(note) FROM ckpt ORDER BY epoch",
                "SELECT i FROM open_req ORDER BY i",
                "SELECT i, hex(salt), hex(b) FROM detail ORDER BY i",
                "SELECT i, outcome FROM outcome_of ORDER BY i",
                "PRAGMA integrity_check",
        };
        sqlite3 *db = NULL;
        bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;

        for (size_t i = 0; good && i < ARRAY_SIZE(queries); i++) {
                sqlite3_stmt *rows = NULL;
                int rc = sqlite3_prepare_v2(db, queries[i], -1, &rows, NULL);
                while (rc == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW)
                        for (int j = 0; j < sqlite3_column_count(rows); j++)
                                buffer_append_format(text, "%s|", (const char *)sqlite3_column_text(rows, j));
                good = rc == SQLITE_OK && sqlite3_finalize(rows) == SQLITE_OK;
                buffer_append_text(text, "\n");
        }
        (void)sqlite3_close(db); /* Nothing is open. */
        return good && !text->failed;
}

static void mutation_put(const Mutation *mutation, const Buffer *bytes)
{
        int fd = open(mutation->database, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        MUST(fd >= 0);
        MUST(fd_write_all(fd, bytes->data, bytes->n) == 0);
        MUST(close(fd) == 0);
}

static void mutation_show(Mutation *mutation, size_t at, const char *why)
{
        if (++mutation->flips.n_unseen <= SHOWN)
                (void)printf("byte %zu of page %zu: %s\n", at % 4096, at / 4096 + 1, why);
        (void)fflush(stdout);
}

static void mutation_try(Mutation *mutation, size_t at)
{
        const Judge judge = {
                .state_dir = mutation->state_dir, .book = &mutation->book, .policy = mutation->policy};
        Verdict verdict;

        mutation->flips.n++;
        mutation->original.data[at] ^= (uint8_t)(1U << (at % 8));
        mutation_put(mutation, &mutation->original);
        mutation->original.data[at] ^= (uint8_t)(1U << (at % 8));
        judge_open(&judge, mutation->book.n, &verdict);
        if (verdict.ending == ENDING_REFUSED) {
                mutation->flips.n_refused++;
                return;
        }
        if (verdict.ending != ENDING_OPENED) {
                mutation_show(mutation, at, verdict.why);
                return;
        }
        _cleanup_(buffer_deinit) Buffer content = BUFFER_INIT;
        bool same = mutation_dump(mutation->database, &content) &&
                    strcmp(buffer_text(&content), buffer_text(&mutation->content)) == 0;
        if (same)
                mutation->flips.n_nothing++;
        else
                mutation_show(mutation, at, "it is opened, and holds something else than before");
}

/* Whether a byte lies among zeros. */
static bool mutation_is_empty(const Buffer *bytes, size_t at)
{
        size_t first = at > EMPTY_EDGE ? at - EMPTY_EDGE : 0, end = MIN_OF(at + EMPTY_EDGE, bytes->n);

        for (size_t i = first; i < end; i++)
                if (bytes->data[i] != 0)
                        return false;
        return true;
}

static void mutation_run(Mutation *mutation, unsigned worker)
{
        (void)snprintf(mutation->dir, sizeof(mutation->dir), "/dev/shm/mutation.XXXXXX");
        MUST(mkdtemp(mutation->dir));
        (void)snprintf(mutation->state_dir, sizeof(mutation->state_dir), "%s/state", mutation->dir);
        (void)snprintf(mutation->database, sizeof(mutation->database), "%s/trail/trail.db",
                       mutation->state_dir);
        mutation_make_log(mutation);
        MUST(mutation_dump(mutation->database, &mutation->content));
        for (size_t at = worker; at < mutation->original.n; at += WORKERS)
                if (!mutation->all && (at / WORKERS) % EMPTY_STEP != 0 &&
                    mutation_is_empty(&mutation->original, at))
                        mutation->flips.n_left_out++;
                else
                        mutation_try(mutation, at);
        state_remove(mutation->dir);
        MUST(rmdir(mutation->dir) == 0);
}

/* One process and where it tells what came of its share. */
typedef struct Worker {
        pid_t pid;
        int fd;
} Worker;

/* Each worker makes a log of its own and takes its share of the bytes. */
static Worker worker_start(unsigned number, Mutation *mutation)
{
        int fds[2];

        MUST(pipe2(fds, O_CLOEXEC) == 0);
        const Worker worker = {.pid = fork(), .fd = fds[0]};
        MUST(worker.pid >= 0);
        if (worker.pid == 0) {
                mutation_run(mutation, number);
                MUST(write(fds[1], &mutation->flips, sizeof(mutation->flips)) == sizeof(mutation->flips));
                _exit(0);
        }
        MUST(close(fds[1]) == 0);
        return worker;
}

static Flips worker_wait(Worker worker)
{
        Flips flips;
        int status = 0;

        MUST(read(worker.fd, &flips, sizeof(flips)) == sizeof(flips));
        MUST(waitpid(worker.pid, &status, 0) == worker.pid && status == 0);
        MUST(close(worker.fd) == 0);
        return flips;
}

int main(void)
{
        const char *wish = getenv("MATCHGUARD_MUTATION");
        Policy *policy = run_policy();
        Mutation mutation = {.policy = policy, .all = wish && strcmp(wish, "all") == 0};
        Worker workers[WORKERS];
        Flips sum = {};

        for (unsigned i = 0; i < WORKERS; i++)
                workers[i] = worker_start(i, &mutation);
        for (unsigned i = 0; i < WORKERS; i++) {
                const Flips flips = worker_wait(workers[i]);
                sum.n += flips.n;
                sum.n_left_out += flips.n_left_out;
                sum.n_refused += flips.n_refused;
                sum.n_nothing += flips.n_nothing;
                sum.n_unseen += flips.n_unseen;
        }
        (void)printf(
                "%zu bytes with a bit flipped: refused %zu, carrying nothing %zu, unseen %zu; left out among "
                "zeros %zu (MATCHGUARD_MUTATION=all)\n",
                sum.n, sum.n_refused, sum.n_nothing, sum.n_unseen, sum.n_left_out);
        policy_unref(policy);
        return sum.n_unseen > 0;
}
