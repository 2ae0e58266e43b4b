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
#include "base/text.h"
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
        /* Doubled, for AddressSanitizer copies all of them each time. */
        if ((maker->n & (maker->n - 1)) == 0) {
                maker->leaves = reallocarray(maker->leaves, MAX_OF(2 * maker->n, 1), sizeof(*maker->leaves));
                cr_assert_not_null(maker->leaves);
        }
        maker->leaves[maker->n] = BUFFER_INIT;
        make_leaf(maker->n, spec, &maker->leaves[maker->n]);
        maker->n++;
}

/* Keys of epochs that have nothing to do with each other: readers see only the public ones. */
static NoteSigner *new_epoch_signer(uint64_t epoch)
{
        NoteSigner *signer = NULL;
        uint8_t seed[NOTE_SEED_SIZE];
        char name[NOTE_NAME_MAX + 1];

        memset(seed, (int)(100 + epoch), sizeof(seed));
        snprintf(name, sizeof(name), MAKE_EXPORT_ORIGIN "/epoch%llu", (unsigned long long)epoch);
        cr_assert_eq(note_signer_new(&signer, name, seed), 0);
        return signer;
}

void make_export_end_epoch(MakeExport *maker, uint64_t epoch)
{
        NoteSigner *next = new_epoch_signer(epoch + 1);
        char spec[128], hex[2 * NOTE_PUBLIC_KEY_SIZE + 1];

        text_hex(note_signer_verifier(next)->public_key, NOTE_PUBLIC_KEY_SIZE, hex);
        note_signer_free(next);
        snprintf(spec, sizeof(spec), "epoch epoch=%llu next=%s", (unsigned long long)epoch, hex);
        make_export_add(maker, spec);
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

void make_export_note(const TreeHead *head, uint64_t epoch, Buffer *buffer)
{
        NoteSigner *signer = new_signer(), *epoch_signer = new_epoch_signer(epoch);
        Buffer note = BUFFER_INIT;

        note_sign(signer, head, &note);
        note_cosign(epoch_signer, &note);
        buffer_append(buffer, note.data, note.n);
        buffer_deinit(&note);
        note_signer_free(signer);
        note_signer_free(epoch_signer);
}

/* Size and root of the first leaves. */
static TreeHead head_of(const MakeExport *maker, size_t size)
{
        Frontier frontier = FRONTIER_INIT;
        TreeHead head = {.size = size};

        for (size_t i = 0; i < size; i++) {
                Digest hash;
                tree_leaf_hash(maker->leaves[i].data, maker->leaves[i].n, &hash);
                frontier_append(&frontier, &hash);
        }
        frontier_root(&frontier, &head.root);
        return head;
}

TreeHead make_export_head(const MakeExport *maker)
{
        return head_of(maker, maker->n);
}

/* The checkpoint of each epoch that has ended. Return: how many. */
static uint64_t write_epochs(const MakeExport *maker)
{
        uint64_t epoch = 0;

        for (size_t i = 0; i < maker->n; i++) {
                Buffer note = BUFFER_INIT;
                char path[64];
                if (!strstr(buffer_text(&maker->leaves[i]), "\"kind\":\"epoch\""))
                        continue;
                const TreeHead head = head_of(maker, i + 1);
                snprintf(path, sizeof(path), "epoch/%llu", (unsigned long long)epoch);
                make_export_note(&head, epoch++, &note);
                make_export_put(maker, path, note.data, note.n);
                buffer_deinit(&note);
        }
        return epoch;
}

static void write_vkey(const MakeExport *maker, const char *name, NoteSigner *signer)
{
        Buffer vkey = BUFFER_INIT;

        note_signer_vkey(signer, &vkey);
        note_signer_free(signer);
        make_export_put(maker, name, vkey.data, vkey.n);
        buffer_deinit(&vkey);
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
        Buffer note = BUFFER_INIT;
        const TreeHead head = make_export_head(maker);
        size_t n = maker->n;

        cr_assert_not_null(hashes);
        write_bundles(maker);
        for (size_t i = 0; i < n; i++)
                tree_leaf_hash(maker->leaves[i].data, maker->leaves[i].n, &hashes[i]);
        for (unsigned level = 0; n > 0; level++)
                n = write_level(maker, level, hashes, n);
        free(hashes);
        uint64_t n_ended = write_epochs(maker);
        bool at_end = maker->n > 0 && strstr(buffer_text(&maker->leaves[maker->n - 1]), "\"kind\":\"epoch\"");
        make_export_note(&head, at_end ? n_ended - 1 : n_ended, &note);
        make_export_put(maker, "checkpoint", note.data, note.n);
        buffer_deinit(&note);
        write_vkey(maker, "log.vkey", new_signer());
        write_vkey(maker, "epoch0.vkey", new_epoch_signer(0));
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
