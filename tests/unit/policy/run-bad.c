/*
 * Runs the corpus of bad policies: each case is a policy that must not load, and what is said of it, byte for
 * byte. tests/unit/policy/bad/README describes the files. Works in a folder of its own under /tmp.
 *
 * Usage: run-bad DIR
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "policy/policy.h"

enum {
        CASES_MIN = 120, /* a corpus that lost its files must not pass */
        CASES_FILE_MAX = 1024 * 1024,
};

/* A part of a case: a file, as its header "PATH [KIND [ARGUMENT]]" describes it, or a setting. */
typedef struct Part {
        char header[256];
        const char *path, *kind, *argument;
        Buffer text;
} Part;

typedef struct Case {
        const char *file; /* that holds it */
        const char *good; /* the text of the good policy, which stands in the weakest layer */
        char title[256];  /* "": none has begun */
        Part part;        /* the one being read */
        Buffer says;
        bool alone;   /* without the good policy */
        bool checked; /* owners and modes are looked at */
        bool skipped;
        uid_t owner;
} Case;

static unsigned n_passed, n_failed, n_skipped;

static _Noreturn void fail(const char *what, const char *which)
{
        fprintf(stderr, "%s %s: %s\n", what, which, strerror(errno));
        exit(1);
}

/* ---------------------------------------------------------------------------------- what stands in braces */

/* "N*TEXT", or "M-N*TEXT": TEXT with 1 to N, or M to N, in place of '%'. */
static bool expand_times(const char *brace, const char *close, Buffer *out)
{
        unsigned first = 1, last = 0;
        int n_read = 0;

        if (sscanf(brace, "%u-%u*%n", &first, &last, &n_read) < 2 || n_read == 0) {
                first = 1;
                if (sscanf(brace, "%u*%n", &last, &n_read) < 1 || n_read == 0)
                        return false;
        }
        for (unsigned i = first; i <= last; i++)
                for (const char *p = brace + n_read; p < close; p++)
                        if (*p == '%')
                                buffer_append_format(out, "%u", i);
                        else
                                buffer_append(out, p, 1);
        return true;
}

/* What stands between braces; `n` is the number of the file. Return: false where it means itself. */
static bool expand_brace(const char *brace, const char *close, unsigned n, Buffer *out)
{
        _cleanup_(freep) char *word = strndup(brace, (size_t)(close - brace));
        unsigned byte = 0;
        int n_read = 0;

        if (strcmp(word, "n") == 0)
                buffer_append_format(out, "%u", n);
        else if (strcmp(word, "uid") == 0)
                buffer_append_format(out, "%u", getuid());
        else if (strcmp(word, "other") == 0)
                buffer_append_format(out, "%u", getuid() + 1);
        else if (sscanf(word, "%2x%n", &byte, &n_read) == 1 && n_read == 2 && !word[2])
                buffer_append(out, &(char){(char)byte}, 1);
        else
                return expand_times(brace, close, out);
        return true;
}

static void expand(const char *text, unsigned n, Buffer *out)
{
        for (; *text; text++) {
                const char *close = *text == '{' ? strchr(text, '}') : NULL;
                if (strncmp(text, "{-}\n", 4) == 0)
                        text += 3;
                else if (close && expand_brace(text + 1, close, n, out))
                        text = close;
                else
                        buffer_append(out, text, 1);
        }
}

/* ------------------------------------------------------------------------------------- files of the policy */

static void put_bytes(const char *path, const char *text, unsigned n)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        FILE *file = fopen(path, "we");

        expand(text, n, &bytes);
        if (!file || fwrite(bytes.data, 1, bytes.n, file) != bytes.n || fclose(file) != 0)
                fail("write", path);
}

/* The file number `n` of a part. */
static void put_file(const Part *part, unsigned n)
{
        _cleanup_(buffer_deinit) Buffer name = BUFFER_INIT;

        expand(part->path, n, &name);
        const char *path = buffer_text(&name);
        if (fd_make_dirs(AT_FDCWD, path, 0755) < 0)
                fail("folders above", path);
        if (strcmp(part->kind, "->") == 0) {
                if (symlink(part->argument, path) < 0)
                        fail("symlink", path);
        } else if (strcmp(part->kind, "fifo") == 0) {
                if (mkfifo(path, 0644) < 0)
                        fail("mkfifo", path);
        } else if (path[name.n - 1] != '/')
                put_bytes(path, buffer_text(&part->text), n);
}

/* --------------------------------------------------------------------------------------- what a case says */

/* What a part that is no file does. Return: whether it is one. */
static bool part_is_setting(Case *c, const Part *part)
{
        if (strcmp(part->path, "alone") == 0)
                c->alone = true;
        else if (strcmp(part->path, "chmod") == 0) {
                if (chmod(part->argument, (mode_t)strtoul(part->kind, NULL, 8)) < 0)
                        fail("chmod", part->argument);
        } else if (strcmp(part->path, "chown") == 0) {
                if (lchown(part->kind, getuid() + 1, (gid_t)-1) < 0)
                        c->skipped = true; /* only root can */
        } else if (strcmp(part->path, "checked") == 0) {
                c->checked = true;
                c->owner = getuid() + (strcmp(part->kind, "other") == 0);
        } else if (strcmp(part->path, "says") == 0)
                expand(buffer_text(&part->text), 0, &c->says);
        else
                return false;
        return true;
}

static void part_finish(Case *c)
{
        Part *part = &c->part;
        char *rest = NULL;
        unsigned n_files = 1;

        part->path = strtok_r(part->header, " ", &rest);
        if (!part->path)
                return;
        part->kind = strtok_r(NULL, " ", &rest);
        part->argument = strtok_r(NULL, " ", &rest);
        part->kind = part->kind ? part->kind : "";
        part->argument = part->argument ? part->argument : "";
        if (strcmp(part->kind, "times") == 0)
                n_files = (unsigned)strtoul(part->argument, NULL, 10);
        if (!part_is_setting(c, part))
                for (unsigned n = 1; n <= n_files; n++)
                        put_file(part, n);
        part->header[0] = 0;
        buffer_clear(&part->text);
}

static PolicySource case_source(const Case *c)
{
        static const char *const dirs[] = {"etc", "run", "lib", "good"};

        return (PolicySource){.dirs = dirs,
                              .n_dirs = ARRAY_SIZE(dirs) - c->alone,
                              .check_owner = c->checked,
                              .owner = c->owner,
                              .passwd_path = access("passwd", F_OK) == 0 ? "passwd" : NULL};
}

static void case_run(Case *c)
{
        _cleanup_(policy_faults_deinit) PolicyFaults faults = {};
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;
        const PolicySource source = case_source(c);
        Policy *policy = NULL;

        int r = policy_load(&policy, &source, &faults);
        for (size_t i = 0; i < faults.n; i++)
                buffer_append_format(&lines, "%s\n", faults.lines[i]);
        if (r == (c->says.n > 0 ? POLICY_E_INVALID : 0) &&
            strcmp(buffer_text(&lines), buffer_text(&c->says)) == 0)
                n_passed++;
        else {
                printf("%s: %s\n-- expected\n%s-- said (%d)\n%s\n", c->file, c->title, buffer_text(&c->says),
                       r, buffer_text(&lines));
                n_failed++;
        }
        policy_unref(policy);
}

/* ----------------------------------------------------------------------------------------- reading a file */

static void part_begin(Case *c, const char *header)
{
        part_finish(c);
        (void)snprintf(c->part.header, sizeof(c->part.header), "%s", header);
}

static void case_finish(Case *c)
{
        part_finish(c);
        if (c->title[0] && c->skipped)
                n_skipped++;
        else if (c->title[0])
                case_run(c);
        c->title[0] = 0;
}

static void read_lines(Case *c, const char *text, void (*begin)(Case *, const char *))
{
        for (const char *line = text; *line;) {
                size_t n = strcspn(line, "\n");
                _cleanup_(freep) char *copy = strndup(line, n);
                if (strncmp(copy, "=== ", 4) == 0)
                        begin(c, copy + 4);
                else if (strncmp(copy, "--- ", 4) == 0)
                        part_begin(c, copy + 4);
                else if (c->part.header[0] && (n > 0 || strcmp(c->part.header, "says") != 0))
                        buffer_append_format(&c->part.text, "%s\n", copy);
                line += n + (line[n] == '\n');
        }
        part_finish(c);
}

static void case_begin(Case *c, const char *title)
{
        case_finish(c);
        if (system("rm -rf etc run lib good passwd") != 0)
                fail("rm", "of the case before");
        buffer_clear(&c->says);
        c->alone = c->checked = c->skipped = false;
        read_lines(c, c->good, NULL);
        (void)snprintf(c->title, sizeof(c->title), "%s", title);
}

static void read_text(const char *path, Buffer *text)
{
        if (fd_read_file(AT_FDCWD, path, CASES_FILE_MAX, text) < 0)
                fail("read", path);
}

static void run_cases(const char *path, const char *good)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Case c = {.file = basename(path), .good = good};

        read_text(path, &text);
        read_lines(&c, buffer_text(&text), case_begin);
        case_finish(&c);
        buffer_deinit(&c.part.text);
        buffer_deinit(&c.says);
}

static void run_folder(const char *dir)
{
        _cleanup_(buffer_deinit) Buffer pattern = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer good_path = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer good = BUFFER_INIT;
        glob_t found = {};

        buffer_append_format(&pattern, "%s/*.cases", dir);
        buffer_append_format(&good_path, "%s/good", dir);
        if (glob(buffer_text(&pattern), 0, NULL, &found) != 0)
                fail("find", buffer_text(&pattern));
        read_text(buffer_text(&good_path), &good);
        for (size_t i = 0; i < found.gl_pathc; i++)
                run_cases(found.gl_pathv[i], buffer_text(&good));
        globfree(&found);
}

int main(int argc, char **argv)
{
        char root[] = "/tmp/run-bad-XXXXXX", command[64];
        _cleanup_(freep) char *dir = argc == 2 ? realpath(argv[1], NULL) : NULL;

        if (!dir)
                fail("usage:", "run-bad DIR");
        umask(022);
        if (!mkdtemp(root) || chdir(root) < 0)
                fail("mkdtemp", root);
        run_folder(dir);
        (void)snprintf(command, sizeof(command), "rm -rf %s", root);
        if (system(command) != 0)
                fail("rm", root);
        if (n_skipped > 0)
                printf("%u skipped: they need root\n", n_skipped);
        if (n_passed + n_failed + n_skipped < CASES_MIN) {
                printf("%u cases; expected at least %d\n", n_passed + n_failed + n_skipped, CASES_MIN);
                n_failed++;
        }
        printf("%u passed, %u failed\n", n_passed, n_failed);
        return n_failed > 0;
}
