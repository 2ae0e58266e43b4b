/*
 * Leaves at their places. Pure. The keys of a leaf and the table of those that are wanted are both sorted, so
 * that one walk finds all of them: looking each up was a third of the work of a verifier.
 */

#include "tools/leaf-entry.h"

#include <string.h>

#include "base/macro.h"

static const char *const key_names[_LEAF_KEY_MAX] = {
        [LEAF_KEY_BOOT] = "boot",   [LEAF_KEY_BOOTTIME] = "boottime", [LEAF_KEY_CLOCK] = "clock",
        [LEAF_KEY_EPOCH] = "epoch", [LEAF_KEY_INDEX] = "index",       [LEAF_KEY_KIND] = "kind",
        [LEAF_KEY_OF] = "of",       [LEAF_KEY_POLICY] = "policy",     [LEAF_KEY_TIME] = "time",
        [LEAF_KEY_V] = "v",         [LEAF_KEY_VERDICT] = "verdict",   [LEAF_KEY_WALL] = "wall",
};

static const struct {
        const char *name;
        LeafKind kind;
} kinds[] = {
        {"start", LEAF_START},     {"policy", LEAF_POLICY}, {"request", LEAF_REQUEST},
        {"outcome", LEAF_OUTCOME}, {"refused", LEAF_OTHER}, {"disclose", LEAF_OTHER},
        {"erase", LEAF_OTHER},     {"mirror", LEAF_OTHER},  {"jump", LEAF_JUMP},
        {"gap", LEAF_OTHER},       {"epoch", LEAF_EPOCH},   {"beat", LEAF_OTHER},
        {"stop", LEAF_STOP},
};

static void find_keys(LeafEntry *entry)
{
        const Leaf *leaf = &entry->leaf;
        size_t at = 0;

        for (LeafKey key = 0; key < _LEAF_KEY_MAX; key++) {
                int order = -1;
                while (at < leaf->n_fields &&
                       (order = leaf_key_order(leaf->fields[at].key, key_names[key])) < 0)
                        at++;
                entry->keys[key] = order == 0 ? &leaf->fields[at] : NULL;
        }
}

static void find_kind(LeafEntry *entry)
{
        entry->kind = LEAF_OTHER;
        entry->known = false;
        for (size_t i = 0; i < ARRAY_SIZE(kinds) && !entry->known; i++)
                if (leaf_entry_is(entry, LEAF_KEY_KIND, kinds[i].name)) {
                        entry->kind = kinds[i].kind;
                        entry->known = true;
                }
}

int leaf_entry_read(uint64_t at, const void *leaf, size_t n, LeafEntry *ret_entry)
{
        ret_entry->at = at;
        int r = leaf_parse(leaf, n, LEAF_MAX, &ret_entry->leaf);
        if (r != 0)
                return r;
        find_keys(ret_entry);
        find_kind(ret_entry);
        ret_entry->permit =
                ret_entry->kind == LEAF_REQUEST && leaf_entry_is(ret_entry, LEAF_KEY_VERDICT, "permit");
        ret_entry->has_of = leaf_entry_number(ret_entry, LEAF_KEY_OF, &ret_entry->of);
        return 0;
}

void leaf_entry_deinit(LeafEntry *entry)
{
        leaf_deinit(&entry->leaf);
}

bool leaf_entry_number(const LeafEntry *entry, LeafKey key, uint64_t *ret_number)
{
        const LeafField *field = entry->keys[key];

        if (!field || field->text)
                return false;
        *ret_number = field->number;
        return true;
}

bool leaf_entry_is(const LeafEntry *entry, LeafKey key, const char *text)
{
        const LeafField *field = entry->keys[key];

        return field && field->text && strcmp(field->text, text) == 0;
}
