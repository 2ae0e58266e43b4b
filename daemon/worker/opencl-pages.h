#pragma once
/*
 * Memory of this process that a device takes for its own, where the device is the processor. What OpenCL would allocate has small pages, in which a scan of
 * blocks from all over a gallery finds none of its addresses ready: it takes a third longer.
 */

#include <stddef.h>

typedef struct OpenclPages {
        void *data; /* of a large page, to its end */
        void *mapped;
        size_t size;
} OpenclPages;

/** opencl_pages_init() - At least @size bytes, all zero, in large pages where the system has some. Return: 0 or -ENOMEM. */
int opencl_pages_init(OpenclPages *pages, size_t size);

/** opencl_pages_deinit() - Gives them back; safe on zeros. */
void opencl_pages_deinit(OpenclPages *pages);
