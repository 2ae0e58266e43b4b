/*
 * Making of a leaf. Owns the strings of its fields until it is encoded. Run by the guard's loop.
 */

#include "guard/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"

DEFINE_CLEANUP(TrailEntry *, trail_entry_free);

void draft_begin(Draft *draft, const Ledger *ledger, const ClockReading *now, const char *kind)
{
        draft->kind = kind;
        draft->stamp = ledger_stamp(ledger, now);
        ledger_head_leaf(ledger, &draft->stamp, kind, &draft->leaf);
}

void draft_deinit(Draft *draft)
{
        leaf_deinit(&draft->leaf);
        buffer_deinit(&draft->detail);
        free(draft->erases);
        for (size_t i = 0; i < draft->n_strings; i++)
                free(draft->strings[i]);
        *draft = DRAFT_INIT;
}

const char *draft_own(Draft *draft, char *text)
{
        if (!text || draft->n_strings == DRAFT_STRINGS_MAX) {
                free(text);
                draft->failed = true;
                return NULL;
        }
        draft->strings[draft->n_strings++] = text;
        return text;
}

const char *draft_hex(Draft *draft, const void *data, size_t n)
{
        char *text = malloc(2 * n + 1);

        if (text)
                text_hex(data, n, text);
        return draft_own(draft, text);
}

static int draft_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *draft_list(Draft *draft, const char *const *items, size_t n)
{
        if (n == 0)
                return NULL;
        _cleanup_(freep) const char **sorted = reallocarray(NULL, n, sizeof(*sorted));
        if (!sorted) {
                draft->failed = true;
                return NULL;
        }
        memcpy(sorted, items, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), draft_compare);

        _cleanup_(buffer_deinit) Buffer joined = BUFFER_INIT;
        for (size_t i = 0; i < n; i++) {
                if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
                        continue;
                if (i > 0)
                        buffer_append(&joined, " ", 1);
                buffer_append_text(&joined, sorted[i]);
        }
        return draft_own(draft, joined.failed ? NULL : buffer_take(&joined, NULL));
}

const char *draft_base64url(Draft *draft, const char *text)
{
        if (!text || !*text)
                return NULL;
        size_t n = strlen(text);
        char *encoded = malloc(TEXT_BASE64_SIZE(n));
        if (encoded)
                (void)text_base64url(text, n, encoded); /* Its length is of no interest. */
        return draft_own(draft, encoded);
}

int draft_set_detail(Draft *draft, const Leaf *detail)
{
        if (detail->n_fields == 0 && !detail->failed)
                return 0;
        int r = leaf_encode(detail, DETAIL_MAX, &draft->detail);
        if (r != 0)
                return r;
        random_bytes(draft->salt, sizeof(draft->salt));
        commitment_of(COMMITMENT_DETAIL, draft->salt, draft->detail.data, draft->detail.n, draft->commitment);
        leaf_set_text(&draft->leaf, "detail", draft->commitment);
        draft->has_detail = true;
        return 0;
}

void draft_erase(Draft *draft, const uint64_t *leaves, size_t n)
{
        draft->erases = reallocarray(NULL, n, sizeof(*leaves));
        if (!draft->erases) {
                draft->failed = true;
                return;
        }
        memcpy(draft->erases, leaves, n * sizeof(*leaves));
        draft->n_erases = n;
}

int draft_finish(Draft *draft, const TrailState *after, TrailEntry **ret_entry)
{
        if (draft->failed)
                return -ENOMEM;
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        int r = leaf_encode(&draft->leaf, LEAF_MAX, &bytes);
        if (r != 0)
                return r;
        _cleanup_(trail_entry_freep) TrailEntry *entry = trail_entry_new();
        if (!entry)
                return -ENOMEM;

        entry->index = draft->stamp.index;
        entry->kind = draft->kind;
        entry->leaf = buffer_take(&bytes, &entry->n_leaf);
        entry->state = *after;
        entry->role = draft->role;
        entry->of = draft->of;
        entry->wants_path = draft->wants_path;
        entry->erases = TAKE_PTR(draft->erases);
        entry->n_erases = draft->n_erases;
        if (draft->has_detail) {
                entry->has_detail = true;
                memcpy(entry->salt, draft->salt, sizeof(entry->salt));
                entry->detail = buffer_take(&draft->detail, &entry->n_detail);
        }
        *ret_entry = TAKE_PTR(entry);
        return 0;
}
