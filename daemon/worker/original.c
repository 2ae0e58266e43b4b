/*
 * Slots of templates.
 */

#include "worker/original.h"

#include <string.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* The same digest, by the best instructions there are. */
#else
#include <xxhash.h>
#endif

#include "worker/kernel.h"

/* What the digest covers: the padded template and its square. */
static size_t original_said_size(size_t dimension)
{
        return KERNEL_PADDED(dimension) * sizeof(float) + sizeof(double);
}

size_t original_slot_size(size_t dimension)
{
        return (original_said_size(dimension) + sizeof(uint64_t) + 63) / 64 * 64;
}

/* Debian's libxxhash leaves the upper halves of vector registers in use, and until they are zero some processors (Zen 4) take more than twice
 * as long for all that is not AVX: the scan in plain C, say. */
#ifdef __x86_64__
__attribute__((target("avx"))) static void zero_upper_halves(void)
{
        __builtin_ia32_vzeroupper();
}
#endif

static uint64_t original_digest(const Originals *originals, size_t row, const uint8_t *slot)
{
        uint64_t digest =
                XXH3_64bits_withSeed(slot, original_said_size(originals->dimension), originals->key + row);

#ifdef __x86_64__
        if (__builtin_cpu_supports("avx"))
                zero_upper_halves();
#endif
        return digest;
}

void original_write(const Originals *originals, size_t row, const uint8_t *vector, double square,
                    uint8_t *ret_slot)
{
        size_t said = original_said_size(originals->dimension);

        memset(ret_slot, 0, original_slot_size(originals->dimension));
        memcpy(ret_slot, vector, originals->dimension * sizeof(float));
        memcpy(ret_slot + said - sizeof(square), &square, sizeof(square));
        uint64_t digest = original_digest(originals, row, ret_slot);
        memcpy(ret_slot + said, &digest, sizeof(digest));
}

const float *original_read(const Originals *originals, size_t row, double *ret_square)
{
        const uint8_t *slot = originals->slots + row * original_slot_size(originals->dimension);
        size_t said = original_said_size(originals->dimension);
        uint64_t digest;

        memcpy(&digest, slot + said, sizeof(digest));
        if (digest != original_digest(originals, row, slot))
                return NULL;
        memcpy(ret_square, slot + said - sizeof(*ret_square), sizeof(*ret_square));
        return (const void *)slot;
}
