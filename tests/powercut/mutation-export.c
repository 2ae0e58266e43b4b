/*
 * An export that was changed on its way to an auditor: one bit is flipped in each byte of each of its files, and
 * `matchguard audit verify`, called in this process, must refuse every one. The auditor has brought the keys of the
 * log and of its first epoch; the copies of them in the export count as files like any other.
 *
 * Usage: mutation-export
 *
 * With MATCHGUARD_MUTATION=all each of the eight bits of each byte is flipped, one at a time.
 */

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "disk.h"
#include "must.h"
#include "run.h"
#include "tools/commands.h"

enum {
        BITS = 8,
        FILES_MAX = 128,
        SHOWN = 10,
};

/* What an export is made of; files are counted by what their path begins with. */
static const char *const parts[] = {"checkpoint", "epoch/", "log.vkey", "epoch0.vkey",
                                    "policy/",    "tile/",  ""};

enum { PARTS = ARRAY_SIZE(parts), PART_OTHER = PARTS - 1 };

static FILE *report; /* what this test says; the tool's words go nowhere */

typedef struct Flips {
        size_t n[PARTS], n_unseen;
} Flips;

typedef struct Mutation {
        char dir[64], state_dir[80], export_dir[96];
        Buffer vkey, epoch0_vkey; /* as somebody else kept them */
        char *files[FILES_MAX];   /* whole paths */
        size_t n_files;
        bool all;
} Mutation;

/* Two epochs, permits, a denial, details, and one policy: 11 leaves. */
static void mutation_make_log(const Mutation *mutation)
{
        Policy *policy = run_policy();
        Book book = {};
        Run run = {.state_dir = mutation->state_dir, .policy = policy, .book = &book};

        run_begin(&run);
        run_outcome(&run, run_permit(&run));
        run_deny(&run);
        run_settle(&run); /* Files of this size stay behind. */
        run_epoch(&run);
        run_outcome(&run, run_permit(&run));
        run_epoch(&run);
        run_beats(&run, book.n + 1);
        run_end(&run);
        book_deinit(&book);
        policy_unref(policy);
}

static void mutation_find_files(Mutation *mutation)
{
        char *const roots[] = {mutation->export_dir, NULL};
        FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

        MUST(fts);
        for (const FTSENT *entry = fts_read(fts); entry; entry = fts_read(fts)) {
                if (entry->fts_info != FTS_F)
                        continue;
                MUST(mutation->n_files < FILES_MAX);
                MUST(mutation->files[mutation->n_files++] = strdup(entry->fts_path));
        }
        MUST(fts_close(fts) == 0);
}

static void mutation_init(Mutation *mutation)
{
        char path[128];

        (void)snprintf(mutation->dir, sizeof(mutation->dir), "/dev/shm/mutation-export.XXXXXX");
        MUST(mkdtemp(mutation->dir));
        (void)snprintf(mutation->state_dir, sizeof(mutation->state_dir), "%s/state", mutation->dir);
        (void)snprintf(mutation->export_dir, sizeof(mutation->export_dir), "%s/export", mutation->state_dir);
        mutation_make_log(mutation);
        (void)snprintf(path, sizeof(path), "%s/public/log.vkey", mutation->state_dir);
        MUST(fd_read_file(AT_FDCWD, path, SIZE_MAX, &mutation->vkey) == 0);
        (void)snprintf(path, sizeof(path), "%s/public/epoch0.vkey", mutation->state_dir);
        MUST(fd_read_file(AT_FDCWD, path, SIZE_MAX, &mutation->epoch0_vkey) == 0);
        mutation_find_files(mutation);
}

static void mutation_deinit(Mutation *mutation)
{
        for (size_t i = 0; i < mutation->n_files; i++)
                free(mutation->files[i]);
        buffer_deinit(&mutation->vkey);
        buffer_deinit(&mutation->epoch0_vkey);
        state_remove(mutation->dir);
        MUST(rmdir(mutation->dir) == 0);
}

/* Return: the exit status of the tool. */
static int mutation_verify(const Mutation *mutation)
{
        static const Command command = {"audit", "verify", "", "", run_audit_verify};
        char *line[] = {"verify",
                        "--export",
                        (char *)mutation->export_dir,
                        "--vkey",
                        (char *)buffer_text(&mutation->vkey),
                        "--epoch0-vkey",
                        (char *)buffer_text(&mutation->epoch0_vkey),
                        NULL};

        return command.run(&command, ARRAY_SIZE(line) - 1, line);
}

static unsigned mutation_part(const char *name)
{
        unsigned part = 0;

        while (strncmp(name, parts[part], strlen(parts[part])) != 0)
                part++;
        return part;
}

/* One flip, and back again. Return: the exit status in between. */
static int mutation_try(const Mutation *mutation, int fd, size_t at, unsigned bit)
{
        uint8_t byte, flipped;

        MUST(pread(fd, &byte, 1, (off_t)at) == 1);
        flipped = byte ^ (uint8_t)(1U << bit);
        MUST(pwrite(fd, &flipped, 1, (off_t)at) == 1);
        int status = mutation_verify(mutation);
        MUST(pwrite(fd, &byte, 1, (off_t)at) == 1);
        return status;
}

static void mutation_try_file(const Mutation *mutation, const char *path, Flips *flips)
{
        const char *name = path + strlen(mutation->export_dir) + 1;
        unsigned part = mutation_part(name), n_bits = mutation->all ? BITS : 1;
        int fd = open(path, O_RDWR | O_CLOEXEC);

        MUST(fd >= 0);
        size_t n = (size_t)lseek(fd, 0, SEEK_END) * n_bits;
        for (size_t i = 0; i < n; i++) {
                size_t at = i / n_bits;
                unsigned bit = (unsigned)(mutation->all ? i : at) % BITS;
                flips->n[part]++;
                if (mutation_try(mutation, fd, at, bit) == EXIT_REFUSED)
                        continue;
                if (++flips->n_unseen <= SHOWN)
                        (void)fprintf(report, "%s: bit %u of byte %zu is flipped, and nobody says so\n", name,
                                      bit, at);
        }
        MUST(close(fd) == 0);
}

/* Keeps the standard output for this test. */
static void report_open(void)
{
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

        MUST(null_fd >= 0 && out_fd >= 0);
        MUST(report = fdopen(out_fd, "w"));
        MUST(dup2(null_fd, STDOUT_FILENO) >= 0 && dup2(null_fd, STDERR_FILENO) >= 0);
}

static void report_flips(const Mutation *mutation, const Flips *flips)
{
        size_t n = 0;

        for (unsigned i = 0; i < PARTS; i++) {
                (void)fprintf(report, "%-12s %6zu\n", i == PART_OTHER ? "others" : parts[i], flips->n[i]);
                n += flips->n[i];
        }
        (void)fprintf(report, "%zu bits flipped in %zu files: unseen %zu\n", n, mutation->n_files,
                      flips->n_unseen);
}

int main(void)
{
        const char *wish = getenv("MATCHGUARD_MUTATION");
        Mutation mutation = {.all = wish && strcmp(wish, "all") == 0};
        Flips flips = {};

        diag_init("mutation-export", DIAG_INFO);
        mutation_init(&mutation);
        report_open();
        MUST(mutation_verify(&mutation) == EXIT_DONE);
        for (size_t i = 0; i < mutation.n_files; i++)
                mutation_try_file(&mutation, mutation.files[i], &flips);
        MUST(mutation_verify(&mutation) == EXIT_DONE);
        report_flips(&mutation, &flips);
        mutation_deinit(&mutation);
        (void)fclose(report);
        return flips.n_unseen > 0;
}
