/* The form of leaves: one small function a kind. Pure. */

#include "tools/leaf-form.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"
#include "policy/decide.h"

static bool text_is_hex(const char *text, size_t n)
{
        return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static bool is_clock(const LeafEntry *entry)
{
        static const FactsClock clocks[] = {CLOCK_SYNCHRONISED, CLOCK_UNSYNCHRONISED, CLOCK_BEHIND};

        for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
                if (leaf_entry_is(entry, LEAF_KEY_CLOCK, facts_clock_name(clocks[i])))
                        return true;
        return false;
}

static const char *common_fault(const LeafEntry *entry)
{
        static const struct {
                LeafKey key;
                const char *fault;
        } numbers[] = {
                {LEAF_KEY_BOOTTIME, "it has no number 'boottime'"},
                {LEAF_KEY_EPOCH, "it has no number 'epoch'"},
                {LEAF_KEY_INDEX, "it has no number 'index'"},
                {LEAF_KEY_TIME, "it has no number 'time'"},
                {LEAF_KEY_WALL, "it has no number 'wall'"},
        };
        const LeafField *boot = entry->keys[LEAF_KEY_BOOT];
        uint64_t version = 0, number;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (!leaf_entry_number(entry, numbers[i].key, &number))
                        return numbers[i].fault;
        if (!leaf_entry_number(entry, LEAF_KEY_V, &version) || version != 1)
                return "its version 'v' is not 1";
        if (!boot || !text_is_hex(boot->text, 32))
                return "its 'boot' is no boot id";
        return is_clock(entry) ? NULL : "its 'clock' says nothing known";
}

static const char *policy_fault(const Leaf *leaf)
{
        bool loaded = leaf_is(leaf, "result", "loaded");
        uint64_t wider;

        if (!loaded && !leaf_is(leaf, "result", "rejected"))
                return "its result is neither loaded nor rejected";
        if (loaded && !text_is_hex(leaf_text(leaf, "new"), DIGEST_HEX_SIZE - 1))
                return "its 'new' is no digest";
        if (leaf_text(leaf, "wider") || (leaf_number(leaf, "wider", &wider) && wider > 1))
                return "its 'wider' is neither 0 nor 1";
        if (!loaded && leaf_number(leaf, "wider", &wider))
                return "it was rejected, and yet says 'wider'";
        return NULL;
}

static const char *request_fault(const LeafEntry *entry)
{
        if (!entry->permit && !leaf_entry_is(entry, LEAF_KEY_VERDICT, "deny"))
                return "its verdict is neither permit nor deny";
        return text_is_hex(leaf_text(&entry->leaf, "request"), 32) ? NULL : "its 'request' is no request id";
}

static const char *jump_fault(const Leaf *leaf)
{
        uint64_t number;

        if (leaf_number(leaf, "from", &number) && leaf_number(leaf, "to", &number))
                return NULL;
        return "it is a jump without 'from' and 'to'";
}

const char *leaf_form_fault(const LeafEntry *entry)
{
        const char *fault = common_fault(entry);

        if (fault)
                return fault;
        switch (entry->kind) {
        case LEAF_REQUEST:
                return request_fault(entry);
        case LEAF_OUTCOME:
                return leaf_text(&entry->leaf, "result") ? NULL : "it is an outcome without a result";
        case LEAF_POLICY:
                return policy_fault(&entry->leaf);
        case LEAF_JUMP:
                return jump_fault(&entry->leaf);
        case LEAF_START:
        case LEAF_EPOCH:
        case LEAF_STOP:
        case LEAF_OTHER:
                return NULL;
        }
        return NULL;
}
