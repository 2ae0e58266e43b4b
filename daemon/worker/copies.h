#pragma once
/*
 * Copies of galleries' codes in the memory of a device. A gallery is there in parts; parts stay as long as there is room, so that a search of a gallery that
 * fits reads nothing from here. What does not fit goes, part after part, through one place that the next one overwrites.
 *
 * What changed in a gallery is seen by Templates.stamps: a copy is as of the highest stamp that it has seen. Nothing here is read by who is not the holder of
 * the gallery, or the one who changes it. Functions that return -EIO mean that the device failed. @ret_why is filled in
 * wherever they return less than 0.
 *
 * One caller at a time. A search is copies_begin(), copies_part() for as many parts as are wanted, copies_end(); nothing else comes in between.
 */

#include "worker/device.h"
#include "worker/templates.h"

typedef struct Copies Copies;

typedef struct CopiesFacts {
        uint64_t
                limit; /* bytes that templates may take of the device's memory; falls where the device turns out to have less, until it has more again */
        uint64_t used;
} CopiesFacts;

/* A part of a gallery, in the device's memory. */
typedef struct CopiesPart {
        const DeviceMemory *memory;
        size_t first_block;
        size_t n_blocks;
} CopiesPart;

/**
 * copies_new() - @limit: bytes of the device's memory that templates may take; room for at least one block of any dimension.
 * Return: 0 or -ENOMEM.
 */
int copies_new(const DeviceDriver *driver, Device *device, uint64_t limit, Copies **ret_copies);

/** copies_free() - Overwrites everything that is on the device; takes NULL. Return: 0 or -EIO, and it is freed as well. */
int copies_free(Copies *copies, DeviceWhy *ret_why);

CopiesFacts copies_facts(const Copies *copies);

/**
 * copies_begin() - For a search: finds room for all that it needs, for which copies of galleries give way that were not searched for longest.
 * @ret_n_parts: how many there are to be asked for; together they are all blocks
 *
 * Return: 0; -ENOMEM: not even one block has room, or there is no memory here; or -EIO. copies_end() wants to be called whichever.
 */
int copies_begin(Copies *copies, const Templates *templates, size_t *ret_n_parts, DeviceWhy *ret_why);

/**
 * copies_part() - Part @i, up to date. Those that stay on the device come first, and may be asked for again and again; each of the others is brought
 * anew, and takes the place of the one before. Return: 0 or -EIO.
 */
int copies_part(Copies *copies, const Templates *templates, size_t i, CopiesPart *ret_part,
                DeviceWhy *ret_why);

/** copies_end() - Overwrites what does not stay. Return: 0 or -EIO. */
int copies_end(Copies *copies, DeviceWhy *ret_why);

/**
 * copies_sync() - After a change: overwrites on the device whatever is no longer in the gallery; brings nothing new.
 * Return: 0, or -EIO: what was removed may still be there.
 */
int copies_sync(Copies *copies, const Templates *templates, DeviceWhy *ret_why);

/** copies_forget() - Overwrites a gallery's copies, by its Templates.identity: its rows are numbered anew, or it is no more. Return: as above. */
int copies_forget(Copies *copies, uint64_t identity, DeviceWhy *ret_why);
