/*
 * The reader of unit-file syntax. A physical line is comment, blank, header or assignment; one that ends in
 * an odd number of backslashes goes on with the next that is no comment, the last backslash becoming a space.
 * What systemd would warn about and skip is a fault here: a rule that nobody reads must not look like one.
 */

#include "policy/unitfile.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "base/text.h"

/* From `offset` on, the joined text stands in `line`, beginning at its first column. */
typedef struct UnitSpan {
        size_t offset;
        unsigned line;
} UnitSpan;

typedef struct UnitReader {
        Arena *arena;
        Faults *faults;
        const char *file;
        Buffer text;  /* the joined line so far */
        Buffer spans; /* of UnitSpan */
        UnitSection **next_section;
        UnitSection *section;
        UnitEntry **next_entry;
} UnitReader;

static void unit_reader_deinit(UnitReader *reader)
{
        buffer_deinit(&reader->text);
        buffer_deinit(&reader->spans);
}

static Place unit_spans_place(const char *file, const UnitSpan *spans, size_t n_spans, size_t offset)
{
        size_t i = n_spans - 1;

        while (i > 0 && spans[i].offset > offset)
                i--;
        return (Place){file, spans[i].line, (unsigned)(offset - spans[i].offset) + 1};
}

static Place unit_reader_place(const UnitReader *reader, size_t offset)
{
        return unit_spans_place(reader->file, (const UnitSpan *)(const void *)reader->spans.data,
                                reader->spans.n / sizeof(UnitSpan), offset);
}

Place unit_entry_place(const UnitEntry *entry, size_t offset)
{
        if (entry->n_spans == 0)
                return entry->place;
        return unit_spans_place(entry->place.file, entry->spans, entry->n_spans,
                                entry->value_offset + offset);
}

static bool unit_is_space(char c)
{
        return c == ' ' || c == '\t';
}

/* Moves both ends of a run of text over white space. */
static void unit_trim(const char *text, size_t *start, size_t *end)
{
        while (*start < *end && unit_is_space(text[*start]))
                (*start)++;
        while (*end > *start && unit_is_space(text[*end - 1]))
                (*end)--;
}

static int unit_reader_section(UnitReader *reader, const char *text, size_t start, size_t end)
{
        UnitSection *section = arena_new(reader->arena, 1, sizeof(UnitSection));
        if (!section)
                return -ENOMEM;
        section->place = unit_reader_place(reader, start);
        *reader->next_section = section;
        reader->next_section = &section->next;
        reader->section = section;
        reader->next_entry = &section->entries;

        const char *close = memchr(text + start, ']', end - start);
        if (!close || (size_t)(close - text) != end - 1) {
                faults_add(reader->faults, section->place,
                           "section header that does not end in ']'; expected [Section] alone on its line");
                return 0;
        }
        if (end - start == 2) {
                faults_add(reader->faults, section->place,
                           "section header without a name; expected [Section]");
                return 0;
        }
        section->name = arena_copy(reader->arena, text + start + 1, end - start - 2);
        return section->name ? 0 : -ENOMEM;
}

static int unit_reader_keep_spans(UnitReader *reader, UnitEntry *entry)
{
        entry->n_spans = reader->spans.n / sizeof(UnitSpan);
        entry->spans = (const UnitSpan *)(const void *)arena_copy(reader->arena, reader->spans.data,
                                                                  reader->spans.n);
        return entry->spans ? 0 : -ENOMEM;
}

static int unit_reader_assignment(UnitReader *reader, const char *text, size_t start, size_t end)
{
        const char *equals = memchr(text + start, '=', end - start);
        Place place = unit_reader_place(reader, start);

        if (!equals) {
                faults_add(reader->faults, place,
                           "line without '='; expected Key=value, [Section] or a comment");
                return 0;
        }
        size_t key_start = start, key_end = (size_t)(equals - text), value_start = key_end + 1,
               value_end = end;
        unit_trim(text, &key_start, &key_end);
        unit_trim(text, &value_start, &value_end);
        if (key_start == key_end) {
                faults_add(reader->faults, place, "no key before '='; expected Key=value");
                return 0;
        }
        if (!reader->section) {
                faults_add(reader->faults, place,
                           "assignment before any section; expected a [Section] first");
                return 0;
        }
        if (key_end - key_start > UNITFILE_KEY_MAX) {
                faults_add(reader->faults, place, "key of %zu bytes before '='; expected Key=value",
                           key_end - key_start);
                return 0;
        }
        if (value_end - value_start > UNITFILE_VALUE_MAX)
                faults_add(reader->faults, unit_reader_place(reader, value_start),
                           "value of %zu bytes in '%.*s'; expected at most %d", value_end - value_start,
                           (int)(key_end - key_start), text + key_start, UNITFILE_VALUE_MAX);

        UnitEntry *entry = arena_new(reader->arena, 1, sizeof(UnitEntry));
        if (!entry || unit_reader_keep_spans(reader, entry) < 0)
                return -ENOMEM;
        entry->place = place;
        entry->value_offset = value_start;
        entry->n_value = value_end - value_start;
        entry->key = arena_copy(reader->arena, text + key_start, key_end - key_start);
        entry->value = arena_copy(reader->arena, text + value_start, entry->n_value);
        if (!entry->key || !entry->value)
                return -ENOMEM;
        *reader->next_entry = entry;
        reader->next_entry = &entry->next;
        return 0;
}

/* The joined line is complete: reads it and begins anew. */
static int unit_reader_finish_line(UnitReader *reader)
{
        if (reader->text.failed || reader->spans.failed)
                return -ENOMEM;
        const char *text = buffer_text(&reader->text);
        size_t start = 0, end = reader->text.n;
        int r = 0;

        unit_trim(text, &start, &end);
        if (start < end && text[start] == '[')
                r = unit_reader_section(reader, text, start, end);
        else if (start < end)
                r = unit_reader_assignment(reader, text, start, end);
        buffer_clear(&reader->text);
        buffer_clear(&reader->spans);
        return r;
}

static bool unit_is_comment(const char *line, size_t n)
{
        size_t start = 0;

        unit_trim(line, &start, &n);
        return start < n && (line[start] == '#' || line[start] == ';');
}

/* Whether a line goes on: its last backslash is not itself escaped. */
static bool unit_goes_on(const char *line, size_t n)
{
        size_t n_backslashes = 0;

        while (n_backslashes < n && line[n - 1 - n_backslashes] == '\\')
                n_backslashes++;
        return n_backslashes % 2 == 1;
}

/* The line at *@offset, which moves on to the next one. */
static const char *unit_next_line(const char *bytes, size_t n, size_t *offset, size_t *ret_n)
{
        const char *line = bytes + *offset, *newline = memchr(line, '\n', n - *offset);

        *ret_n = newline ? (size_t)(newline - line) : n - *offset;
        *offset += *ret_n + 1;
        return line;
}

bool unitfile_next_comment(const UnitSource *source, UnitCommentReader *reader, UnitComment *ret_comment)
{
        while (reader->offset < source->n) {
                size_t n = 0, start = 0;
                const char *line = unit_next_line(source->bytes, source->n, &reader->offset, &n);
                reader->line++;
                if (!unit_is_comment(line, n))
                        continue;
                unit_trim(line, &start, &n);
                ret_comment->place = (Place){source->file, reader->line, (unsigned)start + 1};
                start++;
                unit_trim(line, &start, &n);
                ret_comment->text = line + start;
                ret_comment->n = n - start;
                return true;
        }
        return false;
}

static int unit_reader_lines(UnitReader *reader, const char *bytes, size_t n)
{
        unsigned number = 0;

        for (size_t start = 0; start < n; number++) {
                size_t n_line = 0;
                const char *line = unit_next_line(bytes, n, &start, &n_line);

                if (unit_is_comment(line, n_line))
                        continue;
                UnitSpan span = {reader->text.n, number + 1};
                buffer_append(&reader->spans, &span, sizeof(span));
                bool goes_on = unit_goes_on(line, n_line);
                buffer_append(&reader->text, line, goes_on ? n_line - 1 : n_line);
                if (goes_on) {
                        buffer_append(&reader->text, " ", 1);
                        continue;
                }
                int r = unit_reader_finish_line(reader);
                if (r < 0)
                        return r;
        }
        if (reader->spans.n == 0)
                return 0;
        faults_add(reader->faults, unit_reader_place(reader, reader->text.n - 1),
                   "line continued by '\\' at the end of the file; expected a further line");
        return unit_reader_finish_line(reader);
}

/* How many bytes the character at `p` has; 0 where it is not UTF-8. */
static size_t unit_character(const char *p, size_t n)
{
        for (size_t length = 1; length <= 4 && length <= n; length++)
                if (text_is_utf8(p, length))
                        return length;
        return 0;
}

static bool unit_check_character(const UnitSource *source, size_t offset, Place place, Faults *faults)
{
        const char *p = (const char *)source->bytes + offset;
        uint8_t c = (uint8_t)*p;

        if (c == 0)
                faults_add(faults, place, "NUL byte; expected text");
        else if (c == '\r')
                faults_add(faults, place, "carriage return; expected lines that end in a newline alone");
        else if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
                faults_add(faults, place, "control character 0x%02x; expected text", c);
        else if (unit_character(p, source->n - offset) == 0)
                faults_add(faults, place, "byte 0x%02x that is not UTF-8; expected text in UTF-8", c);
        else
                return true;
        return false;
}

/* Whether the bytes are text at all; the first that is not is reported. */
static bool unit_check_bytes(const UnitSource *source, Faults *faults)
{
        const char *bytes = source->bytes;
        Place place = {source->file, 1, 1};

        if (source->n > UNITFILE_SIZE_MAX) {
                faults_add(faults, (Place){source->file},
                           "file of more than %d bytes; expected at most that: drop-ins can take a part",
                           UNITFILE_SIZE_MAX);
                return false;
        }
        if (source->n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
                faults_add(faults, place, "byte order mark; expected UTF-8 without one");
                return false;
        }
        for (size_t i = 0; i < source->n;) {
                if (!unit_check_character(source, i, place, faults))
                        return false;
                size_t length = unit_character(bytes + i, source->n - i);
                place.column += (unsigned)length;
                if (bytes[i] == '\n') {
                        place.line++;
                        place.column = 1;
                }
                i += length;
        }
        return true;
}

int unitfile_parse(UnitFile *ret_file, Arena *arena, const UnitSource *source, Faults *faults)
{
        UnitFile file = {};
        _cleanup_(unit_reader_deinit) UnitReader reader = {
                .arena = arena, .faults = faults, .file = source->file, .next_section = &file.sections};

        if (!unit_check_bytes(source, faults))
                return UNITFILE_E_NOT_TEXT;
        int r = unit_reader_lines(&reader, source->bytes, source->n);
        if (r < 0)
                return r;
        *ret_file = file;
        return 0;
}

int unit_entry_words(const UnitEntry *entry, Arena *arena, UnitWord **ret_words, size_t *ret_n)
{
        const char *value = entry->value;
        UnitWord *words = arena_new(arena, entry->n_value / 2 + 1, sizeof(UnitWord));
        size_t n = 0;

        if (!words)
                return -ENOMEM;
        for (size_t start = 0; start < entry->n_value;) {
                size_t length = strcspn(value + start, " \t");
                if (length > 0) {
                        words[n].text = arena_copy(arena, value + start, length);
                        words[n].place = unit_entry_place(entry, start);
                        if (!words[n++].text)
                                return -ENOMEM;
                }
                start += length + 1;
        }
        *ret_words = words;
        *ret_n = n;
        return 0;
}
