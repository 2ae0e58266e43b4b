/*
 * A short list of uids; a row is made by the first denial and goes when it is due, whether there is anything to
 * tell or not.
 */

#include "trail/denials.h"

#include "base/macro.h"

static DenialsRow *denials_find(Denials *denials, bool has_uid, uint64_t uid)
{
        for (size_t i = 0; i < denials->n; i++)
                if (denials->rows[i].has_uid == has_uid && denials->rows[i].uid == uid)
                        return &denials->rows[i];
        return NULL;
}

/* There is always room for the row of all others. */
static DenialsRow *denials_add(Denials *denials, const DenialsRow *row)
{
        denials->rows[denials->n] = *row;
        return &denials->rows[denials->n++];
}

static DenialsRow denials_remove(Denials *denials, size_t i)
{
        DenialsRow row = denials->rows[i];

        denials->rows[i] = denials->rows[--denials->n];
        return row;
}

static void denials_forget(Denials *denials, uint64_t now_usec)
{
        for (size_t i = denials->n; i-- > 0;)
                if (denials->rows[i].count == 0 && denials->rows[i].due_usec <= now_usec)
                        (void)denials_remove(denials, i); /* It has nothing to tell. */
}

static size_t denials_n_uids(Denials *denials)
{
        return denials->n - (denials_find(denials, false, 0) ? 1 : 0);
}

bool denials_fold(Denials *denials, const Leaf *leaf, uint64_t now_usec)
{
        uint64_t uid;

        if (!leaf_is(leaf, "reason", "unknown-peer") || !leaf_number(leaf, "uid", &uid))
                return false;
        denials_forget(denials, now_usec);
        DenialsRow *row = denials_find(denials, true, uid);
        if (!row && denials_n_uids(denials) < DENIALS_UIDS_MAX) {
                denials_add(denials, &(DenialsRow){true, uid, 0, now_usec + DENIALS_USEC});
                return false;
        }
        if (!row)
                row = denials_find(denials, false, 0);
        if (!row)
                row = denials_add(denials, &(DenialsRow){false, 0, 0, now_usec + DENIALS_USEC});
        row->count++;
        return true;
}

bool denials_take(Denials *denials, uint64_t now_usec, bool all, DenialsRow *ret_row)
{
        for (size_t i = 0; i < denials->n; i++) {
                if (denials->rows[i].count == 0 || (denials->rows[i].due_usec > now_usec && !all))
                        continue;
                *ret_row = denials_remove(denials, i);
                return true;
        }
        return false;
}

uint64_t denials_next_usec(const Denials *denials)
{
        uint64_t next_usec = UINT64_MAX;

        for (size_t i = 0; i < denials->n; i++)
                if (denials->rows[i].count > 0)
                        next_usec = MIN_OF(next_usec, denials->rows[i].due_usec);
        return next_usec;
}
