#pragma once
/*
 * A pass over a proven log that makes every decision of it anew. Memory as tools/replay.h says.
 */

#include "tools/progress.h"
#include "tools/proven-log.h"
#include "tools/replay.h"

typedef struct LogReplay LogReplay;

/* One decision, with what making it anew gave. Borrowed until the handler returns. */
typedef struct ReplayedLeaf {
        const LeafEntry *entry;
        const Replay *replay;
        const char *fault; /* what differs, or why it could not be told; NULL: nothing */
        bool wanted;       /* it lies in the time that was asked for */
} ReplayedLeaf;

struct LogReplay {
        ProvenLog *log;         /* borrowed */
        const char *export_dir; /* where it lies, for the archive */
        uint64_t since_usec;    /* log time, inclusive */
        uint64_t until_usec;    /* exclusive; UINT64_MAX: no end */
        Progress progress;
        /* Takes each decision of the log, also those outside the time, in order. 0 or -errno. */
        int (*decision)(const ReplayedLeaf *leaf, void *userdata);
        void *userdata;
};

/**
 * log_replay_run() - Runs over the log.
 * @ret_why:    on a positive ending, what is wrong with the log, for free()
 *
 * Return: 0, PROVEN_E_*, or -errno.
 */
int log_replay_run(LogReplay *run, char **ret_why);
