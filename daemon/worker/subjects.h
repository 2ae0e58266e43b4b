#pragma once
/*
 * The subjects of one gallery, by number and by name. Numbers of subjects that were dropped are given out
 * again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUBJECT_NAME_MAX = 64 };

#define SUBJECTS_NONE UINT32_MAX

typedef struct Subject {
        char name[SUBJECT_NAME_MAX + 1]; /* "" for a number that is not in use */
        uint32_t next;                   /* in its bucket, or among the unused */
} Subject;

typedef struct Subjects {
        Subject *items;
        size_t n_items;
        size_t n_allocated;
        size_t n_used;
        uint32_t unused; /* the first number that may be given out again */
        uint32_t *buckets;
        size_t n_buckets; /* a power of two, or 0 */
        uint8_t key[16];  /* of the hash: who chooses names shall not choose buckets */
} Subjects;

#define SUBJECTS_INIT ((Subjects){.unused = SUBJECTS_NONE})

/** subjects_deinit() - Frees everything; safe on SUBJECTS_INIT and twice. */
void subjects_deinit(Subjects *subjects);

/** subjects_find() - The number of a subject, or SUBJECTS_NONE. */
uint32_t subjects_find(const Subjects *subjects, const char *name);

/** subjects_reserve() - Makes ready for @n subjects in all, so that they come quickly. Return: 0 or -ENOMEM. */
int subjects_reserve(Subjects *subjects, size_t n);

/** subjects_add() - The number of a subject, which is added if it is new. Return: 0 or -ENOMEM. */
int subjects_add(Subjects *subjects, const char *name, uint32_t *ret_number);

/** subjects_drop() - Forgets a subject that stands there, name and all. */
void subjects_drop(Subjects *subjects, uint32_t number);

/**
 * subjects_after() - The first subjects after a name, in byte order.
 * @after:      "" for the very first ones
 * @ret_names:  room for @limit names, borrowed until the next change
 *
 * Return: how many there are, at most @limit.
 */
size_t subjects_after(const Subjects *subjects, const char *after, size_t limit, const char **ret_names);
