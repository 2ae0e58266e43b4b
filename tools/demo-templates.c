/*
 * demo-templates: makes a gallery for a demonstration, with the statistics of real face templates: unit
 * vectors in 512 dimensions, one to four a subject, cosine about 0.6 between two of one subject and about 0
 * between two people. Not installed. The same seed gives the same files everywhere.
 *
 *   DIR/gallery.npy    10,000 templates, those of a subject behind each other
 *   DIR/subjects.txt   the subject of each
 *   DIR/found.npy      a new and rather good photograph of a subject with four templates (cosine about 0.67)
 *   DIR/found.txt      that subject
 *   DIR/stranger.npy   a photograph of somebody who is in no gallery
 *
 * A template of a subject is normalise(sqrt(q) c + sqrt(1 - q) n), with c the subject's own direction, n
 * noise, both unit vectors, and q the share of it that is the subject: two templates then have a cosine of
 * about sqrt(q q').
 */

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "base/text.h"

enum { DIMENSION = 512, N_TEMPLATES = 10000, SUBJECT_TEMPLATES_MAX = 4, FOUND_AFTER = 5000 };

static const double gallery_share = 0.6, found_share = 0.75;

typedef struct Vector {
        double values[DIMENSION];
} Vector;

typedef struct Gallery {
        FILE *templates;
        FILE *subjects;
        uint64_t random; /* the state of the generator */
        unsigned n_templates;
        unsigned n_subjects;
        bool has_found;
        Vector found; /* the direction of the subject that is to be found */
        char found_name[32];
} Gallery;

/* SplitMix64 (Steele, Lea and Flood 2014): small, and the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

/* In (0, 1]. */
static double next_uniform(uint64_t *state)
{
        return (double)((next_random(state) >> 11) + 1) * 0x1p-53;
}

static void normalise(Vector *v)
{
        double sum = 0;
        for (size_t i = 0; i < DIMENSION; i++)
                sum += v->values[i] * v->values[i];
        for (size_t i = 0; i < DIMENSION; i++)
                v->values[i] /= sqrt(sum);
}

/* A direction that no other is more likely than: normal values (Box and Muller), normalised. */
static void random_direction(uint64_t *state, Vector *ret_v)
{
        for (size_t i = 0; i < DIMENSION; i += 2) {
                double radius = sqrt(-2 * log(next_uniform(state))), angle = 2 * M_PI * next_uniform(state);
                ret_v->values[i] = radius * cos(angle);
                ret_v->values[i + 1] = radius * sin(angle);
        }
        normalise(ret_v);
}

static void random_template(uint64_t *state, const Vector *subject, double share, Vector *ret_v)
{
        random_direction(state, ret_v);
        for (size_t i = 0; i < DIMENSION; i++)
                ret_v->values[i] = sqrt(share) * subject->values[i] + sqrt(1 - share) * ret_v->values[i];
        normalise(ret_v);
}

static void write_values(FILE *out, const Vector *v)
{
        for (size_t i = 0; i < DIMENSION; i++) {
                float value = (float)v->values[i];
                uint32_t bits;
                memcpy(&bits, &value, sizeof(bits));
                for (unsigned shift = 0; shift < 32; shift += 8)
                        fputc((int)(bits >> shift & 0xff), out);
        }
}

/* The header, padded as NumPy does so that the values begin at a multiple of 64 bytes. */
static void write_npy_header(FILE *out, unsigned n_rows)
{
        char dictionary[118];
        int n = snprintf(dictionary, sizeof(dictionary),
                         "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %d), }", n_rows, DIMENSION);
        memset(dictionary + n, ' ', sizeof(dictionary) - (size_t)n);
        dictionary[sizeof(dictionary) - 1] = '\n';
        fwrite("\x93NUMPY\x01\x00", 1, 8, out);
        fputc(sizeof(dictionary), out);
        fputc(0, out);
        fwrite(dictionary, 1, sizeof(dictionary), out);
}

static FILE *open_file(const char *dir, const char *name)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        buffer_append_format(&path, "%s/%s", dir, name);
        FILE *file = fopen(buffer_text(&path), "we");
        if (!file) {
                fprintf(stderr, "demo-templates: %s: %s\n", buffer_text(&path), strerror(errno));
                exit(EXIT_FAILURE);
        }
        return file;
}

static void close_file(FILE *file)
{
        if (ferror(file) || fclose(file) != 0) {
                fprintf(stderr, "demo-templates: a file could not be written: %s\n", strerror(errno));
                exit(EXIT_FAILURE);
        }
}

static void add_subject(Gallery *gallery)
{
        Vector subject, template;
        char name[32];
        unsigned n = 1 + (unsigned)(next_random(&gallery->random) % SUBJECT_TEMPLATES_MAX);
        random_direction(&gallery->random, &subject);
        snprintf(name, sizeof(name), "child-%05u", ++gallery->n_subjects);
        if (!gallery->has_found && n == SUBJECT_TEMPLATES_MAX && gallery->n_templates >= FOUND_AFTER) {
                gallery->has_found = true;
                gallery->found = subject;
                memcpy(gallery->found_name, name, sizeof(name));
        }
        for (unsigned i = 0; i < n && gallery->n_templates < N_TEMPLATES; i++) {
                random_template(&gallery->random, &subject, gallery_share, &template);
                write_values(gallery->templates, &template);
                fprintf(gallery->subjects, "%s\n", name);
                gallery->n_templates++;
        }
}

static void write_gallery(Gallery *gallery, const char *dir)
{
        gallery->templates = open_file(dir, "gallery.npy");
        gallery->subjects = open_file(dir, "subjects.txt");
        write_npy_header(gallery->templates, N_TEMPLATES);
        while (gallery->n_templates < N_TEMPLATES)
                add_subject(gallery);
        close_file(gallery->templates);
        close_file(gallery->subjects);
}

static void write_probe(Gallery *gallery, const char *dir, const char *name, const Vector *subject)
{
        Vector probe;
        FILE *file = open_file(dir, name);
        random_template(&gallery->random, subject, found_share, &probe);
        write_npy_header(file, 1);
        write_values(file, &probe);
        close_file(file);
}

static void write_probes(Gallery *gallery, const char *dir)
{
        Vector stranger;
        write_probe(gallery, dir, "found.npy", &gallery->found);
        FILE *file = open_file(dir, "found.txt");
        fprintf(file, "%s\n", gallery->found_name);
        close_file(file);
        random_direction(&gallery->random, &stranger);
        write_probe(gallery, dir, "stranger.npy", &stranger);
}

int main(int argc, char **argv)
{
        Gallery gallery = {.random = 20200610};
        if (argc < 2 || argc > 3 || (argc == 3 && !text_to_u64(argv[2], strlen(argv[2]), &gallery.random))) {
                fputs("Usage: demo-templates DIR [SEED]\n", stderr);
                return 2;
        }
        write_gallery(&gallery, argv[1]);
        write_probes(&gallery, argv[1]);
        printf("%u templates of %u children\n", gallery.n_templates, gallery.n_subjects);
        return EXIT_SUCCESS;
}
