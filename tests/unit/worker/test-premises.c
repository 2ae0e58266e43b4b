/*
 * worker/premises.h, around folders made for it.
 */

#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/premises.h"

static Scratch scratch;
static Premises premises;

/* A folder for nodes of devices and one for modules, both empty. */
static void set_up(void)
{
        scratch_init(&scratch);
        cr_assert_eq(mkdirat(scratch.dir_fd, "dev", 0700), 0);
        cr_assert_eq(mkdirat(scratch.dir_fd, "modules", 0700), 0);
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(unsetenv((const char *[]){"POCL_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}[i]), 0);
        premises = PREMISES_INIT;
}

static void tear_down(void)
{
        premises_deinit(&premises);
        scratch_deinit(&scratch);
}

TestSuite(premises, .init = set_up, .fini = tear_down);

static void make_file(const char *path)
{
        int fd = openat(scratch.dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        close(fd);
}

static void look(void)
{
        char dev[96], modules[96];

        (void)snprintf(dev, sizeof(dev), "%s/dev", scratch.path);
        (void)snprintf(modules, sizeof(modules), "%s/modules", scratch.path);
        premises_deinit(&premises);
        cr_assert_eq(premises_init(dev, &premises), 0);
        free(premises.modules);
        premises.modules = strdup(modules);
}

static bool has_node(const char *name)
{
        for (size_t i = 0; i < premises.nodes.gl_pathc; i++)
                if (strcmp(strrchr(premises.nodes.gl_pathv[i], '/') + 1, name) == 0)
                        return true;
        return false;
}

Test(premises, modules_lie_beside_this_program)
{
        char program[256];

        cr_assert_eq(premises_init("/dev", &premises), 0);
        cr_assert_lt(snprintf(program, sizeof(program), "%s/test-worker-premises", premises.modules),
                     (int)sizeof(program));
        cr_expect_eq(access(program, X_OK), 0, "%s", program);
}

Test(premises, nodes_of_gpus_are_found_and_no_others)
{
        make_file("dev/nvidia0");
        make_file("dev/nvidiactl");
        make_file("dev/nvidia-uvm");
        make_file("dev/kfd");
        make_file("dev/sda");
        make_file("dev/mem");
        cr_assert_eq(mkdirat(scratch.dir_fd, "dev/dri", 0700), 0);
        look();
        cr_expect_eq(premises.nodes.gl_pathc, 5);
        for (size_t i = 0; i < 5; i++) {
                const char *name = (const char *[]){"nvidia0", "nvidiactl", "nvidia-uvm", "kfd", "dri"}[i];
                cr_expect(has_node(name), "%s", name);
        }
}

Test(premises, a_driver_is_wanted_where_it_is_named)
{
        look();
        cr_expect(premises_want_driver(&premises, "opencl"));
        cr_expect(premises_want_driver(&premises, "cuda"));
        cr_expect_not(premises_want_driver(&premises, "cpu"));
}

Test(premises, auto_wants_a_driver_where_there_is_a_gpu_and_a_module)
{
        look();
        cr_expect_not(premises_want_driver(&premises, "auto"));
        make_file("dev/nvidiactl");
        look();
        cr_expect_not(premises_want_driver(&premises, "auto"));
        make_file("modules/engine-cuda.so");
        look();
        cr_expect(premises_want_driver(&premises, "auto"));
        cr_expect_not(premises_want_driver(&premises, "cpu"));
        cr_assert_eq(unlinkat(scratch.dir_fd, "dev/nvidiactl", 0), 0);
        look();
        cr_expect_not(premises_want_driver(&premises, "auto"));
}

Test(premises, the_folder_to_write_is_the_one_that_drivers_take)
{
        char home[96], cache[112];

        look();
        cr_expect_null(premises.cache);
        (void)snprintf(home, sizeof(home), "%s/dev", scratch.path);
        (void)snprintf(cache, sizeof(cache), "%s/.cache", home);
        cr_assert_eq(setenv("HOME", home, 1), 0);
        look();
        cr_expect_str_eq(premises.cache, cache);
        cr_expect_eq(access(cache, F_OK), -1);
        premises_make_cache(&premises);
        cr_expect_eq(access(cache, W_OK), 0);
        cr_assert_eq(setenv("XDG_CACHE_HOME", "/xdg", 1), 0);
        look();
        cr_expect_str_eq(premises.cache, "/xdg");
        cr_assert_eq(setenv("POCL_CACHE_DIR", "relative", 1), 0);
        look();
        cr_expect_str_eq(premises.cache, "/xdg");
        cr_assert_eq(setenv("POCL_CACHE_DIR", "/pocl", 1), 0);
        look();
        cr_expect_str_eq(premises.cache, "/pocl");
}
