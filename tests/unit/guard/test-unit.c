/* Which cgroups are system services. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "guard/unit.h"

static const struct {
        const char *cgroup;
        const char *unit; /* NULL: none */
} cases[] = {
        {"0::/system.slice/thorn-search.service\n", "thorn-search.service"},
        {"0::/system.slice/thorn-search.service", "thorn-search.service"},
        {"0::/system.slice/system-thorn.slice/thorn@1.service\n", "thorn@1.service"},
        {"0::/system.slice/docker.service/payload/x\n", "docker.service"},
        {"0::/system.slice/a.service/b.service\n", "a.service"},
        {"0::/system.slice/_memory.service\n", "memory.service"},
        {"12:pids:/x\n1:name=systemd:/system.slice/old.service\n", "old.service"},
        {"1:name=systemd:/system.slice/old.service\n0::/\n", "old.service"},
        {"1:name=systemd:/system.slice/old.service\n0::/system.slice/new.service\n", "new.service"},
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/thorn-search.service\n", NULL},
        {"0::/user.slice/user-1000.slice/session-2.scope\n", NULL},
        {"1:name=systemd:/system.slice/old.service\n0::/user.slice/user-1000.slice/session-2.scope\n", NULL},
        {"0::/system.slice/foo\\x2dbar.service\n", NULL},
        {"0::/system.slice/gone.service (deleted)\n", NULL},
        {"0::/system.slice/run.scope\n", NULL},
        {"0::/system.slice/run.scope/a.service\n", NULL},
        {"0::/system.slice/.service\n", NULL},
        {"0::/system.slice/\n", NULL},
        {"0::/system.slice\n", NULL},
        {"0::/other.slice/a.service\n", NULL},
        {"0::/../system.slice/a.service\n", NULL},
        {"0::/system.slice/../user.slice/a.service\n", NULL},
        {"0::/init.scope\n", NULL},
        {"0::/\n", NULL},
        {"7:cpu:/system.slice/a.service\n", NULL},
        {"", NULL},
        {"\n", NULL},
        {"0::", NULL},
};

Test(unit, only_services_below_system_slice_count)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char *unit = unit_of_cgroup(cases[i].cgroup);
                if (cases[i].unit)
                        cr_expect_str_eq(unit ? unit : "(none)", cases[i].unit, "%s", cases[i].cgroup);
                else
                        cr_expect_null(unit, "%s gave %s", cases[i].cgroup, unit);
                free(unit);
        }
}

Test(unit, a_name_that_is_too_long_is_none)
{
        char text[400] = "0::/system.slice/";

        memset(text + strlen(text), 'a', 300);
        strcat(text, ".service\n");
        cr_expect_null(unit_of_cgroup(text));
}
