#pragma once
/*
 * EtcReader: a process of the guard's own that opens passwd(5) and group(5) for it. A policy that is reloaded names
 * accounts, these two files are replaced whenever an account is made, and beside them lies shadow(5): so the guard
 * itself opens nothing in /etc, and this process opens nothing else.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct EtcReader {
        int fd;
        uint8_t question; /* the number of the next one */
} EtcReader;

#define ETC_READER_INIT                                                                                      \
        {                                                                                                    \
                .fd = -1                                                                                     \
        }

/**
 * etc_reader_start() - Makes the process, which ends when the guard does. To be called before threads are made. From
 * then on no child of the caller is waited for: the kernel forgets each as it ends.
 * Return: 0 or -errno.
 */
int etc_reader_start(EtcReader *reader, bool log_seccomp);

/** etc_reader_deinit() - Lets it end. */
void etc_reader_deinit(EtcReader *reader);

/**
 * etc_reader_open() - Opens one of the two files, for PolicySource.open_accounts; from one thread at a time. Waits two
 * seconds at most. A process that has ended, is late, or answers something else is asked never again.
 * @path:       "/etc/passwd" or "/etc/group"
 * @reader:     an EtcReader
 *
 * Return: a descriptor, the caller's; -EINVAL for another path; another -errno.
 */
int etc_reader_open(const char *path, void *reader);

/** etc_reader_shut() - Nothing is opened any more, and whoever waits for that is told so; from any thread. */
void etc_reader_shut(EtcReader *reader);

/**
 * etc_reader_is_gone() - Whether nothing is opened any more; from any thread. Only another start of the guard changes
 * that. On a loop it is EPOLLHUP of `fd`.
 */
bool etc_reader_is_gone(const EtcReader *reader);
