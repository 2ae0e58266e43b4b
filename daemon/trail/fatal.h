#pragma once
/*
 * How the guard ends when storage fails in a way that must not be tried again: at once, from whichever thread
 * saw it, without another byte to disk or to a client.
 */

#include <stdbool.h>

/** fatal_storage() - Says what failed, and in which folder, and exits with TRAIL_EXIT_STORAGE. @r is the
 * -errno. */
void fatal_storage(const char *what, const char *folder, int r) __attribute__((noreturn));

/**
 * fatal_set_teller() - From now on @tell is called, from any thread, before the end where what was read shows that
 * the trail is damaged; it may wait for a second. NULL: nobody is. Called while no other thread uses the trail.
 */
typedef void (*FatalTeller)(void *userdata);
void fatal_set_teller(FatalTeller tell, void *userdata);

/** fatal_spares() - Whether a -errno says that there was no room: the one failure that may be tried again. */
bool fatal_spares(int r);
