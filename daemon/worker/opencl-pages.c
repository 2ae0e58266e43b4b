/*
 * A mapping begins at any small page, so it is longer by a large one than it has to be.
 */

#include "worker/opencl-pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

enum { LARGE = 2 << 20 };

int opencl_pages_init(OpenclPages *pages, size_t size)
{
        size_t mapped_size = (size + LARGE - 1) / LARGE * LARGE + LARGE;

        void *mapped = mmap(NULL, mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED)
                return -ENOMEM;
        (void)madvise(mapped, mapped_size, MADV_HUGEPAGE); /* Without them it is slower. */
        uintptr_t first = ((uintptr_t)mapped + LARGE - 1) / LARGE * LARGE;
        *pages = (OpenclPages){.data = (void *)first, .mapped = mapped, .size = mapped_size};
        return 0;
}

void opencl_pages_deinit(OpenclPages *pages)
{
        if (pages->mapped)
                (void)munmap(pages->mapped, pages->size); /* What was mapped can be given back. */
        *pages = (OpenclPages){};
}
