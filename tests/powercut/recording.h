#pragma once
/* Recording: a run of a few requests with what it did to the disk, and what it was told to write. */

#include "book.h"
#include "policy/policy.h"
#include "tape.h"

typedef struct Recording {
        const char *name;
        Tape tape;
        Book book;
} Recording;

enum { RECORDINGS = 5 };

/** recording_make() - Makes one of RECORDINGS: on a new log, on one that stands, and so on. */
void recording_make(Recording *recording, unsigned which, const Policy *policy);

void recording_deinit(Recording *recording);
