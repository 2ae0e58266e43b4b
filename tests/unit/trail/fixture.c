/*
 * A log for tests.
 */

#include "fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

/* Not Criterion's: children that a test forks use the fixture, too, and must not speak with Criterion. */
#define MUST(condition)                                                                                      \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);        \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

void fixture_init_in(Fixture *fixture, const char *dir)
{
        *fixture = (Fixture){};
        (void)snprintf(fixture->dir, sizeof(fixture->dir), "%s", dir);
        fixture->config = (TrailConfig){.state_dir = fixture->dir, .origin = "example.org/log"};
}

void fixture_init(Fixture *fixture)
{
        char dir[] = "/tmp/trail.XXXXXX";
        MUST(mkdtemp(dir));
        fixture_init_in(fixture, dir);
}

static int fixture_on_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        Fixture *fixture = userdata;

        fixture->n_commits++;
        if (fixture->on_commit)
                fixture->on_commit(commit, fixture->userdata);
        for (TrailEntry *entry = first; entry; entry = entry->next) {
                MUST(entry->index == fixture->committed);
                MUST(entry->receipt);
                fixture->committed++;
                if (fixture->on_entry)
                        fixture->on_entry(entry, commit, fixture->userdata);
        }
        MUST(commit->head.size == fixture->committed);
        return 0;
}

static int fixture_on_failed(TrailEntry *first, uint64_t size, const TrailState *state,
                             const TrailFault *fault, void *userdata)
{
        Fixture *fixture = userdata;

        MUST(size == fixture->committed);
        MUST(state->time_usec == size);
        fixture->epoch = state->epoch;
        fixture->epoch_first = state->epoch_first;
        (void)snprintf(fixture->advice, sizeof(fixture->advice), "%s", fault->advice);
        for (TrailEntry *entry = first; entry; entry = entry->next) {
                MUST(entry->index == size++);
                fixture->n_refused++;
        }
        /* Everything that was handed over since comes back at once. */
        MUST(size == fixture->next);
        fixture->next = fixture->committed;
        fixture->n_failures++;
        return 0;
}

int fixture_open(Fixture *fixture)
{
        static const TrailHandlers handlers = {fixture_on_committed, fixture_on_failed};

        int r = trail_open(&fixture->trail, &fixture->config, &fixture->found, &fixture->why);
        if (r != 0)
                return r;
        fixture->next = fixture->committed = fixture->found.head.size;
        fixture->epoch = fixture->found.state.epoch;
        fixture->epoch_first = fixture->found.state.epoch_first;
        MUST(sd_event_new(&fixture->event) >= 0);
        MUST(trail_start(fixture->trail, fixture->event, &handlers, fixture) == 0);
        return 0;
}

void fixture_close(Fixture *fixture)
{
        fixture->trail = trail_free(fixture->trail);
        fixture->event = sd_event_unref(fixture->event);
        trail_found_deinit(&fixture->found);
        free(fixture->why);
        fixture->why = NULL;
}

void fixture_deinit(Fixture *fixture)
{
        fixture_close(fixture);
        fixture_shell(fixture, "rm -rf -- \"$PWD\"");
}

/* Every byte of the salts: one of zeros would stand for a detail that was erased. */
enum { FIXTURE_SALT = 0x5a };

/* What all details of the fixture are, under that salt. */
static const char fixture_detail[] = "{}";

static const char *fixture_commitment(void)
{
        static char text[COMMITMENT_TEXT_SIZE];
        uint8_t salt[COMMITMENT_SALT_SIZE];

        memset(salt, FIXTURE_SALT, sizeof(salt));
        commitment_of(COMMITMENT_DETAIL, salt, fixture_detail, strlen(fixture_detail), text);
        return text;
}

size_t fixture_leaf(uint64_t index, TrailRole role, char ret_leaf[static FIXTURE_LEAF_SIZE])
{
        uint8_t id[REQUEST_ID_SIZE];
        char text[2 * REQUEST_ID_SIZE + 1];

        if (role == TRAIL_PLAIN)
                return (size_t)snprintf(ret_leaf, FIXTURE_LEAF_SIZE,
                                        "{\"index\":%" PRIu64 ",\"kind\":\"beat\",\"v\":1}", index);
        fixture_request_id(index, id);
        text_hex(id, sizeof(id), text);
        return (size_t)snprintf(ret_leaf, FIXTURE_LEAF_SIZE,
                                "{\"detail\":\"%s\",\"index\":%" PRIu64
                                ",\"kind\":\"request\",\"request\":\"%s\",\"v\":1,\"verdict\":\"%s\"}",
                                fixture_commitment(), index, text, role == TRAIL_PERMIT ? "permit" : "deny");
}

void fixture_request_id(uint64_t index, uint8_t ret_id[static REQUEST_ID_SIZE])
{
        request_id_make(index, ret_id);
        memset(ret_id, 0xa5, 9); /* the same one each time */
}

TrailEntry *fixture_entry(Fixture *fixture, TrailRole role)
{
        TrailEntry *entry = trail_entry_new();
        char leaf[FIXTURE_LEAF_SIZE];

        MUST(entry);
        entry->index = fixture->next++;
        entry->n_leaf = fixture_leaf(entry->index, role, leaf);
        entry->leaf = (uint8_t *)strdup(leaf);
        entry->role = role;
        entry->state.time_usec = entry->index + 1;
        entry->state.epoch = fixture->epoch;
        entry->state.epoch_first = fixture->epoch_first;
        entry->state.epoch_usec = fixture->epoch_first + 1;
        entry->wants_path = role == TRAIL_PERMIT;
        if (role != TRAIL_PLAIN) {
                entry->has_detail = true;
                memset(entry->salt, FIXTURE_SALT, sizeof(entry->salt));
                entry->detail = (uint8_t *)strdup(fixture_detail);
                entry->n_detail = strlen(fixture_detail);
        }
        return entry;
}

void fixture_set_leaf(TrailEntry *entry, const char *leaf)
{
        free(entry->leaf);
        entry->leaf = (uint8_t *)strdup(leaf);
        entry->n_leaf = strlen(leaf);
}

TrailEntry *fixture_outcome_entry(Fixture *fixture, uint64_t of)
{
        TrailEntry *entry = fixture_entry(fixture, TRAIL_OUTCOME);
        char leaf[FIXTURE_LEAF_SIZE];

        (void)snprintf(leaf, sizeof(leaf),
                       "{\"detail\":\"%s\",\"index\":%" PRIu64 ",\"kind\":\"outcome\",\"of\":%" PRIu64
                       ",\"v\":1}",
                       fixture_commitment(), entry->index, of);
        fixture_set_leaf(entry, leaf);
        entry->of = of;
        return entry;
}

static int fixture_hand_over(Fixture *fixture, TrailEntry *entry)
{
        int r = trail_append(fixture->trail, entry);
        if (r != 0) {
                fixture->next--;
                trail_entry_free(entry);
        }
        return r;
}

int fixture_append(Fixture *fixture, TrailRole role)
{
        return fixture_hand_over(fixture, fixture_entry(fixture, role));
}

void fixture_end_epoch(Fixture *fixture)
{
        TrailEntry *entry = fixture_entry(fixture, TRAIL_EPOCH);
        char leaf[160], next[2 * NOTE_PUBLIC_KEY_SIZE + 1];

        text_hex(trail_next_epoch_key(fixture->trail), NOTE_PUBLIC_KEY_SIZE, next);
        free(entry->leaf);
        entry->n_leaf = (size_t)snprintf(leaf, sizeof(leaf),
                                         "{\"index\":%" PRIu64 ",\"kind\":\"epoch\",\"next\":\"%s\",\"v\":1}",
                                         entry->index, next);
        entry->leaf = (uint8_t *)strdup(leaf);
        entry->state.epoch = ++fixture->epoch;
        entry->state.epoch_first = fixture->epoch_first = entry->index + 1;
        entry->has_detail = false;
        MUST(fixture_hand_over(fixture, entry) == 0);
}

int fixture_outcome(Fixture *fixture, uint64_t of)
{
        return fixture_hand_over(fixture, fixture_outcome_entry(fixture, of));
}

void fixture_run(Fixture *fixture, uint64_t size)
{
        while (fixture->committed < size)
                MUST(sd_event_run(fixture->event, 30 * UINT64_C(1000000)) > 0);
}

void fixture_run_until_failure(Fixture *fixture)
{
        unsigned n_failures = fixture->n_failures;
        while (fixture->n_failures == n_failures)
                MUST(sd_event_run(fixture->event, 30 * UINT64_C(1000000)) > 0);
}

void fixture_grow(Fixture *fixture, uint64_t size)
{
        while (fixture->next < size) {
                int r = fixture_append(fixture, TRAIL_PLAIN);
                if (r == -EOVERFLOW)
                        fixture_run(fixture, fixture->committed + 1);
                else
                        MUST(r == 0);
        }
        fixture_run(fixture, size);
}

const char *fixture_path(const Fixture *fixture, const char *name)
{
        static char paths[2][256];
        static unsigned turn;

        turn ^= 1;
        (void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", fixture->dir, name);
        return paths[turn];
}

void fixture_shell(const Fixture *fixture, const char *command)
{
        _cleanup_(freep) char *line = NULL;
        MUST(asprintf(&line, "cd '%s' && %s", fixture->dir, command) > 0);
        MUST(system(line) == 0);
}
