/*
 * Leaves: the canonical object, made and read. Pure. Guard, trail, worker and auditors' tools run it, so that
 * they can only agree on what a leaf says.
 *
 * Invariants of a Leaf that has not failed:
 *   1. keys ascend strictly, compared as bytes
 *   2. no key and no text is empty, and each of their bytes stands for itself in JSON
 *   3. numbers are at most LEAF_NUMBER_MAX
 */

#include "wire/leaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void leaf_deinit(Leaf *leaf)
{
        free(leaf->strings);
        leaf->strings = NULL;
        leaf->n_fields = 0;
        leaf->failed = false;
}

/* Whether a byte may stand in a string, unescaped and the same for every reader. A table: readers of whole logs
 * ask this of every byte. */
static const bool leaf_plain[256] = {
        [' ' ... '!'] = true,
        ['#' ... '['] = true,
        [']' ... '~'] = true,
};

static bool leaf_byte_is_plain(uint8_t byte)
{
        return leaf_plain[byte];
}

static bool leaf_text_is_plain(const char *text)
{
        for (; *text; text++)
                if (!leaf_byte_is_plain((uint8_t)*text))
                        return false;
        return true;
}

/* Where @key stands, or would have to be put in. */
static size_t leaf_find(const Leaf *leaf, const char *key, bool *ret_found)
{
        size_t low = 0, high = leaf->n_fields;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = leaf_key_order(key, leaf->fields[middle].key);
                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

static void leaf_insert(Leaf *leaf, LeafField field)
{
        bool found = *field.key == 0; /* no such key, and nothing to look for */
        size_t at = found ? 0 : leaf_find(leaf, field.key, &found);

        if (found || leaf->n_fields == LEAF_FIELDS_MAX || !leaf_text_is_plain(field.key)) {
                leaf->failed = true;
                return;
        }
        memmove(&leaf->fields[at + 1], &leaf->fields[at], (leaf->n_fields - at) * sizeof(field));
        leaf->fields[at] = field;
        leaf->n_fields++;
}

void leaf_set_text(Leaf *leaf, const char *key, const char *text)
{
        if (!text || *text == 0)
                return;
        if (!leaf_text_is_plain(text))
                leaf->failed = true;
        else
                leaf_insert(leaf, (LeafField){.key = key, .text = text});
}

void leaf_set_number(Leaf *leaf, const char *key, uint64_t number)
{
        if (number > LEAF_NUMBER_MAX)
                leaf->failed = true;
        else
                leaf_insert(leaf, (LeafField){.key = key, .number = number});
}

enum { LEAF_DIGITS_MAX = 20 };

static size_t leaf_digits(uint64_t number, char digits[static LEAF_DIGITS_MAX])
{
        size_t n = 0;
        do {
                digits[LEAF_DIGITS_MAX - ++n] = (char)('0' + number % 10);
                number /= 10;
        } while (number > 0);
        memmove(digits, digits + LEAF_DIGITS_MAX - n, n);
        return n;
}

static uint8_t *leaf_write(uint8_t *out, const char *data, size_t n)
{
        memcpy(out, data, n);
        return out + n;
}

int leaf_encode(const Leaf *leaf, size_t max, Buffer *buffer)
{
        size_t key_sizes[LEAF_FIELDS_MAX], value_sizes[LEAF_FIELDS_MAX];
        char digits[LEAF_DIGITS_MAX];
        size_t size = 1; /* both brackets, less the comma that the first field has not */

        if (leaf->failed || leaf->n_fields == 0)
                return LEAF_E_INVALID;
        for (size_t i = 0; i < leaf->n_fields; i++) {
                const LeafField *field = &leaf->fields[i];
                key_sizes[i] = strlen(field->key);
                value_sizes[i] = field->text ? strlen(field->text) + 2 : leaf_digits(field->number, digits);
                size += key_sizes[i] + value_sizes[i] + 4; /* two quotes, colon, comma */
        }
        if (size > max)
                return LEAF_E_TOO_LONG;

        uint8_t *out = buffer_extend(buffer, size);
        if (!out)
                return -ENOMEM;
        for (size_t i = 0; i < leaf->n_fields; i++) {
                const LeafField *field = &leaf->fields[i];
                out = leaf_write(out, i == 0 ? "{\"" : ",\"", 2);
                out = leaf_write(out, field->key, key_sizes[i]);
                out = leaf_write(out, "\":", 2);
                if (field->text) {
                        *out++ = '"';
                        out = leaf_write(out, field->text, value_sizes[i] - 2);
                        *out++ = '"';
                } else {
                        leaf_digits(field->number, digits);
                        out = leaf_write(out, digits, value_sizes[i]);
                }
        }
        *out = '}';
        return 0;
}

/* Reads a string after its opening quote; its closing one becomes its NUL. NULL: not a string of a leaf. */
static const char *leaf_read_string(char **p, const char *end)
{
        char *start = *p, *q = start;

        while (q < end && leaf_byte_is_plain((uint8_t)*q))
                q++;
        if (q == start || q == end || *q != '"')
                return NULL;
        *q = 0;
        *p = q + 1;
        return start;
}

/* Fails on a number not in its shortest form. It stops after
 * seventeen digits, which no number allowed has. */
static bool leaf_read_number(char **p, const char *end, uint64_t *ret_number)
{
        const char *start = *p;
        uint64_t number = 0;

        for (; *p < end && **p >= '0' && **p <= '9' && *p - start <= 16; (*p)++)
                number = number * 10 + (uint64_t)(**p - '0');
        if (*p == start || (*start == '0' && *p - start > 1) || number > LEAF_NUMBER_MAX)
                return false;
        *ret_number = number;
        return true;
}

static bool leaf_read_byte(char **p, const char *end, char byte)
{
        if (*p == end || **p != byte)
                return false;
        (*p)++;
        return true;
}

static bool leaf_read_field(char **p, const char *end, LeafField *ret_field)
{
        if (!leaf_read_byte(p, end, '"'))
                return false;
        ret_field->key = leaf_read_string(p, end);
        if (!ret_field->key || !leaf_read_byte(p, end, ':'))
                return false;
        ret_field->number = 0;
        if (leaf_read_byte(p, end, '"')) {
                ret_field->text = leaf_read_string(p, end);
                return ret_field->text != NULL;
        }
        ret_field->text = NULL;
        return leaf_read_number(p, end, &ret_field->number);
}

static bool leaf_read_object(char *p, const char *end, Leaf *leaf)
{
        if (!leaf_read_byte(&p, end, '{'))
                return false;
        do {
                LeafField *field = &leaf->fields[leaf->n_fields];
                if (leaf->n_fields == LEAF_FIELDS_MAX || !leaf_read_field(&p, end, field))
                        return false;
                if (leaf->n_fields > 0 && leaf_key_order(field[-1].key, field->key) >= 0)
                        return false;
                leaf->n_fields++;
        } while (leaf_read_byte(&p, end, ','));
        return leaf_read_byte(&p, end, '}') && p == end;
}

int leaf_parse(const void *data, size_t n, size_t max, Leaf *ret_leaf)
{
        if (n > max)
                return LEAF_E_TOO_LONG;
        if (n == 0)
                return LEAF_E_INVALID;

        char *strings = malloc(n);
        if (!strings)
                return -ENOMEM;
        memcpy(strings, data, n);
        /* Only fields that were read are set: a leaf is large, and most of it stays unused. */
        ret_leaf->n_fields = 0;
        ret_leaf->failed = false;
        ret_leaf->strings = strings;
        if (leaf_read_object(strings, strings + n, ret_leaf))
                return 0;
        leaf_deinit(ret_leaf);
        return LEAF_E_INVALID;
}

static const LeafField *leaf_field(const Leaf *leaf, const char *key)
{
        bool found = false;
        size_t at = leaf_find(leaf, key, &found);

        return found ? &leaf->fields[at] : NULL;
}

const char *leaf_text(const Leaf *leaf, const char *key)
{
        const LeafField *field = leaf_field(leaf, key);
        return field ? field->text : NULL;
}

bool leaf_number(const Leaf *leaf, const char *key, uint64_t *ret_number)
{
        const LeafField *field = leaf_field(leaf, key);
        if (!field || field->text)
                return false;
        *ret_number = field->number;
        return true;
}

bool leaf_is(const Leaf *leaf, const char *key, const char *text)
{
        const char *value = leaf_text(leaf, key);
        return value && strcmp(value, text) == 0;
}
