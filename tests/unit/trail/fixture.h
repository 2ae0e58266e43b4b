#pragma once
/*
 * Fixture: a log in a folder of its own, driven from a loop as the guard drives it, for the tests of the
 * trail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "trail/trail.h"

typedef struct Fixture {
        char dir[128];
        TrailConfig config;
        Trail *trail;
        TrailFound found;
        char *why;
        sd_event *event;

        uint64_t next;  /* index of the next entry */
        uint64_t epoch; /* of the next entry, and where it began */
        uint64_t epoch_first;
        uint64_t committed;
        unsigned n_commits;
        unsigned n_failures;
        uint64_t n_refused; /* entries that came back in failures */
        char advice[512];   /* of the last failure */

        /* Called for each committed entry, and for each commit, before they are freed. */
        void (*on_entry)(TrailEntry *entry, const TrailCommit *commit, void *userdata);
        void (*on_commit)(const TrailCommit *commit, void *userdata);
        void *userdata;
} Fixture;

/** fixture_init() - A new empty folder; nothing is opened. */
void fixture_init(Fixture *fixture);

/** fixture_init_in() - The same in a folder that is there. */
void fixture_init_in(Fixture *fixture, const char *dir);

/** fixture_open() - Opens and starts the trail. Return: what trail_open() returned. */
int fixture_open(Fixture *fixture);

/** fixture_close() - Frees the trail, keeps the folder. */
void fixture_close(Fixture *fixture);

/** fixture_deinit() - Closes, and removes the folder. */
void fixture_deinit(Fixture *fixture);

/** fixture_entry() - An entry with the next index: a small canonical leaf, the state that belongs to it. */
TrailEntry *fixture_entry(Fixture *fixture, TrailRole role);

/** fixture_set_leaf() - Gives an entry another leaf. */
void fixture_set_leaf(TrailEntry *entry, const char *leaf);

/** fixture_outcome_entry() - The same for the outcome of a permit. */
TrailEntry *fixture_outcome_entry(Fixture *fixture, uint64_t of);

/**
 * fixture_append() - Appends one such. Return: what trail_append() returned; the entry is freed on failure.
 */
int fixture_append(Fixture *fixture, TrailRole role);

/** fixture_end_epoch() - Appends the leaf that ends the epoch; none may be on its way. */
void fixture_end_epoch(Fixture *fixture);

/** fixture_outcome() - Appends the outcome of a permit. */
int fixture_outcome(Fixture *fixture, uint64_t of);

/** fixture_run() - Runs the loop until this many entries are committed. */
void fixture_run(Fixture *fixture, uint64_t size);

/** fixture_run_until_failure() - Runs the loop until the trail has reported a failure more. */
void fixture_run_until_failure(Fixture *fixture);

/** fixture_grow() - Appends plain entries up to a size and waits until they are committed. */
void fixture_grow(Fixture *fixture, uint64_t size);

/** fixture_request_id() - The id that the fixture gives to the request at @index. */
void fixture_request_id(uint64_t index, uint8_t ret_id[static REQUEST_ID_SIZE]);

enum { FIXTURE_LEAF_SIZE = 256 };

/** fixture_leaf() - The leaf that the fixture makes for @index; no outcome. Return: its length. */
size_t fixture_leaf(uint64_t index, TrailRole role, char ret_leaf[static FIXTURE_LEAF_SIZE]);

/** fixture_path() - A path in the fixture's folder. Good until the call after next. */
const char *fixture_path(const Fixture *fixture, const char *name);

/** fixture_shell() - Runs a shell command in the fixture's folder; fails the test when it fails. */
void fixture_shell(const Fixture *fixture, const char *command);
