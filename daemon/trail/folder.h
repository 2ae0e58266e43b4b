#pragma once
/*
 * Folder: the directories that the trail lives in, made with the permissions that they are to have whatever
 * the umask, and the lock that keeps a second guard out.
 */

#include <sys/types.h>

/** folder_make() - Makes one folder (or finds it) and opens it. Return: 0 or -errno. */
int folder_make(int parent_fd, const char *name, mode_t mode, int *ret_fd);

/**
 * folder_make_above() - Makes the folders above a file, durably, with mode 0750.
 * @path:       of the file, relative to @folder_fd
 *
 * Return: 0 or -errno.
 */
int folder_make_above(int folder_fd, const char *path);

/** folder_remove() - Removes a folder and all that is in it; one that is not there is fine. Return: 0 or
 * -errno. */
int folder_remove(int parent_fd, const char *name);

/** folder_has() - Whether something of that name is there. Return: 1, 0, or -errno where that cannot be told,
 * which is not the same as 0. */
int folder_has(int folder_fd, const char *name);

/* What trail_open() works with. All are -1 or open; all are this struct's. */
typedef struct Folders {
        int state_fd; /* holds the lock */
        int trail_fd;
        int export_fd;
        int public_fd;
} Folders;

#define FOLDERS_INIT ((Folders){-1, -1, -1, -1})

enum { FOLDERS_E_HELD = 1 }; /* another process has the lock */

/** folders_lock() - Makes the state folder, opens and locks it. Return: 0, FOLDERS_E_HELD, or -errno. */
int folders_lock(Folders *folders, const char *state_dir);

/** folders_open() - Makes and opens trail/, export/ and public/ in a locked state folder. Return: 0 or
 * -errno. */
int folders_open(Folders *folders);

/** folders_deinit() - Closes all, which lets go of the lock; safe on FOLDERS_INIT and twice. */
void folders_deinit(Folders *folders);
