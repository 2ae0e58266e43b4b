/* Why nobody answers: from what systemd says of the units to words. */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "tools/client.h"
#include "tools/status-absence.h"

static const struct {
        StatusAbsence absence;
        const char *what, *remedy;
} cases[] = {
        {{.ending = CLIENT_E_UNREACHABLE, .connect_errno = ENOENT, .place = "/tmp/mg"},
         "There is no socket in /tmp/mg.",
         "'matchguard run'"},
        {{.ending = CLIENT_E_UNREACHABLE, .connect_errno = ECONNREFUSED, .place = "/tmp/mg"},
         "Nobody answers at the sockets in /tmp/mg.",
         "'matchguard run'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"not-found", "inactive", "", "success", ""}},
         "matchguard is not installed here",
         "Install it"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"masked", "inactive", "masked", "", ""}},
         "matchguard.socket is masked",
         "systemctl unmask"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "inactive", "disabled", "success", ""}},
         "its socket is disabled",
         "'systemctl enable --now matchguard.socket'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "inactive", "enabled", "success", ""}},
         "its socket is enabled",
         "'systemctl start matchguard.socket'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ECONNREFUSED,
          .socket = {"loaded", "failed", "enabled", "service-start-limit-hit", ""}},
         "matchguard.socket has failed (service-start-limit-hit)",
         "systemctl reset-failed matchguard*"},
        {{.ending = CLIENT_E_UNREACHABLE, .connect_errno = ENOENT}, "no systemd to ask", "--dir DIR"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = EACCES,
          .socket = {"loaded", "active", "enabled", "success", ""}},
         "closed to you",
         "'systemctl stop matchguard.socket matchguard.service', then 'systemctl start matchguard.socket' "
         "opens"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "active", "enabled", "success", ""}},
         "nobody can reach them: No such file or directory",
         "'systemctl stop matchguard.socket matchguard.service', then 'systemctl start matchguard.socket' "
         "opens"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "inactive", "enabled", "success", ""},
          .service = {"loaded", "active", "", "success", "0"}},
         "The service runs, and its sockets are closed",
         "'systemctl restart matchguard.service'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "failed", "enabled", "resources", ""},
          .service = {"loaded", "active", "", "success", "0"}},
         "The service runs, and its sockets are closed",
         "'systemctl restart matchguard.service'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ENOENT,
          .socket = {"loaded", "inactive", "enabled", "success", ""},
          .service = {"masked", "inactive", "masked-runtime", "", ""}},
         "matchguard.service is masked",
         "'systemctl unmask --runtime matchguard.service', then 'systemctl enable --now matchguard.socket'"},
        {{.ending = CLIENT_E_TIMEOUT, .service = {"loaded", "failed", "", "exit-code", "1"}},
         "matchguard.service has failed (exit-code, exit status 1).",
         "'journalctl -u matchguard.service -n 20' says why; then 'systemctl reset-failed matchguard*'"},
        {{.ending = CLIENT_E_UNREACHABLE,
          .connect_errno = ECONNREFUSED,
          .socket = {"loaded", "failed", "enabled", "x", ""},
          .service = {"loaded", "failed", "", "exit-code", "10"}},
         "its trail is older than, or not, what was exported",
         "matchguardd(8)"},
        {{.ending = CLIENT_E_TIMEOUT, .service = {"loaded", "activating", "", "success", "0"}},
         "still starting",
         "in a moment"},
        {{.ending = CLIENT_E_CLOSED, .service = {"loaded", "deactivating", "", "success", "0"}},
         "stopping",
         "in a moment"},
        {{.ending = CLIENT_E_TIMEOUT,
          .service = {"loaded", "active", "", "success", "0"},
          .frontend = {"loaded", "failed", "", "exit-code", "1"}},
         "its frontend does not (failed)",
         "systemctl start matchguard-frontend.service"},
        {{.ending = CLIENT_E_TIMEOUT,
          .service = {"loaded", "active", "", "success", "0"},
          .frontend = {"masked", "inactive", "masked", "", ""}},
         "its frontend is masked",
         "'systemctl unmask matchguard-frontend.service', then 'systemctl start"},
        {{.ending = CLIENT_E_TIMEOUT,
          .service = {"loaded", "active", "", "success", "0"},
          .frontend = {"loaded", "active", "", "success", "0"}},
         "nobody answers: the service gave no reply in time",
         "journalctl -u matchguard.service"},
};

Test(status_absence, each_way_not_to_answer_has_one_finding)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                status_absence_find(&cases[i].absence, &list);
                cr_assert_eq(list.n, 1, "%s", cases[i].what);
                cr_expect_eq(list.items[0].severity, FINDING_ERROR);
                cr_expect(strstr(buffer_text(&list.items[0].what), cases[i].what), "%s, not %s",
                          buffer_text(&list.items[0].what), cases[i].what);
                cr_expect(strstr(buffer_text(&list.items[0].remedy), cases[i].remedy), "%s, not %s",
                          buffer_text(&list.items[0].remedy), cases[i].remedy);
        }
}
