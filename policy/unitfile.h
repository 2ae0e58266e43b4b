#pragma once
/*
 * The syntax of systemd.syntax(7): sections, assignments, comments, continued lines. Knows no key and no
 * type; for policy files and for matchguard.conf.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"
#include "policy/faults.h"

enum {
        UNITFILE_SIZE_MAX = 64 * 1024,
        UNITFILE_KEY_MAX = 64, /* more than any key has: what is longer is no key but a slip */
        UNITFILE_VALUE_MAX = 4096,
        UNITFILE_LIST_MAX = 256,
};

/* `Key=value`. Strings hold no control character but the tab, and are UTF-8. */
typedef struct UnitEntry {
        struct UnitEntry *next;
        const char *key;
        const char *value; /* without white space around it; "" where nothing was assigned */
        size_t n_value;
        Place place; /* of the key */
        /* For unit_entry_place(): a value may go on over several lines. */
        const struct UnitSpan *spans;
        size_t n_spans;
        size_t value_offset;
} UnitEntry;

typedef struct UnitSection {
        struct UnitSection *next;
        const char *name; /* NULL: its header was broken, which has been reported */
        Place place;
        UnitEntry *entries;
} UnitSection;

typedef struct UnitFile {
        UnitSection *sections; /* in the order of the file */
} UnitFile;

typedef struct UnitSource {
        const char *file; /* for faults, and for every Place: must live as long as they do */
        const void *bytes;
        size_t n;
} UnitSource;

/* A word of a list value. */
typedef struct UnitWord {
        const char *text;
        Place place;
} UnitWord;

enum {
        /* Not text within the limits at all; the fault says what is wrong, and nothing was read. */
        UNITFILE_E_NOT_TEXT = 1,
};

/**
 * unitfile_parse() - Takes a file apart. Goes on after a faulty line, so that all faults are found.
 * @ret_file:   what could be read; lives in @arena
 * @faults:     gets every fault; there being none says that the file is well-formed
 *
 * Return: 0, UNITFILE_E_NOT_TEXT, or -ENOMEM.
 */
int unitfile_parse(UnitFile *ret_file, Arena *arena, const UnitSource *source, Faults *faults);

/* How far comments have been read; {} at first. */
typedef struct UnitCommentReader {
        size_t offset;
        unsigned line;
} UnitCommentReader;

/* A comment, without its sign and the white space around. */
typedef struct UnitComment {
        const char *text; /* in the source */
        size_t n;
        Place place; /* of its sign */
} UnitComment;

/**
 * unitfile_next_comment() - The next comment of a file that unitfile_parse() takes.
 *
 * Return: whether there was one more.
 */
bool unitfile_next_comment(const UnitSource *source, UnitCommentReader *reader, UnitComment *ret_comment);

/** unit_entry_place() - Where byte @offset of the value stands. */
Place unit_entry_place(const UnitEntry *entry, size_t offset);

/**
 * unit_entry_words() - Takes a value apart at white space; there is no quoting.
 * @ret_words:  in @arena, @ret_n of them; as many as there are, UNITFILE_LIST_MAX is the caller's to check
 *
 * Return: 0, or -ENOMEM.
 */
int unit_entry_words(const UnitEntry *entry, Arena *arena, UnitWord **ret_words, size_t *ret_n);
