/*
 * The log as this worker last saw it.
 *
 *   offset  size
 *   0       512   slot: a canonical object, newline, SHA-256 of the object in hex, newline, zeros to its end
 *   4096    512   the other slot, likewise; the file ends after it
 *
 * The slot with the larger size counts. A store overwrites the other one in place and syncs that one block,
 * so that a cut in the middle leaves the former slot whole; a new file and a rename for each checkpoint would
 * cost ten times as much, in the way of every first job under one.
 */

#include "worker/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/leaf.h"

#define SEEN_FILE "seen-log"

enum { SEEN_SLOT_SIZE = 512, SEEN_SLOT_OFFSET = 4096, SEEN_FILE_SIZE = SEEN_SLOT_OFFSET + SEEN_SLOT_SIZE };

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

/* Reads a slot. Return: whether it is whole. */
static bool slot_read(const uint8_t *slot, Seen *ret_seen)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        char hex[DIGEST_HEX_SIZE];
        Digest digest;

        const uint8_t *newline = memchr(slot, '\n', SEEN_SLOT_SIZE);
        size_t n = newline ? (size_t)(newline - slot) : 0;
        if (n == 0 || n + 1 + DIGEST_HEX_SIZE > SEEN_SLOT_SIZE)
                return false;
        digest_of(slot, n, &digest);
        digest_hex(&digest, hex);
        if (memcmp(newline + 1, hex, DIGEST_HEX_SIZE - 1) != 0 || newline[DIGEST_HEX_SIZE] != '\n')
                return false;
        return leaf_parse(slot, n, LEAF_MAX, &leaf) == 0 && read_fields(&leaf, ret_seen);
}

/* Reads the file. `ret_spare` is where the slot stands that the next store may overwrite. */
static int seen_read(int dir_fd, Seen *ret_seen, off_t *ret_spare)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        Seen first = SEEN_INIT, second = SEEN_INIT;

        int r = fd_read_file(dir_fd, SEEN_FILE, SEEN_FILE_SIZE, &bytes);
        if (r == -EFBIG || (r == 0 && bytes.n != SEEN_FILE_SIZE))
                return SEEN_E_MALFORMED;
        if (r < 0)
                return r;
        bool has_first = slot_read(bytes.data, &first);
        bool has_second = slot_read(bytes.data + SEEN_SLOT_OFFSET, &second);
        if (!has_first && !has_second)
                return SEEN_E_MALFORMED;
        bool newer_is_second = has_second && (!has_first || second.head.size > first.head.size);
        *ret_seen = newer_is_second ? second : first;
        *ret_spare = newer_is_second ? 0 : SEEN_SLOT_OFFSET;
        return 0;
}

int seen_load(int dir_fd, Seen *ret_seen)
{
        off_t spare;

        int r = seen_read(dir_fd, ret_seen, &spare);
        if (r == -ENOENT) {
                *ret_seen = SEEN_INIT;
                return 0;
        }
        return r;
}

static int slot_write(const Seen *seen, Buffer *slot)
{
        Leaf leaf = LEAF_INIT;
        char root[DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
        Digest digest;

        digest_hex(&seen->head.root, root);
        leaf_set_text(&leaf, "origin", seen->origin);
        leaf_set_text(&leaf, "root", root);
        leaf_set_number(&leaf, "size", seen->head.size);
        leaf_set_number(&leaf, "v", 1);
        int r = leaf_encode(&leaf, SEEN_SLOT_SIZE - DIGEST_HEX_SIZE - 1, slot);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        digest_of(slot->data, slot->n, &digest);
        digest_hex(&digest, hex);
        buffer_append_format(slot, "\n%s\n", hex);
        size_t n_zeros = SEEN_SLOT_SIZE - slot->n;
        void *zeros = buffer_extend(slot, n_zeros);
        if (!zeros)
                return -ENOMEM;
        memset(zeros, 0, n_zeros);
        return 0;
}

/* The first store: the whole file, with the second slot empty. */
static int seen_create(int dir_fd, Buffer *slot)
{
        size_t n_zeros = SEEN_FILE_SIZE - slot->n;
        void *zeros = buffer_extend(slot, n_zeros);
        if (!zeros)
                return -ENOMEM;
        memset(zeros, 0, n_zeros);
        return fd_write_file(dir_fd, SEEN_FILE, 0600, slot);
}

int seen_store(int dir_fd, const Seen *seen)
{
        _cleanup_(buffer_deinit) Buffer slot = BUFFER_INIT;
        Seen former;
        off_t spare = 0;

        int r = slot_write(seen, &slot);
        if (r < 0)
                return r;
        r = seen_read(dir_fd, &former, &spare);
        if (r == -ENOENT)
                return seen_create(dir_fd, &slot);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;

        _cleanup_(fd_closep) int fd = openat(dir_fd, SEEN_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        ssize_t n = pwrite(fd, slot.data, SEEN_SLOT_SIZE, spare);
        if (n != SEEN_SLOT_SIZE)
                return n < 0 ? -errno : -EIO;
        return fdatasync(fd) < 0 ? -errno : 0;
}

int seen_forget(int dir_fd)
{
        if (unlinkat(dir_fd, SEEN_FILE, 0) < 0 && errno != ENOENT)
                return -errno;
        return fd_sync_dir(dir_fd, SEEN_FILE);
}
