#pragma once
/*
 * Watch: writes down on a tape what this process does to one folder. SQLite's files are seen by disk-vfs.c,
 * everything else that the trail does by disk-calls.c; both hold the lock around the call and the record, so
 * that the tape has the order in which things happened.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape.h"

/** watch_start() - Begins a tape with what lies in @root, all of it durable. */
void watch_start(Tape *tape, const char *root);

/**
 * watch_stop() - Ends it. A folder that is not as the tape says was changed by a call that nobody records:
 * that ends the test.
 */
void watch_stop(void);

/** watch_lock(), watch_unlock() - Around a call and the record of it. */
void watch_lock(void);
void watch_unlock(void);

/* A name below an open folder, as in the calls that end in "at". */
typedef struct Spot {
        int dir_fd;
        const char *path;
} Spot;

/* What happened; under the lock. Names outside the folder are passed over. */
bool watch_knows(Spot spot);
void watch_made(Spot spot, bool folder);
void watch_removed(Spot spot);
void watch_renamed(Spot from, Spot to);
void watch_synced(Spot spot);
void watch_synced_all(int fd);
void watch_resized(Spot spot, uint64_t size);
void watch_extended(Spot spot, uint64_t size); /* as posix_fallocate(3): never shorter */
void watch_wrote(Spot spot, uint64_t offset, const void *data, size_t n);

/** watch_told() - The first @size leaves were told of as durable. Takes the lock. */
void watch_told(uint64_t size);

/** watch_of_fd() - The name of an open file or folder, good until the lock is given back. */
Spot watch_of_fd(int fd);

/** disk_vfs_register() - Makes the recording VFS SQLite's default. */
void disk_vfs_register(void);
