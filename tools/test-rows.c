/*
 * Reading tests. Nothing that is not described is passed over: a slip of the pen must not look like a test that
 * passes.
 */

#include "tools/test-rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "varlink/json.h"

static const char *const decision_keys[] = {
        "verdict", "reason", "allow",   "organisation", "moratoria", "term",
        "missing", "notice", "nearest", "limits",       "policy",
};

/* The file that is being read, and the row. */
typedef struct Reader {
        TestRows *rows;
        size_t line;
        json_object *names; /* of the rows so far, with their lines */
} Reader;

__attribute__((format(printf, 2, 3))) static void add_fault(Reader *reader, const char *format, ...)
{
        char text[512]; /* names that are longer are cut */
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        buffer_append_format(reader->rows->faults, "%s:%zu: %s\n", reader->rows->path, reader->line, text);
}

/* A member that must be there. Return: it, or NULL after adding a fault. */
static json_object *need_member(Reader *reader, json_object *object, const char *key, json_type type)
{
        json_object *value = NULL;

        if (json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type))
                return value;
        add_fault(reader, "'%s' is missing or of a wrong type; expected %s", key,
                  type == json_type_string ? "a string" : "an object");
        return NULL;
}

static bool check_keys(Reader *reader, json_object *object)
{
        bool good = true;

        json_object_object_foreach(object, key, value)
        {
                (void)value;
                if (strcmp(key, "name") == 0 || strcmp(key, "facts") == 0 || strcmp(key, "expect") == 0)
                        continue;
                add_fault(reader, "unknown key '%s'; expected name, facts and expect", key);
                good = false;
        }
        return good;
}

static bool check_expect(Reader *reader, json_object *expect)
{
        bool good = true;

        json_object_object_foreach(expect, key, value)
        {
                size_t i = 0;
                (void)value;
                while (i < ARRAY_SIZE(decision_keys) && strcmp(decision_keys[i], key) != 0)
                        i++;
                if (i < ARRAY_SIZE(decision_keys))
                        continue;
                add_fault(reader, "unknown key '%s' in 'expect'; expected keys of a decision", key);
                good = false;
        }
        if (json_object_object_length(expect) == 0)
                add_fault(reader, "'expect' is empty; expected at least one key of a decision");
        return good && json_object_object_length(expect) > 0;
}

static bool check_name(Reader *reader, json_object *name)
{
        const char *text = json_object_get_string(name);
        int64_t line = json_number(reader->names, text, 0);

        if (!*text)
                add_fault(reader, "'name' is empty; expected what the row is about");
        else if (line > 0)
                add_fault(reader, "the name '%s' was given in line %" PRId64 "; expected another one", text,
                          line);
        if (!*text || line > 0)
                return false;
        json_set(reader->names, text, json_object_new_uint64(reader->line));
        return true;
}

/* Return: 0, or -errno. */
static int read_facts(Reader *reader, json_object *object, TestRow *row)
{
        _cleanup_(facts_fault_deinit) FactsFault fault = {};
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = facts_json_read(object, &row->facts, &fault);
        if (r < 0)
                return r;
        if (r > 0) {
                facts_fault_write(&fault, &text);
                add_fault(reader, "'facts' are no request: %s", buffer_text(&text));
                return text.failed ? -ENOMEM : 0;
        }
        r = reader->rows->row(reader->rows->userdata, row);
        facts_json_deinit(&row->facts);
        return r;
}

static int read_row(Reader *reader, json_object *object)
{
        json_object *name = need_member(reader, object, "name", json_type_string);
        json_object *facts = need_member(reader, object, "facts", json_type_object);
        json_object *expect = need_member(reader, object, "expect", json_type_object);
        bool good = check_keys(reader, object) && name && facts && expect;

        if (name)
                good &= check_name(reader, name);
        if (expect)
                good &= check_expect(reader, expect);
        if (!good)
                return 0;
        TestRow row = {.file = reader->rows->path,
                       .line = reader->line,
                       .name = json_object_get_string(name),
                       .expect = expect};
        return read_facts(reader, facts, &row);
}

static int read_line(Reader *reader, const char *text, size_t n)
{
        _cleanup_(json_putp) json_object *object = NULL;

        int r = json_message_read(text, n, &object);
        if (r < 0)
                return r;
        if (r == 0)
                return read_row(reader, object);
        add_fault(reader,
                  "no JSON object; expected {\"name\":...,\"facts\":{...},\"expect\":{...}}, no member "
                  "twice");
        return 0;
}

static int read_lines(Reader *reader, FILE *file)
{
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;

        for (;;) {
                ssize_t n = getline(&text, &size, file);
                if (n < 0)
                        return ferror(file) ? -errno : 0;
                reader->line++;
                int r = read_line(reader, text, (size_t)n);
                if (r < 0)
                        return r;
        }
}

int test_rows_read(TestRows *rows)
{
        _cleanup_(json_putp) json_object *names = json_need(json_object_new_object());
        Reader reader = {.rows = rows, .names = names};
        FILE *file = fopen(rows->path, "re");

        if (!file) {
                buffer_append_format(rows->faults, "%s: %s; expected a file of tests\n", rows->path,
                                     strerror(errno));
                return 0;
        }
        int r = read_lines(&reader, file);
        (void)fclose(file); /* it was only read */
        return r;
}
