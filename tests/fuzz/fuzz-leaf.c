/*
 * leaf_parse() on any bytes: what it accepts, leaf_encode() gives back byte for byte.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        if (leaf_parse(data, n, LEAF_MAX, &leaf) != 0)
                return 0;
        if (leaf_encode(&leaf, LEAF_MAX, &buffer) != 0)
                abort();
        if (buffer.n != n || memcmp(buffer.data, data, n) != 0)
                abort();
        return 0;
}
