/*
 * Reading facts line by line. Decides nothing.
 */

#include "tools/facts-file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/command.h"
#include "tools/json.h"

/* For programs. */
static void answer_fault(const FactsFault *fault)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());

        json_set_text(object, "error", fault->parameter ? "InvalidParameter" : "Malformed");
        if (fault->parameter)
                json_set_text(object, "parameter", fault->parameter);
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* For people. */
static void say_fault(const FactsFault *fault, size_t line)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        facts_fault_write(fault, &text);
        diag(DIAG_ERROR, "line %zu: %s", line, buffer_text(&text));
}

/* Return: 0, FACTS_E_*, or -errno. */
static int read_line(const FactsFile *file, const char *text, size_t n, size_t line)
{
        _cleanup_(facts_json_deinit) FactsJson json = FACTS_JSON_INIT;
        _cleanup_(facts_fault_deinit) FactsFault fault = {};

        int r = facts_json_parse(text, n, &json, &fault);
        if (r == 0)
                return file->request(file->userdata, &json);
        if (r > 0 && file->answers_faults)
                answer_fault(&fault);
        if (r > 0)
                say_fault(&fault, line);
        return r;
}

static int read_stream(const FactsFile *file, FILE *stream)
{
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        int status = EXIT_DONE;

        for (size_t line = 1;; line++) {
                ssize_t n = getline(&text, &size, stream);
                if (n < 0)
                        break;
                int r = read_line(file, text, (size_t)n, line);
                if (r < 0) {
                        diag(DIAG_ERROR, "line %zu: %s", line, strerror(-r));
                        return EXIT_REFUSED;
                }
                if (r > 0)
                        status = EXIT_REFUSED;
                (void)fflush(stdout); /* whoever feeds us through a pipe waits for this line */
        }
        if (ferror(stream) || ferror(stdout)) {
                diag(DIAG_ERROR, "the facts cannot be read, or the answers not written");
                return EXIT_REFUSED;
        }
        return status;
}

int facts_file_read(const FactsFile *file)
{
        if (strcmp(file->path, "-") == 0)
                return read_stream(file, stdin);
        FILE *stream = fopen(file->path, "re");
        if (!stream) {
                diag(DIAG_ERROR, "%s: %s", file->path, strerror(errno));
                return EXIT_REFUSED;
        }
        int status = read_stream(file, stream);
        (void)fclose(stream); /* it was only read */
        return status;
}
