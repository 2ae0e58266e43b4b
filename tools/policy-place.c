/* Finding the policy. Asks for the status, reads nothing else. */

#include "tools/policy-place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"
#include "policy/time.h"
#include "tools/export-reader.h"
#include "tools/json.h"
#include "tools/policy-open.h"

void policy_place_deinit(PolicyPlace *place)
{
        free(place->export_dir);
        json_object_put(place->told);
        *place = POLICY_PLACE_INIT;
}

void policy_place_options(OptionSet *set, PolicyPlace *place)
{
        const Option rows[] = {
                {"policy-dir", OPTION_LIST, &place->given, "DIR",
                 "the policy there, not where the service reads; repeat it, strongest first"},
                {"export", OPTION_TEXT, &place->export, "DIR",
                 "the export with the text of the policy that runs (default: the service's)"},
        };
        options_add(set, rows, ARRAY_SIZE(rows));
}

/* ------------------------------------------------------------------------------------- what the service tells */

static FactsClock read_clock(const char *name)
{
        for (FactsClock clock = CLOCK_UNSYNCHRONISED; clock <= CLOCK_BEHIND; clock++)
                if (name && strcmp(facts_clock_name(clock), name) == 0)
                        return clock;
        return CLOCK_UNSYNCHRONISED;
}

static void read_dirs(json_object *list, OptionList *dirs)
{
        size_t n = list ? json_object_array_length(list) : 0;
        for (size_t i = 0; i < n && dirs->n < OPTION_LIST_MAX; i++)
                dirs->items[dirs->n++] = json_object_get_string(json_object_array_get_idx(list, i));
}

static void read_status(PolicyPlace *place)
{
        json_object *status = place->told;
        const char *mark = json_text(status, "mark");
        int64_t mark_usec = 0;

        place->reached = true;
        place->running = json_text(status, "policy");
        place->source.check_owner = true;
        place->source.owner = (uid_t)json_number(status, "policyOwner", 0);
        read_dirs(json_list(status, "policyDirectories"), &place->dirs);
        place->now.clock = read_clock(json_text(status, "clock"));
        place->now.has_mark = mark && time_parse(mark, strlen(mark), &mark_usec) && mark_usec > 0;
        place->now.mark_usec = place->now.has_mark ? (uint64_t)mark_usec : 0;
}

static int find_export(PolicyPlace *place, const Service *service)
{
        const char *told = json_text(place->told, "exportDirectory");
        int r = 0;

        if (place->export || !(service->dir || told))
                r = asprintf(&place->export_dir, "%s", place->export ? place->export : EXPORT_DEFAULT_DIR);
        else if (told)
                r = asprintf(&place->export_dir, "%s", told);
        else
                r = asprintf(&place->export_dir, "%s/state/export", service->dir);
        if (r >= 0)
                return EXIT_DONE;
        place->export_dir = NULL;
        diag(DIAG_ERROR, "%s", strerror(ENOMEM));
        return EXIT_REFUSED;
}

int policy_place_ask(PolicyPlace *place, Service *service)
{
        const ServiceCall call = {SERVICE_ADMIN, "GetStatus", NULL, "asking which policy runs"};
        /* In words even with --json: what cannot be asked is not what the command prints. */
        const Service words = {.socket = service->socket, .dir = service->dir};
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        json_object *status = NULL;

        service_try(service, &call, &reply);
        int ending = service_report(&words, &call, &reply);
        if (ending != EXIT_DONE)
                return ending;
        if (!json_object_object_get_ex(reply.parameters, "status", &status)) {
                diag(DIAG_ERROR, "the service told no status");
                return EXIT_UNREACHABLE;
        }
        place->told = json_object_get(status);
        read_status(place);
        return find_export(place, service);
}

/* ------------------------------------------------------------------------------------------------- the rest */

static bool is_same_folder(const char *a, const char *b)
{
        struct stat a_st, b_st;
        if (stat(a, &a_st) < 0 || stat(b, &b_st) < 0)
                return strcmp(a, b) == 0;
        return a_st.st_dev == b_st.st_dev && a_st.st_ino == b_st.st_ino;
}

bool policy_place_is_the_services(const PolicyPlace *place)
{
        const PolicySource *source = &place->source;
        if (place->dirs.n != source->n_dirs)
                return false;
        for (size_t i = 0; i < source->n_dirs; i++)
                if (!is_same_folder(place->dirs.items[i], source->dirs[i]))
                        return false;
        return true;
}

static void set_source(PolicyPlace *place, const char *const *dirs, size_t n_dirs)
{
        place->source.dirs = dirs;
        place->source.n_dirs = n_dirs;
}

/* The folders: those given, else those told, else, where the installed service was meant, the installed
 * ones. */
static int find_dirs(PolicyPlace *place, const Service *service, int unreached)
{
        if (place->given.n > 0) {
                set_source(place, place->given.items, place->given.n);
                /* Elsewhere owners do not matter: nobody decides by what stands there. */
                place->source.check_owner = policy_place_is_the_services(place);
                return policy_dirs_check(&place->given) ? EXIT_DONE : EXIT_REFUSED;
        }
        for (size_t i = 0; i < place->dirs.n; i++)
                if (place->dirs.items[i][0] != '/') {
                        diag(DIAG_ERROR,
                             "the service was started on the relative policy folder '%s', which only it can "
                             "find; name it with --policy-dir",
                             place->dirs.items[i]);
                        return EXIT_REFUSED;
                }
        if (place->dirs.n > 0) {
                set_source(place, place->dirs.items, place->dirs.n);
                return EXIT_DONE;
        }
        if (service->dir || service->socket) {
                diag(DIAG_ERROR, "which policy it reads is not known; name it with --policy-dir");
                return unreached != EXIT_DONE ? unreached : EXIT_USAGE;
        }
        set_source(place, policy_default_dirs, ARRAY_SIZE(policy_default_dirs));
        place->source.check_owner = true;
        place->source.owner = 0;
        if (!place->alone)
                fprintf(stderr,
                        "So the policy is taken to be the installed one, in %s and the weaker folders.\n",
                        policy_default_dirs[0]);
        return EXIT_DONE;
}

static int find_time(PolicyPlace *place)
{
        ClockReading now;
        int r = clock_read(&now);
        if (r < 0) {
                diag(DIAG_ERROR, "the clock cannot be read: %s", strerror(-r));
                return EXIT_REFUSED;
        }
        place->now.time_usec = now.wall_usec;
        if (!place->reached)
                place->now.clock = facts_clock(now.synchronised, now.wall_usec, false, 0);
        return EXIT_DONE;
}

int policy_place_find(PolicyPlace *place, Service *service)
{
        int unreached = place->alone || place->reached ? EXIT_DONE : policy_place_ask(place, service);
        int r = find_dirs(place, service, unreached);

        return r == EXIT_DONE ? find_time(place) : r;
}
