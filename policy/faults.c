/*
 * The collection of faults. Owns copies of all it is given; reads no file and writes none.
 */

#include "policy/faults.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

typedef struct Fault {
        char *file;
        unsigned line, column;
        size_t order; /* in which it was found: keeps the sort stable */
        char *text;
} Fault;

void policy_faults_deinit(PolicyFaults *faults)
{
        for (size_t i = 0; i < faults->n; i++)
                free(faults->lines[i]);
        free(faults->lines);
        *faults = (PolicyFaults){};
}

void faults_deinit(Faults *faults)
{
        for (size_t i = 0; i < faults->n; i++) {
                free(faults->items[i].file);
                free(faults->items[i].text);
        }
        free(faults->items);
        *faults = FAULTS_INIT;
}

static bool faults_grow(Faults *faults)
{
        if (faults->n < faults->capacity)
                return true;
        size_t capacity = faults->capacity ? 2 * faults->capacity : 16;
        Fault *items = reallocarray(faults->items, capacity, sizeof(Fault));
        if (!items)
                return false;
        faults->items = items;
        faults->capacity = capacity;
        return true;
}

void faults_add(Faults *faults, Place place, const char *format, ...)
{
        if (faults->n == FAULTS_MAX) {
                faults->n_more++;
                return;
        }
        if (faults->failed || !faults_grow(faults)) {
                faults->failed = true;
                return;
        }

        Fault fault = {.line = place.line, .column = place.column, .order = faults->n};
        va_list arguments;
        va_start(arguments, format);
        if (vasprintf(&fault.text, format, arguments) < 0)
                fault.text = NULL;
        va_end(arguments);
        fault.file = strdup(place.file);
        if (!fault.text || !fault.file) {
                free(fault.text);
                free(fault.file);
                faults->failed = true;
                return;
        }
        faults->items[faults->n++] = fault;
}

void faults_append_name(const char *name, Buffer *text)
{
        for (; *name; name++)
                buffer_append_format(text, *name >= 0x20 && *name <= 0x7e ? "%c" : "\\x%02x",
                                     (unsigned char)*name);
}

bool faults_any(const Faults *faults)
{
        return faults->n > 0 || faults->failed;
}

static int fault_compare(const void *a, const void *b)
{
        const Fault *x = a, *y = b;
        int order = strcmp(x->file, y->file);

        if (order != 0)
                return order;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        if (x->column != y->column)
                return x->column < y->column ? -1 : 1;
        return (x->order > y->order) - (x->order < y->order);
}

static char *fault_line(const Fault *fault)
{
        char *line = NULL;
        int n = fault->line > 0 ? asprintf(&line, "%s:%u:%u: %s", fault->file, fault->line, fault->column,
                                           fault->text)
                                : asprintf(&line, "%s: %s", fault->file, fault->text);

        return n < 0 ? NULL : line;
}

int faults_take(Faults *faults, PolicyFaults *ret_faults)
{
        _cleanup_(policy_faults_deinit) PolicyFaults lines = {};

        if (faults->failed)
                return -ENOMEM;
        if (faults->n > 1)
                qsort(faults->items, faults->n, sizeof(Fault), fault_compare);
        lines.lines = calloc(faults->n + 1, sizeof(char *));
        if (!lines.lines)
                return -ENOMEM;
        for (size_t i = 0; i < faults->n; i++, lines.n++) {
                lines.lines[i] = fault_line(&faults->items[i]);
                if (!lines.lines[i])
                        return -ENOMEM;
        }
        if (faults->n_more > 0) {
                if (asprintf(&lines.lines[lines.n], "and %zu further faults", faults->n_more) < 0)
                        return -ENOMEM;
                lines.n++;
        }
        faults_deinit(faults);
        *ret_faults = lines;
        lines = (PolicyFaults){};
        return 0;
}
