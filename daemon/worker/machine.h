#pragma once
/*
 * What a benchmark says of the machine that it ran on. Read before the process is confined.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Machine {
        char processor[128]; /* as its maker calls it, or the architecture; no quotes or control characters */
        size_t n_processors; /* that this process may use, at most POOL_THREADS_MAX */
        uint64_t
                available; /* bytes of memory that can be had without harm to others; 0 where that is not known */
} Machine;

/** machine_read() - Asks the kernel. What it does not tell is left out. */
void machine_read(Machine *ret_machine);

/** machine_keep_plain() - Puts a space for each character of a name that has a meaning in JSON or on a terminal. */
void machine_keep_plain(char *text);
