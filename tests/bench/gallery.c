/*
 * How long a gallery takes to be ready, enrolled and removed from, and what it takes in memory and on the disk.
 *
 * The start is measured warm, the files being in the page cache; its peer is a plain read of the codes and the journal in the same run, which no start can
 * do without. Usage: gallery-bench FOLDER [TEMPLATES [DIMENSION]]
 */

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "worker/gallery.h"
#include "worker/subjects.h"

enum { BATCH = 1000, STARTS = 5, CHANGES = 50, BLOCK = 1 << 20 };

typedef struct Bench {
        int dir_fd;
        uint32_t dimension;
        size_t n;
        uint64_t state;
        float *vectors;
} Bench;

static double read_clock(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double now(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

static _Noreturn void give_up(const char *what)
{
        (void)fprintf(stderr, "gallery-bench: %s.\n", what);
        exit(EXIT_FAILURE);
}

/* Anonymous memory of this process. */
static double memory_bytes(void)
{
        char line[256];
        double kib = 0;

        FILE *file = fopen("/proc/self/status", "re");
        while (file && fgets(line, sizeof(line), file))
                (void)sscanf(line, "RssAnon: %lf", &kib); /* One of the lines is. */
        if (file)
                (void)fclose(file);
        return kib * 1024;
}

static void make_vectors(Bench *bench, size_t n)
{
        for (size_t i = 0; i < n * bench->dimension; i++) {
                bench->state = bench->state * UINT64_C(6364136223846793005) + 1442695040888963407;
                bench->vectors[i] = (float)(int32_t)(bench->state >> 32);
        }
}

static void enrol(Bench *bench, Gallery *gallery, size_t first, size_t n)
{
        GalleryEntry entries[BATCH];
        char names[BATCH][SUBJECT_NAME_MAX + 1];

        make_vectors(bench, n);
        for (size_t i = 0; i < n; i++) {
                (void)snprintf(names[i], sizeof(names[i]), "subject-%zu", first + i);
                entries[i] =
                        (GalleryEntry){names[i], (const uint8_t *)(bench->vectors + i * bench->dimension)};
        }
        if (gallery_add(gallery, entries, (uint32_t)n) != 0)
                give_up("a template cannot be enrolled");
}

static void make_gallery(Bench *bench)
{
        Gallery *gallery;
        double begin = now();

        if (gallery_create(bench->dir_fd, "bench", &(GalleryShape){"m", bench->dimension, false}, &gallery) !=
            0)
                give_up("the folder takes no gallery");
        for (size_t i = 0; i < bench->n; i += BATCH)
                enrol(bench, gallery, i, MIN_OF((size_t)BATCH, bench->n - i));
        printf("enrolled, %d at a time: %.1f us a template\n", BATCH,
               (now() - begin) * 1e6 / (double)bench->n);
        gallery_free(gallery);
}

/* What any start must read. */
static double seconds_to_read(const Bench *bench)
{
        _cleanup_(freep) char *block = malloc(BLOCK);
        double begin = now();

        for (size_t i = 0; block && i < 2; i++) {
                int fd =
                        openat(bench->dir_fd, i == 0 ? "bench.gallery" : "bench.codes", O_RDONLY | O_CLOEXEC);
                while (read(fd, block, BLOCK) > 0)
                        ;
                (void)close(fd); /* Nothing was written. */
        }
        return now() - begin;
}

static double file_bytes(const Bench *bench, const char *name)
{
        struct stat st;

        return fstatat(bench->dir_fd, name, &st, 0) < 0 ? 0 : (double)st.st_size;
}

static void measure_starts(const Bench *bench)
{
        double best = 1e9, best_read = 1e9, best_cpu = 1e9, memory = 0;

        for (size_t i = 0; i < STARTS; i++) {
                Gallery *gallery;
                best_read = MIN_OF(best_read, seconds_to_read(bench));
                double before = memory_bytes(), begin = now(),
                       begin_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
                if (gallery_load(bench->dir_fd, "bench", &gallery) != 0 || gallery_is_damaged(gallery))
                        give_up("the gallery does not come back");
                best = MIN_OF(best, now() - begin);
                best_cpu = MIN_OF(best_cpu, read_clock(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu);
                memory = memory_bytes() - before;
                gallery_free(gallery);
        }
        printf("ready after %.3f s, warm, with %.3f s of one processor (best of %d); reading journal and "
               "codes alone takes %.3f s\n",
               best, best_cpu, STARTS, best_read);
        printf("memory: %.0f bytes a template, each of a subject of its own\n", memory / (double)bench->n);
        printf("disk: %.0f bytes a template: journal %.0f, originals %.0f, codes %.0f\n",
               (file_bytes(bench, "bench.gallery") + file_bytes(bench, "bench.originals") +
                file_bytes(bench, "bench.codes")) /
                       (double)bench->n,
               file_bytes(bench, "bench.gallery") / (double)bench->n,
               file_bytes(bench, "bench.originals") / (double)bench->n,
               file_bytes(bench, "bench.codes") / (double)bench->n);
}

static void measure_changes(Bench *bench)
{
        Gallery *gallery;
        double enrolled = 0, removed = 0;

        if (gallery_load(bench->dir_fd, "bench", &gallery) != 0)
                give_up("the gallery does not come back");
        for (size_t i = 0; i < CHANGES; i++) {
                char name[SUBJECT_NAME_MAX + 1];
                uint32_t n;
                double begin = now();
                enrol(bench, gallery, bench->n + i, 1);
                enrolled += now() - begin;
                (void)snprintf(name, sizeof(name), "subject-%zu", i * 997 % bench->n);
                begin = now();
                if (gallery_remove(gallery, name, &n) != 0 || n != 1)
                        give_up("a subject cannot be removed");
                removed += now() - begin;
        }
        printf("one template enrolled: %.2f ms; removed: %.2f ms (means of %d)\n", enrolled * 1e3 / CHANGES,
               removed * 1e3 / CHANGES, CHANGES);
        gallery_free(gallery);
}

int main(int argc, char **argv)
{
        char path[4096];
        Bench bench = {.n = 1000000, .dimension = 512, .state = 1};

        if (argc < 2 ||
            snprintf(path, sizeof(path), "%s/gallery-bench-XXXXXX", argv[1]) >= (int)sizeof(path) ||
            !mkdtemp(path))
                give_up("usage: gallery-bench FOLDER [TEMPLATES [DIMENSION]]");
        if (argc > 2)
                bench.n = strtoul(argv[2], NULL, 10);
        if (argc > 3)
                bench.dimension = (uint32_t)strtoul(argv[3], NULL, 10);
        (void)mallopt(
                M_MMAP_THRESHOLD,
                128 << 10); /* What is freed is given back, so that it is not missing in the next count. */
        bench.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bench.vectors = malloc(BATCH * bench.dimension * sizeof(float));
        if (bench.dir_fd < 0 || !bench.vectors)
                give_up("no folder, or no memory");
        printf("%zu templates of %u dimensions\n", bench.n, bench.dimension);
        make_gallery(&bench);
        measure_starts(&bench);
        measure_changes(&bench);
        for (size_t i = 0; i < 3; i++)
                (void)unlinkat(bench.dir_fd,
                               (const char *[]){"bench.gallery", "bench.originals", "bench.codes"}[i],
                               0); /* The folder says it if not. */
        free(bench.vectors);
        (void)close(bench.dir_fd); /* Nothing is written by it. */
        return rmdir(path) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
