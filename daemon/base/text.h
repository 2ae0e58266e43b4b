#pragma once
/*
 * Bytes as text and text as bytes: hex, base64 and base64url (RFC 4648), UTF-8, decimals, and the grammars of
 * names. All readers are strict: one text for one value, anything else is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** text_hex() - Writes 2*@n lower-case hex digits and a NUL. */
void text_hex(const void *data, size_t n, char *ret_text);

/** text_from_hex() - Reads exactly 2*@n lower-case digits. Return: whether it was that. */
bool text_from_hex(const char *text, size_t n_text, void *ret_data, size_t n);

/* Room that base64 of n bytes takes, with padding and the NUL. */
#define TEXT_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/** text_base64() - Writes padded base64 and a NUL into TEXT_BASE64_SIZE(@n) bytes. Return: its length. */
size_t text_base64(const void *data, size_t n, char *ret_text);

/** text_base64url() - Writes base64url without padding and a NUL; needs no more room. Return: its length. */
size_t text_base64url(const void *data, size_t n, char *ret_text);

/**
 * text_from_base64() - Reads padded base64, canonical only: no white space, right padding, unused bits zero.
 * @ret_data:   room for at least @n_text / 4 * 3 bytes
 * @ret_n:      how many bytes came out
 *
 * Return: whether the text was canonical base64.
 */
bool text_from_base64(const char *text, size_t n_text, void *ret_data, size_t *ret_n);

/** text_from_base64url() - The same for base64url without padding; room for @n_text / 4 * 3 + 2 bytes. */
bool text_from_base64url(const char *text, size_t n_text, void *ret_data, size_t *ret_n);

/** text_is_utf8() - Whether @n bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool text_is_utf8(const char *text, size_t n);

/** text_to_u64() - Reads a shortest decimal (no sign, no leading zero). Return: whether it was one. */
bool text_to_u64(const char *text, size_t n, uint64_t *ret_value);

enum { TEXT_DAYS_MAX = 36500 };

/**
 * text_to_days() - Reads how long: a number above 0 and d, w (7 days) or mon (30 days), as in "90d"; at most
 * TEXT_DAYS_MAX days. Return: whether it was one.
 */
bool text_to_days(const char *text, uint64_t *ret_days);

/* A similarity in millionths, from -1000000 to 1000000. */
enum { TEXT_SIMILARITY_ONE = 1000000 };

/**
 * text_to_similarity() - Reads a decimal in [-1, 1], exactly, never through binary fractions.
 * @round_up:   accept any JSON number and round it up to six places; else at most six places, no exponent
 *
 * Return: whether the text was such a number within [-1, 1].
 */
bool text_to_similarity(const char *text, size_t n, bool round_up, int32_t *ret_millionths);

enum { TEXT_SIMILARITY_SIZE = 16 };

/** text_similarity() - Writes millionths, from -1000000 to 1000000, as the shortest decimal: "0.6", "-1". */
void text_similarity(int32_t millionths, char ret_text[static TEXT_SIMILARITY_SIZE]);

/**
 * text_is_name() - Whether it is `[a-z0-9][a-z0-9-]{0,62}`: purposes, galleries, classes, organisations ...
 */
bool text_is_name(const char *text, size_t n);

/** text_is_model() - Whether it is `[A-Za-z0-9][A-Za-z0-9._+-]{0,62}`: names of template models. */
bool text_is_model(const char *text, size_t n);

/** text_is_subject() - Whether it is 1 to 64 bytes of `[A-Za-z0-9._:-]`. */
bool text_is_subject(const char *text, size_t n);
