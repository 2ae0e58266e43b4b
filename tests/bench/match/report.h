#pragma once
/*
 * What the benchmark prints: a table while it runs, and at its end what was aimed at and what came of it; or all of that as JSON.
 */

#include <stdbool.h>

#include "contest.h"
#include "worker/machine.h"

enum { REPORT_CELLS_MAX = 256 };

typedef struct Report {
        bool json;
        bool busy; /* times are of the processor, not of the clock */
        const Machine *machine;
        const char *core_type; /* what was done about OpenBLAS's choice of kernels */
        ContestCell cells[REPORT_CELLS_MAX];
        size_t n_cells;
} Report;

/** report_begin() - Prints the machine, and what the columns mean. */
void report_begin(const Report *report);

/** report_add() - Keeps a cell, and prints it. */
void report_add(Report *report, const ContestCell *cell);

/** report_end() - Prints the aims. Return: whether no list of an engine was wrong. */
bool report_end(const Report *report);
