/*
 * Folding. Owns copies of what it keeps back. Used in the threads of mirrors, by one each.
 */

#include "trail/repeats.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void repeats_deinit(Repeats *repeats)
{
        for (size_t i = 0; i < REPEATS_ROWS_MAX; i++)
                free(repeats->rows[i].bytes);
        *repeats = (Repeats){};
}

/* The row of a uid whose window is open; else one that is free for it; else the one that is shared. */
static RepeatsRow *repeats_row(Repeats *repeats, uint32_t uid, uint64_t now_usec)
{
        RepeatsRow *vacant = &repeats->rows[REPEATS_ROWS_MAX - 1];

        for (size_t i = 0; i < REPEATS_ROWS_MAX - 1; i++) {
                RepeatsRow *row = &repeats->rows[i];
                bool open = row->used && (now_usec < row->until_usec || row->n > 0);
                if (open && row->uid == uid)
                        return row;
                if (!open && vacant == &repeats->rows[REPEATS_ROWS_MAX - 1])
                        vacant = row;
        }
        return vacant;
}

bool repeats_keep(Repeats *repeats, uint32_t uid, uint64_t now_usec, const void *bytes, size_t n)
{
        RepeatsRow *row = repeats_row(repeats, uid, now_usec);

        if (!row->used || (now_usec >= row->until_usec && row->n == 0)) {
                *row = (RepeatsRow){.used = true, .uid = uid, .until_usec = now_usec + REPEATS_WINDOW_USEC};
                return false;
        }
        void *copy = malloc(MAX_OF(n, (size_t)1));
        if (!copy)
                return false;
        memcpy(copy, bytes, n);
        free(row->bytes);
        row->bytes = copy;
        row->n_bytes = n;
        row->n++;
        return true;
}

bool repeats_due(Repeats *repeats, uint64_t now_usec, bool all, RepeatsRow *ret_row)
{
        for (size_t i = 0; i < REPEATS_ROWS_MAX; i++) {
                RepeatsRow *row = &repeats->rows[i];
                if (row->n == 0 || (!all && now_usec < row->until_usec))
                        continue;
                *ret_row = *row;
                /* What was passed on opens the next window: one record a window, however long it goes on. */
                *row = (RepeatsRow){
                        .used = true, .uid = row->uid, .until_usec = now_usec + REPEATS_WINDOW_USEC};
                return true;
        }
        return false;
}

uint64_t repeats_next_usec(const Repeats *repeats)
{
        uint64_t next_usec = UINT64_MAX;

        for (size_t i = 0; i < REPEATS_ROWS_MAX; i++)
                if (repeats->rows[i].n > 0)
                        next_usec = MIN_OF(next_usec, repeats->rows[i].until_usec);
        return next_usec;
}
