#pragma once
/* A private folder for one test, and the small files in it. */

#include <stddef.h>

/** folder_make() - Makes it; for .init of a suite. */
void folder_make(void);

/** folder_remove() - Removes it with all that is in it; for .fini. */
void folder_remove(void);

/** folder_path() - The path of NAME in it; one of eight places that take turns. */
const char *folder_path(const char *name);

/** folder_write() - Writes a file in it, mode 0644; folders above it are made. */
void folder_write(const char *name, const char *text);

/** folder_read() - A file's text; "" where there is none. Good until the next call. */
const char *folder_read(const char *name);

/** folder_count() - How many entries a folder in it has. */
size_t folder_count(const char *name);
