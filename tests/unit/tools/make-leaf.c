/* Leaves for tests. */

#include "make-leaf.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/leaf.h"

enum { FIELDS_MAX = 48, TEXT_MAX = 512 };

#define FIRST_WALL UINT64_C(1593604800000000)

typedef struct Fields {
        size_t n;
        char keys[FIELDS_MAX][32];
        char values[FIELDS_MAX][TEXT_MAX];
} Fields;

static void set(Fields *fields, const char *key, const char *value)
{
        size_t at = 0;

        while (at < fields->n && strcmp(fields->keys[at], key) != 0)
                at++;
        cr_assert_lt(at, FIELDS_MAX);
        if (at == fields->n)
                fields->n++;
        snprintf(fields->keys[at], sizeof(fields->keys[at]), "%s", key);
        if (value[0] == '@') {
                memset(fields->values[at], value[1], 64);
                fields->values[at][64] = 0;
        } else {
                snprintf(fields->values[at], sizeof(fields->values[at]), "%s", value);
        }
        for (char *c = fields->values[at]; *c; c++)
                if (*c == '+')
                        *c = ' ';
}

static void set_number(Fields *fields, const char *key, uint64_t value)
{
        char text[24];
        snprintf(text, sizeof(text), "%" PRIu64, value);
        set(fields, key, text);
}

static void set_defaults(Fields *fields, uint64_t index)
{
        set(fields, "boot", "0123456789abcdef0123456789abcdef");
        set(fields, "clock", "synchronised");
        set_number(fields, "boottime", 1000 + index);
        set_number(fields, "epoch", 0);
        set_number(fields, "index", index);
        set_number(fields, "time", FIRST_WALL + index * 1000);
        set_number(fields, "wall", FIRST_WALL + index * 1000);
        set_number(fields, "v", 1);
}

static void encode(const Fields *fields, Buffer *buffer)
{
        Leaf leaf = LEAF_INIT;

        for (size_t i = 0; i < fields->n; i++) {
                uint64_t number;
                if (text_to_u64(fields->values[i], strlen(fields->values[i]), &number))
                        leaf_set_number(&leaf, fields->keys[i], number);
                else
                        leaf_set_text(&leaf, fields->keys[i], fields->values[i]);
        }
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, buffer), 0);
}

void make_leaf(uint64_t index, const char *spec, Buffer *buffer)
{
        static Fields fields;
        char words[1024], id[40], *rest = NULL;

        fields.n = 0;
        set_defaults(&fields, index);
        snprintf(words, sizeof(words), "%s", spec);
        char *kind = strtok_r(words, " ", &rest);
        set(&fields, "kind", kind);
        if (strcmp(kind, "request") == 0) {
                /* A letter in front, so that it is no number. */
                snprintf(id, sizeof(id), "a%031" PRIx64, index);
                set(&fields, "request", id);
                if (index > 0)
                        set_number(&fields, "mark", FIRST_WALL + (index - 1) * 1000);
        }
        for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                char *equals = strchr(word, '=');
                cr_assert_not_null(equals);
                *equals = 0;
                set(&fields, word, equals + 1);
        }
        encode(&fields, buffer);
}
