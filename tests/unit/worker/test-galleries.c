/*
 * The galleries of a folder: all that are there are found, by any thread; what a creation left that was cut short is swept, and nothing that holds something.
 */

#include <pthread.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/galleries.h"

enum { GALLERIES = 40 };

static Scratch scratch;
static const GalleryShape shape = {.model = "m", .dimension = 16};

static void set_up(void)
{
        scratch_init(&scratch);
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(galleries, .init = set_up, .fini = tear_down);

static void open_folder(Galleries *galleries)
{
        cr_assert_eq(galleries_claim(galleries, scratch.path), 0);
        cr_assert_eq(galleries_load(galleries), 0);
}

static void create(Galleries *galleries, const char *name)
{
        float vector[16] = {1, 2};
        GalleryEntry entry = {"a", (const uint8_t *)vector};
        Gallery *gallery;

        cr_assert_eq(galleries_create(galleries, name, &shape, &gallery), 0);
        cr_assert_str_eq(gallery_name(gallery), name);
        cr_assert_eq(gallery_add(gallery, &entry, 1), 0);
}

static void make_file(const char *name, size_t n)
{
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(ftruncate(fd, (off_t)n), 0);
}

static bool is_there(const char *name)
{
        return faccessat(scratch.dir_fd, name, F_OK, 0) == 0;
}

Test(galleries, finds_all_again_and_leaves_other_files_alone)
{
        Galleries galleries = GALLERIES_INIT, other = GALLERIES_INIT;

        open_folder(&galleries);
        create(&galleries, "b");
        create(&galleries, "a");
        cr_assert_eq(galleries_claim(&other, scratch.path), GALLERIES_E_IN_USE);
        galleries_deinit(&galleries);
        make_file("seen", 10);
        make_file("Not A Name.gallery", 10);
        open_folder(&galleries);
        cr_assert_eq(galleries.n, 2);
        cr_assert_str_eq(gallery_name(galleries.items[0]), "a");
        cr_assert_eq(gallery_n_templates(galleries_find(&galleries, "b")), 1);
        cr_assert_null(galleries_find(&galleries, "c"));
        galleries_deinit(&galleries);
        cr_assert(is_there("seen") && is_there("Not A Name.gallery"));
}

Test(galleries, sweeps_what_a_creation_left_and_nothing_that_holds_something)
{
        Galleries galleries = GALLERIES_INIT;

        make_file("cut.gallery.new", 8192);
        make_file("cut.originals.new", 4096);
        make_file("cut.codes", 4096);
        make_file("lost.originals", 40000);
        make_file("lost.gallery.new", 0);
        open_folder(&galleries);
        cr_assert_eq(galleries.n, 1);
        cr_assert(gallery_is_damaged(galleries_find(&galleries, "lost")));
        cr_assert_not(is_there("cut.gallery.new") || is_there("cut.originals.new") || is_there("cut.codes"));
        cr_assert(is_there("lost.originals") && is_there("lost.gallery.new"));
        create(&galleries, "cut");
        galleries_deinit(&galleries);
}

/* Who looks for galleries while they are created. */
static void *look(void *userdata)
{
        Galleries *galleries = userdata;
        char name[16];

        for (int i = 0; i < GALLERIES;) {
                (void)snprintf(name, sizeof(name), "g-%d", i);
                const Gallery *gallery = galleries_find(galleries, name);
                if (gallery && strcmp(gallery_name(gallery), name) != 0)
                        return userdata;
                i += gallery != NULL;
        }
        return NULL;
}

Test(galleries, lets_one_thread_look_while_another_creates, .timeout = 600)
{
        Galleries galleries = GALLERIES_INIT;
        pthread_t thread;
        void *wrong;

        open_folder(&galleries);
        cr_assert_eq(pthread_create(&thread, NULL, look, &galleries), 0);
        for (int i = 0; i < GALLERIES; i++) {
                char name[16];
                (void)snprintf(name, sizeof(name), "g-%d", i * 7 % GALLERIES);
                create(&galleries, name);
        }
        cr_assert_eq(pthread_join(thread, &wrong), 0);
        cr_assert_null(wrong);
        galleries_deinit(&galleries);
}
