/* Naming the author. Asks the kernel for the login uid, and the account database for names. */

#include "tools/author.h"

#include <ctype.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"

enum { LOGINUID_MAX = 16 };

/* A name comes from files and the environment: only plain characters of it go into a policy file. */
static void append_plain(Buffer *buffer, const char *name)
{
        for (; *name; name++) {
                bool plain = isalnum((unsigned char)*name) || strchr("._-$@+", *name);
                buffer_append(buffer, plain ? name : "?", 1);
        }
}

static void append_user(Buffer *buffer, uid_t uid)
{
        const struct passwd *user = getpwuid(uid);

        if (user)
                append_plain(buffer, user->pw_name);
        else
                buffer_append_format(buffer, "uid %u", uid);
}

/* The uid that the session began with, if the kernel keeps one. */
static bool read_loginuid(uid_t *ret_uid)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        uint64_t uid = 0;

        if (fd_read_file(AT_FDCWD, "/proc/self/loginuid", LOGINUID_MAX, &text) < 0 ||
            !text_to_u64(buffer_text(&text), text.n, &uid) || uid >= UINT32_MAX)
                return false;
        *ret_uid = (uid_t)uid;
        return true;
}

void author_describe(Buffer *buffer)
{
        const char *sudo = getenv("SUDO_USER");
        uid_t login = 0;
        bool has_login = read_loginuid(&login);

        append_user(buffer, geteuid());
        if (has_login && login != geteuid()) {
                buffer_append_text(buffer, ", who logged in as ");
                append_user(buffer, login);
        } else if (!has_login && sudo && sudo[0]) {
                buffer_append_text(buffer, ", by sudo from ");
                append_plain(buffer, sudo);
        }
}
