/*
 * Account names. `name:x:NUMBER:...` in passwd(5) and group(5); `user NAME NUMBER` in `.ids`.
 */

#include "policy/accounts.h"

#include <string.h>

#include "base/text.h"

const char *account_kind_name(AccountKind kind)
{
        return kind == ACCOUNT_USER ? "user" : "group";
}

const AccountFile *accounts_file(const Accounts *accounts, AccountKind kind)
{
        if (accounts->ids.path)
                return &accounts->ids;
        return kind == ACCOUNT_USER ? &accounts->users : &accounts->groups;
}

static bool account_number(const char *text, size_t n, uint32_t *ret_id)
{
        uint64_t value = 0;

        if (!text_to_u64(text, n, &value) || value > ACCOUNT_ID_MAX)
                return false;
        *ret_id = (uint32_t)value;
        return true;
}

bool account_is_number(const char *text, uint32_t *ret_id)
{
        return account_number(text, strlen(text), ret_id);
}

/* Takes the field up to `separator` off a line. Return: its length. */
static size_t account_field(const char **line, const char *end, char separator, const char **ret_field)
{
        const char *stop = memchr(*line, separator, (size_t)(end - *line));

        *ret_field = *line;
        if (!stop)
                stop = end;
        size_t n = (size_t)(stop - *line);
        *line = stop < end ? stop + 1 : end;
        return n;
}

static bool account_line_colon(const char *line, const char *end, const char *name, uint32_t *ret_id)
{
        const char *field = NULL;
        size_t n = account_field(&line, end, ':', &field);

        if (n != strlen(name) || memcmp(field, name, n) != 0)
                return false;
        (void)account_field(&line, end, ':', &field); /* the password */
        n = account_field(&line, end, ':', &field);
        return account_number(field, n, ret_id);
}

static bool account_line_ids(const char *line, const char *end, AccountKind kind, const char *name,
                             uint32_t *ret_id)
{
        const char *field = NULL;
        size_t n = account_field(&line, end, ' ', &field);

        if (n != strlen(account_kind_name(kind)) || memcmp(field, account_kind_name(kind), n) != 0)
                return false;
        n = account_field(&line, end, ' ', &field);
        if (n != strlen(name) || memcmp(field, name, n) != 0)
                return false;
        return account_number(line, (size_t)(end - line), ret_id);
}

int accounts_find(const Accounts *accounts, AccountKind kind, const char *name, uint32_t *ret_id)
{
        const AccountFile *file = accounts_file(accounts, kind);
        const char *p = file->bytes, *end = p + file->n;

        if (file->error < 0)
                return ACCOUNTS_E_UNREADABLE;
        while (p < end) {
                const char *stop = memchr(p, '\n', (size_t)(end - p));
                if (!stop)
                        stop = end;
                if (file == &accounts->ids ? account_line_ids(p, stop, kind, name, ret_id)
                                           : account_line_colon(p, stop, name, ret_id))
                        return 0;
                p = stop < end ? stop + 1 : end;
        }
        return ACCOUNTS_E_UNKNOWN;
}
