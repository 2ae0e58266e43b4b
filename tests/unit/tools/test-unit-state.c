/* What systemctl(1) prints, from one that is played: a shell script that comes first in $PATH. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/unit-state.h"

/* Asks a systemctl that does what the script says. */
static bool ask(const char *script, UnitState *state)
{
        char folder[] = "/tmp/test-unit-state.XXXXXX", path[64], search[128];

        cr_assert(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/systemctl", folder);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
        cr_assert_geq(fd, 0);
        dprintf(fd, "#!/bin/sh\n%s\n", script);
        close(fd);
        snprintf(search, sizeof(search), "%s:/bin:/usr/bin", folder);
        setenv("PATH", search, 1);
        memset(state, 'x', sizeof(*state));
        bool known = unit_state("a.service", state);
        unlink(path);
        rmdir(folder);
        return known;
}

Test(unit_state, each_property_is_read)
{
        UnitState state;

        cr_assert(ask("printf "
                      "'Result=exit-code\\nExecMainStatus=10\\nLoadState=loaded\\nActiveState="
                      "failed\\nUnitFileState="
                      "disabled\\nOther=x\\n'",
                      &state));
        cr_expect_str_eq(state.load, "loaded");
        cr_expect_str_eq(state.active, "failed");
        cr_expect_str_eq(state.file, "disabled");
        cr_expect_str_eq(state.result, "exit-code");
        cr_expect_str_eq(state.status, "10");
}

Test(unit_state, the_unit_is_the_last_argument)
{
        UnitState state;

        cr_assert(ask("for last; do :; done; echo ActiveState=$last", &state));
        cr_expect_str_eq(state.active, "a.service");
        cr_expect_str_eq(state.file, "");
}

Test(unit_state, without_an_answer_nothing_is_known)
{
        UnitState state;

        cr_expect_not(ask("exit 1", &state));
        cr_expect_not(ask("echo ActiveState=active; exit 1", &state));
        cr_expect_not(ask("exit 0", &state));
        cr_expect_not(ask("echo LoadState=loaded", &state));
        setenv("PATH", "/nonexistent", 1);
        cr_expect_not(unit_state("a.service", &state));
}

Test(unit_state, a_long_word_is_cut_and_a_long_text_not_read_for_ever, .timeout = 600)
{
        UnitState state;

        cr_assert(ask("printf 'ActiveState=%0500d\\n' 7", &state));
        cr_expect_eq(strlen(state.active), UNIT_STATE_WORD_SIZE - 1);
        cr_expect_not(ask("yes ActiveState=active", &state));
}
