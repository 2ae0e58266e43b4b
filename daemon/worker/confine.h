#pragma once
/*
 * What this process gives up, in an order that leaves room for an engine on a device between the folders and the calls: its driver opens files, compiles and
 * starts threads, which both halves bind.
 */

#include "base/sandbox.h"
#include "worker/premises.h"

typedef struct ConfineWish {
        const char *galleries; /* NULL: it reaches no folder of galleries */
        const Premises *
                premises; /* what a driver needs; NULL: no driver is loaded, and nothing more is left than a processor's engine needs */
        bool executes; /* a driver may run a linker before confine_calls(), as PoCL does */
        bool log;      /* --log-seccomp */
} ConfineWish;

/**
 * confine_early() - No privileges, no tracing by others of the same user, no core files (they would hold
 * templates), and files that nobody else can read. Return: 0 or -errno.
 */
int confine_early(void);

/**
 * confine_folders() - From now on it reaches what @wish says and what is open, and nothing else. While there is one thread.
 * @ret_remarks: what an operator has to be told
 *
 * Return: 0 or -errno.
 */
int confine_folders(const ConfineWish *wish, SandboxRemarks *ret_remarks);

/**
 * confine_calls() - From now on it executes nothing, connects nowhere, makes no code, and so does each of its threads. With the wish and the remarks of
 * confine_folders(). Return: 0 or -errno.
 */
int confine_calls(const ConfineWish *wish, SandboxRemarks *remarks);
