/* A judge. */

#include "judge.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "content.h"
#include "log/proof.h"
#include "must.h"
#include "trail/opening.h"

/* A log that was opened, with what is to be said of it. */
typedef struct Case {
        const Judge *judge;
        Opening opening;
        TrailFound found;
        uint64_t next; /* leaf that is read next, going back */
        Verdict *verdict;
        bool wrong;
        bool seen; /* what is wrong is noticed when it is used */
        bool told; /* what is wrong is in the export, and a verifier tells of it */
} Case;

__attribute__((format(printf, 2, 3))) static void case_wrong(Case *c, const char *format, ...)
{
        va_list arguments;

        if (c->wrong)
                return; /* The first fault says most. */
        c->wrong = true;
        va_start(arguments, format);
        (void)vsnprintf(c->verdict->why, sizeof(c->verdict->why), format, arguments);
        va_end(arguments);
}

static bool case_on_leaf(uint64_t index, const uint8_t *leaf, size_t n, void *userdata)
{
        Case *c = userdata;
        const BookLeaf *expected = &c->judge->book->leaves[index];

        if (index != --c->next || n != expected->n || memcmp(leaf, expected->bytes, n) != 0)
                case_wrong(c, "leaf %llu is not what was written", (unsigned long long)index);
        return !c->wrong;
}

static void case_leaves(Case *c)
{
        const TrailScan scan = {case_on_leaf, c};
        Digest root;

        c->next = c->found.head.size;
        if (committer_scan_back(c->opening.committer, &scan) != 0 || c->next != 0)
                case_wrong(c, "%llu leaves are missing", (unsigned long long)c->next);
        book_root(c->judge->book, c->found.head.size, &root);
        if (!digest_equal(&root, &c->found.head.root))
                case_wrong(c, "the root is not that of the leaves");
}

static void case_state(Case *c)
{
        static const TrailState none = {};
        const Book *book = c->judge->book;
        uint64_t size = c->found.head.size;
        const TrailState *state = &c->found.state;
        const TrailState *expected = size > 0 ? &book->leaves[size - 1].state : &none;

        if (state->time_usec != expected->time_usec || state->has_mark != expected->has_mark ||
            state->mark_usec != expected->mark_usec || state->has_policy != expected->has_policy ||
            !digest_equal(&state->policy, &expected->policy))
                case_wrong(c, "time, mark or policy are not those of the last leaf");
        bool clean = size == 0 || memmem(book->leaves[size - 1].bytes, book->leaves[size - 1].n,
                                         "\"kind\":\"stop\"", 13) != NULL;
        if (c->found.clean != clean)
                case_wrong(c, "whether the last run ended cleanly is told wrongly");
}

static void case_open(Case *c)
{
        const Book *book = c->judge->book;
        uint64_t size = c->found.head.size, outcome;
        size_t n = 0;

        for (uint64_t i = 0; i < size; i++) {
                if (book->leaves[i].role != TRAIL_PERMIT || book_outcome(book, size, i, &outcome))
                        continue;
                if (n >= c->found.n_open || c->found.open[n] != i)
                        case_wrong(c, "the open permit %llu is not known", (unsigned long long)i);
                n++;
        }
        if (n != c->found.n_open)
                case_wrong(c, "%zu permits are open, %zu should be", c->found.n_open, n);
}

/* Whether a leaf and its proof are what a look-up should give. */
static bool case_proves(Case *c, uint64_t index, const Buffer *leaf, const Buffer *proof)
{
        const BookLeaf *expected = &c->judge->book->leaves[index];
        const ProofText text = {buffer_text(proof), proof->n};
        uint64_t proved = 0;

        if (leaf->n != expected->n || memcmp(leaf->data, expected->bytes, leaf->n) != 0)
                return false;
        return proof_check(&c->opening.verifier, leaf, text, &proved, NULL) == 0 && proved == index;
}

static void case_look_up(Case *c, uint64_t index)
{
        const BookLeaf *leaf = &c->judge->book->leaves[index];
        Finding finding = {};
        uint64_t outcome = 0, size = c->found.head.size;

        int r = committer_find(c->opening.committer, leaf->request, &finding);
        if (r < 0) {
                /* That ends a guard, aloud. */
                case_wrong(c, "the look-up of leaf %llu fails: %s", (unsigned long long)index, strerror(-r));
                c->seen = true;
                return;
        }
        bool has_outcome = book_outcome(c->judge->book, size, index, &outcome);
        if (finding.found != (index < size) || finding.has_outcome != has_outcome)
                case_wrong(c, "the request of leaf %llu is looked up wrongly", (unsigned long long)index);
        if (!c->wrong && finding.found && !case_proves(c, index, &finding.decision, &finding.decision_proof))
                case_wrong(c, "the decision %llu is not proved", (unsigned long long)index);
        if (!c->wrong && finding.has_outcome &&
            !case_proves(c, outcome, &finding.outcome, &finding.outcome_proof))
                case_wrong(c, "the outcome of %llu is not proved", (unsigned long long)index);
        finding_deinit(&finding);
}

static void case_look_ups(Case *c)
{
        const Book *book = c->judge->book;

        for (uint64_t i = 0; i < book->n && !c->wrong; i++)
                if (book->leaves[i].role == TRAIL_PERMIT || book->leaves[i].role == TRAIL_DENY)
                        case_look_up(c, i);
}

/* What somebody who has only the export says. Return: whether it is sound. */
static bool case_audit(const Case *c)
{
        char export[512];

        (void)snprintf(export, sizeof(export), "%s/export", c->judge->state_dir);
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0) {
                int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
                (void)dup2(null_fd, STDOUT_FILENO); /* Only the status counts. */
                (void)dup2(null_fd, STDERR_FILENO);
                execl(c->judge->tool, c->judge->tool, "audit", "verify", "--export", export, NULL);
                _exit(127);
        }
        int status = 0;
        MUST(waitpid(pid, &status, 0) == pid);
        MUST(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        return status == 0;
}

static void case_check(Case *c)
{
        if (c->found.head.size > c->judge->book->n) {
                case_wrong(c, "it has %llu leaves, only %zu were ever made",
                           (unsigned long long)c->found.head.size, c->judge->book->n);
                return;
        }
        case_leaves(c);
        case_state(c);
        case_open(c);
        if (!c->wrong)
                case_look_ups(c);
}

/* What is on the disk once it is closed. */
static void case_check_files(Case *c)
{
        const Content content = {.state_dir = c->judge->state_dir,
                                 .book = c->judge->book,
                                 .policy = c->judge->policy,
                                 .size = c->found.head.size,
                                 .verifier = &c->opening.verifier};
        char why[256];

        if (!content_check_rows(&content, why, sizeof(why))) {
                case_wrong(c, "%s", why);
                return;
        }
        if (!content_check_export(&content, why, sizeof(why))) {
                case_wrong(c, "%s", why);
                c->told = !case_audit(c);
                return;
        }
        if (c->judge->audit && !case_audit(c))
                case_wrong(c, "matchguard audit verify finds a fault in it");
}

/* The size of the checkpoint that was published before. */
static uint64_t judge_exported(const Judge *judge)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        char path[512], origin[NOTE_NAME_MAX + 1];
        TreeHead head = {};

        (void)snprintf(path, sizeof(path), "%s/export/checkpoint", judge->state_dir);
        if (fd_read_file(AT_FDCWD, path, NOTE_MAX, &note) != 0 ||
            note_peek(buffer_text(&note), note.n, origin, &head) != 0)
                return 0;
        return head.size;
}

/* What lies in the export before anything is started: somebody may copy it then. */
static void case_look(Case *c, uint64_t exported)
{
        const Content content = {.state_dir = c->judge->state_dir,
                                 .book = c->judge->book,
                                 .policy = c->judge->policy,
                                 .size = exported,
                                 .grows = true};
        char why[256];

        if (exported > 0 && !content_check_export(&content, why, sizeof(why)))
                case_wrong(c, "before it is opened: %s", why);
}

void judge_open(const Judge *judge, uint64_t told, Verdict *ret_verdict)
{
        const TrailConfig config = {.state_dir = judge->state_dir, .origin = "example.org/powercut"};
        Case c = {.judge = judge, .opening = OPENING_INIT, .verdict = ret_verdict};
        char *why = NULL;

        *ret_verdict = (Verdict){.exported = judge_exported(judge)};
        if (judge->honest)
                case_look(&c, ret_verdict->exported);
        int r = opening_run(&c.opening, &config, &c.found, &why);
        if (r == 0) {
                case_check(&c);
                ret_verdict->size = c.found.head.size;
        }
        opening_deinit(&c.opening);
        if (r == 0 && !c.wrong)
                case_check_files(&c);
        if (r == 0 && ret_verdict->size < ret_verdict->exported)
                case_wrong(&c, "%llu leaves were exported, %llu are there",
                           (unsigned long long)ret_verdict->exported, (unsigned long long)ret_verdict->size);
        if (r < 0)
                case_wrong(&c, "it does not open: %s", strerror(-r));
        if (r > 0)
                (void)snprintf(ret_verdict->why, sizeof(ret_verdict->why), "%s", why);
        ret_verdict->ending = c.seen                     ? ENDING_REFUSED
                              : c.told                   ? ENDING_TOLD
                              : c.wrong                  ? ENDING_WRONG
                              : r > 0                    ? ENDING_REFUSED
                              : ret_verdict->size < told ? ENDING_BEHIND
                                                         : ENDING_OPENED;
        trail_found_deinit(&c.found);
        free(why);
}
