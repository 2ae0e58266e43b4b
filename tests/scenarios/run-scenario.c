/*
 * Runs one scenario: loads its layers, and holds the decision on each request of its *.test file against what
 * is expected. Facts and decisions are the JSON of the policy language; an unknown key is an error, so that a
 * slip of the pen does not pass as a test.
 *
 * Usage: run-scenario DIR, from any directory.
 */

#include <json-c/json.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/decide.h"
#include "policy/time.h"

enum { LAYERS_MAX = 4, GROUPS_MAX = 16 };

static _Noreturn void fail(const char *what, const char *which)
{
        printf("%s: %s\n", what, which);
        exit(1);
}

/* Facts, and the arrays that they point to. */
typedef struct Request {
        Facts facts;
        gid_t groups[GROUPS_MAX];
        const char *on_behalf_of[FACTS_LIST_MAX + 1];
        const char *recipients[FACTS_LIST_MAX + 1];
        bool synchronised;
} Request;

static uint64_t read_time(json_object *value)
{
        const char *text = json_object_get_string(value);
        int64_t usec = 0;

        if (!time_parse(text, strlen(text), &usec) || usec < 0)
                fail("bad time", text);
        return (uint64_t)usec;
}

static size_t read_names(json_object *value, const char **names)
{
        size_t n = json_object_array_length(value);

        for (size_t i = 0; i < n && i <= FACTS_LIST_MAX; i++)
                names[i] = json_object_get_string(json_object_array_get_idx(value, i));
        return n;
}

static void read_groups(json_object *value, Request *request)
{
        size_t n = json_object_array_length(value);

        for (size_t i = 0; i < n && i < GROUPS_MAX; i++)
                request->groups[i] = (gid_t)json_object_get_int64(json_object_array_get_idx(value, i));
        request->facts.peer.groups = request->groups;
        request->facts.peer.n_groups = n;
}

static uint64_t used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        json_object *count = NULL;

        return json_object_object_get_ex(userdata, allow, &count) ? (uint64_t)json_object_get_int64(count)
                                                                  : 0;
}

static bool read_text(const char *key, json_object *value, Request *request)
{
        const struct {
                const char *key;
                const char **text;
        } texts[] = {{"unit", &request->facts.peer.unit}, {"label", &request->facts.peer.label},
                     {"operation", &request->facts.operation}, {"gallery", &request->facts.gallery},
                     {"purpose", &request->facts.purpose}, {"sought", &request->facts.sought},
                     {"probe", &request->facts.probe}, {"case", &request->facts.case_reference},
                     {
                             "operator",
                             &request->facts.operator},
                             {"authorisation", &request->facts.authorisation},
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (strcmp(texts[i].key, key) == 0) {
                        *texts[i].text = json_object_get_string(value);
                        return true;
                }
        return false;
}

static bool read_number(const char *key, json_object *value, Facts *facts)
{
        const char *text = json_object_get_string(value);

        if (strcmp(key, "uid") == 0)
                facts->peer.uid = (uid_t)json_object_get_int64(value);
        else if (strcmp(key, "limit") == 0) {
                facts->has_limit = true;
                facts->limit = json_object_get_uint64(value);
        } else if (strcmp(key, "minimum_similarity") == 0) {
                facts->has_floor = true;
                if (!text_to_similarity(text, strlen(text), true, &facts->floor_millionths))
                        fail("bad similarity", text);
        } else if (strcmp(key, "time") == 0)
                facts->time_usec = read_time(value);
        else if (strcmp(key, "mark") == 0) {
                facts->has_mark = true;
                facts->mark_usec = read_time(value);
        } else
                return false;
        return true;
}

static bool read_list(const char *key, json_object *value, Request *request)
{
        Facts *facts = &request->facts;

        if (strcmp(key, "groups") == 0)
                read_groups(value, request);
        else if (strcmp(key, "on_behalf_of") == 0) {
                facts->on_behalf_of = request->on_behalf_of;
                facts->n_on_behalf_of = read_names(value, request->on_behalf_of);
        } else if (strcmp(key, "recipients") == 0) {
                facts->recipients = request->recipients;
                facts->n_recipients = read_names(value, request->recipients);
        } else if (strcmp(key, "used") == 0) {
                facts->used = used;
                facts->used_userdata = value;
        } else
                return false;
        return true;
}

static void read_request(json_object *object, Request *request)
{
        Facts *facts = &request->facts;

        json_object_object_foreach(object, key, value)
        {
                if (strcmp(key, "clock") == 0)
                        request->synchronised = strcmp(json_object_get_string(value), "synchronised") == 0;
                else if (!read_text(key, value, request) && !read_number(key, value, facts) &&
                         !read_list(key, value, request))
                        fail("unknown fact", key);
        }
        facts->clock =
                facts_clock(request->synchronised, facts->time_usec, facts->has_mark, facts->mark_usec);
        const char *wrong = facts_check(facts);
        if (wrong)
                fail("no request, by its", wrong);
}

static json_object *similarity(int32_t millionths)
{
        char text[16];

        (void)snprintf(text, sizeof(text), "%g", millionths / 1e6);
        return json_object_new_double_s(millionths / 1e6, text);
}

static json_object *names_of(const char *const *names, size_t n)
{
        json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++)
                json_object_array_add(array, json_object_new_string(names[i]));
        return array;
}

static void add_text(json_object *object, const char *key, const char *text)
{
        if (text && text[0])
                json_object_object_add(object, key, json_object_new_string(text));
}

static void add_nearest(json_object *object, const Decision *decision)
{
        json_object *nearest = json_object_new_object(), *unmet = json_object_new_array();

        for (int i = 0; i < _UNMET_MAX; i++)
                if (decision->unmet & (1u << i))
                        json_object_array_add(unmet, json_object_new_string(unmet_name((Unmet)i)));
        add_text(nearest, "allow", decision->nearest);
        json_object_object_add(nearest, "unmet", unmet);
        json_object_object_add(object, "nearest", nearest);
}

static json_object *limits_of(const Decision *decision)
{
        json_object *limits = json_object_new_object();

        add_text(limits, "release", release_name(decision->release));
        if (decision->has_limit)
                json_object_object_add(limits, "maximumCandidates", json_object_new_int64(decision->limit));
        if (decision->has_floor)
                json_object_object_add(limits, "minimumSimilarity", similarity(decision->floor_millionths));
        return limits;
}

static json_object *decision_json(const Decision *decision)
{
        json_object *object = json_object_new_object();

        add_text(object, "verdict", decision->permit ? "permit" : "deny");
        add_text(object, "reason", reason_name(decision->reason));
        add_text(object, "organisation", decision->organisation);
        add_text(object, "allow", decision->allow);
        add_text(object, "notice", decision->notice);
        add_text(object, "term", decision->term);
        json_object_object_add(object, "moratoria",
                               names_of((const char *const *)decision->moratoria, decision->n_moratoria));
        if (decision->n_missing > 0)
                json_object_object_add(object, "missing", names_of(decision->missing, decision->n_missing));
        if (decision->nearest)
                add_nearest(object, decision);
        if (decision->permit)
                json_object_object_add(object, "limits", limits_of(decision));
        return object;
}

/* Whether the decision holds all that is expected of it. */
static bool run_row(const Policy *policy, json_object *row)
{
        json_object *facts = NULL, *expect = NULL, *name = NULL;
        Request request = {};
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        bool good = true;

        if (!json_object_object_get_ex(row, "name", &name) ||
            !json_object_object_get_ex(row, "facts", &facts) ||
            !json_object_object_get_ex(row, "expect", &expect))
                fail("a row wants name, facts and expect", json_object_to_json_string(row));
        read_request(facts, &request);
        if (policy_decide(policy, &request.facts, &decision) < 0)
                fail("no memory", "");
        json_object *found = decision_json(&decision);
        json_object_object_foreach(expect, key, wanted)
        {
                json_object *value = NULL;
                (void)json_object_object_get_ex(found, key, &value); /* NULL is no wanted value */
                if (!value || !json_object_equal(value, wanted)) {
                        printf("%s: '%s' is wrong\n  decision %s\n", json_object_get_string(name), key,
                               json_object_to_json_string(found));
                        good = false;
                }
        }
        json_object_put(found);
        return good;
}

static void run_rows(const Policy *policy, const char *path)
{
        FILE *file = fopen(path, "re");
        char line[8192];
        bool good = true;
        size_t n = 0;

        if (!file)
                fail("cannot be read", path);
        for (; fgets(line, sizeof(line), file); n++) {
                json_object *row = json_tokener_parse(line);
                if (!row)
                        fail("not JSON", line);
                good = run_row(policy, row) && good;
                json_object_put(row);
        }
        (void)fclose(file); /* it was only read */
        if (!good || n == 0)
                fail("not as expected", path);
}

static void check_faults(const PolicyFaults *faults)
{
        FILE *file = fopen(".faults", "re");
        char line[8192];
        size_t n = 0;
        bool good = true;

        for (size_t i = 0; i < faults->n; i++)
                printf("%s\n", faults->lines[i]);
        if (!file)
                fail("the policy does not load", "expected it to");
        for (; fgets(line, sizeof(line), file); n++) {
                line[strcspn(line, "\n")] = 0;
                good = good && n < faults->n && strcmp(line, faults->lines[n]) == 0;
        }
        (void)fclose(file); /* it was only read */
        if (!good || n != faults->n)
                fail("the policy does not load", "for other reasons than expected");
}

static size_t read_layers(const char **layers)
{
        static char lines[LAYERS_MAX][256];
        FILE *file = fopen(".layers", "re");
        size_t n = 0;

        layers[n++] = ".";
        while (file && n < LAYERS_MAX && fgets(lines[n], sizeof(lines[n]), file)) {
                lines[n][strcspn(lines[n], "\n")] = 0;
                layers[n] = lines[n];
                n++;
        }
        if (file)
                (void)fclose(file); /* it was only read */
        return n;
}

int main(int argc, char **argv)
{
        const char *layers[LAYERS_MAX];
        Policy *policy = NULL;
        PolicyFaults faults = {};
        char test[256];

        if (argc != 2 || chdir(argv[1]) < 0)
                fail("usage", "run-scenario DIR");
        PolicySource source = {.dirs = layers, .n_dirs = read_layers(layers)};
        int r = policy_load(&policy, &source, &faults);
        if (r == POLICY_E_INVALID) {
                check_faults(&faults);
                policy_faults_deinit(&faults);
                return 0;
        }
        if (r < 0 || access(".faults", F_OK) == 0)
                fail("the policy loads", "expected it not to");
        (void)snprintf(test, sizeof(test), "%s.test", basename(argv[1]));
        run_rows(policy, test);
        policy_unref(policy);
        return 0;
}
