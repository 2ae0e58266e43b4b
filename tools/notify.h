#pragma once
/* What a service says to its manager (sd_notify(3)), of which this reads what `matchguard run` acts on. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { NOTIFY_MAX = 4096 };

typedef struct Notification {
        bool ready;              /* READY=1 */
        bool says_serving;       /* X_MATCHGUARD_SERVING= stood there ... */
        bool serving;            /* ... and this is what it said */
        char status[NOTIFY_MAX]; /* STATUS=, or "" */
} Notification;

/** notify_parse() - Takes a notification apart: lines of NAME=VALUE, of which unknown ones are skipped. */
void notify_parse(const char *text, size_t n, Notification *ret_notification);

enum {
        NOTIFY_E_AGAIN = 1,   /* there is none */
        NOTIFY_E_FOREIGN = 2, /* from another process than the one that may; skipped */
};

/**
 * notify_receive() - Receives one notification.
 * @fd:         a datagram socket with SO_PASSCRED, borrowed
 * @pid:        the only process that is listened to
 *
 * Never blocks. Return: 0, NOTIFY_E_AGAIN, NOTIFY_E_FOREIGN, or -errno.
 */
int notify_receive(int fd, pid_t pid, Notification *ret_notification);
