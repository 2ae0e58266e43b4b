/*
 * Goes by /proc/self/maps. Memory may be given back while it is looked at: it is read by a call of the system, which fails then.
 */

#include "traces.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macro.h"

enum {
        CHUNK = 1 << 20,
        REGION_MAX = 1 << 30, /* what is larger is reserved, as the shadow of AddressSanitizer is */
};

Trace trace_of(const void *secret, size_t size)
{
        Trace trace = {.size = size};
        const uint8_t *bytes = secret;

        cr_assert_leq(size, sizeof(trace.inverted));
        for (size_t i = 0; i < size; i++)
                trace.inverted[i] = (uint8_t)~bytes[i];
        return trace;
}

/* Those that begin before @end. */
static size_t count_in(const uint8_t *memory, size_t size, size_t end, const Trace *trace)
{
        uint32_t first;
        size_t n = 0;

        memcpy(&first, trace->inverted, sizeof(first));
        for (size_t i = 0; i < end && i + trace->size <= size; i += 4) {
                uint32_t word;
                memcpy(&word, memory + i, sizeof(word));
                if (word != (uint32_t)~first)
                        continue;
                size_t same = 0;
                while (same < trace->size && (memory[i + same] ^ trace->inverted[same]) == 0xff)
                        same++;
                n += same == trace->size;
        }
        return n;
}

/* Chunks overlap by what is looked for. What was read is wiped, so that it is not found as well. */
static size_t count_between(uintptr_t begin, uintptr_t end, const Trace *traces, size_t n_traces)
{
        static uint8_t chunk[CHUNK];
        size_t n = 0;

        for (uintptr_t at = begin; at < end; at += CHUNK - TRACE_MAX) {
                struct iovec here = {chunk, MIN_OF((size_t)(end - at), sizeof(chunk))};
                struct iovec there = {(void *)at, here.iov_len};
                ssize_t size = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
                for (size_t i = 0; size > 0 && i < n_traces; i++)
                        n += count_in(chunk, (size_t)size, CHUNK - TRACE_MAX, &traces[i]);
                explicit_bzero(chunk, sizeof(chunk));
        }
        return n;
}

size_t traces_count(const Trace *traces, size_t n_traces)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        unsigned long begin, end;
        char line[4096], rights[5];
        size_t n = 0;

        cr_assert(maps);
        while (fgets(line, sizeof(line), maps))
                if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3 && strncmp(rights, "rw", 2) == 0 &&
                    end - begin <= REGION_MAX)
                        n += count_between(begin, end, traces, n_traces);
        fclose(maps);
        return n;
}
