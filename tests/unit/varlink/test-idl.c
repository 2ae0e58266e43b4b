/*
 * The interface descriptions, held against the Varlink grammar by a small reader of our own (the subset that
 * all readers of the language share), which also asks that every member and every field has a comment.
 */

#include "varlink/idl.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"

static const char *const interfaces[] = {"org.matchguard.Match", "org.matchguard.Admin",
                                         "org.matchguard.Audit", "org.varlink.service"};

enum { NAMES_MAX = 64 };

typedef struct Idl {
        const char *p;
        bool commented; /* a comment stands right before `p` */
        char names[NAMES_MAX][64];
        size_t n_names;
        char used[NAMES_MAX][64]; /* types that fields refer to */
        size_t n_used;
} Idl;

/* Skips white space and comments. */
static void idl_skip(Idl *idl)
{
        idl->commented = false;
        for (;;) {
                if (*idl->p == '#') {
                        idl->p += strcspn(idl->p, "\n");
                        idl->commented = true;
                } else if (*idl->p == '\n' && idl->p[1] == '\n') {
                        idl->commented = false; /* a comment belongs to what stands directly below it */
                        idl->p++;
                } else if (*idl->p && strchr(" \t\n", *idl->p)) {
                        idl->p++;
                } else {
                        return;
                }
        }
}

static bool idl_take(Idl *idl, const char *token)
{
        if (strncmp(idl->p, token, strlen(token)) != 0)
                return false;
        idl->p += strlen(token);
        return true;
}

static void idl_expect(Idl *idl, const char *token)
{
        idl_skip(idl);
        cr_assert(idl_take(idl, token), "'%s' expected at: %.60s", token, idl->p);
}

/* A word of letters and digits that begins with one of `first`. */
static void idl_word(Idl *idl, const char *first, char ret_word[static 64])
{
        static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        size_t n = strspn(idl->p, rest);

        cr_assert(n > 0 && n < 64 && strchr(first, *idl->p), "a name expected at: %.60s", idl->p);
        memcpy(ret_word, idl->p, n);
        ret_word[n] = 0;
        idl->p += n;
}

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"

static void idl_type(Idl *idl)
{
        static const char *const basic[] = {"bool", "int", "float", "string", "object"};
        char word[64];

        (void)idl_take(idl, "?"); /* may be there or not; nested containers are refused by some readers */
        (void)idl_take(idl, "[]");
        idl_word(idl, UPPER LOWER, word);
        for (size_t i = 0; i < ARRAY_SIZE(basic); i++)
                if (strcmp(basic[i], word) == 0)
                        return;
        cr_assert(strchr(UPPER, word[0]), "%s is no type", word);
        cr_assert_lt(idl->n_used, (size_t)NAMES_MAX);
        strcpy(idl->used[idl->n_used++], word);
}

static void idl_struct(Idl *idl)
{
        char name[64];

        idl_expect(idl, "(");
        for (bool first = true;; first = false) {
                idl_skip(idl);
                if (first && idl_take(idl, ")"))
                        return;
                bool commented = idl->commented;
                idl_word(idl, LOWER, name);
                cr_expect(commented, "the field %s is not documented", name);
                idl_expect(idl, ":");
                idl_skip(idl);
                idl_type(idl);
                /* No comment may stand between a field and its comma, or the last field and the bracket: some
                 * readers refuse it. */
                idl_skip(idl);
                cr_expect(!idl->commented, "a comment behind the field %s", name);
                if (idl_take(idl, ")"))
                        return;
                idl_expect(idl, ",");
        }
}

static void idl_member(Idl *idl)
{
        char name[64];
        bool commented = idl->commented;
        bool method = idl_take(idl, "method ");

        cr_assert(method || idl_take(idl, "type ") || idl_take(idl, "error "), "a member expected at: %.60s",
                  idl->p);
        idl_skip(idl);
        idl_word(idl, UPPER, name);
        cr_expect(commented, "%s is not documented", name);
        for (size_t i = 0; i < idl->n_names; i++)
                cr_expect_str_neq(idl->names[i], name, "names stand once");
        cr_assert_lt(idl->n_names, (size_t)NAMES_MAX);
        strcpy(idl->names[idl->n_names++], name);
        idl_struct(idl);
        if (method) {
                idl_expect(idl, "->");
                idl_struct(idl);
        }
}

static void idl_read(Idl *idl, const char *interface)
{
        idl_skip(idl);
        cr_expect(idl->commented, "%s is not documented", interface);
        idl_expect(idl, "interface ");
        idl_expect(idl, interface);
        for (idl_skip(idl); *idl->p; idl_skip(idl))
                idl_member(idl);
}

static bool idl_has(const Idl *idl, const char *name)
{
        for (size_t i = 0; i < idl->n_names; i++)
                if (strcmp(idl->names[i], name) == 0)
                        return true;
        return false;
}

Test(idl, every_interface_is_of_the_grammar_and_documented)
{
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                Idl idl = {.p = idl_find(interfaces[i])};
                cr_assert_not_null(idl.p);
                idl_read(&idl, interfaces[i]);
                for (size_t u = 0; u < idl.n_used; u++)
                        cr_expect(idl_has(&idl, idl.used[u]), "%s is used, but not there", idl.used[u]);
        }
}

Test(idl, every_member_that_is_promised_is_there)
{
        static const struct {
                const char *interface, *name;
        } rows[] = {
                {"org.matchguard.Match", "Identify"},
                {"org.matchguard.Match", "IdentifyStored"},
                {"org.matchguard.Match", "Verify"},
                {"org.matchguard.Match", "Compare"},
                {"org.matchguard.Match", "Enrol"},
                {"org.matchguard.Match", "Remove"},
                {"org.matchguard.Match", "List"},
                {"org.matchguard.Match", "GetReceipt"},
                {"org.matchguard.Match", "GetStatus"},
                {"org.matchguard.Match", "WhoAmI"},
                {"org.matchguard.Match", "Denied"},
                {"org.matchguard.Match", "TrailUnavailable"},
                {"org.matchguard.Match", "WorkerUnavailable"},
                {"org.matchguard.Match", "Overloaded"},
                {"org.matchguard.Match", "Failed"},
                {"org.matchguard.Match", "NoSuchSubject"},
                {"org.matchguard.Match", "ModelMismatch"},
                {"org.matchguard.Match", "BadTemplate"},
                {"org.matchguard.Match", "NoSuchRequest"},
                {"org.matchguard.Admin", "GetStatus"},
                {"org.matchguard.Admin", "Reload"},
                {"org.matchguard.Admin", "Rebase"},
                {"org.matchguard.Admin", "PolicyRejected"},
                {"org.matchguard.Admin", "NothingToRebase"},
                {"org.matchguard.Admin", "CountDetails"},
                {"org.matchguard.Admin", "Erase"},
                {"org.matchguard.Admin", "NoSuchRequest"},
                {"org.matchguard.Audit", "GetCheckpoint"},
                {"org.matchguard.Audit", "GetReceipt"},
                {"org.matchguard.Audit", "NoSuchRequest"},
                {"org.matchguard.Audit", "OpenDetails"},
                {"org.matchguard.Audit", "NoDetails"},
                {"org.varlink.service", "GetInfo"},
                {"org.varlink.service", "GetInterfaceDescription"},
                {"org.varlink.service", "InterfaceNotFound"},
                {"org.varlink.service", "MethodNotFound"},
                {"org.varlink.service", "MethodNotImplemented"},
                {"org.varlink.service", "InvalidParameter"},
                {"org.varlink.service", "PermissionDenied"},
                {"org.varlink.service", "ExpectedMore"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Idl idl = {.p = idl_find(rows[i].interface)};
                idl_read(&idl, rows[i].interface);
                cr_expect(idl_has(&idl, rows[i].name), "%s", rows[i].name);
        }
}

Test(idl, the_text_is_the_file)
{
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                char path[512], content[65536] = "";
                (void)snprintf(path, sizeof(path), "%s/%s.varlink", IDL_FOLDER, interfaces[i]);
                FILE *file = fopen(path, "re");
                cr_assert_not_null(file, "%s", path);
                (void)!fread(content, 1, sizeof(content) - 1, file);
                fclose(file);
                cr_expect_str_eq(idl_find(interfaces[i]), content);
        }
}

Test(idl, other_names_have_no_description)
{
        cr_expect_null(idl_find("org.matchguard.Worker"));
        cr_expect_null(idl_find(""));
        cr_expect_null(idl_find("org.matchguard.Match "));
}
