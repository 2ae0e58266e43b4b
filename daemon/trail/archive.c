/*
 * Policies in the export. Owns export/policy/, and what it writes meanwhile in export/.tmp/, which is emptied
 * at every start. Runs in any thread of the guard.
 */

#include "trail/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"
#include "trail/folder.h"

enum { ARCHIVE_PATH_SIZE = 128 };

/* A relative path that stays within its folder: no empty, "." or ".." part. */
static bool archive_path_is_safe(const char *path)
{
        for (;;) {
                size_t n = strcspn(path, "/");
                if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
                        return false;
                if (path[n] == 0)
                        return true;
                path += n + 1;
        }
}

static int archive_write_text(int folder_fd, const TrailPolicyText *text)
{
        if (!archive_path_is_safe(text->path))
                return -EINVAL;
        int r = folder_make_above(folder_fd, text->path);
        if (r < 0)
                return r;
        _cleanup_(fd_closep) int fd =
                openat(folder_fd, text->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text->bytes, text->n);
        return r == 0 && fchmod(fd, 0640) < 0 ? -errno : r;
}

static int archive_write(int export_fd, const char *folder, const TrailPolicyText *texts, size_t n_texts)
{
        _cleanup_(fd_closep) int folder_fd = -1;

        int r = folder_make_above(export_fd, folder);
        if (r == 0)
                r = folder_make(export_fd, folder, 0750, &folder_fd);
        for (size_t i = 0; r == 0 && i < n_texts; i++)
                r = archive_write_text(folder_fd, &texts[i]);
        /* One sync for many small files. */
        if (r == 0 && syncfs(folder_fd) < 0)
                r = -errno;
        return r;
}

int archive_policy(int export_fd, const Digest *digest, const TrailPolicyText *texts, size_t n_texts)
{
        char hex[DIGEST_HEX_SIZE], folder[ARCHIVE_PATH_SIZE], temporary[ARCHIVE_PATH_SIZE], suffix[17];
        uint64_t number = 0;

        random_bytes(&number, sizeof(number));
        text_hex(&number, sizeof(number), suffix);
        digest_hex(digest, hex);
        (void)snprintf(folder, sizeof(folder), "policy/%s", hex);
        (void)snprintf(temporary, sizeof(temporary), ".tmp/%s.%s", hex, suffix);
        int r = folder_has(export_fd, folder);
        if (r != 0)
                return r < 0 ? r : 0;
        r = folder_make_above(export_fd, folder);
        if (r == 0)
                r = archive_write(export_fd, temporary, texts, n_texts);
        /* Where another thread was faster, its folder is not empty and stays. */
        if (r == 0 && renameat(export_fd, temporary, export_fd, folder) < 0 && errno != ENOTEMPTY &&
            errno != EEXIST)
                r = -errno;
        if (r == 0)
                r = fd_sync_dir(export_fd, folder);
        (void)folder_remove(export_fd, temporary); /* What stays behind goes at the next start. */
        return r;
}
