/*
 * The log as this worker last saw it.
 */

#include "worker/seen.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/leaf.h"

#define SEEN_FILE "seen-log"

static bool read_fields(const Leaf *leaf, Seen *ret_seen)
{
        const char *origin = leaf_text(leaf, "origin");
        const char *root = leaf_text(leaf, "root");
        uint64_t version;
        Seen seen = SEEN_INIT;

        if (leaf->n_fields != 4 || !origin || !root || !note_name_is_valid(origin))
                return false;
        if (!leaf_number(leaf, "v", &version) || version != 1 || !leaf_number(leaf, "size", &seen.head.size))
                return false;
        if (!digest_from_hex(root, &seen.head.root))
                return false;
        strcpy(seen.origin, origin); /* A valid name fits. */
        *ret_seen = seen;
        return true;
}

int seen_load(int dir_fd, Seen *ret_seen)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        int r = fd_read_file(dir_fd, SEEN_FILE, LEAF_MAX, &bytes);
        if (r == -ENOENT) {
                *ret_seen = SEEN_INIT;
                return 0;
        }
        if (r == -EFBIG)
                return SEEN_E_MALFORMED;
        if (r < 0)
                return r;
        r = leaf_parse(bytes.data, bytes.n, LEAF_MAX, &leaf);
        if (r < 0)
                return r;
        return r == 0 && read_fields(&leaf, ret_seen) ? 0 : SEEN_E_MALFORMED;
}

int seen_store(int dir_fd, const Seen *seen)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        Leaf leaf = LEAF_INIT;
        char root[DIGEST_HEX_SIZE];

        digest_hex(&seen->head.root, root);
        leaf_set_text(&leaf, "origin", seen->origin);
        leaf_set_text(&leaf, "root", root);
        leaf_set_number(&leaf, "size", seen->head.size);
        leaf_set_number(&leaf, "v", 1);
        int r = leaf_encode(&leaf, LEAF_MAX, &bytes);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        return fd_write_file(dir_fd, SEEN_FILE, 0600, &bytes);
}

int seen_forget(int dir_fd)
{
        if (unlinkat(dir_fd, SEEN_FILE, 0) < 0 && errno != ENOENT)
                return -errno;
        return fd_sync_dir(dir_fd, SEEN_FILE);
}
