#pragma once
/*
 * One change of one policy file: the file is to hold a text, or to be no more. Made so that whoever reads the
 * directory sees the file before or after and never a part, and so that it can be undone.
 */

#include "base/buffer.h"
#include "policy/policy.h"

typedef struct PolicyEdit {
        char *name;  /* "police-use.release"; the edit's own */
        Buffer text; /* what it is to hold; empty: it is to be no more */
        /* private, from policy_edit_make() on */
        bool made;
        bool masks; /* it leaves a link that masks */
        char *kept; /* what stood there before, under a name that nobody reads; NULL: nothing did */
} PolicyEdit;

#define POLICY_EDIT_INIT ((PolicyEdit){})

/** policy_edit_deinit() - Frees it, and leaves the files as they are. */
void policy_edit_deinit(PolicyEdit *edit);

/**
 * policy_edit_try() - Puts into a folder what, as a stronger layer than all others, has the edit's effect.
 * @dir_fd:     an empty folder, borrowed
 *
 * Return: 0 or -errno.
 */
int policy_edit_try(const PolicyEdit *edit, int dir_fd);

/**
 * policy_edit_make() - Makes the change in the strongest directory, which is made if it is missing.
 * @source:     where the policy comes from
 *
 * A file is written beside its place, synced and put there; it may replace a link that masks, never a file. A
 * file that weaker directories have too, or that has drop-ins, is masked, any other is taken away.
 *
 * Return: 0; -EEXIST when somebody else put a file there meanwhile; another -errno. What failed has changed
 * nothing.
 */
int policy_edit_make(PolicyEdit *edit, const PolicySource *source);

/** policy_edit_undo() - Puts back what was there before policy_edit_make(). Return: 0 or -errno. */
int policy_edit_undo(PolicyEdit *edit, const PolicySource *source);

/** policy_edit_keep() - Forgets what was there before: the change stays. */
void policy_edit_keep(PolicyEdit *edit, const PolicySource *source);

/** policy_edit_word() - What it makes of the file: "written", "masked" or "removed". */
const char *policy_edit_word(const PolicyEdit *edit);
