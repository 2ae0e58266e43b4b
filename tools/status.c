/*
 * matchguard status: whether it serves, what is wrong and what to do about each, and then the whole picture: from the
 * Admin socket where the caller may open it, else what anybody may know from the Match socket. What does not come from
 * the service is looked up here: the policy on disk, and the state of the units.
 *
 * Exit status: 0; 1 where something is an error; 3 where the service does not answer.
 */

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"
#include "tools/status-absence.h"
#include "tools/status-disk.h"
#include "tools/status-findings.h"
#include "tools/status-page.h"
#include "tools/unit-state.h"

/* Whoever looks at three in the morning does not wait for long. */
enum { STATUS_TIMEOUT_MSEC = 5000 };

/* Whether the full status is simply not for this caller. Where there is no service at all, the other socket
 * will say that as well. */
static bool is_closed_to_us(const ServiceReply *reply)
{
        if (reply->error)
                return strcmp(reply->error, "org.varlink.service.PermissionDenied") == 0;
        return reply->ending == CLIENT_E_UNREACHABLE;
}

static bool is_installed_one(const Service *service)
{
        return !service->dir && !service->socket;
}

static int64_t now_usec(void)
{
        ClockReading now = {};

        (void)clock_read(&now); /* Without a clock it is 1970, and every time is far off, which shows. */
        return (int64_t)now.wall_usec;
}

/* "matchguard serves. 1 error, 2 warnings."; that nothing is wrong only who sees all may say. */
static void print_headline(bool serves, bool in_full, const FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer line = BUFFER_INIT;
        bool any = false;

        buffer_append_format(&line, "matchguard %s.", serves ? "serves" : "does not serve");
        for (FindingSeverity severity = 0; severity < _FINDING_SEVERITY_MAX; severity++) {
                size_t n = finding_count(list, severity);
                if (n == 0)
                        continue;
                buffer_append_format(&line, "%s%zu %s%s", any ? ", " : " ", n,
                                     finding_severity_name(severity), n == 1 ? "" : "s");
                any = true;
        }
        buffer_append_text(&line, any ? "." : in_full ? " Nothing is wrong." : "");
        page_text(stdout, buffer_text(&line));
}

static int exit_of(const FindingList *list)
{
        return finding_count(list, FINDING_ERROR) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------- it answers */

static int show_facts(const Service *service, const StatusFacts *facts, json_object *reply)
{
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;

        status_find(facts, &list);
        if (service->json) {
                json_set(reply, "findings", finding_json(&list));
                json_print(reply);
                return exit_of(&list);
        }
        print_headline(json_is_true(facts->status, "serving"), facts->in_full, &list);
        finding_print(&list);
        putchar('\n');
        status_page(facts);
        return exit_of(&list);
}

static int show(const Service *service, const ServiceCall *call, json_object *reply)
{
        _cleanup_(status_disk_deinit) StatusDiskReading disk = STATUS_DISK_READING_INIT;
        StatusFacts facts = {.in_full = strcmp(call->interface, SERVICE_ADMIN) == 0, .now_usec = now_usec()};
        UnitState worker = {};

        facts.status = status_object(reply, "status");
        if (!facts.status)
                return EXIT_UNREACHABLE;
        if (facts.in_full) {
                status_disk_read(facts.status, &disk);
                facts.disk = disk.disk;
                facts.disk_fault = disk.fault;
        }
        bool worker_is_there = json_is_true(status_object(facts.status, "worker"), "connected");
        if (facts.in_full && !worker_is_there && is_installed_one(service) &&
            unit_state("matchguard-worker.service", &worker))
                facts.worker_unit = strcmp(worker.load, "masked") == 0 ? worker.file : worker.active;
        return show_facts(service, &facts, reply);
}

/* ------------------------------------------------------------------------------------------- it does not answer */

static int show_absence(const Service *service, const ServiceReply *reply)
{
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
        StatusAbsence absence = {.ending = reply->ending,
                                 .connect_errno = reply->connect_errno,
                                 .place = service->socket ? service->socket : service->dir};

        if (is_installed_one(service)) {
                /* Without an answer its state is all zero, and nothing is made of it. */
                (void)unit_state("matchguard.socket", &absence.socket);
                (void)unit_state("matchguard.service", &absence.service);
                (void)unit_state("matchguard-frontend.service", &absence.frontend);
        }
        status_absence_find(&absence, &list);
        if (service->json) {
                _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
                json_set(object, "findings", finding_json(&list));
                json_print(object);
                return EXIT_UNREACHABLE;
        }
        print_headline(false, true, &list);
        finding_print(&list);
        return EXIT_UNREACHABLE;
}

/* ------------------------------------------------------------------------------------------------ the command */

static int ask(Service *service)
{
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        ServiceCall call = {SERVICE_ADMIN, "GetStatus", NULL, "asking for the status"};

        service_try(service, &call, &reply);
        if (is_closed_to_us(&reply)) {
                service_reply_deinit(&reply);
                call.interface = SERVICE_MATCH;
                service_try(service, &call, &reply);
        }
        if (reply.ending != 0)
                return show_absence(service, &reply);
        int status = service_report(service, &call, &reply);
        return status != EXIT_DONE ? status : show(service, &call, reply.parameters);
}

int run_status(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        service.timeout_msec = STATUS_TIMEOUT_MSEC;
        service_options(&set, &service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        return ask(&service);
}
