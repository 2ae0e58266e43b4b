#pragma once
/*
 * What the codecs of several messages share: bounded text, lists, candidates, hashes. Private to
 * wire/message*.c.
 */

#include "wire/cursor.h"
#include "wire/message.h"

/** codec_fail_unless() - Makes the reading fail where a decoded value is out of its range. */
void codec_fail_unless(Cursor *cursor, bool fine);

/** codec_str() - A str of UTF-8. */
const char *codec_str(Cursor *cursor);

/** codec_opt_str() - The same, or NULL where it is absent. */
const char *codec_opt_str(Cursor *cursor);

/** codec_request() - A str of exactly 32 lower-case hex digits. */
const char *codec_request(Cursor *cursor);

/** codec_similarity() - A bool, and if it is true a double, which must be finite. */
bool codec_similarity(Cursor *cursor, double *ret_similarity);

void codec_put_similarity(Buffer *buffer, bool has, double similarity);

/**
 * codec_array() - A u16 count of at most @max, and memory for as many items of @size bytes, all zero.
 * @ret_items:  the caller's to free; NULL for none, or on failure
 *
 * Return: the count; 0 on failure, which sticks in the cursor.
 */
size_t codec_array(Cursor *cursor, size_t max, size_t size, void *ret_items);

/** codec_put_count() - Writes a count as codec_array() reads it; one above @max fails the buffer. Return: @n
 * or 0. */
size_t codec_put_count(Buffer *buffer, size_t n, size_t max);

/**
 * codec_list() - A list of at most @max strings; to be given to codec_list_deinit(), also after a failure.
 */
void codec_list(Cursor *cursor, size_t max, StringList *ret_list);

void codec_put_list(Buffer *buffer, const StringList *list, size_t max);

void codec_list_deinit(StringList *list);

/** codec_candidates() - At most MESSAGE_CANDIDATES_MAX; the array is the caller's, also after a failure. */
size_t codec_candidates(Cursor *cursor, Candidate **ret_candidates);

void codec_put_candidates(Buffer *buffer, const Candidate *candidates, size_t n);

/** codec_proof() - At most MESSAGE_PROOF_MAX hashes. Return: how many. */
size_t codec_proof(Cursor *cursor, Digest ret_proof[static MESSAGE_PROOF_MAX]);

void codec_put_proof(Buffer *buffer, const Digest *proof, size_t n);
