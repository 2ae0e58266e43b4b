/*
 * A detail that was opened. Pure. Owns the leaf and the detail as it read them.
 */

#include "tools/opened.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "tools/json.h"
#include "wire/commitment.h"

void opened_deinit(Opened *opened)
{
        leaf_deinit(&opened->parsed);
        leaf_deinit(&opened->members);
        *opened = OPENED_INIT;
}

static int opened_read_leaf(json_object *item, Opened *opened)
{
        uint64_t index;

        opened->leaf = json_text(item, "leaf");
        opened->proof = json_text(item, "proof");
        opened->index = (uint64_t)json_number(item, "index", -1);
        opened->erased = json_is_true(item, "erased");
        if (!opened->leaf || !opened->proof)
                return OPENED_E_MALFORMED;
        int r = leaf_parse(opened->leaf, strlen(opened->leaf), LEAF_MAX, &opened->parsed);
        if (r != 0)
                return r < 0 ? r : OPENED_E_MALFORMED;
        bool fits = leaf_number(&opened->parsed, "index", &index) && index == opened->index &&
                    leaf_text(&opened->parsed, "detail");
        return fits ? 0 : OPENED_E_MALFORMED;
}

/* The 32 bytes of a salt. */
static bool opened_salt(json_object *item, uint8_t ret_salt[static COMMITMENT_SALT_SIZE])
{
        const char *text = json_text(item, "salt");
        uint8_t bytes[COMMITMENT_TEXT_SIZE];
        size_t n = 0;

        if (!text || strlen(text) != COMMITMENT_TEXT_SIZE - 1 ||
            !text_from_base64url(text, strlen(text), bytes, &n) || n != COMMITMENT_SALT_SIZE)
                return false;
        memcpy(ret_salt, bytes, n);
        return true;
}

int opened_read(json_object *item, Opened *ret_opened)
{
        uint8_t salt[COMMITMENT_SALT_SIZE];
        json_object *detail = NULL;

        *ret_opened = OPENED_INIT;
        int r = opened_read_leaf(item, ret_opened);
        if (r != 0 || ret_opened->erased)
                return r;
        if (!opened_salt(item, salt) || !json_object_object_get_ex(item, "detail", &detail) ||
            !json_object_is_type(detail, json_type_string))
                return OPENED_E_MALFORMED;
        const char *bytes = json_object_get_string(detail);
        size_t n = (size_t)json_object_get_string_len(detail);
        if (!commitment_opens(leaf_text(&ret_opened->parsed, "detail"), COMMITMENT_DETAIL, salt, bytes, n))
                return OPENED_E_COMMITMENT;
        r = leaf_parse(bytes, n, DETAIL_MAX, &ret_opened->members);
        return r > 0 ? OPENED_E_MALFORMED : r;
}

bool opened_belong(const Opened *decision, const Opened *outcome)
{
        uint64_t of;

        return leaf_is(&decision->parsed, "kind", "request") &&
               leaf_is(&outcome->parsed, "kind", "outcome") && leaf_number(&outcome->parsed, "of", &of) &&
               of == decision->index;
}

/* One base64url word, decoded where it is one. */
static json_object *opened_text(const char *word, size_t n)
{
        _cleanup_(freep) char *bytes = malloc(n / 4 * 3 + 4);
        size_t n_bytes = 0;

        if (bytes && text_from_base64url(word, n, bytes, &n_bytes) && !memchr(bytes, 0, n_bytes) &&
            text_is_utf8(bytes, n_bytes))
                return json_need(json_object_new_string_len(bytes, (int)n_bytes));
        return json_need(json_object_new_string_len(word, (int)n));
}

static json_object *opened_list(const char *words)
{
        json_object *list = json_need(json_object_new_array());
        size_t n;

        for (const char *word = words; *word; word += n + (word[n] == ' ')) {
                n = strcspn(word, " ");
                json_object_array_add(list, opened_text(word, n));
        }
        return list;
}

json_object *opened_value(const LeafField *member)
{
        static const char *const encoded[] = {"authorisation", "case", "operator", "reason", "why"};

        if (!member->text)
                return json_need(json_object_new_int64((int64_t)member->number));
        if (strcmp(member->key, "subjects") == 0)
                return opened_list(member->text);
        for (size_t i = 0; i < ARRAY_SIZE(encoded); i++)
                if (strcmp(member->key, encoded[i]) == 0)
                        return opened_text(member->text, strlen(member->text));
        return json_need(json_object_new_string(member->text));
}
