/* Which *.test files there are: of folders, and of the folders of a policy. */

#include "tools/test-places.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macro.h"

static char root[] = "/tmp/test-places-XXXXXX";

static void setup(void)
{
        cr_assert_not_null(mkdtemp(root));
        cr_assert_eq(chdir(root), 0);
        cr_assert_eq(mkdir("etc", 0755), 0);
        cr_assert_eq(mkdir("lib", 0755), 0);
}

static void teardown(void)
{
        char command[64];

        (void)snprintf(command, sizeof(command), "rm -r %s", root);
        cr_assert_eq(system(command), 0);
}

TestSuite(test_places, .init = setup, .fini = teardown);

static void put(const char *path)
{
        FILE *file = fopen(path, "we");

        cr_assert_not_null(file, "%s", path);
        cr_assert_eq(fclose(file), 0);
}

static void expect_places(TestPlaces *places, const char *expected)
{
        _cleanup_(buffer_deinit) Buffer paths = BUFFER_INIT;

        for (size_t i = 0; i < places->n; i++)
                buffer_append_format(&paths, "%s ", places->paths[i]);
        cr_expect_str_eq(buffer_text(&paths), expected);
        test_places_deinit(places);
}

Test(test_places, a_folder_is_its_tests_and_a_file_is_itself)
{
        TestPlaces places = TEST_PLACES_INIT;

        put("etc/b.test");
        put("etc/a.test");
        put("etc/c.allow");
        put("etc/.hidden.test");
        put("etc/.test");
        put("etc/c.test~");
        put("z");
        cr_expect_eq(test_places_add(&places, "z"), 0);
        cr_expect_eq(test_places_add(&places, "etc"), 0);
        cr_expect_eq(test_places_add(&places, "etc/a.test"), 0);
        expect_places(&places, "z etc/a.test etc/b.test etc/a.test ");
        cr_expect_eq(test_places_add(&places, "nowhere"), -ENOENT);
        expect_places(&places, "");
}

Test(test_places, stronger_folders_replace_and_mask)
{
        static const char *const dirs[] = {"etc", "run", "lib"};
        TestPlaces places = TEST_PLACES_INIT;

        put("lib/a.test");
        put("lib/b.test");
        put("lib/c.test");
        put("etc/b.test");
        put("etc/d.test");
        cr_assert_eq(symlink("/dev/null", "etc/c.test"), 0);
        cr_expect_eq(test_places_add_layers(&places, dirs, ARRAY_SIZE(dirs)), 0);
        expect_places(&places, "lib/a.test etc/b.test etc/d.test ");
}

Test(test_places, a_folder_that_cannot_be_read_is_no_missing_one)
{
        static const char *const dirs[] = {"etc", "file"};
        TestPlaces places = TEST_PLACES_INIT;

        put("file");
        cr_expect_eq(test_places_add_layers(&places, dirs, ARRAY_SIZE(dirs)), -ENOTDIR);
        expect_places(&places, "");
}
