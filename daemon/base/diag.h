#pragma once
/*
 * Diagnostics for the operator: one line a message on stderr, with the priority prefix of sd-daemon(3) where
 * stderr leads to the journal. It may lose lines; it is never the audit trail. Used by every process;
 * libraries return errors instead of calling this.
 */

#include <stdbool.h>

typedef enum DiagLevel {
        DIAG_ERROR = 3,
        DIAG_WARNING = 4,
        DIAG_NOTICE = 5,
        DIAG_INFO = 6,
        DIAG_DEBUG = 7,
} DiagLevel;

/**
 * diag_init() - Says who speaks.
 * @program:    name put before each line when stderr is not the journal; borrowed for ever
 * @max_level:  the least important level that is still written
 */
void diag_init(const char *program, DiagLevel max_level);

/** diag_set_level() - From now on this is the least important level that is still written; from any thread. */
void diag_set_level(DiagLevel max_level);

/** diag_level() - Which that is. */
DiagLevel diag_level(void);

/** diag_is_on() - Whether anything of that level is written: before what is costly to put into words. */
bool diag_is_on(DiagLevel level);

/** diag_level_name() - "error", "warning", "notice", "info" or "debug"; NULL for a number that is none. */
const char *diag_level_name(unsigned level);

/** diag_level_find() - The level of such a name. Return: whether there is one. */
bool diag_level_find(const char *name, DiagLevel *ret_level);

/**
 * diag() - Writes one line.
 * @level:      how important it is
 * @format:     printf(3) format, without a newline
 *
 * Never fails and never changes errno. A line longer than 2 KiB is cut.
 */
void diag(DiagLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** diag_reaches_journal() - Whether stderr leads to the journal of systemd. */
bool diag_reaches_journal(void);
