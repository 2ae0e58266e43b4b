#pragma once
/*
 * What the guard gives up by itself, whatever its unit already took from it.
 */

#include "base/sandbox.h"
#include "guard/options.h"
#include "policy/arena.h"

enum { CONFINE_FOLDERS_MAX = OPTIONS_POLICY_DIRS_MAX + 9 };

/* Where the guard opens files. */
typedef struct ConfineFolders {
        SandboxFolder items[CONFINE_FOLDERS_MAX];
        size_t n;
        Arena arena; /* holds their paths */
} ConfineFolders;

/**
 * confine_folders() - What confine() leaves to the guard: nothing that a reload reads lies outside of it, as long as
 * folders that were given on the command line, and what links lead to, stay where they are.
 * @ret_folders: to be given to confine_folders_deinit(), whatever is returned
 *
 * Return: 0 or -ENOMEM.
 */
int confine_folders(const Options *options, ConfineFolders *ret_folders);

void confine_folders_deinit(ConfineFolders *folders);

/**
 * confine_refuses() - Whether it is confine() alone that keeps a file or folder from being read, so that a restart
 * would read it: its owner and mode do not.
 */
bool confine_refuses(const char *path);

/**
 * confine() - From now on the guard reaches its trail, its policy, what the kernel says of processes, and what is
 * open, and nothing else. To be called before threads are made.
 * @options:    where its folders are
 * @audits:     it keeps the right to write to the kernel's audit, where it has that
 * @ret_remarks: what an operator has to be told
 *
 * Return: 0 or -errno.
 */
int confine(const Options *options, bool audits, SandboxRemarks *ret_remarks);

/** confine_etc_reader() - The same for the process of guard/etc-reader.h. Return: 0 or -errno. */
int confine_etc_reader(bool log_seccomp);
