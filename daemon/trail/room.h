#pragma once
/*
 * Room: why a folder cannot be written for the time being, in words for whoever has to do something about it.
 */

#include <stdbool.h>

enum { ROOM_TEXT_SIZE = 512 };

/**
 * room_may_return() - Whether a -errno says that writing may succeed later, with nothing lost meanwhile: no
 * room, or a file system that is read-only.
 */
bool room_may_return(int r);

/**
 * room_tell() - What is wrong, how much is left, and what to do.
 * @folder_fd:  borrowed
 * @folder:     its path, for people
 * @r:          the -errno that writing ended with; others than those of room_may_return() are told as they
 *              are
 *
 * One sentence or two, without a full stop at the end.
 */
void room_tell(int folder_fd, const char *folder, int r, char ret_text[static ROOM_TEXT_SIZE]);
