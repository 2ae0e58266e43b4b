#pragma once
/*
 * Sandbox: what a process gives up by itself, whatever its unit already took from it. Each of our processes has
 * its lists on one screen, in its confine.c: the system calls that it makes after its start, each group with the
 * reason; and the folders that it opens files in. Everything else is refused by the kernel.
 *
 *   sandbox_hide()   core dumps, being looked into: sandbox.c
 *   sandbox_shed()   these, and capabilities
 *   sandbox_enter()  folders and signals by Landlock (sandbox-landlock.c), then the calls by seccomp
 *                    (sandbox-seccomp.c). Builds that cannot live so, with sanitizers or coverage, have
 *                    sandbox-none.c instead of these two. Who starts something in between that needs more calls than it
 *                    does later, such as a driver, calls the two halves.
 */

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        SANDBOX_CALLS_MAX = 24,
        SANDBOX_COMPARES_MAX = 3,
        SANDBOX_LISTS_MAX = 3,
};

/* A call, with any arguments or with such only. Named twice in a list, either form may be used. */
typedef struct SandboxCall {
        const char *name; /* NULL: behind the last of its group */
        int number;       /* of libseccomp; one that this machine does not have is left out */
        unsigned n_compares;
        struct scmp_arg_cmp compares[SANDBOX_COMPARES_MAX];
} SandboxCall;

typedef struct SandboxGroup {
        const char *reason; /* in words; NULL: behind the last group of its list */
        SandboxCall calls[SANDBOX_CALLS_MAX + 1];
        bool missing; /* not allowed, but answered as by a kernel that does not have them: callers fall back */
} SandboxGroup;

#define SANDBOX_CALL(call)                                                                                   \
        {                                                                                                    \
                .name = #call, .number = SCMP_SYS(call)                                                      \
        }
/* Only where the argument, counted from 0, is of that value. */
#define SANDBOX_CALL_IF(call, argument, value)                                                               \
        {                                                                                                    \
                .name = #call, .number = SCMP_SYS(call), .n_compares = 1, .compares = {                      \
                        {(argument), SCMP_CMP_EQ, (scmp_datum_t)(value), 0}                                  \
                }                                                                                            \
        }
/* Only where the bits of the argument that @mask names are @value. */
#define SANDBOX_CALL_BITS(call, argument, mask, value)                                                       \
        {                                                                                                    \
                .name = #call, .number = SCMP_SYS(call), .n_compares = 1, .compares = {                      \
                        {(argument), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value)}        \
                }                                                                                            \
        }

/* What may be done to the files in a folder and all below it. */
typedef enum SandboxAccess {
        SANDBOX_LIST, /* see which there are */
        SANDBOX_READ,
        SANDBOX_WRITE,     /* read, write, make, rename and remove files and folders */
        SANDBOX_READ_FILE, /* this one, as long as no other takes its place; nothing where it is no plain file */
        SANDBOX_REWRITE, /* read, and write files that are there */
        SANDBOX_EXECUTE, /* read, and execute while the calls allow that */
        SANDBOX_DEVICE,  /* read, write and control: the node of a device, or those in a folder */
} SandboxAccess;

typedef struct SandboxFolder {
        const char *
                path; /* of a folder or a device, never of a file: a file that is renamed into its place is another one */
        SandboxAccess access;
} SandboxFolder;

typedef struct Sandbox {
        const SandboxGroup *lists[SANDBOX_LISTS_MAX]; /* each ends with a group without a reason */
        const SandboxFolder *folders;                 /* those that are not there are left out */
        size_t n_folders;
        bool forks; /* its children live under its list, too */
        bool log;   /* calls that are not in the lists are made and logged, and end nothing */
} Sandbox;

/* What an operator has to be told; NULL: nothing. */
typedef struct SandboxRemarks {
        const char *warning; /* about the calls */
        const char *notice;  /* about the folders */
} SandboxRemarks;

/* What every process needs, and ours all do: the memory, locks, end, time, and the loop of libsystemd. */
extern const SandboxGroup sandbox_common[];

/**
 * sandbox_hide() - No core files, no looking into its memory for others, no new privileges: before keys or templates
 * are read. Return: 0 or -errno.
 */
int sandbox_hide(void);

/**
 * sandbox_shed() - What sandbox_hide() does, and no capabilities.
 * @kept:       bits (1 << CAP_*) of capabilities that it keeps where it has them
 *
 * To be called before threads are made, which inherit this. Return: 0 or -errno.
 */
int sandbox_shed(uint64_t kept);

/**
 * sandbox_enter() - From now on this process makes the calls of its lists only, or is ended by SIGSYS; reaches the
 * files in its folders only; and signals, traces and reaches by abstract sockets nobody outside of it.
 * @ret_remarks: where less than that could be had
 *
 * Calls that are newer than this program are answered as by an older kernel (ENOSYS). To be called after
 * sandbox_shed(), and before threads are made: Landlock binds the thread that calls, and what that makes.
 * Return: 0 or -errno.
 */
int sandbox_enter(const Sandbox *sandbox, SandboxRemarks *ret_remarks);

/**
 * sandbox_enter_folders() - The first half of sandbox_enter(): folders, signals, abstract sockets. Threads may be made afterwards, and
 * are bound.
 */
int sandbox_enter_folders(const Sandbox *sandbox, SandboxRemarks *ret_remarks);

/**
 * sandbox_enter_calls() - The second half: the calls, of every thread that there is or will be.
 * @remarks:    of the first half; added to
 */
int sandbox_enter_calls(const Sandbox *sandbox, SandboxRemarks *remarks);

/** sandbox_remarks_tell() - Says the remarks on stderr. */
void sandbox_remarks_tell(const SandboxRemarks *remarks);
