#pragma once
/* How far long work has come, on stderr: one line that is written over at a terminal, else a line every
 * tenth. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        const char *what; /* what is counted: "templates" */
        uint64_t total;
        bool wanted;
        bool terminal;
        uint64_t shown_tenth;
} Progress;

/** progress_begin() - Begins; nothing is shown unless stderr is a terminal or it was @asked for. */
Progress progress_begin(const char *what, uint64_t total, bool asked);

/** progress_show() - Says that @done of the total are done. */
void progress_show(Progress *progress, uint64_t done);

/** progress_end() - Leaves the line at a terminal, so that other text can follow. */
void progress_end(const Progress *progress);
