/* Who wrote a file, as far as the kernel and the environment tell. */

#include <criterion/criterion.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "tools/author.h"

Test(author, begins_with_the_name_of_the_user)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        const struct passwd *user = getpwuid(geteuid());

        cr_assert_not_null(user);
        author_describe(&text);
        cr_expect_eq(strncmp(buffer_text(&text), user->pw_name, strlen(user->pw_name)), 0, "%s",
                     buffer_text(&text));
}

Test(author, a_name_from_the_environment_cannot_begin_a_line)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        setenv("SUDO_USER", "eve\n[Release]\nReason=x\\", 1);
        author_describe(&text);
        cr_expect_null(strpbrk(buffer_text(&text), "\n\\[]="), "%s", buffer_text(&text));
}
