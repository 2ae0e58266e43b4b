/*
 * What a benchmark says of the machine.
 */

#include <sched.h>
#include <string.h>

#include "scratch.h"
#include "worker/machine.h"

Test(machine, is_described_in_plain_text)
{
        Machine machine;

        machine_read(&machine);
        cr_assert_gt(strlen(machine.processor), 0);
        for (const char *c = machine.processor; *c; c++)
                cr_assert(*c >= ' ' && *c <= '~' && *c != '"' && *c != '\\');
        cr_assert_gt(machine.available, UINT64_C(1) << 20);
}

Test(machine, has_the_processors_that_this_process_may_use)
{
        Machine machine;
        cpu_set_t one;

        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
        machine_read(&machine);
        cr_assert_eq(machine.n_processors, 1);
}
