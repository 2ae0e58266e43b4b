/*
 * Words for leaves. Pure. A leaf holds printable ASCII only, so that it can be shown as it is.
 */

#include "tools/leaf-words.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/time.h"

enum { DIGEST_SHOWN = 12 };

/* Appends `before` and the string under a key, where there is one. */
static void add_text(const Leaf *leaf, const char *key, const char *before, Buffer *buffer)
{
        const char *text = leaf_text(leaf, key);
        if (text)
                buffer_append_format(buffer, "%s%s", before, text);
}

static void add_number(const Leaf *leaf, const char *key, const char *before, Buffer *buffer)
{
        uint64_t number;
        if (leaf_number(leaf, key, &number))
                buffer_append_format(buffer, "%s%" PRIu64, before, number);
}

/* A list, with commas; `otherwise` where there is none. */
static void add_list(const Leaf *leaf, const char *key, const char *otherwise, Buffer *buffer)
{
        const char *text = leaf_text(leaf, key);

        if (!text)
                buffer_append_text(buffer, otherwise);
        for (; text && *text; text++)
                if (*text == ' ')
                        buffer_append_text(buffer, ", ");
                else
                        buffer_append(buffer, text, 1);
}

/* A floor as leaves hold it: (similarity + 1) in millionths. */
static void add_floor(const Leaf *leaf, const char *key, const char *before, Buffer *buffer)
{
        uint64_t number;
        if (!leaf_number(leaf, key, &number) || number > 2 * TEXT_SIMILARITY_ONE)
                return;
        char text[TEXT_SIMILARITY_SIZE];
        text_similarity((int32_t)number - TEXT_SIMILARITY_ONE, text);
        buffer_append_format(buffer, "%s%s", before, text);
}

static void add_digest(const Leaf *leaf, const char *key, const char *before, Buffer *buffer)
{
        const char *text = leaf_text(leaf, key);
        if (text)
                buffer_append_format(buffer, "%s%.*s", before, DIGEST_SHOWN, text);
}

static void add_time(const Leaf *leaf, const char *key, const char *before, Buffer *buffer)
{
        char text[TIME_TEXT_SIZE];
        uint64_t usec;

        if (!leaf_number(leaf, key, &usec))
                return;
        time_format((int64_t)usec, text);
        buffer_append_format(buffer, "%s%s%s", before, text, strchr(text, 'T') ? "" : "T00:00:00Z");
}

void leaf_words_time(const Leaf *leaf, Buffer *buffer)
{
        add_time(leaf, "time", "", buffer);
}

void leaf_words_who(const Leaf *leaf, Buffer *buffer)
{
        uint64_t uid;
        bool has_uid = leaf_number(leaf, "uid", &uid) || leaf_number(leaf, "by", &uid);

        add_text(leaf, "organisation", "", buffer);
        if (has_uid)
                buffer_append_format(
                        buffer, leaf_text(leaf, "organisation") ? " (uid %" PRIu64 ")" : "uid %" PRIu64, uid);
}

/* ------------------------------------------------------------------------------------------ what happened */

static void what_start(const Leaf *leaf, Buffer *buffer)
{
        uint64_t clean = 0, open = 0;
        (void)leaf_number(leaf, "clean", &clean);
        (void)leaf_number(leaf, "open", &open);
        add_text(leaf, "program", "started, version ", buffer);
        buffer_append_text(buffer, clean ? "" : ", after an unclean end");
        if (open > 0)
                buffer_append_format(buffer, ", requests left open: %" PRIu64, open);
        if (leaf_text(leaf, "previous"))
                buffer_append_text(buffer, ", with a new log");
}

static void what_policy(const Leaf *leaf, Buffer *buffer)
{
        uint64_t wider;
        add_text(leaf, "result", "policy ", buffer);
        add_digest(leaf, "new", ": ", buffer);
        add_digest(leaf, "old", leaf_is(leaf, "result", "rejected") ? ", in force stays " : ", before it ",
                   buffer);
        add_text(leaf, "via", ", by ", buffer);
        if (!leaf_is(leaf, "result", "loaded"))
                return;
        if (!leaf_number(leaf, "wider", &wider))
                buffer_append_text(buffer, ", whether anything became permitted is not known");
        else
                buffer_append_text(buffer,
                                   wider ? ", something became permitted" : ", nothing became permitted");
}

static void what_request(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "operation", "", buffer);
        add_text(leaf, "gallery", " ", buffer);
        add_text(leaf, "purpose", " for ", buffer);
        if (leaf_text(leaf, "behalf")) {
                buffer_append_text(buffer, ", on behalf of ");
                add_list(leaf, "behalf", "", buffer);
        }
        if (leaf_text(leaf, "recipients")) {
                buffer_append_text(buffer, ", shown to ");
                add_list(leaf, "recipients", "", buffer);
        }
}

static void what_outcome(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "of", "outcome of ", buffer);
}

static void what_refused(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "count", "calls that were no requests: ", buffer);
        add_text(leaf, "why", ", ", buffer);
}

static void what_disclose(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "of", "details were opened of leaf ", buffer);
}

static void what_erase(const Leaf *leaf, Buffer *buffer)
{
        uint64_t by;

        add_number(leaf, "count", "details were erased: ", buffer);
        add_number(leaf, "of", ", of leaf ", buffer);
        if (!leaf_number(leaf, "by", &by))
                buffer_append_text(buffer, ", by age");
}

static void what_mirror(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "lost", "a mirror lost ", buffer);
        add_text(leaf, "to", " records: ", buffer);
}

static void what_jump(const Leaf *leaf, Buffer *buffer)
{
        uint64_t by;
        buffer_append_text(buffer,
                           leaf_number(leaf, "by", &by) ? "the mark was set back" : "the clock jumped");
        add_time(leaf, "from", " from ", buffer);
        add_time(leaf, "to", " to ", buffer);
}

static void what_gap(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "count", "service was refused ", buffer);
        add_text(leaf, "why", " times, because of ", buffer);
        add_time(leaf, "since", ", since ", buffer);
}

static void what_epoch(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "epoch", "the end of epoch ", buffer);
}

static void what_beat(const Leaf *leaf, Buffer *buffer)
{
        buffer_append_text(buffer, "nothing happened for a minute");
}

static void what_stop(const Leaf *leaf, Buffer *buffer)
{
        buffer_append_text(buffer, "stopped");
}

static const struct {
        const char *kind;
        void (*what)(const Leaf *leaf, Buffer *buffer);
} whats[] = {
        {"start", what_start},     {"policy", what_policy},   {"request", what_request},
        {"outcome", what_outcome}, {"refused", what_refused}, {"disclose", what_disclose},
        {"erase", what_erase},     {"mirror", what_mirror},   {"jump", what_jump},
        {"gap", what_gap},         {"epoch", what_epoch},     {"beat", what_beat},
        {"stop", what_stop},
};

const char *leaf_words_kind(size_t i)
{
        return i < ARRAY_SIZE(whats) ? whats[i].kind : NULL;
}

void leaf_words_what(const Leaf *leaf, Buffer *buffer)
{
        for (size_t i = 0; i < ARRAY_SIZE(whats); i++)
                if (leaf_is(leaf, "kind", whats[i].kind)) {
                        whats[i].what(leaf, buffer);
                        return;
                }
        add_text(leaf, "kind", "unknown kind ", buffer);
}

void leaf_words_why(const Leaf *leaf, Buffer *buffer)
{
        const char *reason = leaf_text(leaf, "reason");

        if (!leaf_is(leaf, "kind", "request"))
                return;
        if (reason)
                buffer_append_text(buffer, reason);
        add_text(leaf, "rule", reason ? " " : "", buffer);
}

void leaf_words_result(const Leaf *outcome, Buffer *buffer)
{
        uint64_t candidates;

        add_text(outcome, "result", "", buffer);
        if (leaf_number(outcome, "candidates", &candidates))
                buffer_append_format(buffer, ", %" PRIu64 " found", candidates);
}

/* --------------------------------------------------------------------------------------- a record in full */

static void line_caller(const Leaf *leaf, Buffer *buffer)
{
        add_number(leaf, "uid", "uid ", buffer);
        add_text(leaf, "groups", ", groups ", buffer);
        add_number(leaf, "pid", ", process ", buffer);
        add_number(leaf, "loginuid", ", logged in as uid ", buffer);
        add_text(leaf, "unit", ", unit ", buffer);
        add_text(leaf, "label", ", label ", buffer);
        add_text(leaf, "identity", ", known by ", buffer);
}

static void line_organisation(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "organisation", "", buffer);
        if (buffer->n == 0)
                buffer_append_text(buffer, "none that the policy knows");
}

static void line_asked(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "operation", "", buffer);
        add_text(leaf, "gallery", " in ", buffer);
        add_text(leaf, "purpose", ", purpose ", buffer);
        add_text(leaf, "sought", ", sought as ", buffer);
        add_text(leaf, "probe", ", probe ", buffer);
        add_number(leaf, "asked-limit", ", at most ", buffer);
        add_floor(leaf, "asked-floor", ", from similarity ", buffer);
}

static void line_behalf(const Leaf *leaf, Buffer *buffer)
{
        add_list(leaf, "behalf", "nobody else", buffer);
}

static void line_recipients(const Leaf *leaf, Buffer *buffer)
{
        add_list(leaf, "recipients", "nobody else", buffer);
}

static void line_given(const Leaf *leaf, Buffer *buffer)
{
        add_list(leaf, "given", "neither case, authorisation nor operator", buffer);
}

static void line_verdict(const Leaf *leaf, Buffer *buffer)
{
        bool permit = leaf_is(leaf, "verdict", "permit");

        add_text(leaf, "verdict", "", buffer);
        add_text(leaf, "rule", permit ? ", under the allow " : ", by the rule ", buffer);
        add_text(leaf, "reason", ", because: ", buffer);
}

static void line_moratoria(const Leaf *leaf, Buffer *buffer)
{
        add_list(leaf, "moratoria", "none covers it", buffer);
}

static void line_policy(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "policy", "", buffer);
}

static void line_limits(const Leaf *leaf, Buffer *buffer)
{
        if (!leaf_is(leaf, "verdict", "permit"))
                return;
        add_text(leaf, "release", "released: ", buffer);
        add_number(leaf, "limit", ", at most ", buffer);
        add_floor(leaf, "floor", ", from similarity ", buffer);
}

static void line_gallery(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "gallery-kind", "", buffer);
        add_number(leaf, "gallery-maximum", ", at most ", buffer);
        add_text(leaf, "model", buffer->n > 0 ? ", model " : "model ", buffer);
        add_number(leaf, "dimension", ", dimension ", buffer);
}

static void line_id(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "request", "", buffer);
}

static void line_clock(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "clock", "", buffer);
        add_time(leaf, "wall", ", read ", buffer);
        add_time(leaf, "mark", ", not before ", buffer);
}

const LeafLine leaf_request_lines[] = {
        {"request", line_id},          {"who", line_organisation},
        {"caller", line_caller},       {"asked", line_asked},
        {"on behalf of", line_behalf}, {"shown to", line_recipients},
        {"given", line_given},         {"verdict", line_verdict},
        {"moratoria", line_moratoria}, {"limits", line_limits},
        {"gallery", line_gallery},     {"policy", line_policy},
        {"clock", line_clock},         {},
};

static void line_result(const Leaf *leaf, Buffer *buffer)
{
        static const char *const open[] = {"timeout", "worker-gone", "unknown"};

        add_text(leaf, "result", "", buffer);
        for (size_t i = 0; i < ARRAY_SIZE(open); i++)
                if (leaf_is(leaf, "result", open[i]))
                        buffer_append_text(
                                buffer, " (a change may have happened all the same; the next gallery epoch "
                                        "tells)");
}

static void line_found(const Leaf *leaf, Buffer *buffer)
{
        uint64_t matched;
        if (leaf_number(leaf, "matched", &matched))
                buffer_append_text(buffer, matched ? "a match" : "no match");
        add_number(leaf, "candidates", buffer->n > 0 ? ", candidates " : "candidates ", buffer);
        add_number(leaf, "searched", buffer->n > 0 ? ", templates searched " : "templates searched ", buffer);
        add_number(leaf, "gallery-epoch", buffer->n > 0 ? ", gallery epoch " : "gallery epoch ", buffer);
}

static void line_work(const Leaf *leaf, Buffer *buffer)
{
        add_text(leaf, "engine", "", buffer);
        add_number(leaf, "microseconds", buffer->n > 0 ? ", microseconds " : "microseconds ", buffer);
}

const LeafLine leaf_outcome_lines[] = {
        {"result", line_result},
        {"found", line_found},
        {"work", line_work},
        {},
};
