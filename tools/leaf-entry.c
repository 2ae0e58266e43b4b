/* Leaves at their places. Pure. */

#include "tools/leaf-entry.h"

#include "base/macro.h"

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

int leaf_entry_read(uint64_t at, const void *leaf, size_t n, LeafEntry *ret_entry)
{
        ret_entry->at = at;
        ret_entry->kind = LEAF_OTHER;
        ret_entry->known = false;
        int r = leaf_parse(leaf, n, LEAF_MAX, &ret_entry->leaf);
        if (r != 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(kinds) && !ret_entry->known; i++)
                if (leaf_is(&ret_entry->leaf, "kind", kinds[i].name)) {
                        ret_entry->kind = kinds[i].kind;
                        ret_entry->known = true;
                }
        ret_entry->permit = ret_entry->kind == LEAF_REQUEST && leaf_is(&ret_entry->leaf, "verdict", "permit");
        ret_entry->has_of = leaf_number(&ret_entry->leaf, "of", &ret_entry->of);
        return 0;
}

void leaf_entry_deinit(LeafEntry *entry)
{
        leaf_deinit(&entry->leaf);
}
