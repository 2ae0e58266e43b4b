/*
 * Whose template each row holds.
 */

#include "worker/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/codes.h"
#include "worker/subjects.h"

void rows_deinit(Rows *rows)
{
        free(rows->subjects);
        free(rows->next);
        free(rows->chains);
        *rows = ROWS_INIT;
}

static int grow(void *array, size_t n, size_t size)
{
        void **slot = array;
        void *grown = reallocarray(*slot, n, size);

        if (!grown)
                return -ENOMEM;
        *slot = grown;
        return 0;
}

static int reserve_chains(Rows *rows, size_t n)
{
        if (n <= rows->n_chains)
                return 0;
        n = MAX_OF(n, rows->n_chains * 3 / 2);
        int r = grow(&rows->chains, n, sizeof(RowChain));
        if (r < 0)
                return r;
        memset(rows->chains + rows->n_chains, 0, (n - rows->n_chains) * sizeof(RowChain));
        rows->n_chains = n;
        return 0;
}

int rows_reserve(Rows *rows, size_t n, size_t n_subjects)
{
        int r = reserve_chains(rows, n_subjects);
        if (r < 0 || n <= rows->n_allocated)
                return r;
        if (n >= ROWS_NONE)
                return -ENOMEM;
        n = MAX_OF(n, rows->n_allocated * 3 / 2);
        r = grow(&rows->subjects, n, sizeof(uint32_t));
        if (r == 0)
                r = grow(&rows->next, n, sizeof(uint32_t));
        if (r == 0)
                rows->n_allocated = n;
        return r;
}

void rows_append(Rows *rows, uint32_t subject)
{
        uint32_t row = (uint32_t)rows->n++;

        rows->subjects[row] = subject;
        rows->next[row] = ROWS_NONE;
        if (subject == SUBJECTS_NONE)
                return;
        RowChain *chain = &rows->chains[subject];
        if (chain->n++ == 0)
                chain->first = row;
        else
                rows->next[chain->last] = row;
        chain->last = row;
}

void rows_drop(Rows *rows, uint32_t subject)
{
        RowChain *chain = &rows->chains[subject];

        for (uint32_t i = 0, row = chain->first; i < chain->n; i++) {
                uint32_t next = rows->next[row];
                rows->subjects[row] = SUBJECTS_NONE;
                rows->next[row] = ROWS_NONE;
                row = next;
        }
        *chain = (RowChain){};
}

uint64_t rows_mask(const Rows *rows, size_t block)
{
        size_t begin = block * CODES_ROWS, end = MIN_OF(begin + CODES_ROWS, rows->n);
        uint64_t mask = 0;

        for (size_t row = begin; row < end; row++)
                mask |= (uint64_t)(rows->subjects[row] != SUBJECTS_NONE) << (row - begin);
        return mask;
}
