/* A private folder for one test. */

#include "make-folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"

enum { PLACES = 8, TEXT_MAX = 1 << 20 };

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
        return remove(path);
}

void folder_make(void)
{
        strcpy(folder, "/tmp/test-tools-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
}

void folder_remove(void)
{
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *folder_path(const char *name)
{
        static char paths[PLACES][512];
        static unsigned next;
        char *path = paths[next++ % PLACES];

        snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

void folder_write(const char *name, const char *text)
{
        const char *path = folder_path(name);
        cr_assert_eq(fd_make_dirs(AT_FDCWD, path, 0755), 0);
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file, "%s", path);
        fputs(text, file);
        fclose(file);
        chmod(path, 0644);
}

const char *folder_read(const char *name)
{
        static Buffer text;
        buffer_deinit(&text);
        (void)fd_read_file(AT_FDCWD, folder_path(name), TEXT_MAX, &text);
        return buffer_text(&text);
}

size_t folder_count(const char *name)
{
        size_t n = 0;
        DIR *entries = opendir(folder_path(name));
        cr_assert_not_null(entries, "%s", name);
        for (struct dirent *e; (e = readdir(entries));)
                n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
        closedir(entries);
        return n;
}
