/*
 * The subjects of one gallery: an array, and chains by a keyed hash of the name.
 */

#include "worker/subjects.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "worker/best.h"

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((Subjects *)NULL)->key), "the key of the hash");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "what the hash gives");

enum { SUBJECTS_BUCKETS_MIN = 64 };

void subjects_deinit(Subjects *subjects)
{
        free(subjects->items);
        free(subjects->buckets);
        *subjects = SUBJECTS_INIT;
}

static uint32_t *bucket_of(const Subjects *subjects, const char *name)
{
        uint64_t hash = 0;

        (void)crypto_shorthash((uint8_t *)&hash, (const uint8_t *)name, strlen(name),
                               subjects->key); /* Always 0. */
        return &subjects->buckets[hash & (subjects->n_buckets - 1)];
}

uint32_t subjects_find(const Subjects *subjects, const char *name)
{
        if (subjects->n_buckets == 0)
                return SUBJECTS_NONE;
        uint32_t number = *bucket_of(subjects, name);
        while (number != SUBJECTS_NONE && strcmp(subjects->items[number].name, name) != 0)
                number = subjects->items[number].next;
        return number;
}

static void link_in(Subjects *subjects, uint32_t number)
{
        uint32_t *bucket = bucket_of(subjects, subjects->items[number].name);

        subjects->items[number].next = *bucket;
        *bucket = number;
}

/* Begins anew with @n buckets, a power of two. */
static int spread(Subjects *subjects, size_t n)
{
        uint32_t *buckets = malloc(n * sizeof(uint32_t));
        if (!buckets)
                return -ENOMEM;
        memset(buckets, 0xff, n * sizeof(uint32_t)); /* SUBJECTS_NONE */
        if (subjects->n_buckets == 0)
                random_bytes(subjects->key, sizeof(subjects->key));
        free(subjects->buckets);
        subjects->buckets = buckets;
        subjects->n_buckets = n;
        for (size_t i = 0; i < subjects->n_items; i++)
                if (subjects->items[i].name[0])
                        link_in(subjects, (uint32_t)i);
        return 0;
}

int subjects_reserve(Subjects *subjects, size_t n)
{
        size_t n_buckets = MAX_OF(subjects->n_buckets, (size_t)SUBJECTS_BUCKETS_MIN);

        while (n_buckets < n)
                n_buckets *= 2;
        return n_buckets == subjects->n_buckets ? 0 : spread(subjects, n_buckets);
}

static int new_number(Subjects *subjects, uint32_t *ret_number)
{
        if (subjects->unused != SUBJECTS_NONE) {
                *ret_number = subjects->unused;
                subjects->unused = subjects->items[subjects->unused].next;
                return 0;
        }
        if (subjects->n_items == subjects->n_allocated) {
                size_t n = MAX_OF(subjects->n_allocated * 2, (size_t)SUBJECTS_BUCKETS_MIN);
                Subject *items = n < SUBJECTS_NONE ? reallocarray(subjects->items, n, sizeof(Subject)) : NULL;
                if (!items)
                        return -ENOMEM;
                subjects->items = items;
                subjects->n_allocated = n;
        }
        *ret_number = (uint32_t)subjects->n_items++;
        return 0;
}

int subjects_add(Subjects *subjects, const char *name, uint32_t *ret_number)
{
        uint32_t number = subjects_find(subjects, name);

        if (number == SUBJECTS_NONE) {
                int r = subjects_reserve(subjects, subjects->n_used + 1);
                if (r == 0)
                        r = new_number(subjects, &number);
                if (r < 0)
                        return r;
                Subject *subject = &subjects->items[number];
                *subject = (Subject){};
                memcpy(subject->name, name, strnlen(name, SUBJECT_NAME_MAX));
                link_in(subjects, number);
                subjects->n_used++;
        }
        *ret_number = number;
        return 0;
}

void subjects_drop(Subjects *subjects, uint32_t number)
{
        uint32_t *link = bucket_of(subjects, subjects->items[number].name);

        while (*link != number)
                link = &subjects->items[*link].next;
        *link = subjects->items[number].next;
        subjects->items[number] = (Subject){.next = subjects->unused};
        subjects->unused = number;
        subjects->n_used--;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t subjects_after(const Subjects *subjects, const char *after, size_t limit, const char **ret_names)
{
        Best best = {
                .items = (char *)ret_names, .item_size = sizeof(*ret_names), .k = limit, .order = by_name};

        for (size_t i = 0; i < subjects->n_items; i++) {
                const char *name = subjects->items[i].name;
                if (name[0] && strcmp(name, after) > 0)
                        best_offer(&best, &name);
        }
        best_finish(&best);
        return best.n;
}
