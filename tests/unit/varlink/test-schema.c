/*
 * Reading parameters along a table.
 */

#include "varlink/schema.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

typedef struct Inner {
        const char *word;
} Inner;

typedef struct Target {
        const char *text;
        const char *maybe;
        SchemaCount count;
        SchemaSimilarity similarity;
        SchemaTexts texts;
        struct json_object *list;
        Inner inner;
} Target;

static bool is_short(const char *text, size_t n)
{
        return n <= 3;
}

static const SchemaField inner_fields[] = {{"word", SCHEMA_TEXT, true, offsetof(Inner, word), is_short}};
static const Schema inner_schema = {ARRAY_SIZE(inner_fields), inner_fields};
static const SchemaField fields[] = {
        {"text", SCHEMA_TEXT, true, offsetof(Target, text), is_short},
        {"maybe", SCHEMA_TEXT, false, offsetof(Target, maybe)},
        {"count", SCHEMA_COUNT, false, offsetof(Target, count)},
        {"similarity", SCHEMA_SIMILARITY, false, offsetof(Target, similarity)},
        {"texts", SCHEMA_TEXTS, false, offsetof(Target, texts), is_short},
        {"list", SCHEMA_LIST, false, offsetof(Target, list)},
        {"inner", SCHEMA_OBJECT, true, offsetof(Target, inner), .inner = &inner_schema},
};
static const Schema schema = {ARRAY_SIZE(fields), fields};

static JsonRef parse(const char *text)
{
        struct json_object *object = NULL;

        cr_assert_eq(json_message_read(text, strlen(text), &object), 0, "%s", text);
        return object;
}

Test(schema, every_value_goes_to_its_place)
{
        _cleanup_(json_freep) JsonRef object =
                parse("{\"text\":\"abc\",\"maybe\":\"a longer "
                      "one\",\"count\":9007199254740991,\"similarity\":-0.25,"
                      "\"texts\":[\"x\",\"y\"],\"list\":[1,{}],\"inner\":{\"word\":\"w\"}}");
        Target target = {};

        cr_assert_null(schema_read(&schema, object, &target));
        cr_expect_str_eq(target.text, "abc");
        cr_expect_str_eq(target.maybe, "a longer one");
        cr_expect(target.count.present);
        cr_expect_eq(target.count.value, UINT64_C(9007199254740991));
        cr_expect(target.similarity.present);
        cr_expect_eq(target.similarity.millionths, -250000);
        cr_expect_eq(target.texts.n, 2);
        cr_expect_str_eq(target.texts.items[1], "y");
        cr_expect_eq(json_object_array_length(target.list), 2);
        cr_expect_str_eq(target.inner.word, "w");
}

Test(schema, what_is_absent_or_null_stays_zero)
{
        static const char *const rows[] = {
                "{\"text\":\"a\",\"inner\":{\"word\":\"w\"}}",
                "{\"text\":\"a\",\"maybe\":null,\"count\":null,\"similarity\":null,\"texts\":null,\"list\":"
                "null,"
                "\"inner\":{\"word\":\"w\"}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(json_freep) JsonRef object = parse(rows[i]);
                Target target = {};
                cr_assert_null(schema_read(&schema, object, &target));
                cr_expect_null(target.maybe);
                cr_expect(!target.count.present && !target.similarity.present);
                cr_expect_eq(target.texts.n, 0);
                cr_expect_null(target.list);
        }
}

/* Members beside those that are required. */
#define WITH(members) "{\"text\":\"a\",\"inner\":{\"word\":\"w\"}," members "}"

Test(schema, the_member_at_fault_is_named)
{
        static const struct {
                const char *text, *bad;
        } rows[] = {
                {"{}", "text"},
                {"{\"text\":\"a\"}", "inner"},
                {"{\"text\":\"a\",\"inner\":null}", "inner"},
                {"{\"text\":\"a\",\"inner\":[]}", "inner"},
                {"{\"text\":\"a\",\"inner\":{}}", "word"},
                {"{\"text\":\"a\",\"inner\":{\"word\":\"w\",\"wort\":1}}", "wort"},
                {"{\"text\":\"a\",\"inner\":{\"word\":\"long\"}}", "word"},
                {"{\"text\":\"long\",\"inner\":{\"word\":\"w\"}}", "text"},
                {"{\"text\":\"a\\u0000\",\"inner\":{\"word\":\"w\"}}", "text"},
                {"{\"text\":null}", "text"},
                {"{\"text\":1}", "text"},
                {"{\"zext\":1,\"count\":0}", "zext"}, /* the unknown one first */
                {"{\"b\":1,\"a\":1}", "b"},           /* in the order sent */
                {"{\"count\":0,\"text\":1}", "text"}, /* then in the order of the table */
                {WITH("\"maybe\":[]"), "maybe"},
                {WITH("\"count\":0"), "count"},
                {WITH("\"count\":-1"), "count"},
                {WITH("\"count\":1.0"), "count"},
                {WITH("\"count\":1e1"), "count"},
                {WITH("\"count\":\"1\""), "count"},
                {WITH("\"count\":true"), "count"},
                {WITH("\"count\":9007199254740992"), "count"},
                {WITH("\"count\":18446744073709551615"), "count"},
                {WITH("\"count\":18446744073709551617"), "count"},
                {WITH("\"count\":-99999999999999999999"), "count"},
                {WITH("\"similarity\":1.01"), "similarity"},
                {WITH("\"similarity\":-2"), "similarity"},
                {WITH("\"similarity\":99999999999999999999"), "similarity"},
                {WITH("\"similarity\":\"0.5\""), "similarity"},
                {WITH("\"similarity\":[]"), "similarity"},
                {WITH("\"texts\":\"x\""), "texts"},
                {WITH("\"texts\":{}"), "texts"},
                {WITH("\"texts\":[1]"), "texts"},
                {WITH("\"texts\":[null]"), "texts"},
                {WITH("\"texts\":[\"x\",\"long\"]"), "texts"},
                {WITH("\"texts\":[\"x\\u0000\"]"), "texts"},
                {WITH("\"list\":{}"), "list"},
                {WITH("\"list\":\"x\""), "list"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(json_freep) JsonRef object = parse(rows[i].text);
                Target target = {};
                const char *bad = schema_read(&schema, object, &target);
                cr_expect_not_null(bad, "%s", rows[i].text);
                if (bad)
                        cr_expect_str_eq(bad, rows[i].bad, "%s: %s", rows[i].text, bad);
        }
}

Test(schema, a_list_of_strings_ends_where_it_says)
{
        for (unsigned n = SCHEMA_TEXTS_MAX; n <= SCHEMA_TEXTS_MAX + 1; n++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                Target target = {};
                buffer_append_text(&text, "{\"text\":\"a\",\"inner\":{\"word\":\"w\"},\"texts\":[\"x\"");
                for (unsigned i = 1; i < n; i++)
                        buffer_append_text(&text, ",\"x\"");
                buffer_append_text(&text, "]}");
                _cleanup_(json_freep) JsonRef object = parse(buffer_text(&text));
                cr_expect_eq(schema_read(&schema, object, &target) == NULL, n == SCHEMA_TEXTS_MAX);
        }
}

Test(schema, no_object_is_one_without_members)
{
        static const Schema nothing = {};
        Target target = {};

        cr_expect_null(schema_read(&nothing, NULL, &target));
        cr_expect_str_eq(schema_read(&schema, NULL, &target), "text");
}
