/* Who does not answer, from the inside out: the socket, the service behind it, the frontend that would. */

#include "tools/status-absence.h"

#include <errno.h>
#include <string.h>

#include "tools/client.h"

static bool is(const char *word, const char *wanted)
{
        return strcmp(word, wanted) == 0;
}

static bool is_masked(const UnitState *unit)
{
        return is(unit->load, "masked");
}

/* Of a unit that was masked until the next boot only, systemctl takes the mask away where that is said. */
static const char *unmask_option(const UnitState *unit)
{
        return is(unit->file, "masked-runtime") ? "--runtime " : "";
}

static void find_elsewhere(const StatusAbsence *absence, FindingList *list)
{
        if (absence->connect_errno == ENOENT)
                finding_say(list, FINDING_ERROR, "There is no socket in %s.", absence->place);
        else
                finding_say(list, FINDING_ERROR, "Nobody answers at the sockets in %s.", absence->place);
        finding_advise(list, "See that this is the right folder, and that 'matchguard run' runs there.");
}

/* The socket or the service: the socket starts it all. */
static void find_masked(const char *unit, const UnitState *state, FindingList *list)
{
        finding_say(list, FINDING_ERROR, "%s is masked, so that nothing can start it.", unit);
        finding_advise(list, "'systemctl unmask %s%s', then 'systemctl enable --now matchguard.socket'.",
                       unmask_option(state), unit);
}

/* systemd opens no socket of a service that runs, and closes the others when it was told to: the service must start
 * with them. */
static void find_socket_lost(const StatusAbsence *absence, FindingList *list)
{
        bool is_open = is(absence->socket.active, "active");

        if (is_open && absence->connect_errno == EACCES)
                finding_say(list, FINDING_ERROR,
                            "The sockets of matchguard are there, and closed to you: somebody has changed "
                            "their mode. org.matchguard.Match is open to everybody.");
        else if (is_open)
                finding_say(list, FINDING_ERROR,
                            "The sockets of matchguard are open, and nobody can reach them: %s.",
                            strerror(absence->connect_errno));
        else
                finding_say(list, FINDING_ERROR,
                            "The service runs, and its sockets are closed: nobody can ask.");
        finding_advise(
                list, "%s opens them again.",
                is_open ? "'systemctl stop matchguard.socket matchguard.service', then 'systemctl start "
                          "matchguard.socket'"
                        : "'systemctl restart matchguard.service'");
}

static void find_no_socket(const StatusAbsence *absence, FindingList *list)
{
        const UnitState *socket = &absence->socket;

        if (is(socket->load, "not-found")) {
                finding_say(list, FINDING_ERROR,
                            "matchguard is not installed here: systemd knows no "
                            "matchguard.socket.");
                finding_advise(list,
                               "Install it ('meson install', or the Debian package), or name the folder of a "
                               "'matchguard run' with --dir DIR.");
        } else if (is_masked(socket)) {
                find_masked("matchguard.socket", socket, list);
        } else if (is_masked(&absence->service)) {
                find_masked("matchguard.service", &absence->service, list);
        } else if (is(socket->active, "failed")) {
                finding_say(list, FINDING_ERROR, "matchguard.socket has failed (%s).", socket->result);
                finding_advise(
                        list,
                        "'journalctl -u matchguard.socket -u matchguard.service -n 20' says why; then "
                        "'systemctl reset-failed matchguard*' and 'systemctl start matchguard.socket'.");
        } else if (*socket->active) {
                finding_say(list, FINDING_ERROR,
                            "matchguard is installed and does not run: its socket is %s.",
                            *socket->file ? socket->file : "not started");
                finding_advise(
                        list,
                        is(socket->file, "enabled")
                                ? "'systemctl start matchguard.socket' starts it."
                                : "'systemctl enable --now matchguard.socket' starts it, now and at each "
                                  "boot.");
        } else {
                finding_say(list, FINDING_ERROR,
                            "There is no socket of matchguard here, and no systemd to ask for it.");
                finding_advise(list, "Name the folder of a 'matchguard run' with --dir DIR.");
        }
}

static void find_failed(const UnitState *service, FindingList *list)
{
        if (is(service->status, "10")) {
                finding_say(list, FINDING_ERROR,
                            "matchguard.service refuses to start: its trail is older than, or not, "
                            "what was exported of it.");
                finding_advise(list,
                               "Somebody has to look: 'journalctl -u matchguard.service -n 20' says what was "
                               "found, and matchguardd(8) what to do after a restored backup.");
                return;
        }
        finding_say(list, FINDING_ERROR, "matchguard.service has failed (%s, exit status %s).",
                    service->result, *service->status ? service->status : "unknown");
        finding_advise(list,
                       "'journalctl -u matchguard.service -n 20' says why; then 'systemctl reset-failed "
                       "matchguard*' and 'systemctl start matchguard.socket matchguard.service'.");
}

static void find_silent(const StatusAbsence *absence, FindingList *list)
{
        const UnitState *frontend = &absence->frontend;

        if (is_masked(frontend) && !is(frontend->active, "active")) {
                finding_say(list, FINDING_ERROR,
                            "The service runs, but its frontend is masked, so that nothing can start it: "
                            "nobody is heard.");
                finding_advise(list,
                               "'systemctl unmask %smatchguard-frontend.service', then 'systemctl start "
                               "matchguard-frontend.service'.",
                               unmask_option(frontend));
                return;
        }
        if (is(frontend->active, "failed") || is(frontend->active, "inactive")) {
                finding_say(list, FINDING_ERROR,
                            "The service runs, but its frontend does not (%s): nobody is heard.",
                            frontend->active);
                finding_advise(list,
                               "'journalctl -u matchguard-frontend.service -n 20' says why; then 'systemctl "
                               "reset-failed matchguard-frontend.service' and 'systemctl start "
                               "matchguard-frontend.service'.");
                return;
        }
        finding_say(list, FINDING_ERROR, "The socket is there, and nobody answers: %s.",
                    client_error_text(absence->ending));
        finding_advise(
                list,
                "'systemctl status matchguard.service matchguard-frontend.service' and 'journalctl -u "
                "matchguard.service -n 20' say what it does; one that hangs is restarted by its watchdog.");
}

void status_absence_find(const StatusAbsence *absence, FindingList *list)
{
        const UnitState *service = &absence->service;
        bool unreachable = absence->ending == CLIENT_E_UNREACHABLE;

        if (absence->place) {
                find_elsewhere(absence, list);
        } else if (is(service->active, "failed")) {
                find_failed(service, list);
        } else if (unreachable && (is(absence->socket.active, "active") || is(service->active, "active"))) {
                find_socket_lost(absence, list);
        } else if (unreachable) {
                find_no_socket(absence, list);
        } else if (is(service->active, "activating") || is(service->active, "deactivating")) {
                finding_say(list, FINDING_ERROR, "matchguard.service is %s.",
                            is(service->active, "activating") ? "still starting" : "stopping");
                finding_advise(list, "Ask again in a moment; 'journalctl -u matchguard.service -n 20' says "
                                     "how far it is.");
        } else {
                find_silent(absence, list);
        }
}
