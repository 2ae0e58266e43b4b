/*
 * device-cuda.cu, compiled for a processor.
 */

#include "kernels.h"

#include <cstring>

#include "../../../daemon/worker/device-cuda.cu"

#define KERNEL(name)                                                                                         \
        {                                                                                                    \
#name, [](const void *scan) { name(*(const CudaScan *)scan); }                               \
        }

static const struct {
        const char *name;
        void (*run)(const void *scan);
} kernels[] = {KERNEL(matchguard_scan_narrow_2), KERNEL(matchguard_scan_narrow_8),
               KERNEL(matchguard_scan_tile_16), KERNEL(matchguard_scan_tile_64),
               KERNEL(matchguard_scan_tile_256)};

void (*kernel_find(const char *name))(const void *scan)
{
        for (const auto &kernel : kernels)
                if (strcmp(kernel.name, name) == 0)
                        return kernel.run;
        return nullptr;
}

std::vector<uint8_t> kernel_copy_parameter(const void *parameter)
{
        const uint8_t *bytes = (const uint8_t *)parameter;

        return std::vector<uint8_t>(bytes, bytes + sizeof(CudaScan));
}
