/*
 * Gathering findings, and saying them. Text that comes from outside is a leaf's only where a leaf may hold
 * it, or a path: control characters in it are not passed on to a terminal.
 */

#include "tools/findings.h"
#include "tools/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/macro.h"

enum { TEXT_SIZE = 1024 };

int findings_init(Findings *findings, bool json)
{
        *findings = FINDINGS_INIT;
        if (!json)
                return 0;
        findings->faults = json_object_new_array();
        findings->remarks = json_object_new_array();
        return findings->faults && findings->remarks ? 0 : -ENOMEM;
}

void findings_deinit(Findings *findings)
{
        json_object_put(findings->faults);
        json_object_put(findings->remarks);
        buffer_deinit(&findings->fault_lines);
        buffer_deinit(&findings->remark_lines);
        *findings = FINDINGS_INIT;
}

/* Leaves no byte that could command a terminal. */
static void make_plain(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = '?';
}

static void add_line(Buffer *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_line(Buffer *lines, const char *format, ...)
{
        char text[2 * TEXT_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        make_plain(text);
        buffer_append_format(lines, "%s\n", text);
}

/* Whether this one is still said; the first that is not says that it is so. */
static bool is_said(size_t n, const char *what, Buffer *lines)
{
        if (n == FINDINGS_MAX)
                add_line(lines, "%s: from here on they are only counted", what);
        return n < FINDINGS_MAX;
}

void findings_leaf(Findings *findings, uint64_t index, const char *rule, const char *text)
{
        if (!is_said(findings->n_faults++, "fault", &findings->fault_lines))
                return;
        if (!findings->faults) {
                add_line(&findings->fault_lines, "fault: leaf %" PRIu64 ", rule %s: %s", index, rule, text);
                return;
        }
        json_object *fault = json_need(json_object_new_object());
        json_set(fault, "leaf", json_object_new_uint64(index));
        json_set_text(fault, "rule", rule);
        json_set_text(fault, "text", text);
        json_object_array_add(findings->faults, fault);
}

void findings_file(Findings *findings, const char *path, const char *format, ...)
{
        char text[TEXT_SIZE];
        va_list arguments;

        if (!is_said(findings->n_faults++, "fault", &findings->fault_lines))
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (!findings->faults) {
                add_line(&findings->fault_lines, "fault: %s: %s", path, text);
                return;
        }
        json_object *fault = json_need(json_object_new_object());
        json_set_text(fault, "file", path);
        json_set_text(fault, "text", text);
        json_object_array_add(findings->faults, fault);
}

void findings_remark(Findings *findings, const char *format, ...)
{
        char text[TEXT_SIZE];
        va_list arguments;

        if (!is_said(findings->n_remarks++, "remark", &findings->remark_lines))
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (findings->remarks)
                json_object_array_add(findings->remarks, json_object_new_string(text));
        else
                add_line(&findings->remark_lines, "remark: %s", text);
}

static void join_arrays(json_object *array, json_object *more)
{
        for (size_t i = 0; more && i < json_object_array_length(more); i++)
                json_object_array_add(array, json_object_get(json_object_array_get_idx(more, i)));
}

static void join_lines(Buffer *lines, const Buffer *more)
{
        buffer_append(lines, more->data, more->n);
        lines->failed |= more->failed;
}

void findings_join(Findings *findings, const Findings *more)
{
        findings->n_faults += more->n_faults;
        findings->n_remarks += more->n_remarks;
        join_arrays(findings->faults, more->faults);
        join_arrays(findings->remarks, more->remarks);
        join_lines(&findings->fault_lines, &more->fault_lines);
        join_lines(&findings->remark_lines, &more->remark_lines);
}

int findings_print(const Findings *findings)
{
        fputs(buffer_text(&findings->fault_lines), stdout);
        fputs(buffer_text(&findings->remark_lines), stdout);
        return findings->fault_lines.failed || findings->remark_lines.failed ? -ENOMEM : 0;
}
