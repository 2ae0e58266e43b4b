#pragma once
/*
 * Findings: things that are wrong, or want attention, each in one sentence that says what, and one that says what to
 * do. Knows nothing of what they are about; what was found in a trail is tools/findings.h.
 */

#include <json-c/json.h>
#include <stddef.h>

#include "base/buffer.h"

typedef enum FindingSeverity {
        FINDING_ERROR,   /* requests are refused or fail for it, or the next start would */
        FINDING_WARNING, /* it works, and somebody should do something */
        FINDING_NOTICE,  /* worth knowing */
        _FINDING_SEVERITY_MAX,
} FindingSeverity;

/** finding_severity_name() - "error", "warning", "notice". */
const char *finding_severity_name(FindingSeverity severity);

typedef struct Finding {
        FindingSeverity severity;
        Buffer what;
        Buffer remedy;
} Finding;

typedef struct FindingList {
        Finding *items;
        size_t n;
} FindingList;

#define FINDING_LIST_INIT ((FindingList){})

void finding_list_deinit(FindingList *list);

/** finding_say() - One more, in a printf(3) sentence. Where memory runs out the tool ends. */
void finding_say(FindingList *list, FindingSeverity severity, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/** finding_advise() - Goes on with what to do about the last one that was said. */
void finding_advise(FindingList *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** finding_sort() - The worst first; what is equally bad stays in the order in which it was said. */
void finding_sort(FindingList *list);

/** finding_count() - How many are of that severity. */
size_t finding_count(const FindingList *list, FindingSeverity severity);

/** finding_json() - A list of {severity, what, remedy}; the caller's. */
json_object *finding_json(const FindingList *list);

/** finding_print() - For people, on stdout. */
void finding_print(const FindingList *list);
