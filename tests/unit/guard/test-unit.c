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
        /* Transient services and instances; the slice of a template has the escapes of its name. */
        {"0::/system.slice/run-u42.service\n", "run-u42.service"},
        {"0::/system.slice/run-r0ec8d0fc.service\n", "run-r0ec8d0fc.service"},
        {"0::/system.slice/system-thorn\\x2dsearch.slice/thorn-search@a.b:c_d.service\n",
         "thorn-search@a.b:c_d.service"},
        /* Slices of an administrator's own, and none at all (Slice=-.slice). */
        {"0::/matching.slice/thorn-search.service\n", "thorn-search.service"},
        {"0::/matching.slice/matching-ngo.slice/matching-ngo-thorn.slice/thorn-search.service\n",
         "thorn-search.service"},
        {"0::/thorn-search.service\n", "thorn-search.service"},
        /* What a delegated service makes below itself is it, whatever it is called. */
        {"0::/system.slice/delegated.service/thorn-search.service\n", "delegated.service"},
        {"0::/system.slice/delegated.service/system.slice/thorn-search.service\n", "delegated.service"},
        {"0::/system.slice/delegated.service/a b/c\n", "delegated.service"},
        {"0::/system.slice/delegated.service/user.slice/user@1000.service\n", "delegated.service"},
        /* One underscore is systemd's own, another the name's. */
        {"0::/system.slice/__a.service\n", "_a.service"},
        {"0::/_cgroup.slice/a.service\n", "a.service"},
        {"0::/system.slice/_.service\n", NULL},
        /* Users, wherever their slice and their manager were put, and what they call their own. */
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/thorn-search.service\n", NULL},
        {"0::/user.slice/user-1000.slice/user@1000.service/system.slice/thorn-search.service\n", NULL},
        {"0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", NULL},
        {"0::/user.slice/user-1000.slice/thorn-search.service\n", NULL},
        {"0::/user.slice/thorn-search.service\n", NULL},
        {"0::/system.slice/user@1000.service/app.slice/thorn-search.service\n", NULL},
        {"0::/people.slice/user@1000.service\n", NULL},
        {"0::/system.slice/_user@1000.service\n", NULL},
        {"0::/user.slice/user-1000.slice/session-2.scope\n", NULL},
        {"0::/user.slice/user-1000.slice/session-2.scope/system.slice/thorn-search.service\n", NULL},
        /* A service may be called nearly so. */
        {"0::/system.slice/user-runtime-dir@1000.service\n", "user-runtime-dir@1000.service"},
        {"0::/system-user.slice/a.service\n", "a.service"},
        /* Containers and virtual machines, of systemd's kind and of others'. */
        {"0::/machine.slice/machine-box.scope/payload/system.slice/thorn-search.service\n", NULL},
        {"0::/machine.slice/systemd-nspawn@box.service/payload/system.slice/thorn-search.service\n", NULL},
        {"0::/machine.slice/libpod-0a1b.scope/container/system.slice/thorn-search.service\n", NULL},
        {"0::/system.slice/docker-0a1b.scope/system.slice/thorn-search.service\n", NULL},
        {"0::/docker/0a1b/system.slice/thorn-search.service\n", NULL},
        {"0::/lxc.payload.box/system.slice/thorn-search.service\n", NULL},
        {"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0a1b.scope/thorn-search.service\n", NULL},
        /* Beyond our own cgroup namespace. */
        {"0::/../thorn-search.service\n", NULL},
        {"0::/../../system.slice/thorn-search.service\n", NULL},
        {"0::/system.slice/../thorn-search.service\n", NULL},
        {"1:name=systemd:/system.slice/old.service\n0::/user.slice/user-1000.slice/session-2.scope\n", NULL},
        /* Lines of other hierarchies, and one that is called like systemd's. */
        {"9:cpu:/system.slice/a.service\n0::/user.slice/b.scope\n", NULL},
        {"5:cpu,name=systemd:/system.slice/a.service\n", NULL},
        {"5:name=systemd2:/system.slice/a.service\n", NULL},
        {"5:devices:/x:name=systemd:/system.slice/a.service\n", NULL},
        {"10::/system.slice/a.service\n", NULL},
        {"0::/system.slice/foo\\x2dbar.service\n", NULL},
        {"0::/system.slice/gone.service (deleted)\n", NULL},
        {"0::/system.slice/run.scope\n", NULL},
        {"0::/system.slice/run.scope/a.service\n", NULL},
        {"0::/system.slice/.service\n", NULL},
        {"0::/system.slice/\n", NULL},
        {"0::/system.slice\n", NULL},
        {"0::/system.slice//a.service\n", NULL},
        {"0::system.slice/a.service\n", NULL},
        {"0::/system.slice/.slice/a.service\n", NULL},
        {"0::/system.slice/thorn.socket\n", NULL},
        {"0::/../system.slice/a.service\n", NULL},
        {"0::/system.slice/../user.slice/a.service\n", NULL},
        {"0::/init.scope\n", NULL},
        {"0::/\n", NULL},
        {"7:cpu:/system.slice/a.service\n", NULL},
        {"", NULL},
        {"\n", NULL},
        {"0::", NULL},
};

Test(unit, only_services_of_the_system_count)
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
