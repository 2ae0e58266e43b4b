/*
 * The epoch's key. Owns trail/epoch.seed and, in locked memory, the seed in it. Runs in the guard: in
 * trail_open(), afterwards in the trail's thread only.
 *
 * Layout of epoch.seed: one block of 4096 bytes, all written when it is made, never longer or shorter
 *
 *   0      slot 0: the seed of an even epoch, or zeros
 *   2048   slot 1: the seed of an odd epoch, or zeros
 *
 *   slot   magic "MGEPOCH1", epoch (8 bytes, big-endian), seed (32 bytes), SHA-256 of these 48 bytes: 80 bytes,
 *          far within one sector
 *
 * A turn writes the slot of the new epoch, syncs, then writes zeros over the old one, and syncs. Invariants
 *   1. at any instant at least one slot is whole; where both are, they are of two epochs in a row, and the
 *      later one counts. So no torn write, and no cut between the two, loses the seed
 *   2. the log is in the epoch of the seed, or, between the commit that ended an epoch and the turn, one
 *      further
 *   3. nobody uses a seed before it is durable, and no seed of an earlier epoch outlives the turn
 */

#include "trail/epoch-key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "log/ratchet.h"

static const char epoch_file[] = "epoch.seed";
static const char epoch_magic[8] = "MGEPOCH1";

enum {
        EPOCH_FILE_SIZE = 4096,
        EPOCH_SLOT_AT = 2048,
        EPOCH_SLOT_SEED = sizeof(epoch_magic) + 8,
        EPOCH_SLOT_DIGEST = EPOCH_SLOT_SEED + RATCHET_SEED_SIZE,
        EPOCH_SLOT_SIZE = EPOCH_SLOT_DIGEST + crypto_hash_sha256_BYTES,
        EPOCH_STACK = 16384, /* that the making of a key may have used */
};

/* What must never be swapped, dumped or left behind. */
typedef struct EpochSecret {
        uint8_t seed[RATCHET_SEED_SIZE];
        uint8_t derived[RATCHET_SEED_SIZE]; /* of the moment; zero otherwise */
        uint8_t file[EPOCH_FILE_SIZE];      /* likewise */
} EpochSecret;

struct EpochKey {
        int fd;
        char origin[NOTE_NAME_MAX + 1];
        uint64_t epoch;
        EpochSecret *secret;
        NoteSigner *signer;
        uint8_t next_key[NOTE_PUBLIC_KEY_SIZE];
};

EpochKey *epoch_key_free(EpochKey *key)
{
        if (!key)
                return NULL;
        fd_close(key->fd);
        note_signer_free(key->signer);
        if (key->secret)
                sodium_free(key->secret);
        free(key);
        return NULL;
}

const NoteSigner *epoch_key_signer(const EpochKey *key)
{
        return key->signer;
}

const uint8_t *epoch_key_next(const EpochKey *key)
{
        return key->next_key;
}

/* ------------------------------------------------------------------------------------------------ the file */

/* The hashes here are libsodium's, which wipes what it used. */
static off_t slot_offset(uint64_t epoch)
{
        return epoch % 2 == 0 ? 0 : EPOCH_SLOT_AT;
}

static void slot_encode(uint64_t epoch, const uint8_t *seed, uint8_t *slot)
{
        memcpy(slot, epoch_magic, sizeof(epoch_magic));
        for (int i = 0; i < 8; i++)
                slot[sizeof(epoch_magic) + i] = (uint8_t)(epoch >> (56 - 8 * i));
        memcpy(slot + EPOCH_SLOT_SEED, seed, RATCHET_SEED_SIZE);
        crypto_hash_sha256(slot + EPOCH_SLOT_DIGEST, slot, EPOCH_SLOT_DIGEST);
}

/* Whether a slot is whole, and for which epoch. */
static bool slot_decode(const uint8_t *file, off_t offset, uint64_t *ret_epoch)
{
        const uint8_t *slot = file + offset;
        uint64_t epoch = 0;
        uint8_t digest[crypto_hash_sha256_BYTES];

        crypto_hash_sha256(digest, slot, EPOCH_SLOT_DIGEST);
        if (memcmp(slot, epoch_magic, sizeof(epoch_magic)) != 0 ||
            memcmp(slot + EPOCH_SLOT_DIGEST, digest, sizeof(digest)) != 0)
                return false;
        for (int i = 0; i < 8; i++)
                epoch = epoch << 8 | slot[sizeof(epoch_magic) + i];
        *ret_epoch = epoch;
        return slot_offset(epoch) == offset;
}

/* Writes the slot of an epoch over, in place: with the seed at hand, or with zeros. */
static int file_put(EpochKey *key, uint64_t epoch, bool seed)
{
        uint8_t *slot = key->secret->file;

        sodium_memzero(slot, EPOCH_SLOT_SIZE);
        if (seed)
                slot_encode(epoch, key->secret->seed, slot);
        ssize_t n = pwrite(key->fd, slot, EPOCH_SLOT_SIZE, slot_offset(epoch));
        int r = n < 0 ? -errno : n != EPOCH_SLOT_SIZE ? -EIO : 0;
        sodium_memzero(slot, EPOCH_SLOT_SIZE);
        return r == 0 && fdatasync(key->fd) < 0 ? -errno : r;
}

/* Puts the seed at hand in the place of the one before it, which lies where the next one will. */
static int file_replace(EpochKey *key)
{
        int r = file_put(key, key->epoch, true);

        return r == 0 ? file_put(key, key->epoch + 1, false) : r;
}

/* A new file, whole under its name or not there. */
static int file_make(EpochKey *key, int trail_fd)
{
        const Buffer content = {.data = key->secret->file, .n = EPOCH_FILE_SIZE};

        random_bytes(key->secret->seed, RATCHET_SEED_SIZE);
        slot_encode(0, key->secret->seed, key->secret->file);
        int r = fd_write_file(trail_fd, epoch_file, 0600, &content);
        sodium_memzero(key->secret->file, EPOCH_FILE_SIZE);
        return r;
}

/* Takes the seed of the later whole slot; a slot that is not that one is wiped, torn or not. */
static int file_take(EpochKey *key)
{
        const uint8_t *file = key->secret->file;
        uint64_t even = 0, odd = 0;
        bool has_even = slot_decode(file, 0, &even), has_odd = slot_decode(file, EPOCH_SLOT_AT, &odd);

        if (!has_even && !has_odd)
                return EPOCH_E_DAMAGED;
        key->epoch = has_even && (!has_odd || even > odd) ? even : odd;
        memcpy(key->secret->seed, file + slot_offset(key->epoch) + EPOCH_SLOT_SEED, RATCHET_SEED_SIZE);
        bool clean = sodium_is_zero(file + slot_offset(key->epoch + 1), EPOCH_SLOT_AT);
        return clean ? 0 : file_put(key, key->epoch + 1, false);
}

static int file_read(EpochKey *key)
{
        ssize_t n = pread(key->fd, key->secret->file, EPOCH_FILE_SIZE, 0);
        int r = n < 0 ? -errno : n != EPOCH_FILE_SIZE ? EPOCH_E_DAMAGED : 0;

        if (r == 0)
                r = file_take(key);
        sodium_memzero(key->secret->file, EPOCH_FILE_SIZE);
        return r;
}

/* ------------------------------------------------------------------------------------------------ the keys */

/* The signer of an epoch, from the seed of that epoch. */
static int key_signer(EpochKey *key, uint64_t epoch, const uint8_t *seed, NoteSigner **ret_signer)
{
        uint8_t *derived = key->secret->derived;
        NoteVerifier named;

        /* The name is what is wanted of it: the public key comes of the seed. */
        if (note_epoch_verifier(key->origin, epoch, (uint8_t[NOTE_PUBLIC_KEY_SIZE]){}, &named) != 0)
                return -EINVAL;
        ratchet_sign_seed(seed, derived);
        int r = note_signer_new(ret_signer, named.name, derived);
        sodium_memzero(derived, RATCHET_SEED_SIZE);
        return r == NOTE_SIGNER_E_UNLOCKED ? EPOCH_E_UNLOCKED : r;
}

/* Signer and next public key of the seed at hand. What the libraries used of the stack is wiped. */
static int key_derive(EpochKey *key)
{
        NoteSigner *signer = NULL, *next = NULL;
        uint8_t *seed = key->secret->seed, *derived = key->secret->derived;

        int r = key_signer(key, key->epoch, seed, &signer);
        if (r == 0) {
                ratchet_next(seed, derived);
                r = key_signer(key, key->epoch + 1, derived, &next);
        }
        sodium_memzero(derived, RATCHET_SEED_SIZE);
        if (r == 0) {
                memcpy(key->next_key, note_signer_verifier(next)->public_key, NOTE_PUBLIC_KEY_SIZE);
                note_signer_free(key->signer);
                key->signer = signer;
        } else {
                note_signer_free(signer);
        }
        note_signer_free(next);
        sodium_stackzero(EPOCH_STACK);
        return r;
}

int epoch_key_turn(EpochKey *key)
{
        ratchet_next(key->secret->seed, key->secret->seed);
        key->epoch++;
        int r = file_replace(key);
        if (r == 0)
                r = key_derive(key);
        return r == EPOCH_E_UNLOCKED ? -ENOMEM : r;
}

/* --------------------------------------------------------------------------------------------- the opening */

static int key_new(EpochKey **ret_key, const EpochSource *source)
{
        _cleanup_(epoch_key_freep) EpochKey *key = calloc(1, sizeof(*key));
        if (!key)
                return -ENOMEM;
        key->fd = -1;
        if (!note_origin_is_valid(source->origin))
                return -EINVAL;
        memcpy(key->origin, source->origin, strlen(source->origin));
        if (sodium_init() < 0)
                return -ENOMEM;
        key->secret = sodium_malloc(sizeof(*key->secret));
        if (!key->secret)
                return -ENOMEM;
        sodium_memzero(key->secret, sizeof(*key->secret));
        /* sodium_malloc() tries as well, but does not say whether it could. */
        if (sodium_mlock(key->secret, sizeof(*key->secret)) < 0)
                return EPOCH_E_UNLOCKED;
        sodium_memzero(key->secret, sizeof(*key->secret));
        *ret_key = TAKE_PTR(key);
        return 0;
}

static int key_load(EpochKey *key, const EpochSource *source)
{
        key->fd = openat(source->trail_fd, epoch_file, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
        if (key->fd < 0 && errno == ENOENT && source->may_make) {
                int r = file_make(key, source->trail_fd);
                if (r < 0)
                        return r;
                key->fd = openat(source->trail_fd, epoch_file, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
        }
        if (key->fd < 0)
                return errno == ENOENT ? EPOCH_E_MISSING : -errno;
        return file_read(key);
}

/* Whether the key of the epoch that the log is in is the one that the log names. */
static bool key_belongs(const uint8_t *found, const uint8_t *expected)
{
        return !expected || memcmp(found, expected, NOTE_PUBLIC_KEY_SIZE) == 0;
}

int epoch_key_open(EpochKey **ret_key, const EpochSource *source)
{
        _cleanup_(epoch_key_freep) EpochKey *key = NULL;

        int r = key_new(&key, source);
        if (r == 0)
                r = key_load(key, source);
        if (r == 0)
                r = key_derive(key);
        if (r != 0)
                return r;
        if (key->epoch > source->epoch)
                return EPOCH_E_AHEAD;
        if (key->epoch + 1 < source->epoch)
                return EPOCH_E_BEHIND;
        bool behind = key->epoch < source->epoch;
        const uint8_t *found = behind ? key->next_key : note_signer_verifier(key->signer)->public_key;
        if (!key_belongs(found, source->public_key))
                return EPOCH_E_FOREIGN;
        r = behind ? epoch_key_turn(key) : 0;
        if (r == 0)
                *ret_key = TAKE_PTR(key);
        return r;
}
