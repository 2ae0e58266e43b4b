/* Exports for tests: every level is folded from the one below
 * by the frontier, which the readers do not use. */

#include "make-export.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "log/signer.h"
#include "log/tile.h"
#include "make-leaf.h"

void make_export_new(MakeExport *maker)
{
        *maker = (MakeExport){};
        snprintf(maker->dir, sizeof(maker->dir), "/tmp/test-export-XXXXXX");
        cr_assert_not_null(mkdtemp(maker->dir));
}

void make_export_add(MakeExport *maker, const char *spec)
{
        maker->leaves = reallocarray(maker->leaves, maker->n + 1, sizeof(*maker->leaves));
        cr_assert_not_null(maker->leaves);
        maker->leaves[maker->n] = BUFFER_INIT;
        make_leaf(maker->n, spec, &maker->leaves[maker->n]);
        maker->n++;
}

void make_export_fill(MakeExport *maker, size_t n)
{
        if (maker->n < n && maker->n == 0)
                make_export_add(maker, "start size=0 open=0 clean=1");
        while (maker->n < n)
                make_export_add(maker, maker->n == 1 ? "policy result=rejected" : "beat");
}

const char *make_export_path(const MakeExport *maker, const char *name)
{
        static char path[256];
        snprintf(path, sizeof(path), "%s/%s", maker->dir, name);
        return path;
}

void make_export_put(const MakeExport *maker, const char *name, const void *data, size_t n)
{
        const char *path = make_export_path(maker, name);
        cr_assert_eq(fd_make_dirs(AT_FDCWD, path, 0755), 0);
        FILE *file = fopen(path, "we");
        cr_assert_not_null(file);
        cr_assert_eq(fwrite(data, 1, n, file), n);
        cr_assert_eq(fclose(file), 0);
}

bool make_export_flip(const MakeExport *maker, const char *name, size_t at, uint8_t bits)
{
        FILE *file = fopen(make_export_path(maker, name), "r+e");
        cr_assert_not_null(file);
        cr_assert_eq(fseek(file, (long)at, SEEK_SET), 0);
        int byte = fgetc(file);
        if (byte != EOF) {
                cr_assert_eq(fseek(file, (long)at, SEEK_SET), 0);
                cr_assert_neq(fputc(byte ^ bits, file), EOF);
        }
        cr_assert_eq(fclose(file), 0);
        return byte != EOF;
}

static NoteSigner *new_signer(void)
{
        NoteSigner *signer = NULL;
        uint8_t seed[NOTE_SEED_SIZE];

        memset(seed, 7, sizeof(seed));
        cr_assert_eq(note_signer_new(&signer, MAKE_EXPORT_ORIGIN, seed), 0);
        return signer;
}

void make_export_note(const TreeHead *head, Buffer *buffer)
{
        NoteSigner *signer = new_signer();
        note_sign(signer, head, buffer);
        note_signer_free(signer);
}

TreeHead make_export_head(const MakeExport *maker)
{
        Frontier frontier = FRONTIER_INIT;
        TreeHead head = {.size = maker->n};

        for (size_t i = 0; i < maker->n; i++) {
                Digest hash;
                tree_leaf_hash(maker->leaves[i].data, maker->leaves[i].n, &hash);
                frontier_append(&frontier, &hash);
        }
        frontier_root(&frontier, &head.root);
        return head;
}

static void write_bundles(const MakeExport *maker)
{
        for (size_t first = 0; first < maker->n; first += TILE_WIDTH) {
                Buffer bundle = BUFFER_INIT;
                char path[TILE_PATH_MAX];
                size_t width = MIN_OF(maker->n - first, (size_t)TILE_WIDTH);

                for (size_t i = first; i < first + width; i++)
                        tile_entries_put(&bundle, maker->leaves[i].data, maker->leaves[i].n);
                tile_entries_path(first / TILE_WIDTH, (unsigned)width, path);
                make_export_put(maker, path, bundle.data, bundle.n);
                buffer_deinit(&bundle);
        }
}

/* Writes one level's tiles and folds its full ones, in place, into the next level. Return: how many. */
static size_t write_level(const MakeExport *maker, unsigned level, Digest *hashes, size_t n)
{
        for (size_t first = 0; first < n; first += TILE_WIDTH) {
                char path[TILE_PATH_MAX];
                size_t width = MIN_OF(n - first, (size_t)TILE_WIDTH);
                tile_path(level, first / TILE_WIDTH, (unsigned)width, path);
                make_export_put(maker, path, hashes + first, width * sizeof(*hashes));
        }
        for (size_t i = 0; i < n / TILE_WIDTH; i++) {
                Frontier frontier = FRONTIER_INIT;
                for (size_t j = 0; j < TILE_WIDTH; j++)
                        frontier_append(&frontier, &hashes[i * TILE_WIDTH + j]);
                frontier_root(&frontier, &hashes[i]);
        }
        return n / TILE_WIDTH;
}

void make_export_write(const MakeExport *maker)
{
        Digest *hashes = calloc(maker->n + 1, sizeof(*hashes));
        Buffer note = BUFFER_INIT, vkey = BUFFER_INIT;
        const TreeHead head = make_export_head(maker);
        size_t n = maker->n;

        cr_assert_not_null(hashes);
        write_bundles(maker);
        for (size_t i = 0; i < n; i++)
                tree_leaf_hash(maker->leaves[i].data, maker->leaves[i].n, &hashes[i]);
        for (unsigned level = 0; n > 0; level++)
                n = write_level(maker, level, hashes, n);
        free(hashes);
        make_export_note(&head, &note);
        make_export_put(maker, "checkpoint", note.data, note.n);
        NoteSigner *signer = new_signer();
        note_signer_vkey(signer, &vkey);
        note_signer_free(signer);
        make_export_put(maker, "log.vkey", vkey.data, vkey.n);
        buffer_deinit(&note);
        buffer_deinit(&vkey);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
        return remove(path);
}

void make_export_remove(MakeExport *maker)
{
        cr_assert_eq(nftw(maker->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        for (size_t i = 0; i < maker->n; i++)
                buffer_deinit(&maker->leaves[i]);
        free(maker->leaves);
        *maker = (MakeExport){};
}
