/*
 * Folding of refusals. Run by the guard's loop, which takes the rows once a second.
 */

#include "guard/refused.h"

/* A row is kept for each reason of "all others", so that folding never has to drop a count. */
enum { REFUSED_ROWS_OF_UIDS = REFUSED_ROWS_MAX - _REFUSED_MAX };

static RefusedRow *refused_find(Refused *refused, const RefusedRow *like)
{
        for (size_t i = 0; i < refused->n; i++) {
                RefusedRow *row = &refused->rows[i];
                if (row->why == like->why && row->has_uid == like->has_uid &&
                    (!row->has_uid || row->uid == like->uid))
                        return row;
        }
        return NULL;
}

void refused_add_row(Refused *refused, const RefusedRow *row)
{
        RefusedRow like = *row;

        RefusedRow *found = refused_find(refused, &like);
        if (!found && like.has_uid && refused->n >= REFUSED_ROWS_OF_UIDS) {
                like.has_uid = false;
                like.uid = 0;
                found = refused_find(refused, &like);
        }
        if (found)
                found->count += like.count;
        else
                refused->rows[refused->n++] = like;
}

void refused_add(Refused *refused, QuotaUser user, RefusedWhy why)
{
        RefusedRow row = {.has_uid = user.known, .uid = user.known ? user.uid : 0, .why = why, .count = 1};

        refused->n_all++;
        refused_add_row(refused, &row);
}

bool refused_take(Refused *refused, RefusedRow *ret_row)
{
        if (refused->n == 0)
                return false;
        *ret_row = refused->rows[--refused->n];
        return true;
}
