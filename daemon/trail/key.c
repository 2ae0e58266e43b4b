/*
 * The log's key. The seed is in ordinary memory only while it is read, and wiped there; NoteSigner keeps it.
 * Owns `log.key` and the copies of public keys. Runs in trail_open() only.
 */

#include "trail/key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"

static const char key_file[] = "log.key";

/* One byte more than a seed has, so that a longer file is seen. */
typedef struct Seed {
        uint8_t bytes[NOTE_SEED_SIZE + 1];
} Seed;

static void seed_wipe(Seed *seed)
{
        explicit_bzero(seed, sizeof(*seed));
}

static int key_read(int folder_fd, const char *path, Seed *seed)
{
        _cleanup_(fd_closep) int fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, seed->bytes, sizeof(seed->bytes));
        if (n < 0)
                return -errno;
        return n == NOTE_SEED_SIZE ? 0 : KEY_E_MALFORMED;
}

static int key_make(int folder_fd, Seed *seed)
{
        random_bytes(seed->bytes, NOTE_SEED_SIZE);
        const Buffer content = {.data = seed->bytes, .n = NOTE_SEED_SIZE};
        return fd_write_file(folder_fd, key_file, 0600, &content);
}

int key_load(const KeySource *source, const char *origin, NoteSigner **ret_signer)
{
        _cleanup_(seed_wipe) Seed seed = {};

        int r = source->credential_path ? key_read(AT_FDCWD, source->credential_path, &seed)
                                        : key_read(source->trail_fd, key_file, &seed);
        if (r == -ENOENT && source->may_make && !source->credential_path)
                r = key_make(source->trail_fd, &seed);
        if (r == -ENOENT)
                return KEY_E_MISSING;
        if (r != 0)
                return r;
        r = note_signer_new(ret_signer, origin, seed.bytes);
        return r == NOTE_SIGNER_E_UNLOCKED ? KEY_E_UNLOCKED : r;
}

int key_publish(const KeyPublic *public, int folder_fd, mode_t mode)
{
        const Buffer text = {.data = (uint8_t *)public->vkey, .n = strlen(public->vkey)};
        _cleanup_(buffer_deinit) Buffer there = BUFFER_INIT;

        int r = fd_read_file(folder_fd, public->name, NOTE_MAX, &there);
        if (r == -ENOMEM)
                return r;
        if (r == 0 && there.n == text.n && memcmp(there.data, text.data, text.n) == 0)
                return 0;
        return fd_write_file(folder_fd, public->name, mode, &text);
}
