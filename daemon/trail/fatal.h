#pragma once
/*
 * How the guard ends when storage fails in a way that must not be tried again: at once, from whichever thread
 * saw it, without another byte to disk or to a client.
 */

#include <stdbool.h>

/** fatal_storage() - Says what failed, and in which folder, and exits with TRAIL_EXIT_STORAGE. @r is the
 * -errno. */
void fatal_storage(const char *what, const char *folder, int r) __attribute__((noreturn));

/** fatal_spares() - Whether a -errno says that there was no room: the one failure that may be tried again. */
bool fatal_spares(int r);
