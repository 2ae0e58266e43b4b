/*
 * base/digest.h against the examples of FIPS 180-4, in each of the ways to feed it.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"

static const struct {
        const char *text, *hex;
} digest_vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmno"
         "p"
         "qrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void digest_is(const Digest *digest, const char *hex)
{
        char text[DIGEST_HEX_SIZE];

        digest_hex(digest, text);
        cr_assert_str_eq(text, hex);
}

Test(digest, gives_the_digests_of_the_standard)
{
        for (size_t i = 0; i < ARRAY_SIZE(digest_vectors); i++) {
                Digest digest;
                digest_of(digest_vectors[i].text, strlen(digest_vectors[i].text), &digest);
                digest_is(&digest, digest_vectors[i].hex);
        }
}

Test(digest, takes_parts_as_if_they_were_one)
{
        struct iovec parts[] = {{(void *)"a", 1}, {NULL, 0}, {(void *)"bc", 2}};
        Digest digest;

        digest_of_parts(parts, ARRAY_SIZE(parts), &digest);
        digest_is(&digest, digest_vectors[1].hex);
}

Test(digest, a_stream_begins_anew_after_each_digest)
{
        DigestStream *stream = digest_stream_new();
        Digest digest;

        for (int i = 0; i < 2; i++) {
                digest_stream_add(stream, "ab", 2);
                digest_stream_add(stream, NULL, 0);
                digest_stream_add(stream, "c", 1);
                digest_stream_finish(stream, &digest);
                digest_is(&digest, digest_vectors[1].hex);
        }
        digest_stream_finish(stream, &digest);
        digest_is(&digest, digest_vectors[0].hex);
        cr_assert_null(digest_stream_free(stream));
        cr_assert_null(digest_stream_free(NULL));
}

Test(digest, a_million_letters_in_a_stream_give_the_digest_of_the_standard)
{
        DigestStream *stream = digest_stream_new();
        char letters[1000];
        Digest digest;

        memset(letters, 'a', sizeof(letters));
        for (int i = 0; i < 1000; i++)
                digest_stream_add(stream, letters, sizeof(letters));
        digest_stream_finish(stream, &digest);
        digest_stream_free(stream);
        digest_is(&digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void *digest_in_thread(void *userdata)
{
        for (int i = 0; i < 1000; i++)
                digest_of("abc", 3, userdata);
        return NULL;
}

Test(digest, threads_do_not_disturb_each_other)
{
        pthread_t threads[4];
        Digest digests[4];

        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, digest_in_thread, &digests[i]), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                cr_assert_eq(pthread_join(threads[i], NULL), 0);
                digest_is(&digests[i], digest_vectors[1].hex);
        }
}

Test(digest, reads_back_the_hex_that_it_writes)
{
        Digest digest, again;
        char text[DIGEST_HEX_SIZE];

        digest_of("x", 1, &digest);
        digest_hex(&digest, text);
        cr_assert(digest_from_hex(text, &again));
        cr_assert(digest_equal(&digest, &again));
        again.bytes[31] ^= 1;
        cr_assert_not(digest_equal(&digest, &again));
}

Test(digest, refuses_hex_in_any_other_form)
{
        const char *bad[] = {
                "",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
                "Ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                " a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        Digest digest;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(digest_from_hex(bad[i], &digest), "accepted '%s'", bad[i]);
}
