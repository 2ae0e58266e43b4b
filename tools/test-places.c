/*
 * Looking for tests. Opens folders and no file.
 */

#include "tools/test-places.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

void test_places_deinit(TestPlaces *places)
{
        for (size_t i = 0; i < places->n; i++)
                free(places->paths[i]);
        free(places->paths);
        *places = TEST_PLACES_INIT;
}

static int places_append(TestPlaces *places, const char *folder, const char *name)
{
        char **paths = reallocarray(places->paths, places->n + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        places->paths = paths;
        if (asprintf(&paths[places->n], "%s%s%s", folder, *folder ? "/" : "", name) < 0)
                return -ENOMEM;
        places->n++;
        return 0;
}

static int is_test(const struct dirent *entry)
{
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".test") == 0;
}

static const char *name_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

static bool has_name(const TestPlaces *places, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(name_of(places->paths[i]), name) == 0)
                        return true;
        return false;
}

/* Those whose names are not among the first @n_before, which stand in stronger folders. */
static int places_add_folder(TestPlaces *places, const char *folder, size_t n_before)
{
        struct dirent **entries = NULL;
        int n = scandir(folder, &entries, is_test, NULL), r = 0;

        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                if (r == 0 && !has_name(places, n_before, entries[i]->d_name))
                        r = places_append(places, folder, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static void places_sort(TestPlaces *places, size_t from)
{
        if (places->n > from)
                qsort(places->paths + from, places->n - from, sizeof(char *), compare_names);
}

int test_places_add(TestPlaces *places, const char *path)
{
        size_t from = places->n;
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return places_append(places, "", path);
        int r = places_add_folder(places, path, 0);
        places_sort(places, from);
        return r;
}

static bool is_mask(const char *path)
{
        char target[16];
        ssize_t n = readlink(path, target, sizeof(target));

        return n == 9 && memcmp(target, "/dev/null", 9) == 0;
}

static void places_drop_masks(TestPlaces *places)
{
        size_t n = 0;

        for (size_t i = 0; i < places->n; i++)
                if (is_mask(places->paths[i]))
                        free(places->paths[i]);
                else
                        places->paths[n++] = places->paths[i];
        places->n = n;
}

int test_places_add_layers(TestPlaces *places, const char *const *dirs, size_t n_dirs)
{
        for (size_t i = 0; i < n_dirs; i++) {
                int r = places_add_folder(places, dirs[i], places->n);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        places_drop_masks(places);
        places_sort(places, 0);
        return 0;
}
