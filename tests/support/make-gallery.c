/*
 * make-gallery: a gallery with many templates, as an hour of enrolments would leave it.
 *
 * Usage: make-gallery FOLDER NAME MODEL DIMENSION N     consolidated; subject i is "s" and i, and has template i
 *
 * Element j of template i is a number of its own, which tests/component/gallery-start.py works out again: the upper 24 bits
 * of splitmix64 (Vigna) at i * DIMENSION + j, from -1 to 1.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/macro.h"
#include "worker/gallery.h"

enum { AT_ONCE = 1000 };

static float element(uint64_t at)
{
        uint64_t mixed = (at + 1) * UINT64_C(0x9e3779b97f4a7c15);

        mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
        mixed ^= mixed >> 31;
        return (float)((double)(mixed >> 40) / (double)(1 << 23) - 1);
}

static int add(Gallery *gallery, size_t dimension, uint64_t first, uint32_t n)
{
        static GalleryEntry entries[AT_ONCE];
        static char subjects[AT_ONCE][24];

        _cleanup_(freep) float *vectors = malloc(n * dimension * sizeof(float));
        if (!vectors)
                return -1;
        for (uint32_t i = 0; i < n; i++) {
                for (size_t j = 0; j < dimension; j++)
                        vectors[i * dimension + j] = element((first + i) * dimension + j);
                (void)snprintf(subjects[i], sizeof(subjects[i]), "s%" PRIu64, first + i); /* Fits. */
                entries[i] = (GalleryEntry){subjects[i], (uint8_t *)(vectors + i * dimension)};
        }
        return gallery_add(gallery, entries, n);
}

int main(int argc, char **argv)
{
        Gallery *gallery;

        if (argc != 6) {
                (void)fprintf(stderr, "Usage: make-gallery FOLDER NAME MODEL DIMENSION N\n");
                return 2;
        }
        GalleryShape shape = {
                .model = argv[3], .dimension = (uint32_t)strtoul(argv[4], NULL, 10), .consolidated = true};
        uint64_t n = strtoull(argv[5], NULL, 10);
        _cleanup_(fd_closep) int dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = dir_fd < 0 ? -1 : gallery_create(dir_fd, argv[2], &shape, &gallery);
        for (uint64_t first = 0; r == 0 && first < n; first += AT_ONCE)
                r = add(gallery, shape.dimension, first, (uint32_t)MIN_OF(n - first, (uint64_t)AT_ONCE));
        if (r != 0) {
                (void)fprintf(stderr, "make-gallery: cannot make %s/%s: %d\n", argv[1], argv[2], r);
                return 1;
        }
        gallery_free(gallery);
        return 0;
}
