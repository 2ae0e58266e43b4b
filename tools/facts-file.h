#pragma once
/*
 * A file of facts, a JSON object a line: each request of it goes to whoever asks, each line that is none is
 * answered here.
 */

#include "tools/facts-json.h"

typedef struct FactsFile {
        const char *path;    /* "-": standard input */
        bool answers_faults; /* a line that is no request gets its line on stdout, too */
        /* Return: 0, or -errno, which ends the reading. */
        int (*request)(void *userdata, const FactsJson *json);
        void *userdata;
} FactsFile;

/**
 * facts_file_read() - Reads to the end; what is written to stdout is there before the next line is read.
 *
 * A line that is no request is told on stderr with its number, and the rest goes on. Return: EXIT_DONE;
 * EXIT_REFUSED where there was such a line or something failed, which has been said.
 */
int facts_file_read(const FactsFile *file);
