#pragma once
/*
 * A table for a person at a terminal. Rows come one by one, so that widths are fixed before the first; what
 * is too long for its column goes on below, and nothing is cut.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct TableColumn {
        const char *name;
        size_t width;
        bool right; /* for numbers: aligned to the right and never broken */
} TableColumn;

/**
 * table_row() - Writes one row, of as many lines as its longest cell takes.
 * @n:          of @columns and of @cells
 * @cells:      printable ASCII; broken at spaces, else after a hyphen, else where the column ends
 */
void table_row(FILE *out, const TableColumn *columns, size_t n, const char *const *cells);

/** table_head() - Writes the columns' names as a row. */
void table_head(FILE *out, const TableColumn *columns, size_t n);

enum { TABLE_WIDTH_DEFAULT = 100, TABLE_WIDTH_MIN = 80, TABLE_WIDTH_MAX = 1000 };

/** table_width() - The columns that stdout has: as $COLUMNS or the terminal says, else TABLE_WIDTH_DEFAULT.
 */
size_t table_width(void);
