/*
 * Unit-file syntax from any bytes: the reader must not crash, and where it finds no fault, every place that
 * it names must be the one where the text begins, and every string be what the contract says.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "policy/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool good)
{
        if (!good)
                abort();
}

/* `text` begins at the place. */
static void check_place(Place place, const char *text, const char *bytes, size_t n)
{
        size_t start = 0;

        for (unsigned line = 1; line < place.line; line++) {
                const char *newline = memchr(bytes + start, '\n', n - start);
                check(newline != NULL);
                start = (size_t)(newline - bytes) + 1;
        }
        check(place.line > 0 && place.column > 0 && start + place.column - 1 < n);
        check(bytes[start + place.column - 1] == text[0]);
}

static void check_entry(const UnitEntry *entry, Arena *arena, const char *bytes, size_t n)
{
        UnitWord *words = NULL;
        size_t n_words = 0;

        check(entry->key[0] && strlen(entry->value) == entry->n_value &&
              entry->n_value <= UNITFILE_VALUE_MAX);
        check(text_is_utf8(entry->key, strlen(entry->key)) && text_is_utf8(entry->value, entry->n_value));
        check_place(entry->place, entry->key, bytes, n);
        check(unit_entry_words(entry, arena, &words, &n_words) == 0);
        for (size_t i = 0; i < n_words; i++) {
                check_place(words[i].place, words[i].text, bytes, n);
                check(words[i].text[0] && !strpbrk(words[i].text, " \t\n"));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(arena_deinit) Arena arena = ARENA_INIT;
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        UnitFile file = {};
        UnitSource source = {"f", data, n};
        PolicyFaults lines = {};

        int r = unitfile_parse(&file, &arena, &source, &faults);
        check(r == 0 || (r == UNITFILE_E_NOT_TEXT && faults_any(&faults)));
        for (const UnitSection *section = file.sections; section && !faults_any(&faults);
             section = section->next) {
                check(section->name && section->name[0]);
                check_place(section->place, "[", (const char *)data, n);
                for (const UnitEntry *entry = section->entries; entry; entry = entry->next)
                        check_entry(entry, &arena, (const char *)data, n);
        }
        check(faults_take(&faults, &lines) == 0);
        policy_faults_deinit(&lines);
        return 0;
}
