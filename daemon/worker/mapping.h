#pragma once
/*
 * A file that is read through memory, and grows: the mapping is larger than the file, so that it moves seldom. What the disk cannot give back, or what
 * somebody cut off the file, reads as zeros; that a reader must tell from content by itself (worker/original.h does, by its digest). A page may be lost between
 * two looks at it: whoever looks again asks mapping_has_lost() when it is done.
 *
 * A mapping moves in mapping_reserve() alone: nobody may read it then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MappedRange;

typedef struct Mapping {
        const uint8_t *data; /* readable as far as the file goes */
        size_t n;
        struct MappedRange *range;
} Mapping;

#define MAPPING_INIT ((Mapping){})

/** mapping_deinit() - Gives the memory back; safe on MAPPING_INIT and twice. */
void mapping_deinit(Mapping *mapping);

/**
 * mapping_catch_faults() - Takes SIGBUS for this process: a page of a mapping that cannot be had becomes zeros; any other SIGBUS ends the process as ever.
 * Return: 0 or -errno.
 */
int mapping_catch_faults(void);

/** mapping_reserve() - Maps at least the first @n bytes of a file. Return: 0 or -errno, and the mapping is as it was. */
int mapping_reserve(Mapping *mapping, int fd, size_t n);

/** mapping_has_lost() - Whether a page has become zeros since it was first mapped: what was read meanwhile may not be what is in the file. Any thread. */
bool mapping_has_lost(const Mapping *mapping);
