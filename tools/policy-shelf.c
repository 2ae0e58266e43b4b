/* Policies of an archive by their digest. Reads the export, and looks nothing up on this machine. */

#include "tools/policy-shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/policy-archive.h"

enum { SHELF_FIRST = 16 };

typedef struct ShelfPlace {
        char digest[DIGEST_HEX_SIZE];
        Policy *policy; /* NULL: not loaded now */
        bool faulty;
        uint64_t asked; /* when it was asked for last */
} ShelfPlace;

void policy_shelf_deinit(PolicyShelf *shelf)
{
        for (size_t i = 0; i < shelf->n; i++)
                policy_unref(shelf->places[i].policy);
        free(shelf->places);
        *shelf = POLICY_SHELF_INIT(shelf->export_dir);
}

static bool place_is(const PolicyShelf *shelf, size_t at, const char *digest)
{
        return at < shelf->n && strcmp(shelf->places[at].digest, digest) == 0;
}

static int add_place(PolicyShelf *shelf, const char *digest)
{
        if (shelf->n == shelf->capacity) {
                size_t capacity = shelf->capacity ? shelf->capacity * 2 : SHELF_FIRST;
                ShelfPlace *places = reallocarray(shelf->places, capacity, sizeof(*places));
                if (!places)
                        return -ENOMEM;
                shelf->places = places;
                shelf->capacity = capacity;
        }
        shelf->places[shelf->n] = (ShelfPlace){};
        memcpy(shelf->places[shelf->n].digest, digest, DIGEST_HEX_SIZE);
        shelf->n++;
        return 0;
}

static int find_place(PolicyShelf *shelf, const char *digest, ShelfPlace **ret_place)
{
        size_t at = place_is(shelf, shelf->last, digest) ? shelf->last : 0;

        while (at < shelf->n && !place_is(shelf, at, digest))
                at++;
        if (at == shelf->n) {
                int r = add_place(shelf, digest);
                if (r < 0)
                        return r;
        }
        shelf->last = at;
        *ret_place = &shelf->places[at];
        return 0;
}

/* Takes the one down that was asked for longest ago. */
static void make_room(PolicyShelf *shelf)
{
        ShelfPlace *oldest = NULL;

        if (shelf->n_loaded < POLICY_SHELF_LOADED)
                return;
        for (size_t i = 0; i < shelf->n; i++)
                if (shelf->places[i].policy && (!oldest || shelf->places[i].asked < oldest->asked))
                        oldest = &shelf->places[i];
        oldest->policy = policy_unref(oldest->policy);
        shelf->n_loaded--;
}

static int load_place(PolicyShelf *shelf, ShelfPlace *place, Buffer *fault)
{
        if (place->faulty)
                return POLICY_SHELF_E_AGAIN;
        make_room(shelf);
        int r = policy_archive_load(shelf->export_dir, place->digest, &place->policy, fault);
        if (r < 0)
                return r;
        place->faulty = r > 0;
        if (r > 0)
                return POLICY_SHELF_E_FAULT;
        shelf->n_loaded++;
        return 0;
}

int policy_shelf_get(PolicyShelf *shelf, const char *digest, const Policy **ret_policy, Buffer *fault)
{
        ShelfPlace *place = NULL;

        int r = find_place(shelf, digest, &place);
        if (r == 0 && !place->policy)
                r = load_place(shelf, place, fault);
        if (r != 0)
                return r;
        place->asked = ++shelf->n_asked;
        *ret_policy = place->policy;
        return 0;
}
