#pragma once
/*
 * Ballast: room set aside in the trail's folder, let go when the disk is full, so that what must still be
 * written (the outcome of what is under way, the gap, the stop) finds some.
 */

enum {
        BALLAST_SIZE = 1024 * 1024,
        BALLAST_NEEDS =
                3 * BALLAST_SIZE, /* what must be free before it is set aside: twice as much is left */
};

/**
 * ballast_restore() - Sets the room aside, unless that would take the last of it.
 *
 * Return: 1 when it is there, 0 when there is no room for it yet, or -errno.
 */
int ballast_restore(int folder_fd);

/** ballast_drop() - Lets it go; fine when there is none. */
void ballast_drop(int folder_fd);
