#pragma once
/*
 * The two kinds of failure.
 *
 *   negative   -errno: this process cannot go on with what it does (no memory, a descriptor broke). It is
 * passed up unchanged, and reported once, at the top. zero       fine. positive   a named ending of this one
 * function, `NOUN_E_WHAT` in its header. The direct caller handles it and never passes it on.
 *
 * A function logs or returns; not both. Libraries return.
 */

#include <errno.h>

/* Turns a positive ending that a caller did not foresee into a failure that ends the process. */
static inline int error_fold(int r)
{
        return r > 0 ? -ENOTRECOVERABLE : r;
}
