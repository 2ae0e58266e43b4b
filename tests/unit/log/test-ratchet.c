/*
 * The ratchet. The golden vector begins with the seed of 32 bytes 0x11 and was made with Python's hmac and
 * openssl(1).
 */

#include "log/ratchet.h"
#include "log/signer.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"

static void expect_hex(const uint8_t *bytes, const char *hex)
{
        char found[2 * RATCHET_SEED_SIZE + 1];

        text_hex(bytes, RATCHET_SEED_SIZE, found);
        cr_expect_str_eq(found, hex);
}

static const struct {
        const char *seed, *sign_seed, *public_key;
} golden[] = {
        {"1111111111111111111111111111111111111111111111111111111111111111",
         "37d560a49e431661536afc83b5e71e37ab8497d1765372b8e4e478c115822d13",
         "2ab1e2da260e97557cf32cf8e4e0a59f763fd2544efdffbcd61149d811f8da1b"},
        {"407f751e531c433e37c0ff4708531e4b55b29c5c8413deaa53d36ea2f1194cb8",
         "e727c0f7fe9dd3b62eaaf80f6dcfe18a0b98b1b7c68c8589b00b1c0820bdd07c",
         "fe1c91dcf621cd38ef51c7f3ecc6aa6103d38316f9a5f2b181cc439f51eb19fd"},
        {"1a2575cbc745da151a41c1fc8684a00e21ef3ec6b4b3f912c3bbc8457f1ec27a",
         "a20585ffea16382ad6b9561cbb0b7f37a21f9a7feeb2519654ce79f21bc574bf",
         "13b398968def43f46496bd904653c92820cfaab5235ced114c044242e77d2ee8"},
};

Test(ratchet, each_epoch_comes_of_the_one_before_as_in_the_golden_vector)
{
        uint8_t seed[RATCHET_SEED_SIZE], sign_seed[RATCHET_SEED_SIZE];

        memset(seed, 0x11, sizeof(seed));
        for (size_t epoch = 0; epoch < sizeof(golden) / sizeof(golden[0]); epoch++) {
                NoteSigner *signer = NULL;
                expect_hex(seed, golden[epoch].seed);
                ratchet_sign_seed(seed, sign_seed);
                expect_hex(sign_seed, golden[epoch].sign_seed);
                cr_assert_eq(note_signer_new(&signer, "log.example/epoch", sign_seed), 0);
                expect_hex(note_signer_verifier(signer)->public_key, golden[epoch].public_key);
                note_signer_free(signer);
                ratchet_next(seed, seed);
        }
}

Test(ratchet, what_signs_is_not_what_goes_on)
{
        uint8_t seed[RATCHET_SEED_SIZE] = {1}, next[RATCHET_SEED_SIZE], sign_seed[RATCHET_SEED_SIZE];

        ratchet_next(seed, next);
        ratchet_sign_seed(seed, sign_seed);
        cr_expect_neq(memcmp(next, sign_seed, sizeof(next)), 0);
        cr_expect_neq(memcmp(next, seed, sizeof(next)), 0);
}
