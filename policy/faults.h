#pragma once
/*
 * What is wrong with files that people write: collected while reading goes on, so that one pass names all of
 * it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/* Where something stands in a file. Lines and columns count from 1, columns in bytes; line 0: the file as a
 * whole. */
typedef struct Place {
        const char *file;
        unsigned line;
        unsigned column;
} Place;

/* Beyond this many, faults are only counted: they are for reading. */
enum { FAULTS_MAX = 1000 };

typedef struct Faults {
        struct Fault *items;
        size_t n;
        size_t capacity;
        size_t n_more;
        bool failed; /* memory ran out: what stands here is not all */
} Faults;

#define FAULTS_INIT ((Faults){})

/** faults_deinit() - Frees all; safe on FAULTS_INIT and twice. */
void faults_deinit(Faults *faults);

/**
 * faults_add() - Adds one. Failure sticks in @faults.
 * @place:      where; the file's name is copied
 * @format:     printf(3) format: "what was found; what was expected, or what to do"
 */
void faults_add(Faults *faults, Place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** faults_append_name() - Appends a file's name as faults show it: what is not printable ASCII as \\xNN. */
void faults_append_name(const char *name, Buffer *text);

/** faults_any() - Whether there is one, or memory ran out. */
bool faults_any(const Faults *faults);

/**
 * faults_take() - Hands all over as lines "file:line:column: text", by file in byte order, then line and
 * column.
 *
 * Return: 0, or -ENOMEM.
 */
int faults_take(Faults *faults, PolicyFaults *ret_faults);
