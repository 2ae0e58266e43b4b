#pragma once
/* A text file of subjects, one a line, in the order of the rows of the template file that it goes with. */

#include <stddef.h>

#include "base/buffer.h"

typedef struct Subjects {
        size_t n;
        const char **items; /* into the text */
        Buffer text;
} Subjects;

#define SUBJECTS_INIT ((Subjects){})

void subjects_deinit(Subjects *subjects);

enum {
        SUBJECTS_E_INVALID = 1, /* @fault says what is wrong, with file and line */
};

/** subjects_read() - Reads a file of subjects. Return: 0 or SUBJECTS_E_INVALID. */
int subjects_read(const char *path, Subjects *ret_subjects, Buffer *fault);
