/*
 * The tables of methods, held against the interfaces' texts: what is promised is taken, and nothing else.
 */

#include "frontend/method.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "varlink/idl.h"

/* The fields of the struct that begins at `p`, one after the other: "name:?type ..." without comments. */
static void fields_of(const char *p, char *ret_fields, size_t n)
{
        bool comment = false;
        size_t at = 0;

        for (p = strchr(p, '(') + 1; *p != ')' || comment; p++) {
                if (*p == '#' || *p == '\n')
                        comment = *p == '#';
                if (!comment && !strchr(" \n#", *p)) {
                        cr_assert_lt(at + 2, n);
                        ret_fields[at++] = *p == ',' ? ' ' : *p;
                }
        }
        ret_fields[at] = 0;
}

/* The same, from a table. `types` are those of the objects within, in order. */
static void fields_in(const Schema *schema, const char *const *types, char *ret_fields, size_t n)
{
        static const char *const names[] = {[SCHEMA_TEXT] = "string",
                                            [SCHEMA_COUNT] = "int",
                                            [SCHEMA_SIMILARITY] = "float",
                                            [SCHEMA_TEXTS] = "[]string",
                                            [SCHEMA_LIST] = "[]Entry"};
        size_t at = 0;

        ret_fields[0] = 0;
        for (size_t i = 0; i < schema->n_fields; i++) {
                const SchemaField *field = &schema->fields[i];
                const char *type = field->type == SCHEMA_OBJECT ? *types++ : names[field->type];
                at += (size_t)snprintf(ret_fields + at, n - at, "%s%s:%s%s", i > 0 ? " " : "", field->name,
                                       field->required ? "" : "?", type);
                cr_assert_lt(at, n);
        }
}

static const char *objects_of(const Schema *schema, size_t nth)
{
        /* Templates are known by their first member, statements by theirs. */
        for (size_t i = 0; i < schema->n_fields; i++)
                if (schema->fields[i].type == SCHEMA_OBJECT && nth-- == 0)
                        return strcmp(schema->fields[i].inner->fields[0].name, "model") == 0 ? "Template"
                                                                                             : "Statement";
        return NULL;
}

static void expect_same_fields(const char *text, const char *what, const Schema *schema)
{
        char said[1024], taken[1024];
        const char *types[] = {objects_of(schema, 0), objects_of(schema, 1), objects_of(schema, 2)};
        const char *at = strstr(text, what);

        cr_assert_not_null(at, "%s", what);
        fields_of(at, said, sizeof(said));
        fields_in(schema, types, taken, sizeof(taken));
        cr_expect_str_eq(said, taken, "%s: '%s' is said, '%s' taken", what, said, taken);
}

Test(method, each_takes_what_its_interface_says)
{
        for (int interface = 0; interface < _INTERFACE_MAX; interface++) {
                size_t n = 0;
                const Method *methods = method_list(interface, &n);
                for (size_t i = 0; i < n; i++) {
                        char what[64];
                        (void)snprintf(what, sizeof(what), "\nmethod %s(", methods[i].name);
                        expect_same_fields(idl_find(message_interface_name(interface)), what,
                                           &methods[i].parameters);
                }
        }
}

Test(method, the_types_hold_what_the_interface_says)
{
        const char *text = idl_find("org.matchguard.Match");
        const Schema *compare = &method_find(INTERFACE_MATCH, "Compare")->parameters;

        expect_same_fields(text, "\ntype Template ", compare->fields[0].inner);
        expect_same_fields(text, "\ntype Statement ", compare->fields[2].inner);
        expect_same_fields(text, "\ntype Entry ", &method_entry);
}

Test(method, every_method_of_an_interface_is_there)
{
        for (int interface = 0; interface < _INTERFACE_MAX; interface++) {
                const char *p = idl_find(message_interface_name(interface));
                size_t n_said = 0, n = 0;
                while ((p = strstr(p, "\nmethod "))) {
                        char name[64] = "";
                        p += strlen("\nmethod ");
                        (void)sscanf(p, "%63[A-Za-z]", name);
                        cr_expect_not_null(method_find(interface, name), "%s", name);
                        n_said++;
                }
                (void)method_list(interface, &n);
                cr_expect_eq(n, n_said);
        }
}

Test(method, each_operation_has_a_method_of_its_own)
{
        static const char *const operations[] = {"identify", "identify-stored", "verify", "compare",
                                                 "enrol",    "remove",          "list"};
        size_t n = 0, n_found = 0;
        const Method *methods = method_list(INTERFACE_MATCH, &n);

        for (size_t i = 0; i < n; i++) {
                cr_expect_eq(methods[i].kind == CALL_MATCH, methods[i].operation != NULL);
                for (size_t o = 0; methods[i].operation && o < ARRAY_SIZE(operations); o++)
                        n_found += strcmp(operations[o], methods[i].operation) == 0;
        }
        cr_expect_eq(n_found, ARRAY_SIZE(operations));
}

Test(method, names_are_exact)
{
        static const char *const rows[] = {"",       "identify",    "Identify ",     "IdentifyX",
                                           "Reload", "Rebase",      "GetCheckpoint", "OpenDetails",
                                           "Erase",  "CountDetails"};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_null(method_find(INTERFACE_MATCH, rows[i]), "%s", rows[i]);
        cr_expect_null(method_find(INTERFACE_ADMIN, "Identify"));
        cr_expect_null(method_find(INTERFACE_AUDIT, "Reload"));
        cr_expect_null(method_find(INTERFACE_AUDIT, "Rebase"));
        cr_expect_null(method_find(INTERFACE_AUDIT, "Erase"));
        cr_expect_null(method_find(INTERFACE_ADMIN, "OpenDetails"));
}
