#pragma once
/* Who is at the keyboard, for a comment in a file that outlives the session. A hint for people, no evidence:
 * who is root may write anything there. */

#include "base/buffer.h"

/** author_describe() - Appends "root, who logged in as alice", "root, by sudo from alice" or "root", one line
 * of plain characters. */
void author_describe(Buffer *buffer);
