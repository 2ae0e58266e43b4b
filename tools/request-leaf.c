/*
 * Requests out of leaves. The keys of a leaf and the table below are both sorted, so that one walk finds all
 * of them.
 */

#include "tools/request-leaf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

/* Of what sort a key's value is, and whether every request has it. */
typedef struct KeyForm {
        const char *name;
        bool number;
        bool needed;
} KeyForm;

static const KeyForm forms[_REQUEST_KEY_MAX] = {
        [REQUEST_ASKED_FLOOR] = {"asked-floor", .number = true},
        [REQUEST_ASKED_LIMIT] = {"asked-limit", .number = true},
        [REQUEST_BEHALF] = {"behalf"},
        [REQUEST_BOOT] = {"boot", .needed = true},
        [REQUEST_BOOTTIME] = {"boottime", .number = true, .needed = true},
        [REQUEST_CLOCK] = {"clock", .needed = true},
        [REQUEST_DETAIL] = {"detail"},
        [REQUEST_DIMENSION] = {"dimension", .number = true},
        [REQUEST_EPOCH] = {"epoch", .number = true, .needed = true},
        [REQUEST_FLOOR] = {"floor", .number = true},
        [REQUEST_GALLERY] = {"gallery"},
        [REQUEST_GALLERY_KIND] = {"gallery-kind"},
        [REQUEST_GALLERY_MAXIMUM] = {"gallery-maximum", .number = true},
        [REQUEST_GIVEN] = {"given"},
        [REQUEST_GROUPS] = {"groups"},
        [REQUEST_IDENTITY] = {"identity", .needed = true},
        [REQUEST_INDEX] = {"index", .number = true, .needed = true},
        [REQUEST_JOB] = {"job"},
        [REQUEST_KIND] = {"kind", .needed = true},
        [REQUEST_LABEL] = {"label"},
        [REQUEST_LIMIT] = {"limit", .number = true},
        [REQUEST_LOGINUID] = {"loginuid", .number = true},
        [REQUEST_MARK] = {"mark", .number = true},
        [REQUEST_MODEL] = {"model"},
        [REQUEST_MORATORIA] = {"moratoria"},
        [REQUEST_OPERATION] = {"operation", .needed = true},
        [REQUEST_ORGANISATION] = {"organisation"},
        [REQUEST_PID] = {"pid", .number = true},
        [REQUEST_POLICY] = {"policy", .needed = true},
        [REQUEST_PROBE] = {"probe"},
        [REQUEST_PURPOSE] = {"purpose", .needed = true},
        [REQUEST_REASON] = {"reason"},
        [REQUEST_RECIPIENTS] = {"recipients"},
        [REQUEST_RELEASE] = {"release"},
        [REQUEST_REQUEST] = {"request", .needed = true},
        [REQUEST_RULE] = {"rule"},
        [REQUEST_SOUGHT] = {"sought"},
        [REQUEST_TIME] = {"time", .number = true, .needed = true},
        [REQUEST_UID] = {"uid", .number = true, .needed = true},
        [REQUEST_UNIT] = {"unit"},
        [REQUEST_V] = {"v", .number = true, .needed = true},
        [REQUEST_VERDICT] = {"verdict", .needed = true},
        [REQUEST_WALL] = {"wall", .number = true, .needed = true},
        [REQUEST_WORKER] = {"worker"},
};

const char *request_key_name(RequestKey key)
{
        return forms[key].name;
}

static const char *say(RequestLeaf *request, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *say(RequestLeaf *request, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(request->fault, sizeof(request->fault), format, arguments);
        va_end(arguments);
        return request->fault;
}

/* ------------------------------------------------------------------------------------------------- the keys */

static const char *read_key(const LeafField *field, RequestKey key, RequestLeaf *request)
{
        const KeyForm *form = &forms[key];

        request->fields[key] = field;
        if (!field && form->needed)
                return say(request, "it has no '%s'", form->name);
        if (field && form->number != !field->text)
                return say(request, "its '%s' is no %s", form->name, form->number ? "number" : "text");
        return NULL;
}

static const char *read_keys(const Leaf *leaf, RequestLeaf *request)
{
        size_t at = 0;

        for (RequestKey key = 0; key < _REQUEST_KEY_MAX; key++) {
                const LeafField *field = at < leaf->n_fields ? &leaf->fields[at] : NULL;
                int order = field ? leaf_key_order(field->key, forms[key].name) : 1;
                if (order < 0)
                        break;
                at += order == 0;
                const char *fault = read_key(order == 0 ? field : NULL, key, request);
                if (fault)
                        return fault;
        }
        if (at == leaf->n_fields)
                return NULL;
        return say(request, "it has a key that no request has, '%.40s'", leaf->fields[at].key);
}

/* ------------------------------------------------------------------------------------------------- the lists */

/* One list of a leaf, taken apart: sorted by byte, none twice, single spaces between. */
typedef struct WordList {
        RequestKey key;
        const char **words;
        size_t max;
        size_t n;
} WordList;

static const char *read_list(RequestLeaf *request, WordList *list)
{
        const char *text = request_leaf_text(request, list->key);

        list->n = 0;
        if (!text)
                return NULL;
        size_t size = strlen(text) + 1;
        char *word = request->words + request->n_words;
        /* It fits: all lists of a leaf together are no longer than the leaf. */
        memcpy(word, text, size);
        request->n_words += size;
        for (char *end = word; end; word = end + 1) {
                end = strchr(word, ' ');
                if (end)
                        *end = 0;
                if (list->n == list->max)
                        return say(request, "its '%s' has over %zu entries", forms[list->key].name,
                                   list->max);
                if (*word == 0 || (list->n > 0 && strcmp(list->words[list->n - 1], word) >= 0))
                        return say(request, "its '%s' is not sorted words, none twice",
                                   forms[list->key].name);
                list->words[list->n++] = word;
        }
        return NULL;
}

static const char *read_groups(RequestLeaf *request)
{
        const char *words[REQUEST_GROUPS_MAX];
        WordList list = {REQUEST_GROUPS, words, REQUEST_GROUPS_MAX, 0};
        const char *fault = read_list(request, &list);
        uint64_t gid;

        if (fault)
                return fault;
        for (size_t i = 0; i < list.n; i++) {
                if (!text_to_u64(words[i], strlen(words[i]), &gid) || gid >= UINT32_MAX)
                        return say(request, "its 'groups' are no numbers of groups");
                request->groups[i] = (gid_t)gid;
        }
        request->facts.peer.groups = request->groups;
        request->facts.peer.n_groups = list.n;
        return NULL;
}

/* Which texts were given; what they were is a secret of the detail, and no policy looks at it. */
static const char *read_given(RequestLeaf *request)
{
        Facts *facts = &request->facts;
        const struct {
                const char *word;
                const char **fact;
        } texts[] = {{"authorisation", &facts->authorisation}, {"case", &facts->case_reference},
                     {
                             "operator",
                             &facts->operator},
        };
        const char *words[ARRAY_SIZE(texts)];
        WordList list = {REQUEST_GIVEN, words, ARRAY_SIZE(texts), 0};
        const char *fault = read_list(request, &list);
        size_t n_known = 0;

        if (fault)
                return fault;
        for (size_t i = 0; i < list.n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
                        if (strcmp(words[i], texts[j].word) == 0) {
                                *texts[j].fact = words[i];
                                n_known++;
                        }
        return n_known == list.n ? NULL : say(request, "its 'given' names what cannot be given");
}

static const char *read_parties(RequestLeaf *request)
{
        WordList behalf = {REQUEST_BEHALF, request->on_behalf_of, FACTS_LIST_MAX, 0};
        WordList recipients = {REQUEST_RECIPIENTS, request->recipients, FACTS_LIST_MAX, 0};
        const char *fault = read_list(request, &behalf);

        if (!fault)
                fault = read_list(request, &recipients);
        request->facts.on_behalf_of = request->on_behalf_of;
        request->facts.n_on_behalf_of = behalf.n;
        request->facts.recipients = request->recipients;
        request->facts.n_recipients = recipients.n;
        return fault;
}

/* ------------------------------------------------------------------------------------------------- the facts */

static void read_texts(RequestLeaf *request)
{
        Facts *facts = &request->facts;
        const struct {
                RequestKey key;
                const char **fact;
        } texts[] = {
                {REQUEST_UNIT, &facts->peer.unit},      {REQUEST_LABEL, &facts->peer.label},
                {REQUEST_OPERATION, &facts->operation}, {REQUEST_GALLERY, &facts->gallery},
                {REQUEST_PURPOSE, &facts->purpose},     {REQUEST_SOUGHT, &facts->sought},
                {REQUEST_PROBE, &facts->probe},
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                *texts[i].fact = request_leaf_text(request, texts[i].key);
}

static const char *read_numbers(RequestLeaf *request)
{
        Facts *facts = &request->facts;
        uint64_t uid = request_leaf_number(request, REQUEST_UID);
        uint64_t floor = request_leaf_number(request, REQUEST_ASKED_FLOOR);

        if (uid >= UINT32_MAX)
                return say(request, "its 'uid' is no user's number");
        if (floor > REQUEST_FLOOR_MAX)
                return say(request, "its 'asked-floor' is no similarity");
        facts->peer.uid = (uid_t)uid;
        facts->has_floor = request->fields[REQUEST_ASKED_FLOOR] != NULL;
        facts->floor_millionths = facts->has_floor ? (int32_t)floor - REQUEST_FLOOR_ZERO : 0;
        facts->has_limit = request->fields[REQUEST_ASKED_LIMIT] != NULL;
        facts->limit = request_leaf_number(request, REQUEST_ASKED_LIMIT);
        facts->time_usec = request_leaf_number(request, REQUEST_WALL);
        return NULL;
}

static const char *check_identity(RequestLeaf *request)
{
        const char *identity = request_leaf_text(request, REQUEST_IDENTITY);

        if (strcmp(identity, "pidfd") == 0 || strcmp(identity, "uid") == 0)
                return NULL;
        return say(request, "its 'identity' is neither pidfd nor uid");
}

/* What the service would never have taken for a request cannot have been decided. */
static const char *check_facts(RequestLeaf *request)
{
        const char *fact = facts_check(&request->facts);

        if (fact)
                return say(request, "it is no request: its %s cannot be asked", fact);
        if (request->facts.probe && !policy_has_probe(request->facts.operation))
                return say(request, "its 'probe' belongs to an operation without a probe");
        return NULL;
}

const char *request_leaf_read(const Leaf *leaf, RequestLeaf *ret_request)
{
        const char *fault = read_keys(leaf, ret_request);

        if (fault)
                return fault;
        ret_request->facts = (Facts){};
        ret_request->n_words = 0;
        read_texts(ret_request);
        fault = read_numbers(ret_request);
        if (!fault)
                fault = read_groups(ret_request);
        if (!fault)
                fault = read_parties(ret_request);
        if (!fault)
                fault = read_given(ret_request);
        if (!fault)
                fault = check_identity(ret_request);
        return fault ? fault : check_facts(ret_request);
}
