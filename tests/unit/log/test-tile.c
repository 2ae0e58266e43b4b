/*
 * Names and bytes of tiles.
 */

#include "log/tile.h"

#include <criterion/criterion.h>

Test(tile, a_path_groups_its_number_by_thousands)
{
        static const struct {
                unsigned level;
                uint64_t n;
                unsigned width;
                const char *path, *entries;
        } cases[] = {
                {0, 0, 256, "tile/0/000", "tile/entries/000"},
                {0, 5, 7, "tile/0/005.p/7", "tile/entries/005.p/7"},
                {1, 1234067, 256, "tile/1/x001/x234/067", "tile/entries/x001/x234/067"},
                {7, 1000, 255, "tile/7/x001/000.p/255", "tile/entries/x001/000.p/255"},
                {0, UINT64_MAX, 255, "tile/0/x018/x446/x744/x073/x709/x551/615.p/255",
                 "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char path[TILE_PATH_MAX];
                tile_path(cases[i].level, cases[i].n, cases[i].width, path);
                cr_assert_str_eq(path, cases[i].path);
                tile_entries_path(cases[i].n, cases[i].width, path);
                cr_assert_str_eq(path, cases[i].entries);
        }
}

Test(tile, entries_come_back_in_order)
{
        Buffer bundle = BUFFER_INIT;
        tile_entries_put(&bundle, "abc", 3);
        tile_entries_put(&bundle, "", 0);
        const uint8_t *data = bundle.data, *leaf = NULL;
        size_t n = bundle.n, n_leaf = 9;
        cr_assert(tile_entries_next(&data, &n, &leaf, &n_leaf));
        cr_assert_eq(n_leaf, 3);
        cr_assert_arr_eq(leaf, "abc", 3);
        cr_assert(tile_entries_next(&data, &n, &leaf, &n_leaf));
        cr_assert_eq(n_leaf, 0);
        cr_assert_not(tile_entries_next(&data, &n, &leaf, &n_leaf));
        cr_assert_eq(n, 0);
        buffer_deinit(&bundle);
}

Test(tile, an_entry_that_is_cut_off_is_not_given)
{
        const uint8_t bytes[] = {0, 4, 'a', 'b', 'c'}, *data = bytes, *leaf = NULL;
        size_t n = sizeof(bytes), n_leaf = 0;
        cr_assert_not(tile_entries_next(&data, &n, &leaf, &n_leaf));
        cr_assert_eq(n, sizeof(bytes));
}

Test(tile, a_leaf_that_does_not_fit_fails_the_bundle)
{
        static uint8_t big[70000];
        Buffer bundle = BUFFER_INIT;
        tile_entries_put(&bundle, big, sizeof(big));
        cr_assert(bundle.failed);
        buffer_deinit(&bundle);
}
