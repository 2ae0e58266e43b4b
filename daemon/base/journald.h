#pragma once
/*
 * Journald: one entry with fields for systemd-journald, in its native protocol, as one datagram. Knows neither
 * whom it serves nor what the fields say.
 *
 *   KEY=value LF                                   a value without a line feed
 *   KEY LF length (64 bit, little-endian) value LF any value
 *
 * Not sd_journal_sendv(3): that waits for as long as journald does not read, be it for ever. Here the caller says
 * how long.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

/** journald_field() - Appends a field. @key is [A-Z0-9_]; @value any bytes, @n of them. */
void journald_field(Buffer *entry, const char *key, const void *value, size_t n);

/** journald_field_text() - The same for a string. */
void journald_field_text(Buffer *entry, const char *key, const char *value);

enum {
        JOURNALD_E_BUSY = 1, /* it does not read for the moment */
};

/**
 * journald_send() - Sends one entry.
 * @fd:         the connection, -1 at first; opened here, and again where journald was restarted
 * @path:       JOURNALD_SOCKET, or where a test listens; borrowed
 * @entry:      all of its fields, @n bytes
 * @wait_ms:    how long to wait at most until there is room for it; -1: for ever
 *
 * Return: 0, JOURNALD_E_BUSY, or -errno: it was not taken, and @fd may be -1 again.
 */
int journald_send(int *fd, const char *path, const void *entry, size_t n, int wait_ms);

/**
 * journald_settle() - Waits until journald has dealt with all that was sent; for before the process ends.
 * @wait_ms:    how long at most
 *
 * It looks up in /proc who the sender is: what comes from a process that has ended belongs to no unit, and
 * `journalctl -u` does not show it.
 */
void journald_settle(int fd, int wait_ms);
