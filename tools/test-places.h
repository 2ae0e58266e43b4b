#pragma once
/* Which *.test files there are. */

#include <stddef.h>

typedef struct TestPlaces {
        size_t n;
        char **paths;
} TestPlaces;

#define TEST_PLACES_INIT ((TestPlaces){})

void test_places_deinit(TestPlaces *places);

/** test_places_add() - Adds a file, or those of a folder in byte order. Return: 0, or -errno. */
int test_places_add(TestPlaces *places, const char *path);

/**
 * test_places_add_layers() - Adds those of the folders of a policy, in byte order of their names.
 * @dirs:       strongest first; one that does not exist is passed over
 *
 * As with all files of a policy, one of a stronger folder replaces that of the same name in a weaker one, and a
 * link to /dev/null takes it out. Return: 0, or -errno.
 */
int test_places_add_layers(TestPlaces *places, const char *const *dirs, size_t n_dirs);
