#pragma once
/*
 * What a check of a log finds: faults, which make it fail, and remarks, which an auditor should know.
 * Gathered until the verdict has been said, as lines or for one JSON object. After FINDINGS_MAX of a sort the
 * rest are only counted.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { FINDINGS_MAX = 100 };

typedef struct Findings {
        size_t n_faults, n_remarks;
        json_object *faults, *remarks; /* NULL: as lines, below */
        Buffer fault_lines, remark_lines;
} Findings;

#define FINDINGS_INIT ((Findings){})

/** findings_init() - With @json they are gathered as JSON, else as lines. Return: 0 or -ENOMEM. */
int findings_init(Findings *findings, bool json);

void findings_deinit(Findings *findings);

/** findings_leaf() - A fault of a leaf. @rule: "form", "I1" ..., or "tree". */
void findings_leaf(Findings *findings, uint64_t index, const char *rule, const char *text);

/** findings_file() - A fault of a file of the export, or of one that was given beside it. */
void findings_file(Findings *findings, const char *path, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/** findings_remark() - A remark. */
void findings_remark(Findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** findings_join() - Adds what another one gathered, in the same way, behind what is there. */
void findings_join(Findings *findings, const Findings *more);

/** findings_print() - Writes the lines to stdout: the faults, then the remarks. Return: 0 or -ENOMEM. */
int findings_print(const Findings *findings);
