/*
 * The machine, as the kernel describes it.
 */

#include "worker/machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/macro.h"
#include "worker/pool.h"

/* The value of the first line of that name in a file of "NAME : VALUE" lines. */
static void machine_line(const char *path, const char *name, char *ret_value, size_t size)
{
        char line[512];

        FILE *file = fopen(path, "re");
        if (!file)
                return;
        while (fgets(line, sizeof(line), file)) {
                const char *colon = strchr(line, ':');
                if (strncmp(line, name, strlen(name)) != 0 || !colon)
                        continue;
                colon += 1 + strspn(colon + 1, " \t");
                (void)snprintf(ret_value, size, "%.*s", (int)strcspn(colon, "\n"),
                               colon); /* Cut is well enough. */
                break;
        }
        (void)fclose(file); /* Was only read. */
}

void machine_keep_plain(char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
                        *text = ' ';
}

void machine_read(Machine *ret_machine)
{
        Machine machine = {.n_processors = 1};
        char available[32] = "0";
        struct utsname names;
        cpu_set_t set;

        machine_line("/proc/cpuinfo", "model name", machine.processor, sizeof(machine.processor));
        if (machine.processor[0] == 0 && uname(&names) == 0)
                (void)snprintf(machine.processor, sizeof(machine.processor), "%s",
                               names.machine); /* It is short. */
        machine_keep_plain(machine.processor);
        if (sched_getaffinity(0, sizeof(set), &set) == 0)
                machine.n_processors = MIN_OF((size_t)MAX_OF(CPU_COUNT(&set), 1), (size_t)POOL_THREADS_MAX);
        machine_line("/proc/meminfo", "MemAvailable", available, sizeof(available));
        machine.available = strtoull(available, NULL, 10) * 1024;
        *ret_machine = machine;
}
