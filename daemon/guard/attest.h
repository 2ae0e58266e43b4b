#pragma once
/*
 * Attest: who is at the other end of a connection, from the kernel alone, before a byte of it is read
 * (docs/ARCHITECTURE.md). Runs in the guard at each accept.
 *
 * User and groups are what they were when the peer connected. Everything that comes from /proc is read
 * between two checks that the peer's pidfd still lives, so that it cannot be another process's; whatever
 * cannot be learnt so is "none".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        ATTEST_GROUPS_MAX = 65536, /* NGROUPS_MAX of Linux */
        ATTEST_LABEL_MAX = 512,
};

typedef enum AttestIdentity {
        ATTEST_UID,   /* the pidfd was opened by number: another process of the same user may have got in
                         between */
        ATTEST_PIDFD, /* the kernel keeps the pidfd of who connected (SO_PEERPIDFD, Linux 6.5) */
} AttestIdentity;

/** attest_identity_name() - "uid" or "pidfd". */
const char *attest_identity_name(AttestIdentity identity);

typedef struct Attestation {
        uid_t uid;
        gid_t *groups; /* primary and supplementary, ascending, none twice */
        size_t n_groups;
        pid_t pid;   /* as the peer's number was; 0: it is in a pid namespace that we do not see */
        char *unit;  /* a system service; NULL: none */
        char *label; /* of the security module; NULL: none */
        bool has_loginuid;
        uint32_t loginuid;
        bool has_session;
        uint32_t session;
        AttestIdentity identity;
        int pidfd; /* -1: it is gone */
} Attestation;

#define ATTESTATION_INIT ((Attestation){.pidfd = -1})

/** attestation_deinit() - Frees and closes; safe on ATTESTATION_INIT and twice. */
void attestation_deinit(Attestation *attestation);

enum {
        /* The process that connected has exited, or by its number it cannot be told from one that has another's.
         * @ret_attestation holds uid and groups only. */
        ATTEST_E_GONE = 1,
};

/**
 * attest() - Attests the peer of a connected AF_UNIX socket.
 * @fd:         the socket, borrowed
 * @by_number:  do without SO_PEERPIDFD, as on a kernel that has none
 * @ret_attestation: to be given to attestation_deinit(); untouched on failure
 *
 * Return: 0, ATTEST_E_GONE, or -errno.
 */
int attest(int fd, bool by_number, Attestation *ret_attestation);

/** attestation_alive() - Whether the process that connected still runs. */
bool attestation_alive(const Attestation *attestation);

/** attest_peer_uid() - The uid of a connected socket's peer. For our own processes. Return: 0 or -errno. */
int attest_peer_uid(int fd, uid_t *ret_uid);
