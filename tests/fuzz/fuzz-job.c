/*
 * job_check() on any bytes, by every operation: what it accepts is read to its end, entry by entry, and
 * putting the entries again gives the same bytes.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void job_again(const uint8_t *data, size_t n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        JobReader reader = job_read(data, n);
        JobEntry entry = {};

        job_begin(&buffer, reader.n_left);
        while (job_next(&reader, &entry))
                job_put(&buffer, &entry);
        if (buffer.n != n || memcmp(buffer.data, data, n) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const char *const operations[] = {"identify", "identify-stored", "verify", "compare",
                                                 "enrol",    "remove",          "list"};

        for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
                if (job_check(operations[i], data, n))
                        job_again(data, n);
        return 0;
}
