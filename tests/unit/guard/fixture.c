/* What several tests of the guard share. */

#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fixture_write(const char *dir, const FixtureFile *file)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", dir, file->name);
        FILE *stream = fopen(path, "we");
        cr_assert_not_null(stream);
        fputs(file->text, stream);
        fclose(stream);
        chmod(path, 0644);
}

static void fixture_remove(const char *dir, const FixtureFile *files)
{
        char path[512];

        for (; files->name; files++) {
                snprintf(path, sizeof(path), "%s/%s", dir, files->name);
                unlink(path);
        }
        rmdir(dir);
}

Policy *fixture_policy(const FixtureFile *files)
{
        char dir[] = "/tmp/matchguard-guard-test.XXXXXX";
        const char *dirs[] = {dir};
        PolicyFaults faults = {};
        Policy *policy = NULL;

        cr_assert_not_null(mkdtemp(dir));
        for (const FixtureFile *file = files; file->name; file++)
                fixture_write(dir, file);
        PolicySource source = {.dirs = dirs, .n_dirs = 1};
        int r = policy_load(&policy, &source, &faults);
        fixture_remove(dir, files);
        cr_assert_eq(r, 0, "%s", faults.n > 0 ? faults.lines[0] : strerror(-r));
        return policy;
}

char *fixture_text(Draft *draft)
{
        Buffer buffer = BUFFER_INIT;

        if (draft->failed || leaf_encode(&draft->leaf, LEAF_MAX, &buffer) != 0)
                return strdup("");
        buffer_append(&buffer, "", 1);
        return buffer_take(&buffer, NULL);
}

char *fixture_detail(const Draft *draft)
{
        return strndup((const char *)draft->detail.data, draft->detail.n);
}
