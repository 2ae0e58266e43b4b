#pragma once
/*
 * Memory that ends where it ends: the byte behind it, and the one before, cannot be touched.
 */

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

struct GuardedMemory {
        uint8_t *bytes;
        size_t size;
        uint8_t *map; /* pages, of which the first and the last are guards */
        size_t map_size;
};

enum { GUARDED_PAGE = 4096 };

/** guarded_new() - The end is exact; the beginning is where that puts it. @size: of 16 a multiple, where alignment matters. */
static inline GuardedMemory guarded_new(size_t size)
{
        size_t pages = (size + GUARDED_PAGE - 1) / GUARDED_PAGE;
        GuardedMemory memory = {nullptr, size, nullptr, (pages + 2) * GUARDED_PAGE};
        void *map = mmap(nullptr, memory.map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (map == MAP_FAILED)
                abort();
        memory.map = (uint8_t *)map;
        if (pages > 0 &&
            mprotect(memory.map + GUARDED_PAGE, pages * GUARDED_PAGE, PROT_READ | PROT_WRITE) != 0)
                abort();
        memory.bytes = memory.map + GUARDED_PAGE + pages * GUARDED_PAGE - size;
        return memory;
}

static inline void guarded_free(const GuardedMemory &memory)
{
        munmap(memory.map, memory.map_size);
}

/** guarded_fill() - As memset(3); whole pages of zeros are given back to the kernel, because there are many of them. */
static inline void guarded_fill(uint8_t *bytes, int byte, size_t size)
{
        uint8_t *first = bytes + (GUARDED_PAGE - (uintptr_t)bytes % GUARDED_PAGE) % GUARDED_PAGE;
        size_t pages = bytes + size > first ? (bytes + size - first) / GUARDED_PAGE : 0;
        uint8_t *last = first + pages * GUARDED_PAGE;

        if (byte != 0 || pages == 0 || madvise(first, pages * GUARDED_PAGE, MADV_DONTNEED) != 0) {
                memset(bytes, byte, size);
                return;
        }
        memset(bytes, 0, first - bytes);
        memset(last, 0, bytes + size - last);
}

static inline bool guarded_is_zero(const GuardedMemory &memory)
{
        return memory.bytes[0] == 0 && memcmp(memory.bytes, memory.bytes + 1, memory.size - 1) == 0;
}
