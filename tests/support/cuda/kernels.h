#pragma once
/*
 * The kernels of device-cuda.cu, by name.
 */

#include <cstdint>
#include <vector>

/** kernel_find() - What to launch, with the address of a CudaScan. NULL: there is none of this name. */
void (*kernel_find(const char *name))(const void *scan);

/** kernel_copy_parameter() - A copy of the CudaScan that a kernel is launched with. */
std::vector<uint8_t> kernel_copy_parameter(const void *parameter);
