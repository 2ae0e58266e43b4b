/*
 * Copies of galleries on a device. Invariants:
 *
 *  1. A gallery's parts have the same number of blocks, but for the last. The first so many have a place of their own, without a gap; the others, if any, go
 *     through one place, which is there during a search only.
 *  2. All places but the last of a gallery have room for a whole part. The last one has some to grow into, as far as nobody has to give way for that.
 *  3. What a place holds is as it was in the gallery at one moment, `seen`. What was removed before that is not in it.
 *  4. A place is given back to the driver to be used for anything else, which overwrites it.
 */

#include "worker/copies.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/macro.h"

enum {
        COPIES_PARTS_MIN =
                8, /* that the limit has room for, so that little is lost to the place that parts go through */
        COPIES_GROWTH = 4, /* a last part has room for this fraction more, */
        COPIES_SLACK = 16, /* and for so many blocks */
        /* Searches after which room that was not to be had is asked for again: the device may be shared with others, who come and go. Asking in vain costs a
         * search some calls of the driver, and what it overwrites, but no template is brought for it. */
        COPIES_PATIENCE = 64,
};

/* Of a part, at most. Each costs a search a call of the driver, and the last is brought anew when it has outgrown its place. */
#define COPIES_PART_MAX (UINT64_C(2) << 30)

enum { COPIES_E_AGAIN = 1 /* there is less room than was thought */ };

/* Memory of the device, with blocks of a part in it. */
typedef struct Place {
        DeviceMemory *memory;
        size_t room;     /* blocks */
        size_t n_blocks; /* that are there */
        uint64_t seen;   /* by Templates.changed */
} Place;

typedef struct Copy Copy;

struct Copy {
        Copy *next;
        uint64_t identity;
        size_t block_size;
        size_t part_blocks;
        uint64_t searched; /* by Copies.n_searches */
        Place *places;     /* of its first parts */
        size_t n_places;
};

struct Copies {
        const DeviceDriver *driver;
        Device *device;
        uint64_t wanted; /* what the limit is, but where the device turned out to have less */
        uint64_t limit;
        uint64_t used;
        bool is_lowered;     /* and nothing is known of more room since */
        uint64_t lowered_to; /* the limit, last, */
        uint64_t lowered_at; /* by n_searches */
        uint64_t n_searches;
        Copy *first;

        /* During a search. */
        Copy *searched; /* NULL: of a gallery without blocks */
        Place through;  /* what the parts go through that have no place */
        size_t part;    /* the one that is there */
};

int copies_new(const DeviceDriver *driver, Device *device, uint64_t limit, Copies **ret_copies)
{
        Copies *copies = calloc(1, sizeof(Copies));
        if (!copies)
                return -ENOMEM;
        copies->driver = driver;
        copies->device = device;
        copies->wanted = copies->limit = limit;
        *ret_copies = copies;
        return 0;
}

CopiesFacts copies_facts(const Copies *copies)
{
        return (CopiesFacts){.limit = copies->limit, .used = copies->used};
}

/* Where nothing is allocated, lack of memory is as much a failure of the device as any other: no room can be made for it. */
static int fold(int r)
{
        return r < 0 ? -EIO : 0;
}

/* Nothing was to be had of so many bytes. */
static int no_memory(const char *whose, size_t size, DeviceWhy *ret_why)
{
        (void)snprintf(ret_why->text, sizeof(ret_why->text), "no memory of %s for %zu bytes", whose,
                       size); /* Fits. */
        return -ENOMEM;
}

/* ------------------------------------------------------------------------------------------- giving back */

static int give_back(Copies *copies, const Copy *copy, Place *place, DeviceWhy *ret_why)
{
        DeviceMemory *memory = place->memory;

        copies->used -= place->room * copy->block_size;
        *place = (Place){};
        return fold(copies->driver->release(copies->device, memory, ret_why));
}

static int give_back_last(Copies *copies, Copy *copy, DeviceWhy *ret_why)
{
        return give_back(copies, copy, &copy->places[--copy->n_places], ret_why);
}

/* Whatever fails, nothing is left out; @ret_why is of the first that did. */
static int give_back_all(Copies *copies, Copy *copy, DeviceWhy *ret_why)
{
        DeviceWhy ignored;
        int r = 0;

        while (copy->n_places > 0) {
                int given = give_back_last(copies, copy, r == 0 ? ret_why : &ignored);
                r = r == 0 ? given : r;
        }
        return r;
}

static int forget(Copies *copies, Copy *copy, DeviceWhy *ret_why)
{
        Copy **link = &copies->first;

        int r = give_back_all(copies, copy, ret_why);
        while (*link != copy)
                link = &(*link)->next;
        *link = copy->next;
        free(copy->places);
        free(copy);
        return r;
}

int copies_free(Copies *copies, DeviceWhy *ret_why)
{
        DeviceWhy ignored;

        if (!copies)
                return 0;
        int r = copies_end(copies, ret_why);
        while (copies->first) {
                int forgot = forget(copies, copies->first, r == 0 ? ret_why : &ignored);
                r = r == 0 ? forgot : r;
        }
        free(copies);
        return r;
}

/* ----------------------------------------------------------------------------------------------- room */

static Copy *find(const Copies *copies, uint64_t identity)
{
        Copy *copy = identity > 0 ? copies->first : NULL;

        while (copy && copy->identity != identity)
                copy = copy->next;
        return copy;
}

static Copy *add(Copies *copies, const Templates *templates)
{
        Copy *copy = calloc(1, sizeof(Copy));
        if (!copy)
                return NULL;
        copy->identity = templates->identity;
        copy->block_size = codes_block_size(templates->dimension);
        copy->next = copies->first;
        copies->first = copy;
        return copy;
}

/* The one that has something on the device and was not searched for longest: never the one that is searched now, unless nobody else has anything. */
static Copy *longest_ago(const Copies *copies)
{
        Copy *found = NULL;

        for (Copy *copy = copies->first; copy; copy = copy->next)
                if (copy->n_places > 0 && (!found || copy->searched < found->searched))
                        found = copy;
        return found;
}

/* The rest of what was asked for is not to be had, so half of it is tried. */
static void lower_limit(Copies *copies, uint64_t size)
{
        if (!copies->is_lowered)
                diag(DIAG_WARNING,
                     "The device has less room for templates than the %" PRIu64
                     " MiB that they may take: beside the %" PRIu64 " MiB in use, another %" PRIu64
                     " MiB were not to be had. What does not fit is brought anew for each search, which "
                     "takes longer; more room is asked for again after some searches. See what else uses the "
                     "device, or let them take less by --device-memory=.",
                     copies->limit >> 20, copies->used >> 20, size >> 20);
        copies->is_lowered = true;
        copies->limit = copies->lowered_to = copies->used + size / 2;
        copies->lowered_at = copies->n_searches;
}

static bool has_waited(const Copies *copies)
{
        return copies->is_lowered && copies->n_searches - copies->lowered_at >= COPIES_PATIENCE;
}

/* For a search that has use for it. */
static void raise_limit(Copies *copies, const Copy *copy, size_t n_blocks)
{
        bool is_there = copy->n_places > 0 && copy->n_places * copy->part_blocks >= n_blocks;

        if (has_waited(copies) && !is_there)
                copies->limit = copies->wanted;
}

/* That less than before has room says nothing of it. */
static void note_room(Copies *copies)
{
        if (!has_waited(copies) || copies->used <= copies->lowered_to)
                return;
        copies->is_lowered = false;
        diag(DIAG_NOTICE,
             "The device has more room for templates again: %" PRIu64 " MiB are in use, of the %" PRIu64
             " MiB that they may take.",
             copies->used >> 20, copies->limit >> 20);
}

/* Takes memory, for which others give way. Return: 0, COPIES_E_AGAIN or -EIO. */
static int allocate(Copies *copies, const Copy *copy, size_t room, Place *ret_place, DeviceWhy *ret_why)
{
        uint64_t size = room * copy->block_size;
        DeviceMemory *memory;

        while (copies->used + size > copies->limit) {
                int r = give_back_last(copies, longest_ago(copies), ret_why);
                if (r < 0)
                        return r;
        }
        int r = copies->driver->allocate(copies->device, size, &memory, ret_why);
        if (r == -ENOMEM) {
                lower_limit(copies, size);
                return COPIES_E_AGAIN;
        }
        if (r < 0)
                return fold(r);
        copies->used += size;
        *ret_place = (Place){.memory = memory, .room = room};
        return 0;
}

/* ------------------------------------------------------------------------------------------- dividing */

static size_t blocks_of(const Templates *templates)
{
        return (templates->n_rows + CODES_ROWS - 1) / CODES_ROWS;
}

static size_t parts_of(const Copy *copy, size_t n_blocks)
{
        return (n_blocks + copy->part_blocks - 1) / copy->part_blocks;
}

/* Blocks of part @i, where there are @n_blocks in all. */
static size_t blocks_in(const Copy *copy, size_t n_blocks, size_t i)
{
        return MIN_OF(copy->part_blocks, n_blocks - i * copy->part_blocks);
}

/* Divides a gallery, unless parts of it are there that are not too large. */
static int divide(Copies *copies, Copy *copy, DeviceWhy *ret_why)
{
        uint64_t most = MIN_OF(copies->driver->facts(copies->device)->largest, COPIES_PART_MAX);

        if (copy->n_places > 0 && copy->part_blocks * copy->block_size <= copies->limit)
                return 0;
        int r = give_back_all(copies, copy, ret_why);
        if (r < 0)
                return r;
        if (copies->limit < copy->block_size)
                return no_memory("the device", copy->block_size, ret_why);
        copy->part_blocks =
                MAX_OF(MIN_OF(most, copies->limit / COPIES_PARTS_MIN) / copy->block_size, UINT64_C(1));
        return 0;
}

/* With room to grow, where there is that much to be had for nothing. */
static size_t room_for(const Copies *copies, const Copy *copy, size_t n_blocks, size_t i)
{
        size_t n = blocks_in(copy, n_blocks, i);
        size_t more = MIN_OF(n + n / COPIES_GROWTH + COPIES_SLACK, copy->part_blocks);

        return copies->used + more * copy->block_size <= copies->limit ? more : n;
}

/* Bytes that a gallery's parts may take that stay: all, or all but the place that the others go through. */
static uint64_t room_to_stay(const Copies *copies, const Copy *copy, size_t n_blocks)
{
        if (n_blocks * copy->block_size <= copies->limit)
                return copies->limit;
        return copies->limit - copy->part_blocks * copy->block_size;
}

/* Gives back what is not to stay: places that are outgrown, and, of a gallery that does not fit, those that are too many. */
static int shrink(Copies *copies, Copy *copy, size_t n_blocks, DeviceWhy *ret_why)
{
        uint64_t most = room_to_stay(copies, copy, n_blocks);
        int r = 0;

        while (r == 0 && copy->n_places > 0) {
                size_t last = copy->n_places - 1;
                uint64_t size = (last * copy->part_blocks + copy->places[last].room) * copy->block_size;
                if (size <= most && copy->places[last].room >= blocks_in(copy, n_blocks, last))
                        break;
                r = give_back_last(copies, copy, ret_why);
        }
        return r;
}

/* Finds places for a gallery's parts, and one for those that find none. Return: 0, COPIES_E_AGAIN, -ENOMEM or -EIO. */
static int settle(Copies *copies, Copy *copy, size_t n_blocks, DeviceWhy *ret_why)
{
        int r = divide(copies, copy, ret_why);
        if (r == 0)
                r = shrink(copies, copy, n_blocks, ret_why);
        if (r < 0)
                return r;
        size_t n_parts = parts_of(copy, n_blocks);
        uint64_t most = room_to_stay(copies, copy, n_blocks);
        Place *places = reallocarray(copy->places, n_parts, sizeof(Place));
        if (!places)
                return no_memory("this machine", n_parts * sizeof(Place), ret_why);
        copy->places = places;
        while (r == 0 && copy->n_places < n_parts) {
                size_t i = copy->n_places, end = i * copy->part_blocks + blocks_in(copy, n_blocks, i);
                if (end * copy->block_size > most)
                        return allocate(copies, copy, copy->part_blocks, &copies->through, ret_why);
                r = allocate(copies, copy, room_for(copies, copy, n_blocks, i), &copy->places[i], ret_why);
                copy->n_places += r == 0;
        }
        return r;
}

/* ------------------------------------------------------------------------------------------ bringing */

/* What is brought where. */
typedef struct Bringing {
        Copies *copies;
        const Copy *copy;
        const Templates *templates;
        size_t first_block; /* of the part */
        Place *place;
        DeviceWhy *ret_why;
} Bringing;

static int write_blocks(const Bringing *bringing, size_t first, size_t n)
{
        size_t size = bringing->copy->block_size;
        const uint8_t *blocks = bringing->templates->blocks + (bringing->first_block + first) * size;
        Copies *copies = bringing->copies;

        return n == 0 ? 0
                      : fold(copies->driver->write(copies->device, bringing->place->memory, first * size,
                                                   blocks, n * size, bringing->ret_why));
}

/* Writes those anew, of the blocks that are there, that have changed since. */
static int write_changed(const Bringing *bringing)
{
        const uint64_t *stamps = bringing->templates->stamps;
        Place *place = bringing->place;
        size_t end;
        int r = 0;

        if (bringing->templates->changed <= place->seen)
                return 0;
        stamps += bringing->first_block;
        for (size_t i = 0; r == 0 && i < place->n_blocks; i = end + 1) {
                for (end = i; end < place->n_blocks && stamps[end] > place->seen;)
                        end++;
                r = write_blocks(bringing, i, end - i);
        }
        if (r == 0)
                place->seen = bringing->templates->changed;
        return r;
}

/* Makes a place hold the @n blocks that its part has now. */
static int bring(const Bringing *bringing, size_t n)
{
        Place *place = bringing->place;

        assert(n >= place->n_blocks && n <= place->room);
        int r = write_changed(bringing);
        if (r == 0)
                r = write_blocks(bringing, place->n_blocks, n - place->n_blocks);
        if (r < 0)
                return r;
        place->n_blocks = n;
        place->seen = bringing->templates->changed;
        return 0;
}

/* ----------------------------------------------------------------------------------------- a search */

int copies_begin(Copies *copies, const Templates *templates, size_t *ret_n_parts, DeviceWhy *ret_why)
{
        size_t n_blocks = blocks_of(templates);
        uint64_t limit = copies->limit;
        int r;

        assert(!copies->searched);
        if (n_blocks == 0) {
                *ret_n_parts = 0;
                return 0;
        }
        Copy *copy = find(copies, templates->identity);
        if (!copy)
                copy = add(copies, templates);
        if (!copy)
                return no_memory("this machine", sizeof(Copy), ret_why);
        copies->searched = copy;
        copies->part = SIZE_MAX;
        copy->searched = ++copies->n_searches;
        raise_limit(copies, copy, n_blocks);
        do
                r = settle(copies, copy, n_blocks, ret_why);
        while (r == COPIES_E_AGAIN);
        /* Where nothing at all was to be had, others have the memory, for now. */
        if (r == -ENOMEM)
                copies->limit = limit;
        if (r < 0)
                return r;
        note_room(copies);
        *ret_n_parts = parts_of(copy, n_blocks);
        return 0;
}

int copies_part(Copies *copies, const Templates *templates, size_t i, CopiesPart *ret_part,
                DeviceWhy *ret_why)
{
        Copy *copy = copies->searched;
        Bringing bringing = {.copies = copies,
                             .copy = copy,
                             .templates = templates,
                             .first_block = i * copy->part_blocks,
                             .place = i < copy->n_places ? &copy->places[i] : &copies->through,
                             .ret_why = ret_why};
        size_t n = blocks_in(copy, blocks_of(templates), i);

        if (i >= copy->n_places && i != copies->part) {
                copies->through.n_blocks = 0;
                copies->part = i;
        }
        int r = bring(&bringing, n);
        if (r == 0)
                *ret_part = (CopiesPart){bringing.place->memory, bringing.first_block, n};
        return r;
}

int copies_end(Copies *copies, DeviceWhy *ret_why)
{
        Copy *copy = TAKE_PTR(copies->searched);
        DeviceWhy ignored;
        int r = 0;

        if (copy && copies->through.memory)
                r = give_back(copies, copy, &copies->through, ret_why);
        /* Of what changes in it nothing is known: the next search has to bring it anew anyway. */
        if (copy && copy->identity == 0) {
                int forgot = forget(copies, copy, r == 0 ? ret_why : &ignored);
                r = r == 0 ? forgot : r;
        }
        return r;
}

/* ------------------------------------------------------------------------------------------ changes */

int copies_sync(Copies *copies, const Templates *templates, DeviceWhy *ret_why)
{
        Copy *copy = find(copies, templates->identity);
        int r = 0;

        for (size_t i = 0; copy && r == 0 && i < copy->n_places; i++)
                r = write_changed(&(Bringing){.copies = copies,
                                              .copy = copy,
                                              .templates = templates,
                                              .first_block = i * copy->part_blocks,
                                              .place = &copy->places[i],
                                              .ret_why = ret_why});
        return r;
}

int copies_forget(Copies *copies, uint64_t identity, DeviceWhy *ret_why)
{
        Copy *copy = find(copies, identity);

        return copy ? forget(copies, copy, ret_why) : 0;
}
