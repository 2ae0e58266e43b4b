/*
 * Reading parameters along a table. Pure; knows no method.
 */

#include "varlink/schema.h"

#include <string.h>

#include "base/text.h"

static const char *schema_unknown_member(const Schema *schema, struct json_object *object)
{
        json_object_object_foreach(object, name, value)
        {
                size_t i = 0;
                (void)value; /* only names are looked at here */
                while (i < schema->n_fields && strcmp(schema->fields[i].name, name) != 0)
                        i++;
                if (i == schema->n_fields)
                        return name;
        }
        return NULL;
}

/* A string that can be used as one of C's, and passes the field's check. NULL: it is not. */
static const char *schema_string(const SchemaField *field, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_string))
                return NULL;
        const char *text = json_object_get_string(value);
        size_t n = (size_t)json_object_get_string_len(value);
        if (memchr(text, 0, n) || (field->check && !field->check(text, n)))
                return NULL;
        return text;
}

static bool schema_read_text(const SchemaField *field, struct json_object *value, void *target)
{
        const char **text = target;

        *text = schema_string(field, value);
        return *text;
}

static bool schema_read_count(const SchemaField *field, struct json_object *value, void *target)
{
        SchemaCount *count = target;

        if (!json_object_is_type(value, json_type_int))
                return false;
        /* What exceeds 64 bits comes as the largest that does not, which is too large as well. */
        int64_t number = json_object_get_int64(value);
        if (number < 1 || number > JSON_INTEGER_MAX)
                return false;
        *count = (SchemaCount){true, (uint64_t)number};
        return true;
}

static bool schema_read_similarity(const SchemaField *field, struct json_object *value, void *target)
{
        SchemaSimilarity *similarity = target;
        const char *text = json_number_text(value);

        similarity->present = text && text_to_similarity(text, strlen(text), true, &similarity->millionths);
        return similarity->present;
}

static bool schema_read_texts(const SchemaField *field, struct json_object *value, void *target)
{
        SchemaTexts *texts = target;

        if (!json_object_is_type(value, json_type_array))
                return false;
        size_t n = json_object_array_length(value);
        if (n > SCHEMA_TEXTS_MAX)
                return false;
        for (texts->n = 0; texts->n < n; texts->n++) {
                const char *text = schema_string(field, json_object_array_get_idx(value, texts->n));
                if (!text)
                        return false;
                texts->items[texts->n] = text;
        }
        return true;
}

static bool schema_read_list(const SchemaField *field, struct json_object *value, void *target)
{
        struct json_object **list = target;

        *list = value;
        return json_object_is_type(value, json_type_array);
}

static bool (*const schema_readers[])(const SchemaField *field, struct json_object *value, void *target) = {
        [SCHEMA_TEXT] = schema_read_text,   [SCHEMA_COUNT] = schema_read_count,
        [SCHEMA_TEXTS] = schema_read_texts, [SCHEMA_SIMILARITY] = schema_read_similarity,
        [SCHEMA_LIST] = schema_read_list,
};

static const char *schema_read_field(const SchemaField *field, struct json_object *object, void *target)
{
        struct json_object *value = json_object_object_get(object, field->name);
        void *place = (char *)target + field->offset;

        if (!value)
                return field->required || field->type == SCHEMA_OBJECT ? field->name : NULL;
        if (field->type != SCHEMA_OBJECT)
                return schema_readers[field->type](field, value, place) ? NULL : field->name;
        if (!json_object_is_type(value, json_type_object))
                return field->name;
        return schema_read(field->inner, value, place);
}

const char *schema_read(const Schema *schema, struct json_object *object, void *target)
{
        const char *bad = object ? schema_unknown_member(schema, object) : NULL;

        for (size_t i = 0; i < schema->n_fields && !bad; i++)
                bad = schema_read_field(&schema->fields[i], object, target);
        return bad;
}
