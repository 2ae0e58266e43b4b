/*
 * Comments that accept warnings. Layout of one, behind its sign and white space:
 *
 *     check: accept LINT because REASON
 *
 * A comment that begins with "check:" and goes on in any other way is warned of: whoever wrote it believes
 * that it does something.
 */

#include <string.h>

#include "policy/linter.h"
#include "policy/sources.h"
#include "policy/unitfile.h"

#define ACCEPT_BEGIN "check:"
#define ACCEPT_FORM  "expected 'check: accept LINT because REASON'"

/* Takes one word from the front of a text. Return: whether there was one. */
static bool take_word(const char **text, const char **ret_word, size_t *ret_n)
{
        *text += strspn(*text, " \t");
        *ret_word = *text;
        *ret_n = strcspn(*text, " \t");
        *text += *ret_n;
        return *ret_n > 0;
}

static bool take(const char **text, const char *expected)
{
        const char *word = NULL;
        size_t n = 0;

        return take_word(text, &word, &n) && n == strlen(expected) && memcmp(word, expected, n) == 0;
}

/* Return: whether a comment accepts a lint at all; its reason is "" where it gives none. */
static bool accept_parse(Linter *linter, const char *text, LintAccept *accept)
{
        const char *lint = NULL;
        size_t n = 0;

        if (!take(&text, ACCEPT_BEGIN) || !take(&text, "accept") || !take_word(&text, &lint, &n))
                return false;
        char *kept = arena_copy(&linter->report->arena, lint, n);
        linter->failed |= !kept;
        accept->lint = kept ? kept : "";
        accept->because = take(&text, "because") ? text + strspn(text, " \t") : "";
        return true;
}

/* Return: what a comment accepts; NULL where it is another one, or is warned of. */
static LintAccept *accept_read(Linter *linter, const Object *object, const UnitComment *comment,
                               bool (*is_lint)(const char *))
{
        if (comment->n < strlen(ACCEPT_BEGIN) ||
            memcmp(comment->text, ACCEPT_BEGIN, strlen(ACCEPT_BEGIN)) != 0)
                return NULL;
        char *text = arena_copy(&linter->report->arena, comment->text, comment->n);
        LintAccept *accept = arena_new(&linter->report->arena, 1, sizeof(LintAccept));
        if (!text || !accept) {
                linter->failed = true;
                return NULL;
        }
        *accept = (LintAccept){.object = object, .place = comment->place};
        if (!accept_parse(linter, text, accept))
                linter_warn(linter, object, comment->place, "comment that checks nothing; " ACCEPT_FORM);
        else if (!is_lint(accept->lint))
                linter_warn(linter, object, comment->place,
                            "comment that accepts '%s', which is no lint; " ACCEPT_FORM, accept->lint);
        else if (!*accept->because)
                linter_warn(linter, object, comment->place,
                            "comment that accepts '%s' without a reason; " ACCEPT_FORM, accept->lint);
        else
                return accept;
        return NULL;
}

/* The object that a file or drop-in which takes effect belongs to. */
static const Object *accept_object(const Policy *policy, const char *path)
{
        const char *slash = strchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) - strlen(".d") : strlen(path), n_name = 0;
        char name[SOURCE_NAME_MAX] = "";
        ObjectType type = 0;

        (void)source_parse_name(path, n, &n_name, &type); /* well-formed: the policy was loaded from it */
        memcpy(name, path, n_name);
        return &policy->objects[type].items[policy_find(policy, type, name)];
}

LintAccept *lint_accepts(Linter *linter, bool (*is_lint)(const char *name))
{
        LintAccept *first = NULL, **next = &first;
        size_t n = 0;
        const PolicyFile *files = policy_files(linter->policy, &n);

        for (size_t i = 0; i < n; i++) {
                const UnitSource source = {files[i].shown, files[i].bytes, files[i].n};
                UnitCommentReader reader = {};
                UnitComment comment;
                if (files[i].masks || files[i].by)
                        continue;
                const Object *object = accept_object(linter->policy, files[i].path);
                while (unitfile_next_comment(&source, &reader, &comment)) {
                        *next = accept_read(linter, object, &comment, is_lint);
                        if (*next)
                                next = &(*next)->next;
                }
        }
        return first;
}
