/* A list of findings, as text and as JSON. Owns their sentences. */

#include "tools/finding.h"

#include <stdarg.h>
#include <stdlib.h>

#include "tools/json.h"
#include "tools/page.h"

const char *finding_severity_name(FindingSeverity severity)
{
        static const char *const names[_FINDING_SEVERITY_MAX] = {
                [FINDING_ERROR] = "error", [FINDING_WARNING] = "warning", [FINDING_NOTICE] = "notice"};

        return names[severity];
}

void finding_list_deinit(FindingList *list)
{
        for (size_t i = 0; i < list->n; i++) {
                buffer_deinit(&list->items[i].what);
                buffer_deinit(&list->items[i].remedy);
        }
        free(list->items);
        *list = FINDING_LIST_INIT;
}

void finding_say(FindingList *list, FindingSeverity severity, const char *format, ...)
{
        Finding *items = reallocarray(list->items, list->n + 1, sizeof(*items));
        va_list arguments;

        if (!items)
                (void)json_need(NULL); /* Ends: only memory can have run out. */
        list->items = items;
        items[list->n] = (Finding){.severity = severity};
        va_start(arguments, format);
        buffer_append_list(&items[list->n++].what, format, arguments);
        va_end(arguments);
}

void finding_advise(FindingList *list, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        buffer_append_list(&list->items[list->n - 1].remedy, format, arguments);
        va_end(arguments);
}

void finding_sort(FindingList *list)
{
        for (size_t i = 1; i < list->n; i++)
                for (size_t k = i; k > 0 && list->items[k].severity < list->items[k - 1].severity; k--) {
                        Finding worse = list->items[k];
                        list->items[k] = list->items[k - 1];
                        list->items[k - 1] = worse;
                }
}

size_t finding_count(const FindingList *list, FindingSeverity severity)
{
        size_t n = 0;

        for (size_t i = 0; i < list->n; i++)
                n += list->items[i].severity == severity;
        return n;
}

json_object *finding_json(const FindingList *list)
{
        json_object *array = json_need(json_object_new_array());

        for (size_t i = 0; i < list->n; i++) {
                json_object *object = json_need(json_object_new_object());
                json_set_text(object, "severity", finding_severity_name(list->items[i].severity));
                json_set_text(object, "what", buffer_text(&list->items[i].what));
                json_set_text(object, "remedy", buffer_text(&list->items[i].remedy));
                json_object_array_add(array, object);
        }
        return array;
}

void finding_print(const FindingList *list)
{
        static const char *const labels[_FINDING_SEVERITY_MAX] = {
                [FINDING_ERROR] = "ERROR", [FINDING_WARNING] = "Warning", [FINDING_NOTICE] = "Notice"};

        for (size_t i = 0; i < list->n; i++) {
                page_field(stdout, labels[list->items[i].severity], buffer_text(&list->items[i].what));
                page_field(stdout, "  what to do", buffer_text(&list->items[i].remedy));
        }
}
