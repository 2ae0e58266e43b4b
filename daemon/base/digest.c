/*
 * SHA-256 through OpenSSL. Owns the fetched algorithm and one context a thread.
 */

#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct DigestStream {
        EVP_MD_CTX *context;
};

static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static EVP_MD *digest_algorithm;
static pthread_key_t digest_key;

static void digest_context_free(void *context)
{
        EVP_MD_CTX_free(context);
}

static void digest_setup(void)
{
        digest_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (!digest_algorithm || pthread_key_create(&digest_key, digest_context_free) != 0)
                abort();
}

static EVP_MD_CTX *digest_context_begin(EVP_MD_CTX *context)
{
        if (!context || EVP_DigestInit_ex2(context, digest_algorithm, NULL) != 1)
                abort();
        return context;
}

static EVP_MD_CTX *digest_thread_context(void)
{
        pthread_once(&digest_once, digest_setup);
        EVP_MD_CTX *context = pthread_getspecific(digest_key);
        if (!context) {
                context = EVP_MD_CTX_new();
                if (!context || pthread_setspecific(digest_key, context) != 0)
                        abort();
        }
        return digest_context_begin(context);
}

static void digest_add(EVP_MD_CTX *context, const void *data, size_t n)
{
        if (n > 0 && EVP_DigestUpdate(context, data, n) != 1)
                abort();
}

static void digest_finish(EVP_MD_CTX *context, Digest *ret_digest)
{
        if (EVP_DigestFinal_ex(context, ret_digest->bytes, NULL) != 1)
                abort();
}

void digest_of(const void *data, size_t n, Digest *ret_digest)
{
        EVP_MD_CTX *context = digest_thread_context();
        digest_add(context, data, n);
        digest_finish(context, ret_digest);
}

void digest_of_parts(const struct iovec *parts, size_t n_parts, Digest *ret_digest)
{
        EVP_MD_CTX *context = digest_thread_context();
        for (size_t i = 0; i < n_parts; i++)
                digest_add(context, parts[i].iov_base, parts[i].iov_len);
        digest_finish(context, ret_digest);
}

bool digest_equal(const Digest *a, const Digest *b)
{
        return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

void digest_hex(const Digest *digest, char ret_text[static DIGEST_HEX_SIZE])
{
        text_hex(digest->bytes, DIGEST_SIZE, ret_text);
}

bool digest_from_hex(const char *text, Digest *ret_digest)
{
        return text_from_hex(text, strlen(text), ret_digest->bytes, DIGEST_SIZE);
}

DigestStream *digest_stream_new(void)
{
        pthread_once(&digest_once, digest_setup);
        DigestStream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                abort();
        stream->context = digest_context_begin(EVP_MD_CTX_new());
        return stream;
}

DigestStream *digest_stream_free(DigestStream *stream)
{
        if (stream) {
                EVP_MD_CTX_free(stream->context);
                free(stream);
        }
        return NULL;
}

void digest_stream_add(DigestStream *stream, const void *data, size_t n)
{
        digest_add(stream->context, data, n);
}

void digest_stream_finish(DigestStream *stream, Digest *ret_digest)
{
        digest_finish(stream->context, ret_digest);
        digest_context_begin(stream->context);
}
