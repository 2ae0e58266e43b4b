/*
 * Values by kind: one small reader each, and a table of them.
 */

#include "policy/value.h"

#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/suggest.h"
#include "policy/time.h"

enum { VALUE_LABEL_MAX = 512, VALUE_UNIT_MAX = 255 };

static bool value_parse_text(Value *value, Faults *faults)
{
        return true;
}

/* A label has to fit into a leaf: printable, and nothing that would need an escape. */
static bool value_parse_label(Value *value, Faults *faults)
{
        const char *wrong = value->text;

        /* Bytes beyond ASCII are negative; a delete character is in no file that was read. */
        while ((signed char)*wrong >= 0x20 && *wrong != '"' && *wrong != '\\')
                wrong++;
        if (*wrong)
                faults_add(faults, value->place,
                           "bad byte %zu of label '%s' in '%s'; expected printable ASCII characters other "
                           "than '\"' and '\\'",
                           (size_t)(wrong - value->text) + 1, value->text, value->spec->name);
        else if (strlen(value->text) > VALUE_LABEL_MAX)
                faults_add(faults, value->place, "label of %zu bytes in '%s'; expected at most %d",
                           strlen(value->text), value->spec->name, VALUE_LABEL_MAX);
        else
                return true;
        return false;
}

static bool value_parse_model(Value *value, Faults *faults)
{
        if (text_is_model(value->text, strlen(value->text)))
                return true;
        faults_add(faults, value->place, "bad model '%s' in '%s'; expected [A-Za-z0-9][A-Za-z0-9._+-]{0,62}",
                   value->text, value->spec->name);
        return false;
}

static bool value_parse_digest(Value *value, Faults *faults)
{
        if (strlen(value->text) == DIGEST_HEX_SIZE - 1 && digest_from_hex(value->text, &value->digest))
                return true;
        faults_add(faults, value->place, "bad digest '%s' in '%s'; expected 64 lower-case hex digits",
                   value->text, value->spec->name);
        return false;
}

static bool value_parse_number(Value *value, Faults *faults)
{
        const KeySpec *spec = value->spec;
        uint64_t number = 0;

        if (text_to_u64(value->text, strlen(value->text), &number) && number >= (uint64_t)spec->least &&
            number <= (uint64_t)spec->most) {
                value->number = (int64_t)number;
                return true;
        }
        faults_add(faults, value->place,
                   "bad number '%s' in '%s'; expected %lld to %lld, in digits, without leading zeros",
                   value->text, spec->name, (long long)spec->least, (long long)spec->most);
        return false;
}

static bool value_parse_similarity(Value *value, Faults *faults)
{
        int32_t millionths = 0;

        if (text_to_similarity(value->text, strlen(value->text), false, &millionths)) {
                value->number = millionths;
                return true;
        }
        faults_add(
                faults, value->place,
                "bad similarity '%s' in '%s'; expected a decimal from -1 to 1 such as 0.62, with at most six "
                "places",
                value->text, value->spec->name);
        return false;
}

static bool value_parse_time(Value *value, Faults *faults)
{
        bool notice = value->spec->kind == VALUE_TIME_OR_NOTICE;

        if (notice && strcmp(value->text, "further-notice") == 0) {
                value->number = TIME_FOREVER;
                return true;
        }
        if (time_parse(value->text, strlen(value->text), &value->number))
                return true;
        faults_add(faults, value->place,
                   "bad time '%s' in '%s'; expected a day that exists as YYYY-MM-DD, or "
                   "YYYY-MM-DDThh:mm:ss with Z or an offset%s",
                   value->text, value->spec->name, notice ? ", or further-notice" : "");
        return false;
}

static bool value_parse_rate(Value *value, Faults *faults)
{
        static const struct {
                const char *name;
                uint64_t seconds;
        } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
        const char *slash = strchr(value->text, '/');
        uint64_t number = 0;

        if (slash && text_to_u64(value->text, (size_t)(slash - value->text), &number) && number >= 1 &&
            number <= POLICY_RATE_MAX) {
                value->number = (int64_t)number;
                for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                        if (strcmp(slash + 1, units[i].name) == 0)
                                value->window_usec = units[i].seconds * CLOCK_USEC_PER_SEC;
        }
        if (value->window_usec > 0)
                return true;
        faults_add(faults, value->place,
                   "bad rate '%s' in '%s'; expected N/s, N/min, N/h or N/d with N from 1 to %d", value->text,
                   value->spec->name, POLICY_RATE_MAX);
        return false;
}

static void value_fault_word(const Value *value, Place place, const char *word, Faults *faults)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT;

        const Vocabulary *vocabulary = value->spec->vocabulary;
        Suggestion suggestion = suggest_for(word);

        for (size_t i = 0; i < vocabulary->n; i++)
                suggest_offer(&suggestion, vocabulary->words[i]);
        vocabulary_list(vocabulary, vocabulary_all(vocabulary), ", ", &expected);
        buffer_append_text(&expected, value->spec->may_be_any ? ", or any" : "");
        suggest_append(&suggestion, &expected);
        faults_add(faults, place, "unknown %s '%s' in '%s'; expected %s", vocabulary->noun, word,
                   value->spec->name, buffer_text(&expected));
        faults->failed |= expected.failed;
}

static bool value_parse_choice(Value *value, Faults *faults)
{
        int place = vocabulary_find(value->spec->vocabulary, value->text);

        value->number = place;
        if (place < 0)
                value_fault_word(value, value->place, value->text, faults);
        return place >= 0;
}

static bool value_parse_words(Value *value, Faults *faults)
{
        bool good = true;

        if (value->any)
                value->mask = vocabulary_all(value->spec->vocabulary);
        for (size_t i = 0; i < value->n_words && !value->any; i++) {
                int place = vocabulary_find(value->spec->vocabulary, value->words[i].text);
                if (place < 0) {
                        value_fault_word(value, value->words[i].place, value->words[i].text, faults);
                        good = false;
                } else
                        value->mask |= BIT(place);
        }
        return good;
}

static bool value_is_unit(const char *text)
{
        static const char *const suffixes[] = {".service", ".socket",    ".target", ".device",
                                               ".mount",   ".automount", ".swap",   ".timer",
                                               ".path",    ".slice",     ".scope"};
        const char *suffix = strrchr(text, '.');

        if (!suffix || suffix == text || strlen(text) > VALUE_UNIT_MAX)
                return false;
        for (const char *p = text; *p; p++) {
                bool letter =
                        (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
                if (!letter && !strchr(":-_.@", *p))
                        return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
                if (strcmp(suffix, suffixes[i]) == 0)
                        return true;
        return false;
}

static bool value_parse_units(Value *value, Faults *faults)
{
        bool good = true;

        for (size_t i = 0; i < value->n_words; i++) {
                if (value_is_unit(value->words[i].text))
                        continue;
                faults_add(faults, value->words[i].place,
                           "bad unit name '%s' in '%s'; expected a system unit such as search.service, "
                           "without '\\'",
                           value->words[i].text, value->spec->name);
                good = false;
        }
        return good;
}

static bool value_parse_reference(Value *value, Faults *faults)
{
        if (strcmp(value->text, "any") == 0)
                faults_add(faults, value->place, "'any' in '%s'; expected a name: any is not allowed here",
                           value->spec->name);
        else if (!text_is_name(value->text, strlen(value->text)))
                faults_add(faults, value->place,
                           "bad name '%s' in '%s'; expected one [a-z0-9][a-z0-9-]{0,62}", value->text,
                           value->spec->name);
        else
                return true;
        return false;
}

static bool value_parse_references(Value *value, Faults *faults)
{
        bool good = true;

        for (size_t i = 0; i < value->n_words; i++) {
                const UnitWord *word = &value->words[i];
                if (text_is_name(word->text, strlen(word->text)))
                        continue;
                faults_add(faults, word->place,
                           "bad name '%s' in '%s'; expected [a-z0-9][a-z0-9-]{0,62}, and nothing but white "
                           "space between names",
                           word->text, value->spec->name);
                good = false;
        }
        return good;
}

/* What names refer to, and who accounts are, takes the rest of the policy, or the machine: policy/compile.c
 * looks at them. */
static bool (*const value_parsers[])(Value *, Faults *) = {
        [VALUE_TEXT] = value_parse_text,
        [VALUE_LABEL] = value_parse_label,
        [VALUE_MODEL] = value_parse_model,
        [VALUE_DIGEST] = value_parse_digest,
        [VALUE_NUMBER] = value_parse_number,
        [VALUE_SIMILARITY] = value_parse_similarity,
        [VALUE_TIME] = value_parse_time,
        [VALUE_TIME_OR_NOTICE] = value_parse_time,
        [VALUE_RATE] = value_parse_rate,
        [VALUE_CHOICE] = value_parse_choice,
        [VALUE_REFERENCE] = value_parse_reference,
        [VALUE_WORDS] = value_parse_words,
        [VALUE_REFERENCES] = value_parse_references,
        [VALUE_ACCOUNTS] = value_parse_text,
        [VALUE_UNITS] = value_parse_units,
};

/* `any` stands alone, and only where the table says so. */
static bool value_check_any(Value *value, Faults *faults)
{
        const KeySpec *spec = value->spec;

        for (size_t i = 0; i < value->n_words; i++) {
                const UnitWord *word = &value->words[i];
                if (strcmp(word->text, "any") != 0)
                        continue;
                if (!spec->may_be_any) {
                        faults_add(faults, word->place,
                                   "'any' in '%s'; expected names: any is not allowed here", spec->name);
                        return false;
                }
                if (value->n_words > 1) {
                        const UnitWord *other = &value->words[i == 0];
                        faults_add(faults, word->place,
                                   "'any' beside '%s' (%s:%u) in '%s'; expected it alone: an empty "
                                   "assignment forgets what stands before it",
                                   other->text, other->place.file, other->place.line, spec->name);
                        return false;
                }
                value->any = true;
        }
        return true;
}

/* Words that nothing is called by: whoever writes a comment behind a list gets one fault, not one for each word
 * of it. */
static bool value_check_strays(const Value *value, Faults *faults)
{
        for (size_t i = 0; i < value->n_words; i++) {
                const UnitWord *word = &value->words[i];
                if (*word->text == '#' || *word->text == ';')
                        faults_add(faults, word->place,
                                   "'%s' in '%s'; expected a comment on a line of its own", word->text,
                                   value->spec->name);
                else if (strcmp(word->text, "\\") == 0)
                        faults_add(
                                faults, word->place,
                                "'\\' in '%s'; expected no white space behind it, so that the line goes on",
                                value->spec->name);
                else
                        continue;
                return false;
        }
        return true;
}

bool value_parse(Value *value, Faults *faults)
{
        if (value->n_words > UNITFILE_LIST_MAX) {
                faults_add(faults, value->words[UNITFILE_LIST_MAX].place,
                           "one entry too many in '%s'; expected at most %d", value->spec->name,
                           UNITFILE_LIST_MAX);
                return false;
        }
        bool reserved = value->spec->kind != VALUE_ACCOUNTS && value->spec->kind != VALUE_UNITS;
        if (!value_check_strays(value, faults) || (reserved && !value_check_any(value, faults)))
                return false;
        return value_parsers[value->spec->kind](value, faults);
}
