/*
 * bundle_split() on any bytes, its first byte saying how many entries are wanted: every entry lies within the
 * bytes, behind the one before it.
 */

#include <stdlib.h>

#include "base/macro.h"
#include "tools/export-reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(bundle_deinit) Bundle bundle = BUNDLE_INIT;

        if (n == 0)
                return 0;
        bundle.n = data[0] + 1u;
        buffer_append(&bundle.bytes, data + 1, n - 1);
        if (!bundle_split(&bundle, true))
                return 0;
        const uint8_t *end = bundle.bytes.data;
        for (unsigned i = 0; i < bundle.n; i++) {
                if (bundle.leaves[i] != end + 2)
                        abort();
                end = bundle.leaves[i] + bundle.sizes[i];
        }
        if (end != bundle.bytes.data + bundle.bytes.n)
                abort();
        return 0;
}
