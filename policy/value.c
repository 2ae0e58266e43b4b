/*
 * Values by kind: one small reader each, and a table of them.
 */

#include "policy/value.h"

#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/time.h"

enum { VALUE_LABEL_MAX = 512, VALUE_UNIT_MAX = 255 };

static bool value_parse_text(Value *value, Faults *faults)
{
        return true;
}

/* A label has to fit into a leaf: printable, and nothing that would need an escape. */
static bool value_parse_label(Value *value, Faults *faults)
{
        bool good = strlen(value->text) <= VALUE_LABEL_MAX;

        for (const char *p = value->text; *p; p++)
                good = good && *p >= 0x20 && *p <= 0x7e && *p != '"' && *p != '\\';
        if (!good)
                faults_add(faults, value->place,
                           "bad label in '%s'; expected at most %d printable ASCII characters without '\"' "
                           "and '\\'",
                           value->spec->name, VALUE_LABEL_MAX);
        return good;
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
        faults_add(faults, value->place, "bad number '%s' in '%s'; expected %lld to %lld", value->text,
                   spec->name, (long long)spec->least, (long long)spec->most);
        return false;
}

static bool value_parse_similarity(Value *value, Faults *faults)
{
        int32_t millionths = 0;

        if (text_to_similarity(value->text, strlen(value->text), false, &millionths)) {
                value->number = millionths;
                return true;
        }
        faults_add(faults, value->place,
                   "bad similarity '%s' in '%s'; expected a decimal from -1 to 1 with at most six places",
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
                   "bad time '%s' in '%s'; expected YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with Z or an offset%s",
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

        vocabulary_list(value->spec->vocabulary, vocabulary_all(value->spec->vocabulary), ", ", &expected);
        faults_add(faults, place, "unknown %s '%s' in '%s'; expected %s%s", value->spec->vocabulary->noun,
                   word, value->spec->name, buffer_text(&expected),
                   value->spec->may_be_any ? ", or any" : "");
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

/* References and accounts need the rest of the policy, or the machine: policy/compile.c looks at them. */
static bool (*const value_parsers[])(Value *, Faults *) = {
        [VALUE_TEXT] = value_parse_text,       [VALUE_LABEL] = value_parse_label,
        [VALUE_MODEL] = value_parse_model,     [VALUE_DIGEST] = value_parse_digest,
        [VALUE_NUMBER] = value_parse_number,   [VALUE_SIMILARITY] = value_parse_similarity,
        [VALUE_TIME] = value_parse_time,       [VALUE_TIME_OR_NOTICE] = value_parse_time,
        [VALUE_RATE] = value_parse_rate,       [VALUE_CHOICE] = value_parse_choice,
        [VALUE_REFERENCE] = value_parse_text,  [VALUE_WORDS] = value_parse_words,
        [VALUE_REFERENCES] = value_parse_text, [VALUE_ACCOUNTS] = value_parse_text,
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
                        faults_add(faults, word->place,
                                   "'any' beside other entries in '%s'; expected it alone", spec->name);
                        return false;
                }
                value->any = true;
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
        if (key_is_list(value->spec) && reserved && !value_check_any(value, faults))
                return false;
        return value_parsers[value->spec->kind](value, faults);
}
