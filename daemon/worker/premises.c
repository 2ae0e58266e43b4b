/*
 * What this machine has for engines on a device.
 */

#include "worker/premises.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

enum { PREMISES_PATH_MAX = 4096 };

/* NVIDIA: the cards, nvidiactl, memory shared with the host, MIG. Others: render nodes, and AMD's way to compute. */
static const char *const premises_nodes[] = {"nvidia*", "dri", "kfd"};

static int find_modules(Premises *premises)
{
        char path[PREMISES_PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
        if (n < 0)
                return -errno;
        if ((size_t)n == sizeof(path))
                return -ENAMETOOLONG;
        path[n] = '\0';
        *strrchr(path, '/') = '\0'; /* The kernel tells whole paths. */
        premises->modules = strdup(path);
        return premises->modules ? 0 : -ENOMEM;
}

static int find_cache(Premises *premises)
{
        static const struct {
                const char *variable, *below;
        } places[] = {{"POCL_CACHE_DIR", ""}, {"XDG_CACHE_HOME", ""}, {"HOME", "/.cache"}};

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                const char *folder = getenv(places[i].variable);
                if (!folder || folder[0] != '/')
                        continue;
                if (asprintf(&premises->cache, "%s%s", folder, places[i].below) < 0) {
                        premises->cache = NULL;
                        return -ENOMEM;
                }
                return 0;
        }
        return 0;
}

/* Return: 0, none is no error, or -ENOMEM. */
static int find_paths(const char *folder, const char *pattern, glob_t *paths)
{
        char text[PREMISES_PATH_MAX];
        int n = snprintf(text, sizeof(text), "%s/%s", folder, pattern);
        if (n < 0 || (size_t)n >= sizeof(text))
                return -ENAMETOOLONG;
        return glob(text, paths->gl_pathc > 0 ? GLOB_APPEND : 0, NULL, paths) == GLOB_NOSPACE ? -ENOMEM : 0;
}

int premises_init(const char *dev, Premises *ret_premises)
{
        Premises premises = PREMISES_INIT;

        int r = find_modules(&premises);
        if (r == 0)
                r = find_cache(&premises);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(premises_nodes); i++)
                r = find_paths(dev, premises_nodes[i], &premises.nodes);
        if (r < 0)
                premises_deinit(&premises);
        else
                *ret_premises = premises;
        return r;
}

void premises_deinit(Premises *premises)
{
        globfree(&premises->nodes);
        free(premises->cache);
        free(premises->modules);
        *premises = PREMISES_INIT;
}

void premises_make_cache(const Premises *premises)
{
        if (premises->cache)
                (void)mkdir(premises->cache, 0700); /* What cannot be had drivers go without, or say so. */
}

static bool has_module(const Premises *premises)
{
        glob_t modules = {};
        bool any = find_paths(premises->modules, "engine-*.so", &modules) == 0 && modules.gl_pathc > 0;

        globfree(&modules);
        return any;
}

bool premises_want_driver(const Premises *premises, const char *engine)
{
        if (strcmp(engine, "auto") != 0)
                return strcmp(engine, "cpu") != 0;
        return premises->nodes.gl_pathc > 0 && has_module(premises);
}
