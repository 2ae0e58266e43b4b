#pragma once
/*
 * EtcReader: a process of the guard's own that opens passwd(5) and group(5) for it. A policy that is reloaded names
 * accounts, these two files are replaced whenever an account is made, and beside them lies shadow(5): so the guard
 * itself opens nothing in /etc, and this process opens nothing else.
 */

#include <stdbool.h>

typedef struct EtcReader {
        int fd;
} EtcReader;

#define ETC_READER_INIT                                                                                      \
        {                                                                                                    \
                .fd = -1                                                                                     \
        }

/**
 * etc_reader_start() - Makes the process, which ends when the guard does. To be called before threads are made.
 * Return: 0 or -errno.
 */
int etc_reader_start(EtcReader *reader, bool log_seccomp);

/** etc_reader_deinit() - Lets it end. */
void etc_reader_deinit(EtcReader *reader);

/**
 * etc_reader_open() - Opens one of the two files, for PolicySource.open_accounts; from one thread at a time.
 * @path:       "/etc/passwd" or "/etc/group"
 * @reader:     an EtcReader
 *
 * Return: a descriptor, the caller's; -EINVAL for another path; another -errno.
 */
int etc_reader_open(const char *path, void *reader);
