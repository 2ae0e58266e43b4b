/*
 * Runs a fuzz target over its seed corpus, file by file, in an ordinary build: so that every build (also one
 * with sanitizers, also without clang) goes through all the inputs that were ever worth keeping.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay_file(const char *folder, const char *name)
{
        char path[4096];
        Buffer content = BUFFER_INIT;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        int r = fd_read_file(AT_FDCWD, path, 16 * 1024 * 1024, &content);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", path, strerror(-r));
        } else {
                /* An exact copy, so that AddressSanitizer sees a read of one byte too many. */
                uint8_t *exact = malloc(content.n ? content.n : 1);
                if (exact) {
                        if (content.n)
                                memcpy(exact, content.data, content.n);
                        (void)LLVMFuzzerTestOneInput(exact, content.n);
                }
                free(exact);
        }
        buffer_deinit(&content);
        return r;
}

int main(int argc, char **argv)
{
        int passed = 0, failed = 0;

        for (int i = 1; i < argc; i++) {
                DIR *folder = opendir(argv[i]);
                for (struct dirent *entry; folder && (entry = readdir(folder));)
                        if (entry->d_name[0] != '.')
                                *(replay_file(argv[i], entry->d_name) < 0 ? &failed : &passed) += 1;
                if (folder)
                        closedir(folder);
        }
        printf("%d passed, %d failed\n", passed, failed);
        return failed > 0 || passed == 0;
}
