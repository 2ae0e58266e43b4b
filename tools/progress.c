/*
 * Progress: the only thing in the tool that asks whether it speaks to a terminal.
 */

#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "tools/page.h"

Progress progress_begin(const char *what, uint64_t total, bool asked)
{
        bool terminal = isatty(STDERR_FILENO) == 1;
        return (Progress){.what = what, .total = total, .wanted = terminal || asked, .terminal = terminal};
}

void progress_show(Progress *progress, uint64_t done)
{
        char some[PAGE_NUMBER_SIZE], all[PAGE_NUMBER_SIZE];
        uint64_t total = progress->total > 0 ? progress->total : 1, tenth = done * 10 / total;
        if (!progress->wanted || (!progress->terminal && tenth == progress->shown_tenth))
                return;
        progress->shown_tenth = tenth;
        fprintf(stderr, "%s  %s of %s %s (%lu %%)%s", progress->terminal ? "\r" : "", page_number(done, some),
                page_number(progress->total, all), progress->what, (unsigned long)(done * 100 / total),
                progress->terminal ? "" : "\n");
}

void progress_end(const Progress *progress)
{
        if (progress->wanted && progress->terminal)
                fputc('\n', stderr);
}
