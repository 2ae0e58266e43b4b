/* Asking. Knows nothing of what is asked. */

#include "tools/ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/macro.h"

bool ask_is_possible(void)
{
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool ask_line(const char *question, Buffer *answer)
{
        _cleanup_(freep) char *line = NULL;
        size_t capacity = 0;

        (void)fflush(stdout); /* What the question is about stands before it; a closed stdout shows later. */
        fprintf(stderr, "%s ", question);
        (void)fflush(stderr);
        if (getline(&line, &capacity, stdin) < 0) {
                fputc('\n', stderr);
                return false;
        }
        buffer_append(answer, line, strcspn(line, "\n"));
        return !answer->failed && answer->n > 0;
}

bool ask_yes(const char *question)
{
        _cleanup_(buffer_deinit) Buffer whole = BUFFER_INIT, answer = BUFFER_INIT;

        buffer_append_format(&whole, "%s [y/N]", question);
        return ask_line(buffer_text(&whole), &answer) &&
               (strcasecmp(buffer_text(&answer), "y") == 0 || strcasecmp(buffer_text(&answer), "yes") == 0);
}
