/* The .npy header from any file: a header that is accepted has a shape within bounds and lies within the
 * bytes. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tools/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        NpyHeader header;
        if (npy_read_header(data, n, &header) != 0)
                return 0;
        if (header.offset > n || header.n_rows == 0 || header.n_columns == 0 ||
            header.n_rows > (UINT64_C(1) << 60) / header.n_columns)
                abort();
        return 0;
}
