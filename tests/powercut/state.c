/* States as files. Written without a record: nothing here goes through the calls of the trail. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "must.h"

static void state_add(const State *state, unsigned node, DigestStream *stream)
{
        Image *image = state->images[node];

        if (!state->tape->folders[node]) {
                digest_stream_add(stream, image_hash(image)->bytes, DIGEST_SIZE);
                return;
        }
        digest_stream_add(stream, &image->n_entries, sizeof(image->n_entries));
        for (size_t i = 0; i < image->n_entries; i++) {
                const char *name = image->entries[i].name;
                digest_stream_add(stream, name, strlen(name) + 1);
                state_add(state, image->entries[i].node, stream);
        }
}

void state_hash(const State *state, Digest *ret_hash)
{
        DigestStream *stream = digest_stream_new();

        state_add(state, TAPE_ROOT, stream);
        digest_stream_finish(stream, ret_hash);
        digest_stream_free(stream);
}

static void state_make_file(const Image *image, const char *path)
{
        FILE *file = fopen(path, "we");

        MUST(file);
        MUST(fwrite(image->bytes, 1, image->n, file) == image->n);
        MUST(fclose(file) == 0);
}

static void state_make_folder(const State *state, unsigned node, const char *path)
{
        const Image *image = state->images[node];

        for (size_t i = 0; i < image->n_entries; i++) {
                const ImageEntry *entry = &image->entries[i];
                char below[PATH_MAX];
                MUST(snprintf(below, sizeof(below), "%s/%s", path, entry->name) < PATH_MAX);
                if (!state->tape->folders[entry->node]) {
                        state_make_file(state->images[entry->node], below);
                        continue;
                }
                MUST(mkdir(below, 0755) == 0);
                state_make_folder(state, entry->node, below);
        }
}

void state_make(const State *state, const char *root)
{
        state_make_folder(state, TAPE_ROOT, root);
}

void state_remove(const char *root)
{
        DIR *entries = opendir(root);
        MUST(entries);
        for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
                char below[PATH_MAX];
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                MUST(snprintf(below, sizeof(below), "%s/%s", root, entry->d_name) < PATH_MAX);
                if (entry->d_type == DT_DIR) {
                        state_remove(below);
                        MUST(rmdir(below) == 0);
                } else
                        MUST(unlink(below) == 0);
        }
        (void)closedir(entries); /* It was only read. */
}
